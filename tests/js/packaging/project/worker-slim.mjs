// The package in a Worker that imports the engine itself.
import module from "faramesh/engine.wasm";
import * as faramesh from "faramesh/slim";
import { three } from "./three.mjs";

faramesh.initSync(module);

export default {
  async fetch() {
    return Response.json(await three(faramesh));
  },
};
