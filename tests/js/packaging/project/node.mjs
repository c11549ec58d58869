// The package in Node, imported.
import * as faramesh from "faramesh";
import { three } from "./three.mjs";

console.log(JSON.stringify(await three(faramesh)));
