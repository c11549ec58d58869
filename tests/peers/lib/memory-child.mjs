// Many decisions in one process: the linear memory of its wasm instances, and the memory of the process, now and then.
// It sees the memory by replacing `WebAssembly.Instance` before the peer is loaded.

import { toolCalls } from "./samples.mjs";

const [file, decisions] = process.argv.slice(2);
const memories = [];
const { Instance } = WebAssembly;
WebAssembly.Instance = function (...given) {
  const instance = new Instance(...given);
  const memory = Object.values(instance.exports).find((value) => value instanceof WebAssembly.Memory);
  if (memory) memories.push(memory);
  return instance;
};

const { prepare } = await import(`../peers/${file}.mjs`);
const decide = await prepare({ rules: 20, wording: "bounded" });
const calls = toolCalls(4096);
const samples = [];
function sample(after) {
  samples.push({
    after,
    linearBytes: memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0),
    residentBytes: process.memoryUsage.rss(),
  });
}

// The first decisions are not counted: buffers find their size, and the compiler its tiers.
const warm = Math.min(20_000, decisions / 10);
for (let number = 0; number < warm; number++) decide(calls[number % calls.length]);
sample(0);
for (let number = 1; number <= decisions; number++) {
  decide(calls[number % calls.length]);
  if (number % (decisions / 10) === 0) sample(number);
}
if (memories.length === 0) throw new Error("no linear memory was seen");
process.stdout.write(JSON.stringify(samples));
