// The corpus inside workerd, through both interfaces of the module: cases in, a tally out.
import { conformance } from "./conformance.mjs";
import { CAbi } from "./lib/c_abi.mjs";
import { Glue } from "./lib/glue.mjs";
import * as glue from "./engine.mjs";
import module from "./engine.wasm";

const engines = [new CAbi(module), new Glue(glue, module)];

export default {
  async fetch(request) {
    return Response.json(conformance("workerd", await request.json(), engines));
  },
};
