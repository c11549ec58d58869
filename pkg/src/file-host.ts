// Hosts that read the engine from its file, once, when the package is imported. Only their entries may bring this along.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { initSync, useHost } from "./host.js";

/** Starts the engine of the file at `url`, on the host called `name` in records. */
export function startFromFile(name: string, url: URL): void {
  useHost({
    name,
    background: true,
    sha256: (bytes) => createHash("sha256").update(bytes).digest("hex"),
  });
  initSync(readFileSync(url));
}
