// Node reads the engine from its file, once, when the package is imported.
import { readFileSync } from "node:fs";

import { initSync, useHost } from "../host.js";

useHost({ name: "node", background: true });
initSync(readFileSync(new URL("../engine.wasm", import.meta.url)));
export * from "../index.js";
