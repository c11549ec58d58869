// The package in a page without a bundler: the path is where a static server has the package's files.
import * as faramesh from "/node_modules/faramesh/dist/entry/browser.js";
import { three } from "./three.mjs";

async function run() {
  await faramesh.init();
  return three(faramesh);
}

globalThis.finished = run();
