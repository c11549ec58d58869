// The corpus in Node, through both interfaces of the module.
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { conformance } from "./conformance.mjs";
import { CAbi } from "./lib/c_abi.mjs";
import { Glue } from "./lib/glue.mjs";
import { conclude, corpus, engineBytes, engineGlue, target } from "./lib/places.mjs";

const module = new WebAssembly.Module(engineBytes());
engineGlue();
const glue = await import(pathToFileURL(join(target, "engine/engine.js")));
conclude(conformance("Node", JSON.parse(corpus()), [new CAbi(module), new Glue(glue, module)]));
