// Vercel's edge runtime compiles what is imported with `?module`, and compiles nothing else.
import module from "../engine.wasm?module";

import { initSync, useHost } from "../host.js";

useHost({ name: "edge-light", background: false });
initSync(module);
export * from "../index.js";
