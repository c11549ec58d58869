// Held calls and the broker that asks people: each call waits for its own answer, and runs only after a grant that meets
// the policy's requirements, decided again.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ApprovalExpiredError,
  ApprovalRejectedError,
  ApprovalRequiredError,
  ArgumentsChangedError,
  createGovernor,
  memoryOutbox,
  PolicyUnavailableError,
} from "faramesh";
import type { ApprovalAnswer, Held } from "faramesh";

import { AGENT, REFUNDS, refundTool } from "./support/policies.js";

type Answer = ApprovalAnswer | Promise<ApprovalAnswer>;

function setUp(answer: (held: Held, signal: AbortSignal) => Answer, more: object = {}) {
  const held: Held[] = [];
  const outbox = memoryOutbox();
  const governor = createGovernor({
    agentId: AGENT,
    policy: REFUNDS,
    outbox,
    approvals: {
      hold: async (one: Held, { signal }: { signal: AbortSignal }) => {
        held.push(one);
        return answer(one, signal);
      },
    },
    ...more,
  });
  const { ran, tool } = refundTool();
  const records = () => (outbox.oldest(500, 1e9)?.records ?? []).map((record) => JSON.parse(record.body) as Record<string, unknown>);
  return { governor, held, ran, records, refund: governor.govern(tool, { tool: "process_refund" }) };
}

const middle = { customer_id: "c-1", amount: 340 };
const granted: ApprovalAnswer = { verdict: "granted", approvers: [{ principal: "alice", roles: ["finance"] }], reason: "fine" };

test("a granted call is decided again and runs; all of it is recorded in a chain", async () => {
  const { held, ran, records, refund } = setUp(() => granted);
  assert.equal(await refund(middle), "refunded 340");
  const [one] = held;
  assert.equal(one?.tool, "process_refund");
  assert.deepEqual(one?.params, middle);
  assert.equal(one?.decision.reason_code, "policy_require_approval");
  assert.ok(Date.parse(one?.expires_at ?? "") > Date.now());
  assert.deepEqual(JSON.parse(JSON.stringify(one)), one);
  assert.equal(ran.length, 1);
  const written = records();
  assert.deepEqual(written.map((record) => record["kind"]), ["policy", "decision", "approval", "decision", "start", "result"]);
  assert.equal(new Set(written.slice(1).map((record) => record["action_id"])).size, 1);
  assert.equal(written[1]?.["action_id"], one?.id);
  assert.equal((written[3]?.["decision"] as { reason_code: string }).reason_code, "approval_granted");
  assert.deepEqual(written[2]?.["approval"], { approve: true, principal: "alice", reason: "fine", roles: ["finance"] });
  written.forEach((record, index) => {
    assert.equal(record["seq"], index);
    assert.equal(record["prev_hash"], written[index - 1]?.["record_hash"] ?? "0".repeat(64));
  });
});

test("a rejected call does not run", async () => {
  const { ran, records, refund } = setUp(() => ({ verdict: "rejected", approvers: [{ principal: "bob" }], reason: "no" }));
  await assert.rejects(refund(middle), (error) => {
    assert.ok(error instanceof ApprovalRejectedError);
    assert.equal(error.decision?.reason_code, "approval_rejected");
    assert.match(error.message, /rejected by bob: no/);
    return true;
  });
  assert.deepEqual(ran, []);
  assert.deepEqual(records().map((record) => record["kind"]), ["policy", "decision", "approval", "decision"]);
});

test("a call that nobody answers expires, which is no rejection, and a late answer opens nothing", async () => {
  let late: (answer: ApprovalAnswer) => void = () => undefined;
  const { ran, records, refund } = setUp(
    (_, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(granted)) ?? (late = resolve)),
    { approvalTimeoutMs: 30 },
  );
  await assert.rejects(refund(middle), (error) => {
    assert.ok(error instanceof ApprovalExpiredError);
    assert.equal(error.code, "approval_expired");
    return true;
  });
  late(granted);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(ran, []);
  assert.deepEqual(records().map((record) => record["kind"]), ["policy", "decision", "expiry", "decision"]);
});

test("two calls that are held at the same time get each its own answer", async () => {
  const waiting = new Map<number, (answer: ApprovalAnswer) => void>();
  const { ran, refund } = setUp((held) => new Promise((resolve) => waiting.set(held.params["amount"] as number, resolve)));
  const first = refund({ customer_id: "c-1", amount: 340 });
  const second = refund({ customer_id: "c-2", amount: 200 });
  const third = refund({ customer_id: "c-3", amount: 45 });
  assert.equal(await third, "refunded 45");
  waiting.get(200)?.(granted);
  assert.equal(await second, "refunded 200");
  waiting.get(340)?.({ verdict: "rejected" });
  await assert.rejects(first, ApprovalRejectedError);
  assert.deepEqual(ran.map((refund) => refund.amount), [45, 200]);
});

test("arguments that change while a call is held do not run", async () => {
  const given = { ...middle };
  const { ran, refund } = setUp(() => {
    given.amount = 1;
    return granted;
  });
  await assert.rejects(refund(given), ArgumentsChangedError);
  assert.deepEqual(ran, []);
});

test("too few people, or the wrong ones, are not enough", async () => {
  const policy = "rules: [{ match: { tool: process_refund }, require_approval: { approvers: 2, roles: [finance] } }]";
  const answers: ApprovalAnswer[] = [
    granted,
    { verdict: "granted" },
    { verdict: "granted", approvers: [{ principal: "alice", roles: ["finance"] }, { principal: "alice", roles: ["finance"] }] },
    { verdict: "granted", approvers: [{ principal: "alice", roles: ["finance"] }, { principal: "bob", roles: ["support"] }] },
  ];
  for (const answer of answers) {
    const { ran, refund } = setUp(() => answer, { policy });
    await assert.rejects(refund(middle), ApprovalRequiredError);
    assert.deepEqual(ran, []);
  }
  const { ran, refund } = setUp(() => ({ verdict: "granted", approvers: ["alice", "bob"].map((principal) => ({ principal, roles: ["finance"] })) }), { policy });
  await refund(middle);
  assert.equal(ran.length, 1);
});

test("who proposed an action never approves it, and two spellings of a name are one person", async () => {
  const two = "rules: [{ match: { tool: process_refund }, require_approval: { approvers: 2 } }]";
  const one = "rules: [{ match: { tool: process_refund }, require_approval: true }]";
  const answers: [policy: string, approvers: string[]][] = [
    [one, [AGENT]],
    [one, [` ${AGENT.toUpperCase()} `]],
    [two, ["alice", AGENT]],
    [two, ["alice", "Alice"]],
    [two, ["alice", "alice "]],
    [two, ["alice", "\uff41lice"]],
    [two, ["alice", "ali\u200bce"]],
    [two, ["strasse", "stra\u00dfe"]],
    [one, [" "]],
    [one, ["\u200b"]],
  ];
  for (const [policy, names] of answers) {
    const { ran, refund } = setUp(() => ({ verdict: "granted", approvers: names.map((principal) => ({ principal })) }), { policy });
    await assert.rejects(refund(middle), (error) => error instanceof PolicyUnavailableError && error.code === "approvals_failed", names.join());
    assert.deepEqual(ran, []);
  }
  // An object whose name changes when it is read again counts as it was first read.
  let reads = 0;
  const sly = { get principal() { return (reads += 1) === 1 ? "alice" : AGENT; } };
  const { refund, records } = setUp(() => ({ verdict: "granted", approvers: [sly] }), { policy: one });
  await refund(middle);
  assert.equal((records()[2]?.["approval"] as { principal: string }).principal, "alice");
});

test("a broker that fails, or answers with anything else, opens nothing", async () => {
  const odd: unknown[] = [undefined, null, true, "granted", {}, { verdict: "approved" }, { verdict: true }, { verdict: "granted", approvers: "alice" }, { verdict: "granted", approvers: [{}] }, { verdict: "granted", approvers: [null] }, { verdict: "granted", approvers: [{ principal: "a", roles: "finance" }] }, { verdict: "granted", reason: 3 }];
  for (const answer of odd) {
    const { ran, refund } = setUp(() => answer as ApprovalAnswer);
    await assert.rejects(refund(middle), (error) => error instanceof PolicyUnavailableError && error.code === "approvals_failed", JSON.stringify(answer));
    assert.deepEqual(ran, []);
  }
  const { ran, refund } = setUp(() => Promise.reject(new Error("the queue is gone")));
  await assert.rejects(refund(middle), /nobody could be asked to approve `process_refund`: the queue is gone/);
  assert.deepEqual(ran, []);
});

test("the policies of the moment of the answer decide", async () => {
  const { governor, held } = setUp(() => granted);
  const { ran, tool } = refundTool();
  const large = governor.govern(tool, { tool: "process_refund" });
  await assert.rejects(large({ customer_id: "c", amount: 5000 }), { code: "policy_deny" });
  assert.deepEqual([held, ran], [[], []]);
});

test("who calls off the waiting gets the reason of its own signal, and the broker is told", async () => {
  const stop = new AbortController();
  let told = false;
  const { governor } = setUp((_, signal) => new Promise(() => signal.addEventListener("abort", () => (told = true))));
  const { ran, tool } = refundTool();
  const refund = governor.govern(tool, { tool: "process_refund", signal: () => stop.signal });
  const waiting = refund(middle);
  setTimeout(() => stop.abort(new RangeError("stopped")), 10);
  await assert.rejects(waiting, { name: "RangeError", message: "stopped" });
  assert.equal(told, true);
  assert.deepEqual(ran, []);
});
