// Memory over many decisions: ours, and cedar-wasm with fewer, since each takes longer.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { load } from "./peers.mjs";
import { kibibytes, table, thousands } from "./table.mjs";

const start = promisify(execFile);
const child = fileURLToPath(new URL("memory-child.mjs", import.meta.url));
const mebibytes = (bytes) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

export async function run({ print, markdown, quick }) {
  const plan = quick
    ? [["faramesh", 100_000], ["cedar-stateful", 20_000]]
    : [["faramesh", 1_000_000], ["cedar-stateful", 100_000]];
  const faults = [];
  const peers = [];
  for (const [file, decisions] of plan) {
    const { name, nodeFlags = [] } = await load(file);
    const { stdout } = await start(process.execPath, [...nodeFlags, child, file, String(decisions)]);
    const samples = JSON.parse(stdout);
    const [first, last] = [samples[0], samples.at(-1)];
    peers.push({ peer: file, name, decisions, first, last, samples });
    if (file === "faramesh" && samples.some(({ linearBytes }) => linearBytes !== first.linearBytes)) {
      faults.push(`linear memory went from ${first.linearBytes} to ${last.linearBytes} bytes in ${decisions} decisions`);
    }
  }
  print("Memory over many decisions (20 rules)");
  print(
    table(
      ["", "decisions", "linear before", "linear after", "process before", "process after"],
      peers.map(({ name, decisions, first, last }) => [
        name,
        thousands(decisions),
        kibibytes(first.linearBytes),
        kibibytes(last.linearBytes),
        mebibytes(first.residentBytes),
        mebibytes(last.residentBytes),
      ]),
      { markdown },
    ),
  );
  return { faults, result: { peers } };
}
