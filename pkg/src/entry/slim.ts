// Brings no engine: the caller hands over `faramesh/engine.wasm`, to `init` or `initSync`.
import { useHost } from "../host.js";

useHost({ name: "slim", background: true });
export * from "../index.js";
