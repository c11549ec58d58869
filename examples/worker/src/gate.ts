// The tools behind the gate: `faramesh` decides every call of them, with the policy that is bundled with this Worker.
//
// A call that the agent makes is held where the policy says so. A call that a person granted goes the same way once
// more, with a broker that hands the grant over; the engine looks at it together with the policy.

import { createGovernor } from "faramesh";
import type { ApprovalBroker, Governor, Outbox } from "faramesh";
import policy from "./policy.yaml";
import type { Settings } from "./settings.js";
import { processRefund, readRefunds } from "./tools.js";
import type { Customer, Refund, World } from "./tools.js";

export type Params = Record<string, unknown>;

/** Runs a tool, if the policy lets it. */
export type Tools = (tool: string, params: Params, callId: string) => Promise<unknown>;

export interface Gate {
  /** The tools as the agent calls them. */
  readonly agent: Tools;
  /** The tools as a granted call runs. */
  readonly granted: Tools;
  /** Sends the records that wait, where there is a server to send them to. */
  flush(): Promise<void>;
}

export function isTool(name: unknown): name is string {
  return name === "process_refund" || name === "read_refunds";
}

/** The gate; its policies are compiled once. With a server, people are asked there, and `outbox` keeps the records. */
export function gateOf(settings: Settings, world: World, grants: ApprovalBroker, outbox: () => Outbox): Gate {
  const { agentId, server, approvalMs } = settings;
  const common = { agentId, policies: { "policy.yaml": policy } };
  if (server === null) {
    const granted = createGovernor({ ...common, approvals: grants });
    return { agent: behind(createGovernor(common), world), granted: behind(granted, world), flush: async () => undefined };
  }
  const governor = createGovernor({ ...common, server, approvalTimeoutMs: approvalMs, outbox: outbox() });
  const tools = behind(governor, world);
  return { agent: tools, granted: tools, flush: () => governor.flush() };
}

function behind(governor: Governor, world: World): Tools {
  // The id is part of the decision and the grant, so a grant is for one call and not for all like it.
  const called = {
    params: (params: object) => params,
    context: (_: object, callId: string) => ({ call_id: callId }),
    // The same call made again is the same action on a server.
    callId: (_: object, callId: string) => callId,
  };
  const refund = governor.govern((params: Refund, _callId: string) => processRefund(world, params), { tool: "process_refund", ...called });
  const refunds = governor.govern((params: Customer, _callId: string) => readRefunds(world, params), { tool: "read_refunds", ...called });
  // The policy has looked at the types of the arguments before a tool sees them.
  return async (tool, params, callId) =>
    tool === "process_refund" ? refund(params as unknown as Refund, callId) : refunds(params as unknown as Customer, callId);
}
