// Hosts with Node's own modules. Only their entries may bring this along.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { initSync, useHost } from "./host.js";

interface Program {
  readonly send: () => void;
  readonly lost: () => void;
}

/** Callbacks to run before the program ends; Node warns about many listeners, so there is one for all. */
const programs = new Set<Program>();
let listening = false;

function listen(): void {
  process.on("beforeExit", () => programs.forEach(({ send }) => send()));
  process.on("exit", () => programs.forEach(({ lost }) => lost()));
}

/** Says that this is a host with Node's modules, called `name` in records. */
export function useNode(name: string): void {
  useHost({
    name,
    background: true,
    sha256: (bytes) => createHash("sha256").update(bytes).digest("hex"),
    ending: (send, lost) => {
      const program = { send, lost };
      if (!listening) listen();
      listening = true;
      programs.add(program);
      return () => void programs.delete(program);
    },
  });
}

/** Starts the engine of the file at `url`, on the host called `name` in records. */
export function startFromFile(name: string, url: URL): void {
  useNode(name);
  initSync(readFileSync(url));
}
