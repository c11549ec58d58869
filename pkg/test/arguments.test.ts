// A tool gets exactly the decided arguments: defaults, further arguments, objects that answer differently each time, and
// functions whose parameters cannot be read.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createGovernor, FarameshError, govern, InvalidActionError, ToolDeniedError } from "faramesh";

import { AGENT, REFUNDS } from "./support/policies.js";

const policy = `
rules:
  - { match: { tool: 'transfer*', amount_gt: 1000 }, deny: true }
  - { match: { tool: 'transfer*' }, allow: true }
`;
const options = { agentId: AGENT, policy, tool: "transfer_money" };
type Any = (...args: unknown[]) => unknown;

/** The end of a call: the function's result, or the code of the error. */
function told(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return (error as FarameshError).code;
  }
}

test("a default of a positional argument does not run unseen", () => {
  const ran: unknown[] = [];
  const tool = (to: string, amount = 5000) => ran.push([to, amount]);
  const named = { ...options, params: ["to", "amount"] };
  const transfer = govern(tool, named) as Any;
  for (const args of [["bob"], ["bob", undefined]]) {
    assert.throws(() => transfer(...args), (error) => {
      assert.ok(error instanceof InvalidActionError);
      assert.equal(error.code, "unseen_default");
      assert.match(error.message, /`amount` of `transfer_money` was left out.*name it in `defaults`/);
      return true;
    });
  }
  // Of what `bind` makes only the length is known.
  assert.equal(told(() => (govern(tool.bind(null), named) as Any)("bob")), "unseen_default");
  transfer("bob", 5);
  assert.equal(told(() => transfer("bob", 5000)), "policy_deny");
  // A named default is decided and given to the tool.
  assert.equal(told(() => (govern(tool, { ...named, defaults: { amount: 5000 } }) as Any)("bob")), "policy_deny");
  (govern(tool, { ...named, defaults: { amount: 7 } }) as Any)("bob");
  assert.deepEqual(ran, [["bob", 5], ["bob", 7]]);
});

const patterns: [what: string, tool: Any, hidden: object, seen: object][] = [
  ["in a pattern", (({ to, amount = 5000 }: { to: string; amount?: number }) => [to, amount]) as Any, { to: "bob" }, { to: "bob", amount: 5 }],
  ["behind a new name", (({ amount: sum = 5000 }: { amount?: number }) => sum) as Any, {}, { amount: 5 }],
  ["deep inside", (({ order: { amount = 5000 } }: { order: { amount?: number } }) => amount) as Any, { order: {} }, { order: { amount: 5 } }],
  ["of a whole part", (({ order: { amount = 5000 } = {} }: { order?: { amount?: number } }) => amount) as Any, {}, { order: { amount: 5 } }],
  ["in a list", (({ items: [first = 5000] }: { items: number[] }) => first) as Any, { items: [] }, { items: [1] }],
  ["under a name in quotes", (({ "the amount": amount = 5000 }: { "the amount"?: number }) => amount) as Any, {}, { "the amount": 5 }],
  ["that is a condition", (({ amount = Date.now() > 0 ? 5000 : 1 }: { amount?: number }) => amount) as Any, {}, { amount: 5 }],
  ["beside texts and patterns of texts", (({ by = "a,b}`", at = /[/,}]/.source, amount = 5000 }: { by?: string; at?: string; amount?: number }) => [by, at, amount]) as Any, { by: "x", at: "y" }, { by: "x", at: "y", amount: 5 }],
  ["in a function", function (this: unknown, { amount = 5000 }: { amount?: number }) { return amount; } as Any, {}, { amount: 5 }],
  ["in a method", { async: ({ amount = 5000 }: { amount?: number }) => amount, method({ amount = 5000 }: { amount?: number }) { return amount; } }.method as Any, {}, { amount: 5 }],
  ["under a computed name of a method", { [`a(${1})`]({ amount = 5000 }: { amount?: number }) { return amount; } }["a(1)"] as Any, {}, { amount: 5 }],
];
for (const [what, tool, hidden, seen] of patterns) {
  test(`a default ${what} does not run unseen`, () => {
    const transfer = govern(tool, options) as Any;
    assert.equal(told(() => transfer(hidden)), "unseen_default");
    assert.notEqual(told(() => transfer(seen)), "unseen_default");
  });
}

test("a default in the rest of a list is refused, since its place is not followed", () => {
  const tools = [
    (to: string, ...[amount = 5000]: number[]) => [to, amount],
    (to: string, ...{ length, 0: amount = 5000 }: number[]) => [to, length, amount],
  ];
  for (const tool of tools) {
    const transfer = govern(tool, { ...options, params: ["to", "amount"] }) as Any;
    assert.equal(told(() => transfer("bob")), "unseen_default");
  }
  const inside = (({ items: [first, ...[second = 5000]] }: { items: number[] }) => [first, second]) as Any;
  assert.throws(() => govern(inside, options), /cannot be told/);
  const spelt = (({ 0x10: amount = 5000 }: { 16?: number }) => amount) as Any;
  assert.throws(() => govern(spelt, options), /cannot be told/);
});

test("a default behind what only looks like a comment or a division does not run unseen", () => {
  const made = (parameters: string) => new Function(`return (${parameters}) => amount`)() as Any;
  for (const parameters of ["{ to, // one\u2028 amount = 5000 }", "{ to, // one\r amount = 5000 }", "{ to = typeof /[{]/, amount = 5000 }"]) {
    assert.equal(told(() => (govern(made(parameters), options) as Any)({ to: "bob" })), "unseen_default", parameters);
  }
});

test("a default of the whole argument is no default any more: the tool gets what was decided", () => {
  const ran: unknown[] = [];
  const transfer = govern((input: { amount?: number } = { amount: 5000 }) => ran.push(input), options) as Any;
  transfer();
  transfer(undefined);
  assert.deepEqual(ran, [{}, {}]);
});

test("a default whose place cannot be told is refused when the function is wrapped", () => {
  const key = "amount";
  assert.throws(() => govern((({ [key]: amount = 5000 }: { amount?: number }) => amount) as Any, options), /which defaults `transfer_money` has cannot be told/);
});

test("a second parameter is refused without `params`, also where a default hides it", () => {
  const second = ({ amount }: { amount: number }, currency = "EUR") => `${amount} ${currency}`;
  assert.throws(() => govern(second as Any, options), /takes 2 arguments/);
  // All that such a function gets is the one object.
  const seen: unknown[][] = [];
  (govern((...all: unknown[]) => seen.push(all), options) as Any)({ amount: 5 }, { toolCallId: "c" });
  assert.deepEqual(seen, [[{ amount: 5 }]]);
});

test("a function whose parameters cannot be read is refused where a default could hide", () => {
  const tool = (({ amount = 5000 }: { amount?: number }) => amount).bind(null) as Any;
  assert.throws(() => govern(tool, options), /the parameters of `transfer_money` cannot be read, as of what `bind` makes/);
  const named = govern(((to: string, { amount = 5000 }: { amount?: number }) => [to, amount]).bind(null) as Any, { ...options, params: ["to", "how"] }) as Any;
  assert.equal(told(() => named("bob", {})), "invalid_action");
});

test("what agent frameworks pass beside the one argument does not get in the way, and nothing else is dropped", async () => {
  const seen: unknown[][] = [];
  const tool = (...args: unknown[]) => seen.push(args);
  const one = govern((input: { amount: number }) => tool(input), options) as Any;
  class RunContext {}
  const beside: unknown[][] = [
    [{ toolCallId: "c-1", messages: [], abortSignal: new AbortController().signal }],
    [new RunContext(), { toolCall: { callId: "c-1" } }],
    [{ configurable: { thread_id: "t-1" }, callbacks: [] }],
    [undefined, { tags: [], metadata: {}, recursionLimit: 25, runName: undefined }],
    [undefined],
  ];
  for (const more of beside) one({ amount: 5 }, ...more);
  assert.deepEqual(seen, beside.map(() => [{ amount: 5 }]));
  for (const more of ["USD", { currency: "USD" }, ["USD"], 3]) assert.equal(told(() => one({ amount: 5 }, more)), "invalid_action");
  assert.equal(told(() => one({ amount: 5000 }, { toolCallId: "c-1" })), "policy_deny");
  assert.equal(seen.length, beside.length);
});

test("the signal of a framework calls a call off", async () => {
  const stop = new AbortController();
  stop.abort(new RangeError("stopped"));
  const transfer = govern(async (_: { amount: number }) => "ran", options) as Any;
  await assert.rejects(transfer({ amount: 5 }, { toolCallId: "c", abortSignal: stop.signal }) as Promise<unknown>, RangeError);
});

test("an argument that `params` gives back is passed on as it was decided", async () => {
  for (const waits of [false, true]) {
    const ran: number[] = [];
    const more = waits ? { approvals: { hold: async () => ({ verdict: "rejected" as const }) } } : {};
    const transfer = govern((input: { amount: number }, _options: object) => ran.push(input.amount), { ...options, ...more, params: (input) => input }) as Any;
    let reads = 0;
    // It answers the decision and the check after it, and then something else.
    const sly = { get amount() { return (reads += 1) > 2 ? 5000 : 45; } };
    await transfer(sly, {});
    const input = { amount: 45 };
    const running = transfer(input, {});
    // After the decision, before the tool.
    input.amount = waits ? 45 : 5000;
    await running;
    assert.deepEqual(ran, [45, 45]);
  }
});

test("what `params` reads of an argument is read once, and the tool gets that", () => {
  const ran: unknown[] = [];
  const transfer = govern((input: { order: { amount: number } }, options: { done: string[] }) => ran.push(input.order.amount, options), {
    ...options,
    params: (input) => ({ amount: input.order.amount }),
  }) as Any;
  let reads = 0;
  const order = { get amount() { return (reads += 1) > 2 ? 5000 : 45; } };
  const beside = { done: [] };
  transfer({ order }, beside);
  assert.equal(ran[0], 45);
  // An argument that is not part of the action stays the caller's own.
  assert.equal(ran[1], beside);
  reads = 0;
  const proxy = new Proxy({ order: { amount: 45 } }, { get: () => ((reads += 1) > 2 ? { amount: 5000 } : { amount: 45 }) });
  transfer(proxy, beside);
  assert.equal(ran[2], 45);
});

test("arguments that change in the ticks before the tool do not reach it", async () => {
  for (let ticks = 0; ticks < 30; ticks += 1) {
    const ran: number[] = [];
    const approvals = { hold: async () => ({ verdict: "granted" as const, approvers: [{ principal: "ann" }] }) };
    const transfer = govern((input: { amount: number }, _options: object) => ran.push(input.amount), {
      agentId: AGENT, policy: REFUNDS, tool: "process_refund", approvals, params: (input) => input,
    }) as Any;
    const input = { amount: 340 };
    const running = (transfer(input, {}) as Promise<unknown>).catch((error: unknown) => (error as FarameshError).code);
    for (let tick = 0; tick < ticks; tick += 1) await null;
    input.amount = 5000;
    assert.ok([1, "arguments_changed"].includes((await running) as number));
    assert.ok(ran.every((amount) => amount === 340), String(ticks));
  }
});

test("`params` that is no object is refused, and does not stand for none", () => {
  for (const made of [undefined, null, [], "x", 3]) {
    const transfer = govern((_input: object, _options: object) => "ran", { ...options, params: (() => made) as never }) as Any;
    assert.equal(told(() => transfer({ amount: 5000 }, {})), "invalid_action", String(made));
  }
});

test("arguments that are no data are excluded by name, and reach the tool as they are", () => {
  const seen: string[] = [];
  const session = { query: () => "row", self: null as unknown };
  session.self = session;
  const governor = createGovernor({ agentId: AGENT, policy, onDecision: (_, action) => seen.push(action) });
  const two = governor.govern((to: string, given: typeof session) => [to, given === session], { tool: "transfer_money", params: ["to", "session"], exclude: ["session"] });
  assert.deepEqual(two("bob", session), ["bob", true]);
  const one = governor.govern((input: { to: string; session: typeof session }) => [input.to, input.session === session], { tool: "transfer_money", exclude: ["session"] });
  assert.deepEqual(one({ to: "bob", session }), ["bob", true]);
  for (const action of seen) assert.deepEqual((JSON.parse(action) as { params: object }).params, { to: "bob" });
  assert.throws(() => governor.govern((to: string) => to, { tool: "t", params: ["to"], exclude: ["session"] }), /does not name `session`/);
});

test("classes and generators are refused when they are wrapped, and what gives back a generator does not run", async () => {
  let ran = 0;
  async function* slow() {
    yield (ran += 1);
  }
  function* quick() {
    yield (ran += 1);
  }
  assert.throws(() => govern(slow as Any, options), /is a generator/);
  assert.throws(() => govern(class {} as unknown as Any, options), /is a class/);
  for (const tool of [() => slow(), () => quick()]) assert.equal(told(() => (govern(tool, options) as Any)()), "generator");
  await assert.rejects(govern(async () => slow(), options)(), { code: "generator" });
  assert.equal(ran, 0);
});

test("a wrapper keeps what a function carries", () => {
  const hidden = Symbol("hidden");
  const tool = Object.assign((_: object) => "ran", { description: "moves money", [hidden]: 1, schema: { type: "object" } });
  const wrapped = govern(tool, options);
  assert.equal(wrapped.description, "moves money");
  assert.equal(wrapped[hidden], 1);
  assert.equal(wrapped.schema, tool.schema);
  assert.equal(wrapped({}), "ran");
});

test("a mistake of the developer is told to the developer, also where a model gets a text", () => {
  const errors: FarameshError[] = [];
  const governor = createGovernor({ agentId: AGENT, policy, onDeny: "return", onError: (error) => errors.push(error) });
  const transfer = governor.govern((input: { amount: number }) => input.amount, { tool: "transfer_money" }) as Any;
  assert.match(String(transfer({ amount: 5 }, "USD")), /cannot be read as an action/);
  assert.match(String(transfer({ amount: 5000 })), /policy denies this call/);
  assert.deepEqual(errors.map((error) => error.code), ["invalid_action"]);
  assert.throws(() => createGovernor({ agentId: AGENT, policy }).govern((_: object) => 1, { tool: "transfer_money" })({ amount: 5000 }), ToolDeniedError);
});
