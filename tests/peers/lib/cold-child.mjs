// A fresh process: the time from the import of a peer to its first decision, and the memory it took.

import { existsSync, readFileSync } from "node:fs";
import { SAMPLES } from "./samples.mjs";

const call = SAMPLES[0].make(4711);
const before = performance.now();
const { prepare } = await import(`../peers/${process.argv[2]}.mjs`);
const decide = await prepare({ rules: 20, wording: "bounded" });
const answer = await decide(call);
const milliseconds = performance.now() - before;
if (answer !== "allow" && process.argv[2] !== "floor") throw new Error(`the first answer is ${answer}`);

/** Linux's `maxRSS` has the parent's peak in it, from before this program took the place of its copy. */
function peakMiB() {
  const status = "/proc/self/status";
  const peak = existsSync(status) && /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, "utf8"));
  return (peak ? Number(peak[1]) : process.resourceUsage().maxRSS) / 1024;
}
process.stdout.write(JSON.stringify({ milliseconds, peakMiB: peakMiB() }));
