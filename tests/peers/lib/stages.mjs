// Where our own time goes: each step of a decision measured alone, with the whole and the floor for comparison.
// It measures the package's calls, and the module alone.

import { readFile } from "node:fs/promises";
import { yaml } from "../peers/faramesh.mjs";
import { prepare as prepareFloor } from "../peers/floor.mjs";
import { toolCalls } from "./samples.mjs";
import { median } from "./statistics.mjs";
import { microseconds, table } from "./table.mjs";

const dist = new URL("../../../pkg/dist/", import.meta.url);

export async function run({ print, markdown, quick }) {
  const { Policies, createGovernor } = await import(new URL("entry/node.js", dist));
  const policy = yaml({ rules: 20, wording: "bounded" });
  const policies = new Policies(policy);
  const governor = createGovernor({ policy, agentId: "support-agent-prod" });
  const floor = prepareFloor();

  const calls = toolCalls(4096);
  const texts = calls.map((call) => JSON.stringify(call));
  const answers = texts.map((text) => JSON.stringify(policies.decide(text)));
  const encoder = new TextEncoder();
  const room = new Uint8Array(4096);
  const alone = await moduleAlone(policy, texts.map((text) => encoder.encode(text)));

  const steps = [
    ["floor: canonicalize + SHA-256 in JavaScript", (at) => floor(calls[at])],
    ["JSON.stringify, for comparison", (at) => encoder.encodeInto(JSON.stringify(calls[at]), room)],
    ["the module alone, bytes in, nothing read", alone],
    ["Policies.decide of text", (at) => policies.decide(texts[at])],
    ["the decision parsed", (at) => JSON.parse(answers[at])],
    ["Policies.decide of an object", (at) => policies.decide(calls[at])],
    ["governor.decide of an object", (at) => governor.decide(calls[at])],
  ];
  const [rounds, count] = quick ? [9, 4096] : [31, 8192];
  const measured = new Map(steps.map(([name]) => [name, []]));
  for (let round = -3; round < rounds; round++) {
    for (const [name, step] of steps) {
      const started = performance.now();
      let last;
      for (let at = 0; at < count; at++) last = step(at % calls.length);
      if (typeof last?.then === "function") await last;
      const each = ((performance.now() - started) * 1000) / count;
      if (round >= 0) measured.get(name).push(each);
    }
  }
  const result = [...measured].map(([step, all]) => ({ step, median_us: median(all) }));
  print(`Where our time goes: ${rounds} rounds in turn, medians of the time per call (20 rules)`);
  print(table(["", "µs"], result.map(({ step, median_us }) => [step, microseconds(median_us)]), { markdown }));
  return { faults: [], result };
}

/** The C interface of a second instance: no string is made or read, so this is the time of the module itself. */
async function moduleAlone(policy, actions) {
  const { instance } = await WebAssembly.instantiate(await readFile(new URL("engine.wasm", dist)), {});
  const { buffer, decide, load, memory } = instance.exports;
  const put = (bytes, at) => new Uint8Array(memory.buffer).set(bytes, at);
  const parts = ["policy.yaml", policy].map((part) => new TextEncoder().encode(part));
  const input = Buffer.concat(
    parts.flatMap((part) => [Buffer.from(Uint32Array.of(part.length).buffer), part]),
  );
  put(input, buffer(input.length));
  const answer = load(input.length);
  const at = Number(answer >> 32n);
  const { handle } = JSON.parse(
    new TextDecoder().decode(new Uint8Array(memory.buffer).subarray(at, at + Number(answer & 0xffffffffn))),
  );
  const address = buffer(4096);
  let view = new Uint8Array(memory.buffer);
  return (number) => {
    if (view.length === 0) view = new Uint8Array(memory.buffer);
    view.set(actions[number], address);
    return decide(handle, actions[number].length, 0, 0);
  };
}
