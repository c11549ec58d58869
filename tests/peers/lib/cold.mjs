// Cold start: many fresh processes for each peer, in turn; medians.
// What Node itself takes to start is not counted. The files are in the page cache, since one round before is thrown away.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { FLOOR, load, PEERS } from "./peers.mjs";
import { median } from "./statistics.mjs";
import { milliseconds, table } from "./table.mjs";

const start = promisify(execFile);
const child = fileURLToPath(new URL("cold-child.mjs", import.meta.url));

export async function run({ print, markdown, quick }) {
  const processes = quick ? 10 : 20;
  const files = [FLOOR, ...PEERS];
  const measured = new Map(files.map((file) => [file, []]));
  for (let turn = 0; turn <= processes; turn++) {
    for (const file of files) {
      const { stdout } = await start(process.execPath, [child, file]);
      if (turn > 0) measured.get(file).push(JSON.parse(stdout));
    }
  }
  const peers = [];
  for (const [file, all] of measured) {
    peers.push({
      peer: file,
      name: (await load(file)).name,
      first_decision_ms: median(all.map(({ milliseconds }) => milliseconds)),
      fastest_ms: Math.min(...all.map(({ milliseconds }) => milliseconds)),
      peak_mib: median(all.map(({ peakMiB }) => peakMiB)),
    });
  }
  print(`From import to the first decision of the policy of 20 rules, ${processes} fresh processes each`);
  print(
    table(
      ["", "median ms", "fastest ms", "peak MiB of the process"],
      peers.map((peer) => [
        peer.name,
        milliseconds(peer.first_decision_ms),
        milliseconds(peer.fastest_ms),
        peer.peak_mib.toFixed(1),
      ]),
      { markdown },
    ),
  );
  return { faults: [], result: { processes, peers } };
}
