// Hosts with Node's own modules. Only their entries may bring this along.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { initSync, useHost } from "./host.js";

/** Says that this is a host with Node's modules, called `name` in records. */
export function useNode(name: string): void {
  useHost({
    name,
    background: true,
    sha256: (bytes) => createHash("sha256").update(bytes).digest("hex"),
    ending: (send, lost) => {
      process.on("beforeExit", send);
      process.on("exit", lost);
      return () => {
        process.off("beforeExit", send);
        process.off("exit", lost);
      };
    },
  });
}

/** Starts the engine of the file at `url`, on the host called `name` in records. */
export function startFromFile(name: string, url: URL): void {
  useNode(name);
  initSync(readFileSync(url));
}
