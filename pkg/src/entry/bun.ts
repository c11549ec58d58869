// Bun reads the engine from its file, once, when the package is imported.
import { startFromFile } from "../node-host.js";

startFromFile("bun", new URL("../engine.wasm", import.meta.url));
export * from "../index.js";
