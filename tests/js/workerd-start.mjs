// How long a Worker takes from the start of its isolate to its first decision, in workerd itself.
//
// Clocks inside workerd stand still while it computes, so a Worker cannot time its own start. Another Worker in the
// same process times it instead: it loads a fresh isolate (Worker Loader), asks for one decision, and reads its clock
// when the answer is there. A Worker without the engine, started the same way in turn, shows what an isolate costs by
// itself. V8 keeps what it compiled for the other isolates of a process, so the first isolate of each of several
// processes is told apart from later ones. Other programs on the machine only
// make it slower, so it fails when even the fastest quarter misses the target.
import { Miniflare } from "miniflare";
import { loadInput } from "./lib/c_abi.mjs";
import { engineBytes, engineGlue, sha256 } from "./lib/places.mjs";

const TARGET_MS = 15;
const PROCESSES = 7;
const ROUNDS = 9;

const rules = Array.from({ length: 19 }, (_, number) => {
  const match = `{ tool: process_refund, amount_gt: ${(number + 1) * 1000}, currency_eq: CUR${number} }`;
  return `  - { id: rule-${number}, match: ${match}, deny: true }`;
});
const policy = `rules:\n${rules.join("\n")}\n  - { id: last, match: { tool: process_refund, amount_lte: 1000 }, allow: true }\n`;

// The policies are compiled and the engine is started at module scope, the decision is made in the first request.
const decides = `
import * as glue from "./engine.js";
import module from "./engine.wasm";
glue.initSync({ module });
const engine = new glue.Engine();
const { handle } = JSON.parse(engine.load(new Uint8Array([${loadInput([{ name: "p.yaml", bytes: new TextEncoder().encode(policy) }])}])));
const action = '{"agent_id":"agent-1","tool":"process_refund","params":{"amount":45,"currency":"EUR"}}';
export default {
  fetch() {
    return new Response(engine.decide(handle, action, "", 0).split("\\n")[0]);
  },
};
`;
const empty = 'export default { fetch() { return new Response("{}"); } };';

const timer = `
import decides from "./decides.txt";
import empty from "./empty.txt";
import glue from "./engine.txt";
import wasm from "./engine.bin";

let started = 0;

// The clock moves only when something comes in from outside, so each reading waits for an answer first.
async function time(env, modules) {
  started += 1;
  await env.TICK.fetch("http://tick/");
  const start = performance.now();
  const fresh = env.LOADER.get("isolate-" + started, () => ({
    compatibilityDate: "2025-06-01",
    mainModule: "main.js",
    modules,
  }));
  const answer = await (await fresh.getEntrypoint().fetch("http://fresh/")).text();
  await env.TICK.fetch("http://tick/");
  return { ms: performance.now() - start, answer };
}

export default {
  async fetch(request, env) {
    const rounds = [];
    for (let round = 0; round < ${ROUNDS}; round++) {
      const without = await time(env, { "main.js": empty });
      const modules = { "main.js": decides, "engine.js": glue, "engine.wasm": { wasm } };
      rounds.push({ without, decided: await time(env, modules) });
    }
    return Response.json(rounds);
  },
};
`;

const text = (path, contents) => ({ type: "Text", path, contents });
const workers = [
  {
    name: "timer",
    compatibilityDate: "2025-06-01",
    workerLoaders: { LOADER: {} },
    serviceBindings: { TICK: "tick" },
    modules: [
      { type: "ESModule", path: "timer.mjs", contents: timer },
      text("decides.txt", decides),
      text("empty.txt", empty),
      text("engine.txt", engineGlue()),
      { type: "Data", path: "engine.bin", contents: engineBytes() },
    ],
  },
  {
    name: "tick",
    compatibilityDate: "2025-06-01",
    modules: [{ type: "ESModule", path: "tick.mjs", contents: empty }],
  },
];

/** The rounds of one process, and how long it took from its start to the answer of all. */
async function measured() {
  const start = performance.now();
  const worker = new Miniflare({ cf: false, host: "127.0.0.1", workers });
  try {
    await worker.ready;
    const ready = performance.now() - start;
    const rounds = await (await worker.dispatchFetch("http://localhost/")).json();
    for (const { decided } of rounds) {
      if (JSON.parse(decided.answer).outcome !== "EXECUTE") {
        throw new Error(`the Worker answered ${decided.answer}`);
      }
    }
    return { ready, rounds };
  } finally {
    await worker.dispose();
  }
}

const quantile = (values, share) => values.toSorted((a, b) => a - b)[Math.round((values.length - 1) * share)];
const shown = (values) => `p50 ${quantile(values, 0.5).toFixed(1)} ms, largest ${quantile(values, 1).toFixed(1)} ms`;

const processes = [];
for (let number = 0; number < PROCESSES; number++) {
  processes.push(await measured());
}
const decided = processes.map(({ rounds }) => rounds.map((round) => round.decided.ms));
const first = decided.map(([cold]) => cold);
const later = decided.flatMap(([, ...warm]) => warm);
const without = processes.flatMap(({ rounds }) => rounds.map((round) => round.without.ms));
console.log(`engine ${sha256(engineBytes())}, ${PROCESSES} workerd processes, ${ROUNDS} isolates of each kind in each`);
console.log(`isolate to first decision, first in its process: ${shown(first)}`);
console.log(`isolate to first decision, later ones:           ${shown(later)}`);
console.log(`isolate without the engine to first answer:      ${shown(without)}`);
console.log(`process until it listens:                        ${shown(processes.map(({ ready }) => ready))}`);
for (const [which, values] of Object.entries({ first, later })) {
  const fast = quantile(values, 0.25);
  if (!(fast < TARGET_MS)) {
    console.error(`a quarter of the ${which} isolates takes ${fast} ms, and ${TARGET_MS} ms is the target`);
    process.exitCode = 1;
  }
}
