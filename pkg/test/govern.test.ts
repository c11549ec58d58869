// A governed tool that decides locally: it runs only if the policies permit it, with the decided arguments.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ApprovalRequiredError,
  ArgumentsChangedError,
  createGovernor,
  FarameshError,
  govern,
  InvalidActionError,
  PolicyInvalidError,
  ToolDeniedError,
} from "faramesh";
import type { Decided, GovernorOptions, Refusal } from "faramesh";

import { AGENT, REFUNDS, refundTool } from "./support/policies.js";
import type { Refund } from "./support/policies.js";

const options = { agentId: AGENT, policy: REFUNDS };

test("an allowed call runs, and stays synchronous", () => {
  const { ran, tool } = refundTool();
  const refund = govern(tool, { ...options, tool: "process_refund" });
  assert.equal(refund({ customer_id: "c-1", amount: 45 }), "refunded 45");
  assert.deepEqual(ran, [{ customer_id: "c-1", amount: 45 }]);
});

test("a denied call throws the decision and does not run", () => {
  const { ran, tool } = refundTool();
  const refund = govern(tool, { ...options, tool: "process_refund" });
  assert.throws(
    () => refund({ customer_id: "c-1", amount: 5000 }),
    (error) => {
      assert.ok(error instanceof ToolDeniedError && error instanceof FarameshError);
      assert.equal(error.name, "ToolDeniedError");
      assert.equal(error.code, "policy_deny");
      assert.equal(error.decision?.rule?.id, "large");
      assert.match(error.message, /`process_refund` was denied: Refunds above \$1000/);
      return true;
    },
  );
  for (const amount of ["1e9", null, undefined, [45], {}]) {
    assert.throws(() => refund({ customer_id: "c-1", amount: amount as never }), { code: "undetermined_deny" });
  }
  assert.deepEqual(ran, []);
});

test("a held call does not run when there is nobody to ask", () => {
  const { ran, tool } = refundTool();
  const refund = govern(tool, { ...options, tool: "process_refund" });
  assert.throws(() => refund({ customer_id: "c-1", amount: 340 }), ApprovalRequiredError);
  assert.deepEqual(ran, []);
});

test("arguments without an exact JSON form do not run", () => {
  const { ran, tool } = refundTool();
  const refund = govern(tool, { ...options, tool: "process_refund" });
  assert.throws(() => refund({ customer_id: "c-1", amount: NaN }), { name: "InvalidActionError", code: "invalid_action" });
  assert.throws(() => (refund as (...args: unknown[]) => unknown)({ amount: 1 }, "more"), InvalidActionError);
  assert.throws(() => (refund as (...args: unknown[]) => unknown)("c-1"), InvalidActionError);
  assert.deepEqual(ran, []);
});

test("an asynchronous function is rejected and never throws at its caller", async () => {
  const refund = govern(async ({ amount }: Refund) => Promise.resolve(amount), { ...options, tool: "process_refund" });
  assert.equal(await refund({ customer_id: "c-1", amount: 45 }), 45);
  const denied = refund({ customer_id: "c-1", amount: 5000 });
  assert.ok(denied instanceof Promise);
  await assert.rejects(denied, ToolDeniedError);
});

test("a tool's own errors, its `this` and its name are its own", async () => {
  class Bank {
    balance = 100;
    refund(this: Bank, { amount }: Refund): number {
      if (amount > this.balance) throw new RangeError("not enough");
      return (this.balance -= amount);
    }
  }
  const bank = new Bank();
  bank.refund = govern(bank.refund, { ...options, tool: "process_refund" });
  assert.equal(bank.refund({ customer_id: "c-1", amount: 60 }), 40);
  assert.throws(() => bank.refund({ customer_id: "c-1", amount: 60 }), { name: "RangeError", message: "not enough" });
  assert.equal(bank.refund.name, "refund");
  assert.equal(bank.refund.length, 1);
  const later = govern(({ amount }: Refund) => Promise.reject<number>(new RangeError(`no ${amount}`)), { ...options, tool: "process_refund" });
  await assert.rejects(later({ customer_id: "c-1", amount: 1 }), { name: "RangeError", message: "no 1" });
});

test("positional arguments have names, and no argument is left without one", () => {
  const ran: unknown[][] = [];
  const tool = (...args: [customer_id: string, amount: number]) => ran.push(args);
  const refund = govern(tool, { ...options, tool: "process_refund", params: ["customer_id", "amount"] });
  refund("c-1", 45);
  assert.throws(() => refund("c-1", 5000), ToolDeniedError);
  assert.throws(() => (refund as (...args: unknown[]) => unknown)("c-1", 45, "unseen"), InvalidActionError);
  assert.deepEqual(ran, [["c-1", 45]]);
  const two = (customer_id: string, amount: number) => `${customer_id}${amount}`;
  // @ts-expect-error two arguments need names
  assert.throws(() => govern(two, { ...options, tool: "t" }), /`t` takes 2 arguments; say with `params`/);
  assert.throws(() => govern(two, { ...options, tool: "t", params: ["customer_id"] }), /takes 2 arguments, and `params` names 1/);
  assert.throws(() => govern(two, { ...options, tool: "t", params: ["a", "a"] }), /names an argument twice/);
  assert.throws(() => govern(two, { ...options, tool: "t", params: [1] as never }), TypeError);
});

test("a function of the arguments makes params, context and the signal", () => {
  const seen: string[] = [];
  const tool = (refund: Refund, extra: { user: string; signal: AbortSignal }) => `${refund.amount} for ${extra.user}`;
  const stop = new AbortController();
  const refund = govern(tool, {
    ...options,
    context: { env: "test" },
    onDecision: (_, action) => seen.push(action),
    tool: "process_refund",
    params: (refund) => refund,
    signal: (_, { signal }) => signal,
  });
  assert.equal(refund({ customer_id: "c", amount: 1 }, { user: "ann", signal: stop.signal }), "1 for ann");
  assert.deepEqual(JSON.parse(seen[0] as string), { agent_id: AGENT, tool: "process_refund", operation: "call", params: { customer_id: "c", amount: 1 }, context: { env: "test" } });
  stop.abort(new Error("stopped"));
  assert.throws(() => refund({ customer_id: "c", amount: 1 }, { user: "ann", signal: stop.signal }), /stopped/);
});

test("contexts of governor and call are put together, and neither speaks for the other", () => {
  const policy = "rules: [{ match: { tool: t, context: { env: prod, user: ann } }, allow: true }]";
  const governor = createGovernor({ agentId: AGENT, policy, context: { env: "prod" } });
  const tool = governor.govern((_: object) => "ran", { tool: "t", context: () => ({ user: "ann" }) });
  assert.equal(tool({}), "ran");
  const clash = governor.govern((_: object) => "ran", { tool: "t", context: { env: "test", user: "ann" } });
  assert.throws(() => clash({}), /`context.env` is given twice/);
  assert.equal(governor.decide({ tool: "t", context: { env: "prod" } }).reason_code, "invalid_action");
});

test("what runs is what was decided, whatever the caller's object answers later", () => {
  const { ran, tool } = refundTool();
  const refund = govern(tool, { ...options, tool: "process_refund" });
  const given = { customer_id: "c-1", amount: 45, note: undefined };
  refund(given);
  assert.notEqual(ran[0], given);
  let reads = 0;
  const sly = new Proxy(given, {
    get: (target, key) => (key === "amount" ? (reads++ < 2 ? 45 : 1_000_000) : (Reflect.get(target, key) as unknown)),
  });
  assert.equal(refund(sly), "refunded 45");
  assert.deepEqual(ran[1], { customer_id: "c-1", amount: 45 });
});

test("arguments that changed after the decision do not run", () => {
  const { ran, tool } = refundTool();
  const arguments_ = { customer_id: "c-1", amount: 45 };
  const change: { as: unknown } = { as: 46 };
  const refund = govern(tool, { ...options, tool: "process_refund", onDecision: () => (arguments_.amount = change.as as number) });
  for (const as of [46, NaN, undefined, "45", new Date()]) {
    arguments_.amount = 45;
    change.as = as;
    assert.throws(() => refund(arguments_), (error) => {
      assert.ok(error instanceof ArgumentsChangedError);
      assert.equal(error.code, "arguments_changed");
      assert.equal(error.decision?.outcome, "EXECUTE");
      return true;
    });
  }
  const inPlace = { answer: 0 };
  const mapped = govern((_: Refund) => "ran", { ...options, tool: "process_refund", params: () => ({ customer_id: "c", amount: (inPlace.answer += 1) }) });
  assert.throws(() => mapped({ customer_id: "c", amount: 1 }), ArgumentsChangedError);
  assert.deepEqual(ran, []);
  // Another spelling of the same arguments is not a change.
  arguments_.amount = 45;
  change.as = 45;
  assert.equal(refund(arguments_), "refunded 45");
});

test("onDeny returns a final text for a model, or what a function makes", () => {
  const governor = createGovernor({ ...options, onDeny: "return" });
  const refund = governor.govern(({ amount }: Refund) => amount, { tool: "process_refund" });
  assert.equal(refund({ customer_id: "c", amount: 45 }), 45);
  assert.equal(
    refund({ customer_id: "c", amount: 5000 }),
    "The tool `process_refund` was not run: policy denies this call.\n" +
      "Code: policy_deny\n" +
      "Rule: large (policy.yaml)\n" +
      "Reason: Refunds above $1000 require the finance team\n" +
      "Do not retry with these arguments. Tell the user why, or go on without this call.",
  );
  assert.equal(
    refund({ customer_id: "c", amount: 340 }),
    "The tool `process_refund` was not run: it needs approval by a person, and there is no way here to ask one.\n" +
      "Code: approval_required\nRule: middle (policy.yaml)\nReason: Mid-range refunds require manager review\n" +
      "Do not retry with these arguments. Tell the user that this needs approval by a person and was not done; it was not rejected.",
  );
  assert.match(String(refund({ customer_id: "c", amount: NaN })), /cannot be read as an action\.\nCode: invalid_action\nReason: `params\.amount` is `NaN`/);
  const seen: Refusal[] = [];
  const made = governor.govern(({ amount }: Refund) => amount, {
    tool: "process_refund",
    onDeny: (refusal) => {
      seen.push(refusal);
      return { isError: true };
    },
  });
  assert.deepEqual(made({ customer_id: "c", amount: 5000 }), { isError: true });
  assert.equal(seen[0]?.decision?.outcome, "HALT");
  assert.equal(seen[0]?.tool, "process_refund");
  const thrown = governor.govern(({ amount }: Refund) => amount, { tool: "process_refund", onDeny: "throw" });
  assert.throws(() => thrown({ customer_id: "c", amount: 5000 }), ToolDeniedError);
});

test("onDecision hears every decision, and its failure opens nothing and closes nothing", () => {
  const heard: Decided[] = [];
  const errors: FarameshError[] = [];
  const governor = createGovernor({
    ...options,
    onDecision: (decision) => {
      heard.push(decision);
      throw new Error("a broken listener");
    },
    onError: (error) => {
      errors.push(error);
      throw new Error("another one");
    },
  });
  const { ran, tool } = refundTool();
  const refund = governor.govern(tool, { tool: "process_refund" });
  refund({ customer_id: "c", amount: 45 });
  assert.throws(() => refund({ customer_id: "c", amount: 5000 }), ToolDeniedError);
  governor.decide({ tool: "process_refund", params: { amount: 340 } });
  assert.deepEqual(heard.map((one) => one.outcome), ["EXECUTE", "HALT", "ABSTAIN"]);
  assert.deepEqual(errors.map((one) => one.code), ["listener_failed", "listener_failed", "listener_failed"]);
  assert.equal(ran.length, 1);
});

test("decide is total, and says the same as the engine alone", () => {
  const governor = createGovernor(options);
  const decision = governor.decide({ tool: "process_refund", params: { customer_id: "c", amount: 340 } });
  assert.equal(decision.outcome, "ABSTAIN");
  assert.deepEqual(decision.approval, { expires_ms: null, requires: [{ approvers: 1, roles: [] }] });
  assert.equal("receipt" in decision, false);
  assert.equal(governor.decide({ tool: "unknown" }).reason_code, "default_deny");
  const explanation = governor.explain({ tool: "process_refund", params: { amount: "340" } });
  assert.equal(explanation.decision.reason_code, "undetermined_deny");
  assert.equal(explanation.policies[0]?.rules[0]?.truth, "undetermined");
  assert.throws(() => governor.explain("{"), InvalidActionError);
});

test("options that make no sense are refused when the governor is made", () => {
  const wrong: [GovernorOptions | object, RegExp][] = [
    [{}, /`agentId`/],
    [{ agentId: "" }, /`agentId`/],
    [{ ...options, agentId: "\ud800" }, /`agentId`/],
    [{ agentId: AGENT }, /give `policy`, `policies` or `bundle` to decide here, or `server`/],
    [{ ...options, policies: {} }, /one of `policy`, `policies` and `bundle`/],
    [{ ...options, onDenied: "throw" }, /there is no option `onDenied`/],
    [{ ...options, onDeny: "allow" }, /`onDeny` is `allow`/],
    [{ ...options, onError: "log" }, /`onError` must be a function/],
    [{ ...options, mode: "shadow" }, /`mode` is `shadow`/],
    [{ ...options, mode: "remote", server: "http://127.0.0.1:1" }, /leave `policy` out/],
    [{ ...options, server: "http://127.0.0.1:1" }, /a policy needs one: give `policies`/],
    [{ ...options, policy: "policies/support-agent.yaml" }, /`policies\/support-agent\.yaml` looks like the path of one/],
    [{ ...options, policy: "./support-agent" }, /looks like the path/],
    [{ ...options, agentId: "ü".repeat(129) }, /1 to 256 bytes/],
    [{ agentId: AGENT, mode: "local", server: "http://127.0.0.1:1" }, /to decide here takes/],
    [{ agentId: AGENT, server: "http://127.0.0.1:1", approvals: { hold: async () => ({ verdict: "granted" }) } }, /leave `approvals` out/],
    [{ agentId: AGENT, server: "127.0.0.1:8000" }, /must have a `url`/],
    [{ agentId: AGENT, server: { url: "ftp://x" } }, /must have a `url`/],
    [{ agentId: AGENT, server: { url: "http://127.0.0.1:1", timeoutMs: 0 } }, /`timeoutMs` is 0/],
    [{ ...options, approvals: () => true }, /`approvals` must have a method `hold`/],
    [{ ...options, approvalTimeoutMs: -1 }, /`approvalTimeoutMs` is -1/],
    [{ ...options, context: { at: new Date() } }, /`context` must be plain JSON: `at` is a `Date`/],
    [{ ...options, context: [] }, /`context` must be plain JSON/],
    [{ ...options, policy: 3 }, /`policy` must be the text/],
    [{ agentId: AGENT, policies: { "a.yaml": 3 } }, /the content of `a\.yaml`/],
    [{ agentId: AGENT, bundle: {} }, /`bundle` must come from `createBundle`/],
  ];
  for (const [given, message] of wrong) {
    assert.throws(() => createGovernor(given as GovernorOptions), (error) => error instanceof TypeError && message.test(error.message), JSON.stringify(given));
  }
  const governor = createGovernor(options);
  const tool = (_: object) => 1;
  for (const given of [{}, { tool: "" }, { tool: "\ud800" }, { tool: "t", operation: 3 }, { tool: "t", param: [] }, { tool: "t", onDeny: "run" }, { tool: "t".repeat(257) }, { tool: "ü".repeat(129) }, { tool: "t", exclude: "a" }, { tool: "t", defaults: 3 }, { tool: "t", callId: 3 }]) {
    assert.throws(() => governor.govern(tool, given as never), TypeError, JSON.stringify(given));
  }
  assert.throws(() => governor.govern("tool" as never, { tool: "t" }), TypeError);
  assert.throws(() => governor.govern(function* () {} as never, { tool: "t" }), /is a generator/);
  assert.throws(() => governor.govern(async function* () {} as never, { tool: "t" }), /is a generator/);
});

test("policies with errors make no governor, and all findings are told", () => {
  const policy = "rules:\n  - match: { tool: t, ämount_gt: 1 }\n    alow: true\n  - match: { tool: u }\n";
  assert.throws(
    () => createGovernor({ agentId: AGENT, policy }),
    (error) => {
      assert.ok(error instanceof PolicyInvalidError);
      assert.equal(error.code, "policy_invalid");
      assert.ok(error.diagnostics.length >= 2);
      assert.match(error.message, /the policies have errors: policy\.yaml:3:5: unknown key `alow`/);
      return true;
    },
  );
});

test("an empty policy permits nothing", () => {
  for (const policies of [{}, { "a.yaml": "rules: []" }, { "a.yaml": "name: nothing" }]) {
    const governor = createGovernor({ agentId: AGENT, policies });
    assert.equal(governor.decide({ tool: "t" }).outcome, "HALT");
    const { ran, tool } = refundTool();
    assert.throws(() => governor.govern(tool, { tool: "t" })({ customer_id: "c", amount: 1 }), FarameshError);
    assert.deepEqual(ran, []);
  }
});
