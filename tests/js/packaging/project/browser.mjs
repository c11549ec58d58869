// The package in a page that a bundler made.
import * as faramesh from "faramesh";
import { three } from "./three.mjs";

async function run() {
  await faramesh.init();
  return three(faramesh);
}

globalThis.finished = run();
