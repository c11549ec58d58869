// The package in Node with the engine handed in by the program.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as faramesh from "faramesh/slim";
import { three } from "./three.mjs";

faramesh.initSync(readFileSync(fileURLToPath(import.meta.resolve("faramesh/engine.wasm"))));
console.log(JSON.stringify(await three(faramesh)));
