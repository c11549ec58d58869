// workerd hands over a compiled module. Timers and requests belong to the request that began them, so nothing goes on
// in the background: call `ctx.waitUntil(governor.flush())`.
import module from "../engine.wasm";

import { initSync, useHost } from "../host.js";

useHost({ name: "workerd", background: false });
initSync(module);
export * from "../index.js";
