// The package in Node with the engine inside a script.
import * as faramesh from "faramesh/inline";
import { three } from "./three.mjs";

console.log(JSON.stringify(await three(faramesh)));
