// Latency: a process for each peer, warmed up, then rounds in turn (A B C A B C) so that a disturbance hits all alike.
// A run starts fresh processes; the figure of a run is the median of its rounds, and the table has the median of runs.

import { fork } from "node:child_process";
import { once } from "node:events";
import { loadavg } from "node:os";
import { FLOOR, load, PEERS } from "./peers.mjs";
import { median } from "./statistics.mjs";
import { microseconds, table, thousands } from "./table.mjs";

/** Above this load average others were measured too, and an order of the peers would be an accident. */
const QUIET = 1.5;

const WARM_UP = { most: 20_000, milliseconds: 1500 };

async function ask(child, request) {
  child.send(request);
  const [answer] = await once(child, "message");
  return answer;
}

async function oneRun(files, rules, { rounds, round }, seen) {
  const children = [];
  try {
    for (const file of files) {
      const { nodeFlags: execArgv = [] } = await load(file);
      const child = fork(new URL("child.mjs", import.meta.url), [file, String(rules)], { execArgv });
      // These are not awaited; thrown here they end the benchmark, which must not continue without a peer.
      child.once("error", (error) => {
        throw error;
      });
      child.once("exit", (code, signal) => {
        if (code !== 0) throw new Error(`${file}: its process ended with ${signal ?? code}`);
      });
      children.push(child);
      await once(child, "message");
      await ask(child, WARM_UP);
    }
    const results = files.map(() => []);
    for (let turn = 0; turn < rounds; turn++) {
      for (const [number, child] of children.entries()) results[number].push(await ask(child, round));
      seen.load = Math.max(seen.load, loadavg()[0]);
    }
    return results.map((all) => ({
      p50: median(all.map(({ p50 }) => p50)),
      p99: median(all.map(({ p99 }) => p99)),
      perSecond: median(all.map(({ perSecond }) => perSecond)),
    }));
  } finally {
    for (const child of children) child.disconnect();
  }
}

/** The cost of two readings of the clock, which is part of every figure. */
function clock() {
  const times = Float64Array.from({ length: 100_000 }, () => {
    const before = performance.now();
    return performance.now() - before;
  });
  return median(times) * 1000;
}

export async function run({ print, markdown, quick, anyway }) {
  const plan = quick
    ? { runs: 3, rounds: 3, round: { most: 4_000, milliseconds: 100 } }
    : { runs: 3, rounds: 5, round: { most: 20_000, milliseconds: 400 } };
  const files = [FLOOR, ...PEERS];
  const ours = files.indexOf("faramesh");
  const modules = new Map(await Promise.all(files.map(async (file) => [file, await load(file)])));
  const nameOf = (row) => modules.get(row.peer).name;
  const seen = { load: loadavg()[0] };
  const sizes = [];
  for (const rules of [4, 20]) {
    const runs = [];
    for (let number = 0; number < plan.runs; number++) runs.push(await oneRun(files, rules, plan, seen));
    const over = (file, figure) => median(runs.map((run) => run[files.indexOf(file)][figure]));
    sizes.push({
      rules,
      peers: files.map((file) => ({
        peer: file,
        p50_us: over(file, "p50"),
        p99_us: over(file, "p99"),
        decisions_per_second: over(file, "perSecond"),
        // The ratio is taken within a run, in which both had the same disturbances.
        p50_to_faramesh: median(runs.map((run) => run[files.indexOf(file)].p50 / run[ours].p50)),
      })),
    });
  }
  const clock_us = clock();
  const noisy = seen.load > QUIET;
  const ranked = !noisy || anyway;

  print(`Latency of one decision: medians of ${plan.runs} runs of ${plan.rounds} rounds`);
  print(`Two readings of the clock take ${microseconds(clock_us)} µs, which is in every figure`);
  print(`Load average while it ran: up to ${seen.load.toFixed(2)}`);
  if (noisy) {
    print(
      anyway
        ? `Above ${QUIET} others were measured too; --anyway asked for the order, and it may be an accident`
        : `Above ${QUIET} others were measured too; no order is given (--anyway gives one), the names are sorted`,
    );
  }
  for (const { rules, peers } of sizes) {
    const rows = [...peers];
    if (ranked) rows.sort((one, other) => one.p50_us - other.p50_us);
    else rows.sort((one, other) => nameOf(one).localeCompare(nameOf(other)));
    // The time of a decision with a request hash, for peers without one: the floor on top.
    const hash = peers.find(({ peer }) => peer === FLOOR).p50_us;
    const withHash = (row) => row.p50_us + (modules.get(row.peer).gives.hash === "no" ? hash : 0);
    print(`\n${rules} rules`);
    print(
      table(
        ["", "p50 µs", "p50 µs with a hash", "p99 µs", "decisions/s", ...(ranked ? ["p50 to ours"] : [])],
        rows.map((row) => [
          nameOf(row),
          microseconds(row.p50_us),
          microseconds(withHash(row)),
          microseconds(row.p99_us),
          thousands(row.decisions_per_second),
          ...(ranked ? [row.p50_to_faramesh.toFixed(2)] : []),
        ]),
        { markdown },
      ),
    );
  }
  return { faults: [], result: { load: seen.load, noisy, clock_us, plan, sizes } };
}
