// Calls that wait for people: as long as the approval itself, through outages, and without leaving an unattended action
// behind. A later answer is resumed, and runs once.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import {
  ApprovalExpiredError,
  ApprovalRejectedError,
  ApprovalRequiredError,
  ArgumentsChangedError,
  createGovernor,
  denialText,
  FarameshError,
  PolicyUnavailableError,
  ToolDeniedError,
} from "faramesh";
import type { GovernorOptions } from "faramesh";

import { AGENT, REFUNDS, refundTool } from "./support/policies.js";
import { awaited } from "./support/real.js";
import { approved, expired, rejected, ScriptedServer, turned } from "./support/scripted.js";

let server: ScriptedServer;
beforeEach(async () => {
  server = await ScriptedServer.start(REFUNDS);
});
afterEach(() => server.stop());

const middle = { customer_id: "c-1", amount: 340 };
const small = { customer_id: "c-1", amount: 45 };

function setUp(more: Partial<GovernorOptions> = {}) {
  const errors: FarameshError[] = [];
  const governor = createGovernor({
    agentId: AGENT,
    server: { url: server.url, timeoutMs: 2000 },
    onError: (error: FarameshError) => errors.push(error),
    ...(more as object),
  });
  const { ran, tool } = refundTool();
  return { governor, errors, ran, tool, refund: governor.govern(tool, { tool: "process_refund" }) };
}

/** A clock that a test moves, so that hours pass at once. */
function movedByHand() {
  const clock = { at: Date.now(), now: () => clock.at, monotonic: () => clock.at };
  return clock;
}

test("a call waits as long as its approval, and not for five minutes", async () => {
  const clock = movedByHand();
  const { refund, ran } = setUp({ clock });
  server.script("wait", (action) => {
    clock.at += 25 * 60_000;
    return { body: action };
  }, turned(approved));
  assert.equal(await refund(middle), "refunded 340");
  assert.equal(ran.length, 1);
});

test("an outage of the server is waited out", async () => {
  const { refund, ran } = setUp();
  const failures = 20;
  let asked = 0;
  server.script("wait", (action) => {
    asked += 1;
    if (asked <= failures) return asked % 2 === 0 ? { drop: true } : { status: 502, body: "<h1>Bad Gateway</h1>" };
    return turned(approved)(action);
  });
  await withShortPauses(async () => assert.equal(await refund(middle), "refunded 340"));
  assert.equal(asked, failures + 1);
  assert.equal(ran.length, 1);
});

test("an outage between the approval and the start is waited out, and the start is one", async () => {
  const { refund, ran } = setUp();
  server.script("wait", turned(approved));
  // Each start is tried four times, so these are two starts that fail.
  server.script("start", ...Array.from({ length: 8 }, () => ({ drop: true })), turned({ status: "executing" }));
  await withShortPauses(async () => assert.equal(await refund(middle), "refunded 340"));
  const keys = server.seen.filter(({ verb }) => verb === "start").map(({ headers }) => headers["idempotency-key"]);
  assert.equal(keys.length, 9);
  assert.equal(new Set(keys).size, 1);
  assert.equal(ran.length, 1);
  // A call without approval is reported at once.
  server.script("start", { status: 503, body: { code: "store_failure" } });
  await assert.rejects(refund(small), { code: "store_failure" });
});

/** The pauses between polls are the only times with a fraction, since they are drawn at random: they go faster. */
async function withShortPauses(run: () => Promise<void>): Promise<void> {
  const real = globalThis.setTimeout;
  globalThis.setTimeout = ((run: () => void, ms = 0, ...more: []) => real(run, Number.isInteger(ms) ? ms : ms / 200, ...more)) as typeof setTimeout;
  try {
    await run();
  } finally {
    globalThis.setTimeout = real;
  }
}

test("an outage is not waited out for longer than the approval lasts, and what is refused for good ends the waiting at once", async () => {
  const clock = movedByHand();
  const { refund, ran } = setUp({ clock });
  server.approvalMs = 600_000;
  server.script("wait", () => {
    clock.at += 700_000;
    return { drop: true };
  });
  await assert.rejects(refund(middle), { code: "server_unreachable" });
  server.script("wait", { status: 401, body: { code: "wrong_key" } });
  await assert.rejects(refund(middle), { code: "wrong_key" });
  assert.deepEqual(ran, []);
});

test("a call that gives up withdraws its action, and no text says that it was rejected", async () => {
  const { refund, ran } = setUp({ approvalTimeoutMs: 600 });
  server.script("wait", (action) => ({ body: action, afterMs: 100 }));
  await assert.rejects(refund(middle), (error) => {
    assert.ok(error instanceof ApprovalRequiredError);
    assert.equal(error.approval, "withdrawn");
    assert.equal(error.actionId, "action-0");
    const text = denialText(error, "process_refund");
    assert.match(text, /no person answered in time, and the request was withdrawn/);
    assert.equal(/reject/.test(text.replace("it was not rejected", "")), false, text);
    return true;
  });
  assert.equal(server.actions.get("action-0")?.status, "withdrawn");
  assert.deepEqual(ran, []);
});

test("an approval that comes at the very moment of giving up is taken up", async () => {
  for (const moment of ["get", "withdraw"]) {
    const { refund, ran } = setUp({ approvalTimeoutMs: 600 });
    server.script("wait", (action) => ({ body: action, afterMs: 100 }));
    server.script(moment, (action) => {
      server.script(moment);
      Object.assign(action, approved);
      return moment === "get" ? { body: action } : { status: 409, body: { code: "wrong_status", action_status: "approved" } };
    });
    assert.equal(await refund(middle), "refunded 340");
    assert.equal(ran.length, 1);
  }
});

test("an action that cannot be withdrawn is told, and still waits", async () => {
  const { refund, errors, ran } = setUp({ approvalTimeoutMs: 600 });
  server.script("wait", (action) => ({ body: action, afterMs: 100 }));
  server.script("withdraw", { status: 404, body: { code: "not_found" } });
  await assert.rejects(refund(middle), (error) => error instanceof ApprovalRequiredError && error.approval === "waits");
  assert.deepEqual(errors.map((error) => error.code), ["withdraw_failed"]);
  assert.deepEqual(ran, []);
});

test("a call that is called off withdraws its action, wherever it is on its way", async () => {
  for (const [verb, status] of [["submit", "withdrawn"], ["wait", "withdrawn"], ["start", "failed"]] as const) {
    const before = server.actions.size;
    const { governor, ran, tool } = setUp();
    const stop = new AbortController();
    const refund = governor.govern(tool, { tool: "process_refund", signal: stop.signal });
    server.script(verb, (action) => {
      stop.abort(new RangeError("stopped"));
      server.script(verb);
      if (verb === "start") action.status = "executing";
      return { body: { ...action }, afterMs: verb === "wait" ? 5000 : 20 };
    });
    await assert.rejects(refund(verb === "start" ? small : middle), { name: "RangeError", message: "stopped" });
    await awaited(() => server.actions.get(`action-${before}`)?.status === status);
    assert.deepEqual(ran, []);
  }
});

test("a call that does not wait leaves its action, and it is taken up and runs once", async () => {
  const first = setUp({ approvalTimeoutMs: 0 });
  const error = (await first.refund(middle).catch((caught: unknown) => caught)) as ApprovalRequiredError;
  assert.ok(error instanceof ApprovalRequiredError);
  assert.deepEqual([error.approval, error.actionId], ["waits", "action-0"]);
  assert.deepEqual(server.verbs(), ["submit"]);

  // Another process, hours later.
  const { governor, refund, ran } = setUp();
  server.script("wait", turned(approved));
  await assert.rejects(governor.resume("action-0", refund, { ...middle, amount: 341 }), ArgumentsChangedError);
  assert.equal(await governor.resume("action-0", refund, middle), "refunded 340");
  assert.equal(server.actions.get("action-0")?.status, "succeeded");
  await assert.rejects(governor.resume("action-0", refund, middle), (again) => again instanceof PolicyUnavailableError && again.code === "already_started");
  assert.equal(ran.length, 1);
  assert.equal(first.ran.length, 0);
});

test("what became of an action meanwhile is told when it is taken up", async () => {
  const { governor, refund, ran } = setUp({ approvalTimeoutMs: 0 });
  const fates: [object, new (...args: never[]) => FarameshError, string][] = [
    [rejected, ApprovalRejectedError, "approval_rejected"],
    [expired, ApprovalExpiredError, "approval_expired"],
    [{ status: "withdrawn" }, ApprovalRequiredError, "approval_required"],
    [{ status: "lapsed", outcome: "HALT", reason_code: "permit_expired" }, ApprovalExpiredError, "permit_expired"],
    [{ status: "lapsed", outcome: "HALT", reason_code: "policy_changed" }, ToolDeniedError, "policy_changed"],
    [{ status: "executing", outcome: "EXECUTE" }, PolicyUnavailableError, "already_started"],
    [{ status: "in_the_future", outcome: "EXECUTE" }, PolicyUnavailableError, "invalid_answer"],
    [{ status: "pending_approval", outcome: "ABSTAIN" }, ApprovalRequiredError, "approval_required"],
  ];
  for (const [fate, kind, code] of fates) {
    await assert.rejects(refund(middle));
    const id = `action-${server.actions.size - 1}`;
    Object.assign(server.actions.get(id) as object, fate);
    await assert.rejects(governor.resume(id, refund, middle), (error) => error instanceof kind && error.code === code, code);
  }
  assert.deepEqual(ran, []);
  await assert.rejects(governor.resume("action-0", refundTool().tool, middle), /takes a function that `govern` of this governor gave back/);
  await assert.rejects(governor.resume("", refund, middle), TypeError);
});

test("a permission that has run out, or that the policies take back, does not run and is no rejection", async () => {
  const { refund, ran } = setUp();
  server.script("start", { status: 409, body: { code: "permit_expired", detail: "it was not started in time" } });
  await assert.rejects(refund(small), (error) => {
    assert.ok(error instanceof ApprovalExpiredError && error.code === "permit_expired");
    assert.match(denialText(error, "t"), /was permitted and not started in time.*\n.*\n.*Call it again/s);
    return true;
  });
  server.script("start", { status: 409, body: { code: "wrong_status", action_status: "succeeded" } });
  await assert.rejects(refund(small), { code: "already_started" });
  server.script("start", { status: 409, body: { code: "policy_changed" } });
  await assert.rejects(refund(small), (error) => error instanceof ToolDeniedError && error.code === "policy_changed");
  assert.deepEqual(ran, []);
});

test("with policies here, taking up needs both: these policies, and the person", async () => {
  const remote = setUp({ approvalTimeoutMs: 0 });
  await assert.rejects(remote.refund(middle));
  const local = setUp({ policies: { "support-agent.yaml": REFUNDS } });
  Object.assign(server.actions.get("action-0") as object, { outcome: "EXECUTE", status: "allowed" });
  await assert.rejects(local.governor.resume("action-0", local.refund, middle), (error) => error instanceof ApprovalRequiredError && error.approval === "nobody");
  Object.assign(server.actions.get("action-0") as object, approved);
  const strict = setUp({ policies: { "support-agent.yaml": "rules: []" } });
  await assert.rejects(strict.governor.resume("action-0", strict.refund, middle), ToolDeniedError);
  assert.equal(await local.governor.resume("action-0", local.refund, middle), "refunded 340");
  assert.equal(local.ran.length, 1);
  await Promise.allSettled([local.governor.close(), strict.governor.close()]);
});

test("the same call made again is one action, where its thread and its id are known", async () => {
  const { governor, tool } = setUp({ approvalTimeoutMs: 0 });
  type Any = (...args: unknown[]) => Promise<unknown>;
  const held = async (call: Promise<unknown>) => ((await call.catch((error: unknown) => error)) as FarameshError).actionId;
  const graph = governor.govern(tool, { tool: "process_refund" }) as unknown as Any;
  const config = (thread: string, id: string) => ({ configurable: { thread_id: thread }, toolCall: { id } });
  const first = await held(graph(middle, config("t-1", "c-1")));
  assert.equal(await held(graph(middle, config("t-1", "c-1"))), first);
  assert.notEqual(await held(graph(middle, config("t-1", "c-2"))), first);
  assert.notEqual(await held(graph(middle, config("t-2", "c-1"))), first);
  // A scripted model gives the same call ids in every conversation.
  const alone = await held(graph(middle, { toolCallId: "c-1", messages: [] }));
  assert.notEqual(await held(graph(middle, { toolCallId: "c-1", messages: [] })), alone);
  const named = governor.govern(tool, { tool: "process_refund", callId: (refund) => `invoice-${refund.customer_id}-é` });
  assert.equal(await held(named(middle)), await held(named(middle)));
});
