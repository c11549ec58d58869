// The corpus inside a page, through both interfaces of the module: started by chromium.mjs, answers a tally.
import { conformance } from "./conformance.mjs";
import * as glue from "./engine.js";
import { CAbi } from "./lib/c_abi.mjs";
import { Glue } from "./lib/glue.mjs";

async function run() {
  const module = await WebAssembly.compileStreaming(fetch("/engine.wasm"));
  const cases = await (await fetch("/corpus.json")).json();
  return conformance("Chromium", cases, [new CAbi(module), new Glue(glue, module)]);
}

globalThis.finished = run();
