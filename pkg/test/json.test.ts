// Arguments become JSON strictly: what has no exact form is a HALT that says where, and never something else.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

import { createGovernor, Policies, requestHash } from "faramesh";

const governor = createGovernor({ agentId: "a", policy: 'rules: [{ match: { tool: "*" }, allow: true }]' });

function reasonOf(params: unknown): string {
  const decision = governor.decide({ tool: "t", params: params as object });
  assert.equal(decision.outcome, "HALT");
  assert.equal(decision.reason_code, "invalid_action");
  assert.equal(decision.request_hash, null);
  return decision.reason;
}

class Money {
  amount = 3;
}

const cyclic: Record<string, unknown> = {};
cyclic["self"] = { again: cyclic };

const refused: [what: string, params: unknown, reason: RegExp][] = [
  ["NaN", { a: [1, { b: NaN }] }, /`params\.a\.1\.b` is `NaN`/],
  ["Infinity", { a: -Infinity }, /`params\.a` is `-Infinity`/],
  ["an integer over 2^53 - 1", { id: 2 ** 53 }, /`params\.id` is an integer over 2\^53 - 1/],
  ["a large double", { id: 1e300 }, /`params\.id` is an integer over/],
  ["a BigInt", { n: 1n }, /`params\.n` is a BigInt/],
  ["a function", { f: () => 1 }, /`params\.f` is a function/],
  ["a symbol", { s: Symbol("s") }, /`params\.s` is a symbol/],
  ["a symbol as a key", { [Symbol("k")]: 1 }, /`params` has a symbol as a key/],
  ["a Map", { m: new Map([["a", 1]]) }, /`params\.m` is a `Map`/],
  ["a Set", { m: new Set([1]) }, /`params\.m` is a `Set`/],
  ["a Date", { d: new Date(0) }, /`params\.d` is a `Date`/],
  ["a RegExp", { r: /x/ }, /`params\.r` is a `RegExp`/],
  ["an Error", { e: new Error("x") }, /`params\.e` is a `Error`/],
  ["bytes", { b: new Uint8Array(2) }, /`params\.b` is a `Uint8Array`/],
  ["a promise", { p: Promise.resolve(1) }, /`params\.p` is a `Promise`/],
  ["a boxed number", { n: Object(3) }, /`params\.n` is a `Number`/],
  ["an instance of a class", { m: new Money() }, /`params\.m` is a `Money`/],
  ["an object with a prototype of its own", { o: Object.create({ a: 1 }) as object }, /`params\.o` is an object of a class/],
  ["an object with toJSON", { o: { toJSON: () => 1 } }, /`params\.o\.toJSON` is a function/],
  ["a subclass of Array", { l: new (class List extends Array<number> {})(1, 2) }, /`params\.l` is a `List`/],
  ["a hole", { l: [1, , 3] }, /`params\.l\.1` is a hole in a list/],
  ["undefined in a list", { l: [1, undefined] }, /`params\.l\.1` is `undefined`/],
  ["half of a surrogate pair", { t: ["a\ud800"] }, /`params\.t\.0` holds half of a surrogate pair/],
  ["half of a surrogate pair in a key", { "a\udc00": 1 }, /half of a surrogate pair/],
  ["an object in itself", cyclic, /contains itself/],
  ["a list as params", [1], /params/],
  ["text as params", "a", /params/],
];

for (const [what, params, reason] of refused) {
  test(`${what} is refused, with its place`, () => {
    assert.match(reasonOf(params), reason);
  });
}

test("nesting ends at 64 levels, the action counted", () => {
  const nested = (levels: number): object => (levels === 0 ? {} : { a: nested(levels - 1) });
  assert.equal(governor.decide({ tool: "t", params: nested(62) }).outcome, "EXECUTE");
  assert.match(reasonOf(nested(63)), /nests deeper than 64 levels/);
});

test("shared parts are written out, and too many of them end soon", () => {
  const part = { a: 1 };
  assert.equal(governor.decide({ tool: "t", params: { one: part, two: part } }).outcome, "EXECUTE");
  let tower: unknown[] = [];
  for (let level = 0; level < 50; level += 1) tower = [tower, tower, tower];
  const began = performance.now();
  assert.match(reasonOf({ tower }), /has more than 1048576 bytes/);
  assert.ok(performance.now() - began < 2000);
});

test("a list of a billion holes ends soon", () => {
  const began = performance.now();
  assert.match(reasonOf({ l: new Array(1_000_000_000) }), /is a hole/);
  assert.ok(performance.now() - began < 1000);
});

test("undefined properties are left out, as JSON leaves them out", () => {
  const [one, other] = [{ a: 1, b: undefined }, { a: 1 }].map((params) => governor.decide({ tool: "t", params }).request_hash);
  assert.equal(one, other);
});

test("every property is read once", () => {
  let reads = 0;
  const params = {
    get amount() {
      reads += 1;
      return reads;
    },
  };
  const proxied = new Proxy({ amount: 1 }, {
    get(target, key) {
      if (key === "amount") reads += 1;
      return Reflect.get(target, key) as unknown;
    },
  });
  const decision = governor.decide({ tool: "t", params });
  assert.equal(reads, 1);
  assert.equal(decision.request_hash, requestHash({ agent_id: "a", tool: "t", params: { amount: 1 } }));
  governor.decide({ tool: "t", params: proxied });
  assert.equal(reads, 2);
});

test("plain values of another realm, null prototypes and names that look special are plain", () => {
  const foreign = runInNewContext("({ list: [1, { a: 'x' }] })") as object;
  assert.equal(governor.decide({ tool: "t", params: foreign }).outcome, "EXECUTE");
  const bare = Object.assign(Object.create(null) as object, { a: 1 });
  assert.equal(governor.decide({ tool: "t", params: bare }).outcome, "EXECUTE");
  const odd = JSON.parse('{"__proto__":1,"constructor":"x","toJSON":"y","hasOwnProperty":null}') as object;
  assert.equal(
    governor.decide({ tool: "t", params: odd }).request_hash,
    requestHash('{"agent_id":"a","tool":"t","params":{"__proto__":1,"constructor":"x","toJSON":"y","hasOwnProperty":null}}'),
  );
});

test("the hash is the SHA-256 of the RFC 8785 form, whatever the order and the characters", () => {
  const params = { "\u20ac": "Euro", "\r": 1, "\ufb33": 2, "1": 3, "\ud83d\ude02": "tears \u2028 \u0007 \"\\", "\u0080": -0, e: 1e-7, f: 0.1 };
  const canonical =
    '{"agent_id":"a","context":{},"operation":"call","params":{"\\r":1,"1":3,"e":1e-7,"f":0.1,"\u0080":0,"\u20ac":"Euro",' +
    '"\ud83d\ude02":"tears \u2028 \\u0007 \\"\\\\","\ufb33":2},"tool":"t"}';
  const hash = createHash("sha256").update(canonical).digest("hex");
  assert.equal(governor.decide({ tool: "t", params }).request_hash, hash);
  assert.equal(requestHash({ agent_id: "a", tool: "t", params }), hash);
});

test("exact text and bytes go to the engine as they are", () => {
  const text = '{"agent_id":"a","tool":"t","params":{"n":1e20}}';
  const policies = new Policies('rules: [{ match: { tool: "*" }, allow: true }]');
  assert.equal(governor.decide(text).outcome, "EXECUTE");
  assert.equal(governor.decide(new TextEncoder().encode(text)).request_hash, policies.decide(text).request_hash);
  const twice = governor.decide('{"agent_id":"a","agent_id":"b","tool":"t"}');
  assert.equal(twice.reason_code, "invalid_action");
  assert.equal(typeof twice.raw_hash, "string");
  assert.equal(governor.decide(new Uint8Array([0xff])).reason_code, "invalid_action");
  assert.equal(governor.decide('{"agent_id":"a","tool":"\ud800"}').reason_code, "invalid_action");
});

test("fields that an action does not have, and what is no action at all, are refused", () => {
  for (const action of [{ tool: "t", parameters: {} }, { tool: 3 }, {}, null, 3, [], new Map()]) {
    const decision = governor.decide(action as never);
    assert.equal(decision.reason_code, "invalid_action", JSON.stringify(action));
  }
});
