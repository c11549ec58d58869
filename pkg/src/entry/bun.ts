// Bun reads the engine from its file, once, when the package is imported.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { initSync, useHost } from "../host.js";

useHost({
  name: "bun",
  background: true,
  sha256: (bytes) => createHash("sha256").update(bytes).digest("hex"),
});
initSync(readFileSync(new URL("../engine.wasm", import.meta.url)));
export * from "../index.js";
