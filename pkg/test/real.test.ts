// The package against the real server: remote and local decisions, people who answer, records taken in, bundles.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import ts from "typescript";

import {
  ApprovalExpiredError,
  ApprovalRejectedError,
  ApprovalRequiredError,
  createBundle,
  createGovernor,
  FarameshError,
  memoryOutbox,
  PolicyUnavailableError,
  requestHash,
  ToolDeniedError,
  version,
} from "faramesh";
import type { PublicKey } from "faramesh";
import { fileOutbox } from "faramesh/outbox/file";

import { AGENT, REFUNDS, refundTool } from "./support/policies.js";
import { awaited, RealServer } from "./support/real.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
let server: RealServer;
before(async () => {
  server = await RealServer.start({ "support-agent.yaml": REFUNDS }, ["--approval-ttl", "2s"]);
});
after(() => server.stop());

const small = { customer_id: "c-1", amount: 45 };
const policies = { "support-agent.yaml": REFUNDS };

test("the server decides with the very engine of this package", () => {
  const shown = server.run("--version") + server.run("version");
  assert.ok(shown.includes(version().engine_hash), shown);
});

test("remote: allowed, denied and held calls are on the server what they are here", async () => {
  const governor = createGovernor({ agentId: AGENT, server: server.url });
  const { ran, tool } = refundTool();
  const refund = governor.govern(tool, { tool: "process_refund" });
  assert.equal(await refund(small), "refunded 45");
  const [done] = await server.actions();
  assert.equal(done?.status, "succeeded");
  await assert.rejects(refund({ customer_id: "c-1", amount: 5000 }), (error) => {
    assert.ok(error instanceof ToolDeniedError);
    assert.equal(error.decision?.request_hash, requestHash({ agent_id: AGENT, tool: "process_refund", params: { customer_id: "c-1", amount: 5000 } }));
    return true;
  });
  const failing = governor.govern((_: object) => Promise.reject(new RangeError("no money")), { tool: "process_refund" });
  await assert.rejects(failing(small), RangeError);
  const [failed] = await server.actions("failed");
  assert.equal(failed?.error, "RangeError: no money");
  assert.equal(ran.length, 1);
});

test("remote: two held calls get each their own answer, and nobody's silence is a rejection", async () => {
  const governor = createGovernor({ agentId: AGENT, server: server.url });
  const { ran, tool } = refundTool();
  const refund = governor.govern(tool, { tool: "process_refund" });
  const calls = [200, 300, 400].map((amount) => refund({ customer_id: "c", amount }));
  const settled = Promise.allSettled(calls);
  const held = await awaited(async () => {
    const waiting = await server.actions("pending_approval");
    return waiting.length === 3 ? waiting : null;
  });
  const id = (amount: number) => held.find((one) => one.params.amount === amount)?.id ?? "";
  await server.admin("POST", `/v1/actions/${id(200)}/approval`, { approve: false, reason: "too much" });
  await server.admin("POST", `/v1/actions/${id(300)}/approval`, { approve: true });
  const [first, second, third] = await settled;
  assert.ok(first?.status === "rejected" && first.reason instanceof ApprovalRejectedError);
  assert.match((first.reason as Error).message, /too much/);
  assert.equal(second?.status, "fulfilled");
  assert.ok(third?.status === "rejected" && third.reason instanceof ApprovalExpiredError);
  assert.deepEqual(ran.map((one) => one.amount), [300]);
  const impatient = createGovernor({ agentId: AGENT, server: server.url, approvalTimeoutMs: 50 }).govern(tool, { tool: "process_refund" });
  await assert.rejects(impatient({ customer_id: "c", amount: 500 }), ApprovalRequiredError);
});

test("remote: a wrong key runs nothing", async () => {
  const { ran, tool } = refundTool();
  const refund = createGovernor({ agentId: AGENT, server: { url: server.url, apiKey: "fmk_wrong" } }).govern(tool, { tool: "process_refund" });
  await assert.rejects(refund(small), (error) => error instanceof PolicyUnavailableError && error.status === 401 && error.code === "wrong_key");
  assert.deepEqual(ran, []);
});

test("local: records are taken in, verified with the rest, and shown as actions", async () => {
  const outbox = memoryOutbox();
  const errors: FarameshError[] = [];
  const governor = createGovernor({ agentId: AGENT, policies, server: server.url, outbox, reportResult: true, onError: (error) => errors.push(error) });
  const { ran, tool } = refundTool();
  const refund = governor.govern(tool, { tool: "process_refund" });
  const before = (await server.actions()).length;
  assert.equal(await refund({ customer_id: "local", amount: 46 }), "refunded 46");
  await assert.rejects(refund({ customer_id: "local", amount: 6000 }), ToolDeniedError);
  governor.decide(`{"agent_id":"${AGENT}","tool":"t","params":{"n":1e20,"t":"\\u2028é😂"}}`);
  governor.decide({ tool: "t", params: { n: NaN } });
  governor.decide("{");
  governor.decide(new Uint8Array(2 ** 32 - 2 ** 17));
  await governor.flush();
  assert.equal(governor.status().records?.waiting, 0);
  const actions = await server.actions();
  assert.ok(actions.length > before);
  const done = actions.find((one) => one.params.amount === 46);
  assert.equal(done?.status, "succeeded");
  assert.equal(actions.find((one) => one.params.amount === 6000)?.status, "denied");
  assert.match(server.run("audit", "verify"), /./);
  const held = refund({ customer_id: "local", amount: 347 });
  const waiting = await awaited(async () => (await server.actions("pending_approval")).find((one) => one.params.amount === 347));
  await server.admin("POST", `/v1/actions/${waiting.id}/approval`, { approve: true });
  assert.equal(await held, "refunded 347");
  await governor.close();
  assert.deepEqual(ran.map((one) => one.amount), [46, 347]);
  assert.deepEqual(errors.map((error) => error.code), ["engine_failure"]);
  server.run("audit", "verify");
});

test("local: a broker's answers are taken in as well", async () => {
  const governor = createGovernor({
    agentId: AGENT,
    policies,
    server: server.url,
    outbox: memoryOutbox(),
    approvalTimeoutMs: 50,
    approvals: {
      hold: async ({ params }, { signal }) => {
        if (params["amount"] === 349) await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return { verdict: params["amount"] === 348 ? "granted" : "rejected", approvers: [{ principal: "alice", roles: [] }] };
      },
    },
  });
  const { ran, tool } = refundTool();
  const refund = governor.govern(tool, { tool: "process_refund" });
  await refund({ customer_id: "broker", amount: 348 });
  await assert.rejects(refund({ customer_id: "broker", amount: 349 }), ApprovalExpiredError);
  await assert.rejects(refund({ customer_id: "broker", amount: 350 }), ApprovalRejectedError);
  await governor.flush();
  const actions = await server.actions();
  assert.equal(actions.find((one) => one.params.amount === 348)?.status, "succeeded");
  assert.equal(ran.length, 1);
  await governor.close();
  server.run("audit", "verify");
});

test("local: policies that the server never had stop the stream, and every record stays", async () => {
  const errors: FarameshError[] = [];
  const unknown = { "policy.yaml": REFUNDS };
  const governor = createGovernor({ agentId: AGENT, policies: unknown, server: server.url, outbox: memoryOutbox(), onError: (error) => errors.push(error) });
  governor.decide({ tool: "process_refund", params: small });
  await assert.rejects(governor.flush(), { code: "unknown_policy" });
  assert.equal(governor.status().records?.stopped?.code, "unknown_policy");
  assert.equal(governor.status().records?.waiting, 2);
  // The server was looked at when the first action was decided.
  await awaited(() => errors.some((error) => error.code === "policy_mismatch"));
  assert.match(errors.find((error) => error.code === "policy_mismatch")?.message ?? "", /the policies here \(`policy\.yaml`; [0-9a-f]{12}\) are not those that the server has in force/);
  await assert.rejects(governor.close(), { code: "unknown_policy" });
});

test("local: a stream in a file goes on after a restart", async () => {
  const path = join(server.folder, "outbox.jsonl");
  for (let run = 0; run < 2; run += 1) {
    const governor = createGovernor({ agentId: AGENT, policies, server: server.url, outbox: fileOutbox(path) });
    governor.decide({ tool: "process_refund", params: small });
    await governor.close();
  }
  const { stream, size } = JSON.parse(readFileSync(`${path}.head`, "utf8")) as { stream: string; size: number };
  assert.equal(size, 4);
  const head = await server.admin("GET", `/v1/records/head?stream=${stream}`);
  assert.equal(head["size"], 4);
});

test("bundles: what the server signs is taken with its pinned key, and not with another", async () => {
  const { keys } = (await (await fetch(`${server.url}/.well-known/jwks.json`)).json()) as { keys: PublicKey[] };
  const bundle = createBundle({ keys, url: `${server.url}/v1/bundle` });
  const governor = createGovernor({ agentId: AGENT, bundle, server: server.url, outbox: memoryOutbox() });
  await bundle.refresh();
  await bundle.refresh();
  const { ran, tool } = refundTool();
  const refund = governor.govern(tool, { tool: "process_refund" });
  await refund(small);
  await governor.flush();
  assert.equal(ran.length, 1);

  const before = governor.status().policy_hash;
  writeFileSync(join(server.folder, "policies", "more.yaml"), "rules: [{ match: { tool: process_refund, amount_gt: 40 }, deny: true }]");
  await awaited(async () => {
    await bundle.refresh();
    return governor.status().policy_hash !== before;
  });
  await assert.rejects(refund(small), ToolDeniedError);
  await governor.flush();
  await governor.close();

  const other = createBundle({ keys: [{ kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }], url: `${server.url}/v1/bundle` });
  await assert.rejects(other.refresh(), { code: "bundle_wrong_signature" });

  // As it was before, for the tests behind this one.
  rmSync(join(server.folder, "policies", "more.yaml"));
  await awaited(async () => (await server.admin("GET", "/v1/policies"))["policy_hash"] === before);
});

test("bundles: what the command line makes is taken", async () => {
  const folder = join(server.folder, "made");
  mkdirSync(join(folder, "policies"), { recursive: true });
  writeFileSync(join(folder, "policies", "support-agent.yaml"), REFUNDS);
  const [out, key] = [join(folder, "bundle.json"), join(folder, "signing.pem")];
  server.run("bundle", "build", "--policies", join(folder, "policies"), "--key", key, "--out", out, "--max-age", "1h");
  assert.ok(existsSync(out));
  const bundle = createBundle({ keys: [JSON.parse(readFileSync(`${key}.pub.json`, "utf8")) as PublicKey] });
  await bundle.update(readFileSync(out, "utf8"));
  const governor = createGovernor({ agentId: AGENT, bundle });
  assert.equal(governor.decide({ tool: "process_refund", params: small }).outcome, "EXECUTE");
  assert.equal(bundle.policyVersion, null);
});

/** The first example of a README that contains `mark`, as a program next to the package. */
function example(readme: string, mark: string, before = ""): string {
  const blocks = [...readFileSync(join(root, readme), "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
  const code = blocks.find((one) => one.includes(mark)) ?? assert.fail(`no example of ${readme} has ${mark}`);
  const { outputText } = ts.transpileModule(before + code, { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 } });
  const file = join(root, "target", "readme-real.mjs");
  writeFileSync(file, outputText.replaceAll("http://127.0.0.1:8000", server.url));
  return file;
}

test("the example of the repository's README is on the server as an action that succeeded", async () => {
  const tool = "const processRefund = async (refund: { customer_id: string; amount: number }) => refund.amount;\n";
  const before = (await server.actions("succeeded")).length;
  const file = example("../README.md", "createGovernor", tool);
  assert.equal(execFileSync(process.execPath, [file], { cwd: server.folder, encoding: "utf8" }), "");
  const done = await server.actions("succeeded");
  assert.equal(done.length, before + 1);
  assert.deepEqual(done[0]?.params, { customer_id: "c-1", amount: 45 });
});

test("the example of an outbox in a file records what it says", async () => {
  const before = (await server.actions("succeeded")).length;
  const file = example("README.md", "faramesh-outbox.jsonl");
  const env = { ...process.env, FARAMESH_URL: server.url };
  assert.equal(execFileSync(process.execPath, [file], { cwd: server.folder, encoding: "utf8", env }), "");
  assert.equal((await server.actions("succeeded")).length, before + 1);
  server.run("audit", "verify");
});
