// One peer in its own process: prepares once, then does a round whenever the parent asks for one.
// Every call is timed separately, on an object that no call has seen in this round.

import { load } from "./peers.mjs";
import { toolCalls } from "./samples.mjs";
import { quantile } from "./statistics.mjs";

const [file, rules] = process.argv.slice(2);
const calls = toolCalls(4096);
const decide = await (await load(file)).prepare({ rules: Number(rules), wording: "bounded" });
const isAsync = typeof decide(calls[0])?.then === "function";

let next = 0;
let last;

function timed(times, deadline) {
  let count = 0;
  for (; count < times.length; count++) {
    const call = calls[next++ % calls.length];
    const before = performance.now();
    last = decide(call);
    const after = performance.now();
    times[count] = after - before;
    if (after > deadline) return count + 1;
  }
  return count;
}

/** The same with an await, which the synchronous peers do not have to pay for. */
async function timedAsync(times, deadline) {
  let count = 0;
  for (; count < times.length; count++) {
    const call = calls[next++ % calls.length];
    const before = performance.now();
    last = await decide(call);
    const after = performance.now();
    times[count] = after - before;
    if (after > deadline) return count + 1;
  }
  return count;
}

async function round({ most, milliseconds }) {
  const times = new Float64Array(most);
  const started = performance.now();
  const count = isAsync ? await timedAsync(times, started + milliseconds) : timed(times, started + milliseconds);
  const elapsed = performance.now() - started;
  if (last === undefined) throw new Error("the peer gave no answer");
  const sorted = times.subarray(0, count).sort();
  return {
    count,
    p50: quantile(sorted, 0.5) * 1000,
    p99: quantile(sorted, 0.99) * 1000,
    perSecond: (count / elapsed) * 1000,
  };
}

process.on("message", async (request) => process.send(await round(request)));
process.send("ready");
