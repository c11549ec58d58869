// Signed policies: taken when everything about them is right, kept as long as they may be, and never older than before.

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import { createBundle, createGovernor, FarameshError, memoryOutbox, Policies, PolicyInvalidError, PolicyUnavailableError } from "faramesh";
import type { BundleOptions, Envelope } from "faramesh";

import { AGENT, REFUNDS, refundTool } from "./support/policies.js";

const TYPE = "application/vnd.faramesh.bundle+json";
const START = Date.parse("2026-11-22T15:00:00.000Z");
const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const jwk = publicKey.export({ format: "jwk" }) as { kty: string; crv: string; x: string };
const stranger = generateKeyPairSync("ed25519");
const sha256 = (bytes: string | Buffer): string => createHash("sha256").update(bytes).digest("hex");

function seal(payload: string, key: KeyObject = privateKey, type = TYPE): Envelope {
  const bytes = Buffer.from(payload);
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${bytes.length} `), bytes]);
  return { payloadType: type, payload: bytes.toString("base64"), signatures: [{ keyid: "any", sig: sign(null, signed, key).toString("base64") }] };
}

function payload(policy = REFUNDS, issued = START, change: Record<string, unknown> = {}): string {
  const maxAge = (change["max_age_seconds"] as number | undefined) ?? 3600;
  return JSON.stringify({
    bundle_version: 1,
    policy_hash: policyHash(policy),
    policy_version: "7",
    runtime_version: "0.1.0",
    engine_hash: "0".repeat(64),
    issued_at: new Date(issued).toISOString(),
    expires_at: new Date(issued + maxAge * 1000).toISOString(),
    max_age_seconds: maxAge,
    files: [{ name: "support-agent.yaml", hash: sha256(policy), content: Buffer.from(policy).toString("base64") }],
    ...change,
  });
}

function policyHash(policy: string): string {
  return sha256(JSON.stringify({ "support-agent.yaml": sha256(policy) }));
}

function setUp(options: Partial<BundleOptions> = {}) {
  const clock = { wall: START, steady: 0, now: () => clock.wall, monotonic: () => clock.steady };
  const bundle = createBundle({ keys: [jwk], clock, ...options });
  const errors: FarameshError[] = [];
  const governor = createGovernor({ agentId: AGENT, bundle, clock, onError: (error) => errors.push(error) });
  const { ran, tool } = refundTool();
  const refund = governor.govern(tool, { tool: "process_refund" });
  const pass = (seconds: number): void => {
    clock.wall += seconds * 1000;
    clock.steady += seconds * 1000;
  };
  const halts = (why: RegExp): void => {
    const before = ran.length;
    const decision = governor.decide({ tool: "process_refund", params: { amount: 45 } });
    assert.equal(decision.reason_code, "no_policy");
    assert.match(decision.reason, why);
    assert.throws(() => refund({ customer_id: "c", amount: 45 }), (error) => error instanceof PolicyUnavailableError && error.code === "no_policy" && error.decision?.outcome === "HALT");
    assert.equal(ran.length, before);
  };
  const runs = (): void => assert.equal(refund({ customer_id: "c", amount: 45 }), "refunded 45");
  return { bundle, clock, governor, errors, pass, halts, runs };
}

test("nothing runs before the first bundle, and the bundle decides from then on", async () => {
  const { bundle, governor, halts, runs } = setUp();
  halts(/there is no bundle of policies yet/);
  assert.equal(governor.status().bundle, null);
  await bundle.update(JSON.stringify(seal(payload())));
  runs();
  assert.deepEqual(governor.status().bundle, { issued_at: "2026-11-22T15:00:00.000Z", usable: true, why_not: null });
  assert.equal(bundle.policyVersion, "7");
  assert.equal(governor.status().policy_hash, policyHash(REFUNDS));
});

const bad: [what: string, envelope: () => unknown, code: string][] = [
  ["signed by a stranger", () => seal(payload(), stranger.privateKey), "bundle_wrong_signature"],
  ["not signed", () => ({ ...seal(payload()), signatures: [] }), "bundle_wrong_signature"],
  ["with a changed payload", () => ({ ...seal(payload()), payload: Buffer.from(payload().replace("3600", "9999")).toString("base64") }), "bundle_wrong_signature"],
  ["signed as something else", () => seal(payload(), privateKey, "application/json"), "bundle_invalid"],
  ["whose type was changed", () => ({ ...seal(payload(), privateKey, "application/json"), payloadType: TYPE }), "bundle_wrong_signature"],
  ["that is text", () => "nothing", "bundle_invalid"],
  ["that is null", () => "null", "bundle_invalid"],
  ["that is empty", () => ({}), "bundle_invalid"],
  ["whose signature is no base64", () => ({ ...seal(payload()), signatures: [{ sig: "*" }] }), "bundle_invalid"],
  ["with a payload that is no JSON", () => seal("nothing"), "bundle_invalid"],
  ["of another version", () => seal(payload(REFUNDS, START, { bundle_version: 2 })), "bundle_invalid"],
  ["without an age", () => seal(payload(REFUNDS, START, { max_age_seconds: undefined })), "bundle_invalid"],
  ["that lasts for ever", () => seal(payload(REFUNDS, START, { max_age_seconds: -1 })), "bundle_invalid"],
  ["whose expiry does not fit", () => seal(payload(REFUNDS, START, { expires_at: "2099-01-01T00:00:00.000Z" })), "bundle_invalid"],
  ["with a file of another hash", () => seal(payload(REFUNDS, START, { files: [{ name: "support-agent.yaml", hash: sha256("x"), content: Buffer.from(REFUNDS).toString("base64") }] })), "bundle_invalid"],
  ["with another policy hash", () => seal(payload(REFUNDS, START, { policy_hash: "0".repeat(64) })), "bundle_wrong_hash"],
  ["with broken policies", () => seal(payload("rules: [{}]")), "policy_invalid"],
  ["that has expired", () => seal(payload(REFUNDS, START - 3600_000)), "bundle_expired"],
  ["from the future", () => seal(payload(REFUNDS, START + 6 * 60_000)), "bundle_from_the_future"],
  ["older than the one in use", () => seal(payload(REFUNDS, START - 61_000)), "bundle_rollback"],
];

for (const [what, envelope, code] of bad) {
  test(`a bundle ${what} is refused, and the one before stays`, async () => {
    const { bundle, runs } = setUp();
    await bundle.update(seal(payload(REFUNDS, START - 60_000)));
    await assert.rejects(bundle.update(envelope() as Envelope), (error) => {
      assert.ok(error instanceof PolicyUnavailableError || error instanceof PolicyInvalidError, String(error));
      assert.equal(error.code, code);
      return true;
    });
    assert.equal(bundle.issuedAt, new Date(START - 60_000).toISOString());
    runs();
    if (code !== "bundle_rollback") {
      const fresh = setUp();
      await assert.rejects(fresh.bundle.update(envelope() as Envelope));
      fresh.halts(/no bundle/);
    }
  });
}

test("a rollback is refused over restarts where the last time is kept", async () => {
  const { bundle, halts } = setUp({ minIssuedAt: new Date(START - 1000).toISOString() });
  await assert.rejects(bundle.update(seal(payload(REFUNDS, START - 2000))), { code: "bundle_rollback" });
  halts(/no bundle/);
});

test("a bundle that is too old decides nothing, until a new one comes", async () => {
  const { bundle, pass, halts, runs, clock } = setUp();
  await bundle.update(seal(payload()));
  pass(3599);
  runs();
  pass(1);
  halts(/older than its 3600 s/);
  await bundle.update(seal(payload(REFUNDS, clock.wall)));
  runs();
});

test("a wall clock that is set back makes no bundle younger", async () => {
  const { bundle, pass, halts, clock } = setUp();
  await bundle.update(seal(payload(REFUNDS, START - 1000_000)));
  pass(2599);
  clock.wall -= 2000_000;
  assert.equal(typeof bundle.current(), "object");
  pass(1);
  halts(/older than its 3600 s/);
});

test("a wall clock that jumps forward stops everything, and one that comes back lets it go on", async () => {
  const { bundle, halts, runs, clock } = setUp();
  await bundle.update(seal(payload()));
  clock.wall += 3600_000;
  halts(/older than its 3600 s/);
  clock.wall = START + 1000;
  runs();
});

test("a wall clock that stands long before the bundle cannot be trusted", async () => {
  const { bundle, halts, runs, clock } = setUp();
  await bundle.update(seal(payload()));
  clock.wall = START - 5 * 60_000;
  runs();
  clock.wall -= 1;
  halts(/cannot be trusted/);
  clock.wall = NaN;
  halts(/older/);
});

test("a halt for a bundle that is too old is recorded under the policies that were there", async () => {
  const clock = { wall: START, now: () => clock.wall, monotonic: () => 0 };
  const bundle = createBundle({ keys: { keys: [jwk] }, clock });
  const outbox = memoryOutbox();
  const governor = createGovernor({ agentId: AGENT, bundle, clock, outbox });
  governor.decide({ tool: "t" });
  assert.equal(outbox.waiting(), 0);
  await bundle.update(seal(payload()));
  governor.decide({ tool: "process_refund", params: { amount: 45 } });
  clock.wall += 3600_000;
  governor.decide({ tool: "process_refund", params: { amount: 45 } });
  const records = outbox.oldest(10, 1e9)?.records.map((one) => JSON.parse(one.body) as { kind: string; decision: { reason_code: string; policy_hash: string } });
  assert.deepEqual(records?.map((one) => one.kind), ["policy", "decision", "decision"]);
  assert.equal(records?.[2]?.decision.reason_code, "no_policy");
  assert.equal(records?.[2]?.decision.policy_hash, records?.[1]?.decision.policy_hash);
});

test("new policies come into force between two calls, and are recorded", async () => {
  const { bundle, governor, runs } = setUp();
  await bundle.update(seal(payload()));
  runs();
  await bundle.update(seal(payload("rules: [{ match: { tool: process_refund }, deny: true }]", START + 1)));
  assert.equal(governor.decide({ tool: "process_refund", params: { amount: 45 } }).outcome, "HALT");
  assert.equal(new Policies(REFUNDS).decide({ agent_id: "a", tool: "process_refund", params: { amount: 45 } }).outcome, "EXECUTE");
});

test("a bundle is asked for with its tag, from time to time, and failures are told", async () => {
  const asked: (string | undefined)[] = [];
  let answer: { status: number; body: string; etag?: string } = { status: 200, body: JSON.stringify(seal(payload())), etag: '"one"' };
  const server = createServer((request, response) => {
    asked.push(request.headers["if-none-match"]);
    assert.equal(request.headers["authorization"], "Bearer fmk_x");
    response.writeHead(answer.status, answer.etag === undefined ? {} : { etag: answer.etag });
    response.end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/bundle`;
  try {
    const { bundle, runs, halts } = setUp({ url, apiKey: "fmk_x" });
    halts(/no bundle/); // and from here on it is asked for
    await bundle.refresh();
    runs();
    answer = { status: 304, body: "", etag: '"one"' };
    await bundle.refresh();
    assert.equal(asked.at(-1), '"one"');
    for (const [status, body] of [[503, ""], [401, ""], [200, "<html>"]] as const) {
      answer = { status, body };
      await assert.rejects(bundle.refresh(), PolicyUnavailableError);
      runs();
    }
    bundle.close();
    const errors: string[] = [];
    const polled = setUp({ url, apiKey: "fmk_x", pollMs: 5, onError: (error) => errors.push(error.code) });
    answer = { status: 503, body: "" };
    polled.halts(/no bundle/);
    while (errors.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    answer = { status: 200, body: JSON.stringify(seal(payload())) };
    while (polled.bundle.issuedAt === null) await new Promise((resolve) => setTimeout(resolve, 5));
    polled.runs();
    assert.equal(errors[0], "bundle_unreachable");
    await polled.governor.close();
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test("a bundle without keys, or with others than Ed25519, is not made", () => {
  for (const keys of [[], { keys: [] }, [{ kty: "RSA" }], [{ kty: "OKP", crv: "X25519", x: "a" }], [{ kty: "OKP", crv: "Ed25519" }]]) {
    assert.throws(() => createBundle({ keys }), TypeError);
  }
  assert.throws(() => createBundle({ keys: [jwk], url: "nowhere" }), TypeError);
  assert.throws(() => createBundle({ keys: [jwk], minIssuedAt: "yesterday" }), TypeError);
});

test("of two bundles of the same moment the one in use stays, in both directions, and the same once more is no younger", async () => {
  const looser = REFUNDS.replace("1000", "9000");
  for (const [first, second] of [[REFUNDS, looser], [looser, REFUNDS]] as const) {
    const { bundle, governor, pass, halts } = setUp();
    await bundle.update(seal(payload(first)));
    await assert.rejects(bundle.update(seal(payload(second))), { code: "bundle_conflict" });
    assert.equal(governor.status().policy_hash, policyHash(first));
    await assert.rejects(bundle.update(seal(payload(first, START, { max_age_seconds: 7200 }))), { code: "bundle_conflict" });
    pass(1800);
    await bundle.update(seal(payload(first)));
    pass(1800);
    halts(/is older than its 3600 s/);
  }
});
