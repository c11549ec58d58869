// examples/worker in real workerd: what runs, what waits, what never runs, and that nothing runs twice.
//
// Every test starts a Worker of its own. Time is made short by configuration and conditions are awaited.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server } from "./server.mjs";
import { Steps } from "../lib/steps.mjs";
import { bundle, install, types } from "./build.mjs";
import { AGENT, DANA, LEE, Worker } from "./worker.mjs";

const tests = {
  "a small refund runs": async (worker) => {
    const call = await worker.refund("r-1", 45);
    assert.deepEqual([call.http, call.status, call.result.amount], [200, "done", 45]);
    assert.deepEqual(await worker.refunds(), [45]);
  },

  "a very large refund is denied": async (worker) => {
    const call = await worker.refund("r-1", 5000);
    assert.deepEqual([call.http, call.status], [403, "denied"]);
    assert.deepEqual(await worker.refunds(), []);
    const answer = await worker.answer(DANA, call, "granted");
    assert.deepEqual([answer.http, answer.code], [409, "not_held"]);
    assert.deepEqual(await worker.refunds(), []);
  },

  "arguments that the policy does not know are denied": async (worker) => {
    for (const amount of [null, "45", -1, undefined]) {
      const call = await worker.refund(`r-${amount}`, amount);
      assert.deepEqual([call.http, call.status], [403, "denied"], String(amount));
    }
    assert.deepEqual(await worker.refunds(), []);
  },

  "a held refund runs once when it is granted": async (worker) => {
    const held = await worker.refund("r-1", 340);
    assert.deepEqual([held.http, held.status], [202, "held"]);
    assert.deepEqual(await worker.refunds(), []);
    const listed = await worker.ask(DANA, "GET", "/approvals");
    assert.deepEqual(listed.held.map((call) => [call.call_id, call.params.amount]), [["r-1", 340]]);

    const granted = await worker.answer(DANA, held, "granted", { reason: "seen the photos" });
    assert.deepEqual([granted.http, granted.status, granted.approver], [200, "done", "dana"]);
    assert.deepEqual(await worker.refunds(), [340]);

    const again = await worker.answer(LEE, held, "granted");
    assert.deepEqual([again.http, again.code], [409, "not_held"]);
    const repeated = await worker.refund("r-1", 340);
    assert.deepEqual([repeated.http, repeated.status], [200, "done"]);
    assert.deepEqual(await worker.refunds(), [340]);
    assert.deepEqual((await worker.ask(DANA, "GET", "/approvals")).held, []);
  },

  "many answers at the same time are one": async (worker) => {
    const held = await worker.refund("r-1", 340);
    const keys = [DANA, LEE, DANA, LEE, DANA, LEE];
    const answers = await Promise.all(keys.map((key) => worker.answer(key, held, "granted")));
    assert.deepEqual(answers.map(({ http }) => http).sort(), [200, 409, 409, 409, 409, 409]);
    assert.deepEqual(await worker.refunds(), [340]);
  },

  "the same call many times at the same time runs once": async (worker) => {
    await Promise.all(Array.from({ length: 6 }, () => worker.refund("r-1", 45)));
    await worker.until("r-1", "done");
    assert.deepEqual(await worker.refunds(), [45]);
  },

  "a grant is for one call, not for all like it": async (worker) => {
    const [first, second] = [await worker.refund("r-1", 340), await worker.refund("r-2", 340)];
    assert.notEqual(first.request_hash, second.request_hash);
    await worker.answer(DANA, first, "granted");
    assert.equal((await worker.call("r-2")).status, "held");
    assert.deepEqual(await worker.refunds(), [340]);
  },

  "a rejected refund does not run": async (worker) => {
    const held = await worker.refund("r-1", 340);
    const rejected = await worker.answer(LEE, held, "rejected", { reason: "no photos" });
    assert.deepEqual([rejected.http, rejected.status, rejected.reason], [403, "rejected", "no photos"]);
    const late = await worker.answer(DANA, held, "granted");
    assert.deepEqual([late.http, late.code], [409, "not_held"]);
    assert.deepEqual(await worker.refunds(), []);
  },

  "a refund that nobody looks at expires by the alarm": {
    settings: { APPROVAL_SECONDS: "0.2" },
    async test(worker) {
      const held = await worker.refund("r-1", 340);
      assert.equal(held.status, "held");
      await worker.until("r-1", "expired");
      const late = await worker.answer(DANA, held, "granted");
      assert.deepEqual([late.http, late.code], [409, "not_held"]);
      assert.deepEqual(await worker.refunds(), []);
    },
  },

  "each of several refunds expires when its own time is over": {
    settings: { APPROVAL_SECONDS: "0.3" },
    async test(worker) {
      const ids = ["r-1", "r-2", "r-3"];
      for (const id of ids) await worker.refund(id, 340);
      for (const id of ids) await worker.until(id, "expired");
      assert.deepEqual(await worker.refunds(), []);
    },
  },

  "a call id is not used for other arguments": async (worker) => {
    const held = await worker.refund("r-1", 340);
    const changed = await worker.refund("r-1", 999);
    assert.deepEqual([changed.http, changed.code], [409, "arguments_changed"]);
    const granted = await worker.answer(DANA, held, "granted");
    assert.equal(granted.result.amount, 340);
    assert.deepEqual(await worker.refunds(), [340]);
  },

  "an answer about other arguments than those that wait is none": async (worker) => {
    const held = await worker.refund("r-1", 340);
    const other = await worker.refund("r-2", 999);
    const answer = await worker.answer(DANA, { ...held, request_hash: other.request_hash }, "granted");
    assert.deepEqual([answer.http, answer.code], [409, "arguments_changed"]);
    assert.equal((await worker.call("r-1")).status, "held");
    assert.deepEqual(await worker.refunds(), []);
  },

  "arguments that were changed where they are kept do not run": async (worker) => {
    const shown = await worker.refund("r-1", 340);
    const store = await worker.store();
    // A person sees the hash of one refund, and another one is stored under it.
    const params = JSON.stringify({ customer_id: "c-1", amount: 999 });
    const kept = await store.propose({ call_id: "r-2", tool: "process_refund", params, request_hash: shown.request_hash });
    assert.equal(kept.status, "held");
    const answer = await worker.answer(DANA, { ...shown, call_id: "r-2" }, "granted");
    assert.deepEqual([answer.http, answer.status], [403, "denied"]);
    assert.deepEqual(await worker.refunds(), []);
  },

  "a held refund outlives its process, and the policy of the new one decides": async (worker, { modules, folder }) => {
    await worker.stop();
    const first = new Worker(modules, {}, folder);
    const held = [await first.refund("r-1", 340), await first.refund("r-2", 999)];
    await first.stop();

    const stricter = modules.map((module) => {
      if (module.type !== "Text") return module;
      const contents = String(module.contents).replace("amount_lte: 1000", "amount_lte: 500").replace("amount_gt: 1000", "amount_gt: 500");
      assert.notEqual(contents, String(module.contents));
      return { ...module, contents };
    });
    const second = new Worker(stricter, {}, folder);
    try {
      const [granted, denied] = [await second.answer(DANA, held[0], "granted"), await second.answer(DANA, held[1], "granted")];
      assert.deepEqual([granted.http, granted.status], [200, "done"]);
      assert.deepEqual([denied.http, denied.status], [403, "denied"]);
      assert.deepEqual(await second.refunds(), [340]);
    } finally {
      await second.stop();
    }
  },

  "who proposes never approves": async (worker) => {
    const held = await worker.refund("r-1", 340);
    const expected = { [AGENT]: 403, stranger: 401 };
    for (const [key, status] of Object.entries(expected)) {
      assert.equal((await worker.answer(key, held, "granted")).http, status, key);
      assert.equal((await worker.ask(key, "GET", "/approvals")).http, status, key);
    }
    assert.equal((await worker.answer(null, held, "granted")).http, 401);
    const call = { call_id: "r-2", tool: "process_refund", params: { customer_id: "c-1", amount: 1 } };
    assert.equal((await worker.ask(DANA, "POST", "/calls", call)).http, 403);
    assert.equal((await worker.ask(null, "POST", "/calls", call)).http, 401);
    assert.equal((await worker.call("r-1")).status, "held");
    assert.deepEqual(await worker.refunds(), []);
  },

  "an approver with the agent's key stops everything": {
    settings: { APPROVERS: JSON.stringify({ dana: AGENT }) },
    async test(worker) {
      const call = await worker.refund("r-1", 45);
      assert.deepEqual([call.http, call.code], [500, "misconfigured"]);
      assert.deepEqual(await worker.refunds(), []);
    },
  },

  "what is no call is refused": async (worker) => {
    const params = { customer_id: "c-1", amount: 45 };
    const bodies = [undefined, [], {}, { tool: "shell", params }, { tool: "process_refund" }, { tool: "process_refund", params: [] }];
    for (const body of [...bodies, { call_id: "a/b", tool: "process_refund", params }]) {
      assert.equal((await worker.ask(AGENT, "POST", "/calls", body)).http, 422, JSON.stringify(body));
    }
    assert.equal((await worker.ask(AGENT, "GET", "/calls/none")).http, 404);
    assert.equal((await worker.ask(DANA, "POST", "/approvals/none", { verdict: "granted", request_hash: "0" })).http, 404);
    assert.equal((await worker.ask(AGENT, "GET", "/")).http, 404);
    assert.deepEqual(await worker.refunds(), []);
  },
};

/** Tests with a Faramesh server in its own process, where people see the calls that the Worker's policy holds. */
const withServer = {
  "people on the server let a held refund run, once": async (worker, { server }) => {
    const proposed = worker.refund("r-1", 340);
    const [action] = await server.until("pending_approval");
    assert.deepEqual([action.tool, action.params.amount], ["process_refund", 340]);
    assert.deepEqual(await worker.refunds(), []);
    await server.ask("POST", `/v1/actions/${action.id}/approval`, { approve: true });
    const call = await proposed;
    assert.deepEqual([call.http, call.status, call.result.amount], [200, "done", 340]);
    assert.deepEqual(await worker.refunds(), [340]);
    assert.equal((await worker.refund("r-1", 340)).status, "done");
    assert.deepEqual(await worker.refunds(), [340]);
    const [succeeded] = await server.until("succeeded");
    assert.equal(succeeded.id, action.id);
  },

  "people on the server reject a held refund": async (worker, { server }) => {
    const proposed = worker.refund("r-1", 340);
    const [action] = await server.until("pending_approval");
    await server.ask("POST", `/v1/actions/${action.id}/approval`, { approve: false, reason: "no photos" });
    const call = await proposed;
    assert.deepEqual([call.http, call.status], [403, "denied"]);
    assert.deepEqual(await worker.refunds(), []);
  },

  "the server has every record of the Worker, once": async (worker, { server }) => {
    const held = worker.refund("r-1", 340);
    const [action] = await server.until("pending_approval");
    await server.ask("POST", `/v1/actions/${action.id}/approval`, { approve: true });
    await held;
    await worker.refund("r-2", 45);
    await worker.refund("r-3", 5000);
    await server.holds({ 45: "succeeded", 340: "succeeded", 5000: "denied" });
  },

  "records that the server missed come when it is back": async (worker, { server }) => {
    await server.stop();
    assert.equal((await worker.refund("r-1", 45)).status, "done");
    await server.start(Number(new URL(server.url).port));
    // No further call reaches the Worker: its alarm sends them.
    await server.holds({ 45: "succeeded" });
    assert.deepEqual(await worker.refunds(), [45]);
  },

  "records outlive the process that made them": async (_, { server, folder, hands, modules }) => {
    await server.stop();
    const first = new Worker(modules, hands, folder);
    assert.equal((await first.refund("r-1", 45)).status, "done");
    await first.stop();
    await server.start(Number(new URL(server.url).port));
    const second = new Worker(modules, hands, folder);
    try {
      assert.equal((await second.call("r-1")).status, "done");
      await server.holds({ 45: "succeeded" });
    } finally {
      await second.stop();
    }
  },

  "without the server nothing is held, small refunds run, and the others do not": async (worker, { server }) => {
    await server.stop();
    const calls = [await worker.refund("r-1", 45), await worker.refund("r-2", 340), await worker.refund("r-3", 5000)];
    assert.deepEqual(calls.map(({ status }) => status), ["done", "denied", "denied"]);
    assert.deepEqual(await worker.refunds(), [45]);
  },
};

/** Runs one test with a Worker, a folder and, when asked for, a server of its own. */
async function tried(test, settings, serves) {
  const folder = mkdtempSync(join(tmpdir(), "faramesh-worker-"));
  const server = serves ? new Server(folder) : undefined;
  let worker;
  try {
    await server?.start();
    const hands = server && { FARAMESH_SERVER: server.url, FARAMESH_API_KEY: await server.agentKey() };
    worker = new Worker(modules, { ...settings, ...hands });
    await test(worker, { modules, folder, server, hands });
  } finally {
    await worker?.stop();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const steps = new Steps();
let modules;
const built = await steps.run("build with wrangler", async () => {
  await install();
  modules = await bundle();
});
await steps.run("types", types);
if (built) {
  for (const [name, given] of Object.entries(tests)) {
    const { settings, test } = typeof given === "function" ? { test: given } : given;
    await steps.run(name, () => tried(test, settings, false));
  }
  for (const [name, test] of Object.entries(withServer)) {
    await steps.run(name, () => tried(test, {}, true));
  }
}
steps.finish();
