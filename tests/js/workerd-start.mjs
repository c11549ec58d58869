// How long a Worker takes from the start of its isolate to its first decision, in workerd itself.
//
// Clocks inside workerd stop while it computes, so a Worker cannot time its own start. Another Worker in the same
// process times it instead: it loads a fresh isolate (Worker Loader), asks for one decision, and reads its clock when
// the answer arrives. A Worker without the engine, started in the same way in turn, shows the cost of an isolate alone.
// V8 keeps the code it compiled for other isolates of a process, so the first isolate of each of several processes is
// counted separately from later ones. It is a benchmark: it prints figures and has no pass or fail.
import { Miniflare } from "miniflare";
import { join } from "node:path";
import { engineBytes, sha256 } from "./lib/places.mjs";
import { bundleForWorkers } from "./packaging/hosts.mjs";
import { packed, project } from "./packaging/pack.mjs";

const PROCESSES = 9;
const ROUNDS = 9;

// The package, installed and bundled: its engine starts and the policy is compiled at module scope, and the decision is
// made in the first request.
const place = await project("start", await packed());
const { script: decides, modules: wasm } = await bundleForWorkers(join(place, "start.mjs"));
const [[name, bytes]] = wasm;
const empty = 'export default { fetch() { return new Response("{}"); } };';

const timer = `
import decides from "./decides.txt";
import empty from "./empty.txt";
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
      const modules = { "main.js": decides, "${name}": { wasm } };
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
      { type: "Data", path: "engine.bin", contents: bytes },
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
const shown = (values) => [0, 0.5, 1].map((share) => `${quantile(values, share).toFixed(0).padStart(8)} ms`).join("");

const processes = [];
const times = { first: [], later: [] };
while (processes.length < PROCESSES) {
  const one = await measured();
  const [cold, ...warm] = one.rounds.map(({ decided }) => decided.ms);
  times.first.push(cold);
  times.later.push(...warm);
  processes.push(one);
}
const without = processes.flatMap(({ rounds }) => rounds.map((round) => round.without.ms));
console.log(`engine ${sha256(engineBytes())}, ${processes.length} workerd processes, ${ROUNDS} isolates of each kind in each`);
console.log("from the start of ...                                fastest     median    slowest");
console.log(`an isolate, first of its process, to a decision: ${shown(times.first)}`);
console.log(`an isolate, later in its process, to a decision: ${shown(times.later)}`);
console.log(`an isolate without the engine to an answer:      ${shown(without)}`);
console.log(`the process until it listens:                    ${shown(processes.map(({ ready }) => ready))}`);
