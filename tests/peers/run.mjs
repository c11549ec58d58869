// `node tests/peers/run.mjs [--quick] [--anyway] [--markdown] [--only PART]`: the refund decision by us and by others.
//
// Parts: answers, latency, cold, sizes, memory, stages. All of them by default, and then target/peers.json is written.
// It fails if an engine answers a sample wrongly, if ours allows a nasty input, or if our memory grows.

import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";

const PARTS = ["answers", "latency", "cold", "sizes", "memory", "stages"];
const FLAGS = ["--quick", "--anyway", "--markdown"];
const USAGE = `usage: node tests/peers/run.mjs [${FLAGS.join("] [")}] [--only ${PARTS.join("|")}]`;

function options(given) {
  const chosen = { only: undefined };
  for (let at = 0; at < given.length; at++) {
    const word = given[at];
    if (FLAGS.includes(word)) chosen[word.slice(2)] = true;
    else if (word === "--only" && PARTS.includes(given[at + 1])) chosen.only = given[++at];
    else throw new Error(`\`${word}\` is not understood\n${USAGE}`);
  }
  return chosen;
}

async function main() {
  const { only, ...chosen } = options(process.argv.slice(2));
  const print = (line) => console.log(line);
  const all = { node: process.version, processors: cpus().length, quick: Boolean(chosen.quick) };
  const faults = [];
  for (const part of only ? [only] : PARTS) {
    const { run } = await import(`./lib/${part}.mjs`);
    const measured = await run({ print, ...chosen });
    print("");
    all[part] = measured.result;
    faults.push(...measured.faults);
  }
  if (!only) {
    const file = new URL("../../target/peers.json", import.meta.url);
    mkdirSync(new URL(".", file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
    print("written to target/peers.json");
  }
  for (const fault of faults) console.error(`peers: ${fault}`);
  return faults.length > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`peers: ${error.message}`);
  process.exitCode = 2;
}
