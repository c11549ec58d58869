// A governor that lets a server decide, and a server that fails in every way there is: the tool runs only after a start
// that was answered with the very action, by the very hash.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { ApprovalExpiredError, ApprovalRejectedError, ApprovalRequiredError, ArgumentsChangedError, createGovernor, denialText, FarameshError, PolicyUnavailableError, ToolDeniedError } from "faramesh";
import type { GovernorOptions } from "faramesh";

import { AGENT, REFUNDS, refundTool } from "./support/policies.js";
import { approved, expired, rejected, ScriptedServer, turned } from "./support/scripted.js";
import type { Reply } from "./support/scripted.js";

let server: ScriptedServer;
beforeEach(async () => {
  server = await ScriptedServer.start(REFUNDS);
});
afterEach(() => server.stop());

function setUp(more: Partial<GovernorOptions> = {}) {
  const errors: FarameshError[] = [];
  const governor = createGovernor({
    agentId: AGENT,
    server: { url: server.url, apiKey: "fmk_test", timeoutMs: 300 },
    onError: (error: FarameshError) => errors.push(error),
    ...(more as object),
  });
  const { ran, tool } = refundTool();
  return { governor, ran, errors, refund: governor.govern(tool, { tool: "process_refund" }) };
}

const small = { customer_id: "c-1", amount: 45 };
const middle = { customer_id: "c-1", amount: 340 };
const large = { customer_id: "c-1", amount: 5000 };

test("an allowed call is submitted, started, run and reported, in this order", async () => {
  const { refund, ran } = setUp();
  assert.equal(await refund(small), "refunded 45");
  assert.deepEqual(server.verbs(), ["submit", "start", "result"]);
  assert.deepEqual(server.bodies("submit")[0], { agent_id: AGENT, tool: "process_refund", operation: "call", params: small, context: {} });
  assert.deepEqual(server.bodies("result")[0], { success: true });
  assert.equal(server.seen[0]?.headers["authorization"], "Bearer fmk_test");
  assert.notEqual(server.seen[0]?.headers["idempotency-key"], undefined);
  assert.equal(ran.length, 1);
});

test("a denied call is not started", async () => {
  const { refund, ran } = setUp();
  await assert.rejects(refund(large), (error) => {
    assert.ok(error instanceof ToolDeniedError);
    assert.equal(error.code, "policy_deny");
    assert.equal(error.actionId, "action-0");
    assert.equal(error.decision?.rule?.id, "large");
    return true;
  });
  assert.deepEqual(server.verbs(), ["submit"]);
  assert.deepEqual(ran, []);
});

test("a held call waits, and runs when a person has approved it", async () => {
  const { refund, ran } = setUp();
  server.script("wait", (action) => ({ body: action, afterMs: 20 }), turned(approved));
  assert.equal(await refund(middle), "refunded 340");
  assert.deepEqual(server.verbs(), ["submit", "wait", "wait", "start", "result"]);
  assert.equal(ran.length, 1);
});

test("rejected, expired and not answered are three different errors", async () => {
  const { refund, ran } = setUp({ approvalTimeoutMs: 600 });
  server.script("wait", turned(rejected));
  await assert.rejects(refund(middle), ApprovalRejectedError);
  server.script("wait", turned(expired));
  await assert.rejects(refund(middle), ApprovalExpiredError);
  server.script("wait", (action) => ({ body: action, afterMs: 50 }));
  await assert.rejects(refund(middle), (error) => {
    assert.ok(error instanceof ApprovalRequiredError);
    assert.equal(error.approval, "withdrawn");
    assert.match(error.message, /was withdrawn, since nobody answered in time/);
    assert.doesNotMatch(denialText(error, "t").replace("it was not rejected", ""), /reject|under review/);
    return true;
  });
  assert.equal(server.verbs().at(-1), "withdraw");
  assert.deepEqual(ran, []);
});

test("two calls that are held at the same time get each its own answer", async () => {
  const { refund, ran } = setUp();
  const answers: Record<string, object> = { "action-0": rejected, "action-1": approved };
  server.script("wait", async (action) => {
    while (server.actions.size < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    return { body: Object.assign(action, answers[action.id]) };
  });
  const [first, second] = await Promise.allSettled([refund(middle), refund({ customer_id: "c-2", amount: 200 })]);
  const byAction = [...server.actions.values()].map((action) => (action["params"] as { amount: number }).amount);
  const outcomes = { 340: first, 200: second } as Record<number, PromiseSettledResult<string>>;
  const one = outcomes[byAction[0] as number] as PromiseRejectedResult;
  assert.equal(one.status, "rejected");
  assert.ok(one.reason instanceof ApprovalRejectedError);
  assert.equal(outcomes[byAction[1] as number]?.status, "fulfilled");
  assert.deepEqual(ran.map((refund) => refund.amount), [byAction[1]]);
});

test("arguments that change while a call is held do not run", async () => {
  const { refund, ran } = setUp();
  const given = { ...middle };
  server.script("wait", (action) => {
    given.amount = 999_999;
    return turned(approved)(action);
  });
  await assert.rejects(refund(given), ArgumentsChangedError);
  assert.equal(server.verbs().includes("start"), false);
  assert.deepEqual(ran, []);
});

test("arguments that change between the start and the run do not run", async () => {
  const { refund, ran } = setUp();
  const given = { ...small };
  server.script("start", (action) => {
    given.amount = 999_999;
    return turned({ status: "executing" })(action);
  });
  await assert.rejects(refund(given), ArgumentsChangedError);
  assert.deepEqual(ran, []);
});

const garbage: [what: string, verb: string, reply: Reply | ((action: never) => Reply), code: string | RegExp][] = [
  ["text that is no JSON", "submit", { body: "<html>" }, "invalid_answer"],
  ["JSON that is no action", "submit", { body: "[]" }, "invalid_answer"],
  ["null", "submit", { body: "null" }, "invalid_answer"],
  ["an action without an outcome", "submit", { body: { id: "x", status: "allowed" } }, "invalid_answer"],
  ["an outcome from the future", "submit", turned({ outcome: "PROBABLY" }) as never, "unknown_outcome"],
  ["EXECUTE with a status that does not fit", "submit", turned({ status: "denied" }) as never, "invalid_answer"],
  ["EXECUTE for other arguments", "submit", turned({ request_hash: "0".repeat(64) }) as never, "arguments_changed"],
  ["EXECUTE for no arguments", "submit", turned({ request_hash: null }) as never, "arguments_changed"],
  ["401", "submit", { status: 401, body: { code: "wrong_key", detail: "this key is not one of ours" } }, "wrong_key"],
  ["403", "submit", { status: 403, body: { code: "agent_not_allowed" } }, "agent_not_allowed"],
  ["409", "submit", { status: 409, body: { code: "idempotency_key_reused" } }, "idempotency_key_reused"],
  ["422", "submit", { status: 422, body: { code: "invalid_action", reason_code: "invalid_action", detail: "bad" } }, "invalid_action"],
  ["503 store_failure", "submit", { status: 503, body: { code: "store_failure", reason_code: "store_failure" } }, "store_failure"],
  ["500 of a proxy", "submit", { status: 502, body: "<h1>Bad Gateway</h1>" }, "server_unavailable"],
  ["a redirect", "submit", { status: 302, body: "", headers: { location: "http://127.0.0.1:1/" } }, "request_refused"],
  ["no answer in time", "submit", { afterMs: 1000 }, "server_timeout"],
  ["a connection that is closed", "submit", { drop: true }, "server_unreachable"],
  ["another action at the start", "start", (() => ({ body: { id: "other", status: "executing", outcome: "EXECUTE", reason_code: "x", policy_hash: "x", request_hash: null } })) as never, "invalid_answer"],
  ["a start that did not happen", "start", turned({ status: "allowed" }) as never, "invalid_answer"],
  ["a start for other arguments", "start", turned({ status: "executing", request_hash: "0".repeat(64) }) as never, "arguments_changed"],
  ["409 at the start", "start", { status: 409, body: { code: "wrong_status", detail: "the action is `executing`" } }, "wrong_status"],
  ["500 at the start", "start", { status: 500, body: "" }, "server_unavailable"],
  ["no answer to the start in time", "start", { afterMs: 1000 }, "server_timeout"],
];

for (const [what, verb, reply, code] of garbage) {
  test(`nothing runs on ${what}`, async () => {
    const { refund, ran } = setUp();
    server.script(verb, reply as Reply);
    await assert.rejects(refund(small), (error) => {
      assert.ok(error instanceof FarameshError, String(error));
      assert.equal(error.code, code);
      return true;
    });
    assert.deepEqual(ran, []);
    // A start that happened has an end, so that the action does not stay open.
    assert.equal(server.verbs().includes("result"), what === "a start for other arguments");
  });
}

test("nothing runs when there is no server", async () => {
  const { refund, ran, errors } = setUp();
  await server.stop();
  await assert.rejects(refund(small), (error) => {
    assert.ok(error instanceof PolicyUnavailableError);
    assert.equal(error.code, "server_unreachable");
    assert.notEqual(error.cause, undefined);
    return true;
  });
  assert.deepEqual(ran, []);
  assert.deepEqual(errors.map((error) => error.code), ["server_unreachable"]);
});

test("a server that fails while a person thinks is asked again, and not for ever", async () => {
  const { refund, ran } = setUp();
  server.script("wait", { drop: true }, { drop: true }, turned(approved));
  assert.equal(await refund(middle), "refunded 340");
  server.script("wait", { status: 401, body: { code: "wrong_key" } });
  await assert.rejects(refund(middle), { code: "wrong_key" });
  server.script("wait", turned({ id: "other" }));
  await assert.rejects(refund(middle), { code: "invalid_answer" });
  assert.equal(ran.length, 1);
});

test("a lost answer is asked for again under the same key, so that nothing happens twice", async () => {
  const { refund, ran } = setUp();
  server.script("start", { drop: true }, turned({ status: "executing" }));
  await refund(small);
  const keys = server.seen.filter((one) => one.verb === "start").map((one) => one.headers["idempotency-key"]);
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
  assert.equal(ran.length, 1);
});

test("what has run has run: a report that fails changes nothing", async () => {
  const { governor, refund, ran, errors } = setUp();
  server.script("result", { status: 409, body: { code: "wrong_status" } });
  assert.equal(await refund(small), "refunded 45");
  assert.deepEqual(errors.map((error) => error.code), ["report_failed"]);
  const failing = governor.govern((_: object) => Promise.reject(new RangeError("no")), { tool: "process_refund" });
  await assert.rejects(failing(small), RangeError);
  assert.deepEqual(server.bodies("result")[1], { success: false, error: "RangeError: no" });
  assert.equal(ran.length, 1);
});

test("results are reported where that is asked for, and only as JSON", async () => {
  const { governor, errors } = setUp({ reportResult: true });
  const good = governor.govern((_: object) => ({ b: 1, a: [2] }), { tool: "process_refund" });
  await good(small);
  assert.deepEqual(server.bodies("result")[0], { success: true, result: { a: [2], b: 1 } });
  const odd = governor.govern((_: object) => new Map(), { tool: "process_refund" });
  assert.ok((await odd(small)) instanceof Map);
  assert.deepEqual(server.bodies("result")[1], { success: true });
  assert.deepEqual(errors.map((error) => error.code), ["invalid_result"]);
});

test("who calls off the waiting gets the reason of its own signal", async () => {
  const { governor } = setUp();
  const { ran, tool } = refundTool();
  const stop = new AbortController();
  const refund = governor.govern(tool, { tool: "process_refund", signal: stop.signal });
  server.script("wait", (action) => {
    setTimeout(() => stop.abort(new RangeError("stopped")), 20);
    return { body: action, afterMs: 5000 };
  });
  await assert.rejects(refund(middle), { name: "RangeError", message: "stopped" });
  await assert.rejects(refund(small), { name: "RangeError" });
  assert.equal(server.verbs().filter((verb) => verb === "submit").length, 1);
  assert.deepEqual(ran, []);
});

test("onDeny returns a text for the model that says nothing of machines", async () => {
  const { governor } = setUp();
  const { ran, tool } = refundTool();
  const refund = governor.govern(tool, { tool: "process_refund", onDeny: "return" });
  assert.match(await refund(large), /policy denies this call\.\nCode: policy_deny\nRule: large \(support-agent\.yaml\)\nReason: .*\nAction: action-0\nDo not retry/);
  server.script("submit", { status: 500, body: "" });
  const text = await refund(small);
  assert.equal(
    text,
    "The tool `process_refund` was not run: whether it is allowed could not be decided.\nCode: server_unavailable\n" +
      "Do not retry now. Tell the user that this cannot be done at the moment; it was not rejected.",
  );
  assert.equal(text.includes("127.0.0.1"), false);
  assert.deepEqual(ran, []);
});

test("decide submits, and a dry run does not", async () => {
  const { governor } = setUp();
  const decision = await governor.decide({ tool: "process_refund", params: middle });
  assert.equal((decision as { outcome: string }).outcome, "ABSTAIN");
  assert.equal((decision as { action_id?: string }).action_id, "action-0");
  server.script("decide", { body: { outcome: "HALT", reason_code: "default_deny", policy_hash: "x", request_hash: "y" } });
  assert.equal((await governor.decide({ tool: "t" }, { dryRun: true })).outcome, "HALT");
  assert.deepEqual(server.verbs(), ["submit", "decide"]);
  await assert.rejects(Promise.resolve(governor.decide({ tool: "t", params: { a: NaN } })), { code: "invalid_action" });
});
