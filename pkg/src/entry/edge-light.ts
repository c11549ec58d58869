// Vercel's edge runtime compiles only modules that are imported with `?module`.
import module from "../engine.wasm?module";

import { initSync, useHost } from "../host.js";

useHost({ name: "edge-light", background: false });
initSync(module);
export * from "../index.js";
