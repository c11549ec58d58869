// The engine on this host: it is the server's file, it comes back after a trap, and its memory does not grow.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { check, createGovernor, FarameshError, init, initSync, Policies, requestHash, simulate, version } from "faramesh";

import { AGENT, REFUNDS, refundTool } from "./support/policies.js";

const built = new URL(import.meta.resolve("faramesh/engine.wasm"));
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("the package's engine is the server's file, byte for byte", () => {
  const here = readFileSync(built);
  assert.equal(version().engine_hash, sha256(here));
  const theirs = new URL("../../../target/engine/engine.wasm", import.meta.url);
  assert.ok(existsSync(theirs), "cargo xtask wasm has made it");
  assert.equal(sha256(readFileSync(theirs)), sha256(here));
  assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(here)), []);
  assert.equal(version().runtime_version, new Policies("rules: []").decide({ agent_id: "a", tool: "t" }).runtime_version);
});

test("the call that trapped halts, and the next one decides", () => {
  const errors: FarameshError[] = [];
  const governor = createGovernor({ agentId: AGENT, policy: REFUNDS, onError: (error) => errors.push(error) });
  const other = createGovernor({ agentId: AGENT, policies: { "b.yaml": "rules: [{ match: { tool: t }, allow: true }]" } });
  const before = governor.decide({ tool: "process_refund", params: { amount: 45 } });
  for (let round = 0; round < 3; round += 1) {
    // More than a 32-bit memory has room for: a real trap. The pages are never touched.
    const trapped = governor.decide(new Uint8Array(2 ** 32 - 2 ** 17));
    assert.equal(trapped.outcome, "HALT");
    assert.equal(trapped.reason_code, "engine_failure");
    assert.equal(trapped.policy_hash, before.policy_hash);
    assert.equal(errors.at(-1)?.code, "engine_failure");
    assert.deepEqual(governor.decide({ tool: "process_refund", params: { amount: 45 } }), before);
    assert.equal(other.decide({ tool: "t" }).outcome, "EXECUTE");
  }
  const { ran, tool } = refundTool();
  governor.govern(tool, { tool: "process_refund" })({ customer_id: "c", amount: 1 });
  assert.equal(ran.length, 1);
});

test("a governor of its own mind about provenance says what the engine says", () => {
  const governor = createGovernor({ agentId: AGENT, policy: REFUNDS });
  // Made without the engine, by the same rule: the SHA-256 of the canonical basis.
  const halted = governor.decide({ tool: "t", params: { n: NaN } });
  const basis = `{"policy_hash":"${halted.policy_hash}","request_hash":null,"runtime_version":"${halted.runtime_version}","state":{}}`;
  assert.equal(halted.provenance_id, sha256(Buffer.from(basis)));
});

test("no answer is the decision of the other languages", () => {
  const corpus = new URL("../../../tests/corpus/engine_failure.json", import.meta.url);
  const cases = JSON.parse(readFileSync(corpus, "utf8")) as { answer: string }[];
  const { raw_hash: _, ...expected } = (JSON.parse(cases.at(-1)?.answer ?? "") as { decision: Record<string, unknown> }).decision;
  const governor = createGovernor({ agentId: AGENT, policy: REFUNDS, onError: () => {} });
  // Larger than the engine's memory, so these bytes have no hash.
  const halted = governor.decide(new Uint8Array(2 ** 32 - 2 ** 17));
  const hashes = { policy_hash: halted.policy_hash, provenance_id: halted.provenance_id };
  assert.deepEqual(halted, { ...expected, ...hashes });
});

test("memory is the same after many decisions", () => {
  const governor = createGovernor({ agentId: AGENT, policy: REFUNDS });
  const decide = (times: number): void => {
    for (let index = 0; index < times; index += 1) governor.decide({ tool: "process_refund", params: { customer_id: `c-${index}`, amount: index } });
  };
  decide(2000);
  const before = process.memoryUsage().arrayBuffers;
  decide(100_000);
  assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
});

test("initialising again changes nothing, and another engine is refused", async () => {
  await init();
  initSync(readFileSync(built));
  const foreign = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  assert.throws(() => initSync(foreign), { code: "wrong_engine" });
});

test("check finds everything, with columns as JavaScript counts", () => {
  const text = 'name: "é😂"\nrules:\n  - { match: { tool: "😂é", amountt_gt: 1, ü: 1 }, alow: true }\n';
  const findings = check(text);
  assert.ok(findings.length >= 2, JSON.stringify(findings));
  const alow = findings.find((one) => one.message.includes("`alow`"));
  assert.ok(alow);
  const line = text.split("\n")[2] as string;
  assert.equal(alow.line, 3);
  assert.equal(alow.column, line.indexOf("alow") + 1);
  assert.equal(alow.end_column, alow.column + "alow".length);
  assert.equal(text.slice(alow.range.start, alow.range.end), "alow");
  assert.equal(Buffer.from(text).subarray(alow.span.start, alow.span.end).toString(), "alow");
  assert.equal(alow.file, "policy.yaml");
  assert.deepEqual(check(REFUNDS).filter((one) => one.severity === "error"), []);
  const several = check({ "a.yaml": REFUNDS, "b.yaml": "rules: [{}]", "c.yaml": new Uint8Array([0xff]) });
  assert.deepEqual([...new Set(several.filter((one) => one.severity === "error").map((one) => one.file))], ["b.yaml", "c.yaml"]);
  assert.throws(() => check(["rules: []"] as never), TypeError);
});

test("simulate tells what actions get, and what changes between two sets", () => {
  const actions = [45, 340, 5000].map((amount) => ({ agent_id: AGENT, tool: "process_refund", params: { amount } }));
  const alone = simulate(actions, REFUNDS);
  assert.deepEqual(alone.counts, { EXECUTE: 1, ABSTAIN: 1, HALT: 1 });
  assert.equal(alone.decisions[2]?.reason_code, "policy_deny");
  const stricter = "rules: [{ match: { tool: process_refund, amount_gt: 50 }, deny: true }]";
  const beside = simulate(actions, { "a.yaml": stricter }, { inForce: REFUNDS });
  assert.deepEqual(beside.counts, { candidate: { EXECUTE: 0, ABSTAIN: 0, HALT: 3 }, in_force: { EXECUTE: 1, ABSTAIN: 1, HALT: 1 } });
  assert.deepEqual(beside.transitions, { "EXECUTE->HALT": 1, "ABSTAIN->HALT": 1 });
  assert.deepEqual(beside.results.map((one) => one.changed), [true, true, false]);
  assert.notEqual(beside.policy_hash, beside.in_force_policy_hash);
  const night = "rules: [{ match: { tool: t, time: { from: '22:00', to: '06:00' } }, deny: true }, { match: { tool: t }, allow: true }]";
  const at = (now: number) => simulate([{ agent_id: "a", tool: "t" }], night, { now }).decisions[0]?.outcome;
  assert.deepEqual([at(Date.UTC(2026, 10, 22, 23)), at(Date.UTC(2026, 10, 22, 12))], ["HALT", "EXECUTE"]);
});

test("requestHash is the server's, and refuses what is no action", () => {
  assert.equal(
    requestHash({ agent_id: "a", tool: "t", operation: "o", params: { amount: 45.0, id: 7 } }),
    "93c9488b420d43b69d245f2dcce59b9bfcdf5704fe82dc083d0fdd8f2a76b400",
  );
  for (const action of ["{", '{"agent_id":"a"}', { tool: "t" }, { agent_id: "a", tool: "t", params: { d: new Date() } }]) {
    assert.throws(() => requestHash(action), { name: "InvalidActionError", code: "invalid_action" });
  }
});
