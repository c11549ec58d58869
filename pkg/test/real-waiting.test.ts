// Held calls against the real server: a call that gives up is withdrawn there, a later approval is resumed and runs once,
// and a permission expires.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ApprovalExpiredError, ApprovalRequiredError, createGovernor, FarameshError } from "faramesh";
import type { GovernorOptions } from "faramesh";

import { AGENT, REFUNDS, refundTool } from "./support/policies.js";
import { awaited, RealServer } from "./support/real.js";

let server: RealServer;
before(async () => {
  server = await RealServer.start({ "support-agent.yaml": REFUNDS }, ["--start-ttl", "6s"]);
});
after(() => server.stop());

function setUp(more: Partial<GovernorOptions> = {}) {
  const governor = createGovernor({ agentId: AGENT, server: server.url, ...(more as object) });
  const { ran, tool } = refundTool();
  return { governor, ran, tool, refund: governor.govern(tool, { tool: "process_refund" }) };
}

async function statusOf(id: string): Promise<string> {
  return (await server.admin("GET", `/v1/actions/${id}`))["status"] as string;
}

async function held(call: Promise<unknown>): Promise<string> {
  const error = await call.catch((caught: unknown) => caught);
  assert.ok(error instanceof ApprovalRequiredError, String(error));
  return error.actionId as string;
}

test("a call that gives up, or is called off, is withdrawn on the server", async () => {
  const impatient = setUp({ approvalTimeoutMs: 1000 });
  const id = await held(impatient.refund({ customer_id: "c", amount: 201 }));
  assert.equal(await statusOf(id), "withdrawn");

  const { governor, tool, ran } = setUp();
  const stop = new AbortController();
  const refund = governor.govern(tool, { tool: "process_refund", signal: stop.signal });
  const waiting = refund({ customer_id: "c", amount: 202 });
  const shown = await awaited(async () => (await server.actions("pending_approval")).find((one) => one.params.amount === 202));
  stop.abort(new RangeError("stopped"));
  await assert.rejects(waiting, RangeError);
  await awaited(async () => (await statusOf(shown.id)) === "withdrawn");
  assert.deepEqual([impatient.ran, ran], [[], []]);
});

test("what is approved after its call has ended is taken up, and runs once", async () => {
  const input = { customer_id: "c", amount: 203 };
  const id = await held(setUp({ approvalTimeoutMs: 0 }).refund(input));
  assert.equal(await statusOf(id), "pending_approval");
  const { governor, refund, ran } = setUp();
  const resumed = governor.resume(id, refund, input);
  await awaited(async () => (await server.admin("GET", `/v1/actions/${id}`))["waiting"] === true);
  await server.admin("POST", `/v1/actions/${id}/approval`, { approve: true });
  assert.equal(await resumed, "refunded 203");
  assert.equal(await statusOf(id), "succeeded");
  await assert.rejects(governor.resume(id, refund, input), (error) => error instanceof FarameshError && error.code === "already_started");
  assert.equal(ran.length, 1);
});

test("what is approved and not started in time has lapsed", async () => {
  const input = { customer_id: "c", amount: 204 };
  const { governor, refund, ran } = setUp({ approvalTimeoutMs: 0 });
  const id = await held(refund(input));
  await server.admin("POST", `/v1/actions/${id}/approval`, { approve: true });
  await awaited(async () => (await statusOf(id)) === "lapsed");
  await assert.rejects(governor.resume(id, refund, input), (error) => error instanceof ApprovalExpiredError && error.code === "permit_expired");
  assert.deepEqual(ran, []);
});

test("the same call made again is one action", async () => {
  const { governor, tool } = setUp({ approvalTimeoutMs: 0 });
  const refund = governor.govern(tool, { tool: "process_refund", callId: ({ customer_id }) => `invoice of ${customer_id}` });
  const first = await held(refund({ customer_id: "ö", amount: 205 }));
  assert.equal(await held(refund({ customer_id: "ö", amount: 205 })), first);
  // Under one name there is one call: other arguments are refused.
  await assert.rejects(refund({ customer_id: "ö", amount: 206 }), (error) => error instanceof FarameshError && !(error instanceof ApprovalRequiredError));
});
