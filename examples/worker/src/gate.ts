// The tools behind the gate: `faramesh` decides every call of them, with the policy that is bundled with this Worker.
//
// A call that the agent makes is held where the policy says so. A call that a person granted goes the same way once
// more, with a broker that hands the grant over; the engine looks at it together with the policy.

import { createGovernor } from "faramesh";
import type { ApprovalBroker, Governor } from "faramesh";
import { approvals } from "./approvals.js";
import policy from "./policy.yaml";
import type { Env, Settings } from "./settings.js";
import { processRefund, readRefunds } from "./tools.js";
import type { Customer, Refund } from "./tools.js";

export type Params = Record<string, unknown>;

/** The tools of one governor. */
export interface Tools {
  /** Runs a tool, if the policy lets it. */
  call(tool: string, params: Params, callId: string): Promise<unknown>;
  /** Sends the records, where there is a server to send them to. */
  flush(): Promise<void>;
}

/** The tools as the agent calls them, and as a granted call runs. */
export interface Gate {
  readonly agent: Tools;
  readonly granted: Tools;
}

let gate: Gate | undefined;

/** The gate of this isolate; its policies are compiled once. */
export function gateOf(env: Env, settings: Settings): Gate {
  const { agentId, server, approvalMs } = settings;
  const common = { agentId, policies: { "policy.yaml": policy } };
  const asked = server === null ? common : { ...common, server, approvalTimeoutMs: approvalMs };
  gate ??= {
    agent: behind(createGovernor(asked), env),
    granted: behind(createGovernor({ ...common, approvals: grants(env) }), env),
  };
  return gate;
}

export function isTool(name: unknown): name is string {
  return name === "process_refund" || name === "read_refunds";
}

/** Hands over what a person has granted, once; whatever else is held stays closed. */
function grants(env: Env): ApprovalBroker {
  return {
    async hold({ context, request_hash }) {
      const grant = await approvals(env).take(String(context["call_id"]), request_hash);
      if (grant?.approver == null) throw new Error("nobody has granted these arguments");
      return { verdict: "granted", approvers: [{ principal: grant.approver }], reason: grant.reason };
    },
  };
}

function behind(governor: Governor, env: Env): Tools {
  // The id is part of what is decided and granted, so a grant is for one call and not for all like it.
  const called = {
    params: (params: object) => params,
    context: (_: object, callId: string) => ({ call_id: callId }),
  };
  const refund = governor.govern((params: Refund, _callId: string) => processRefund(env, params), { tool: "process_refund", ...called });
  const refunds = governor.govern((params: Customer, _callId: string) => readRefunds(env, params), { tool: "read_refunds", ...called });
  return {
    // The policy has looked at the types of the arguments before a tool sees them.
    call: async (tool, params, callId) =>
      tool === "process_refund" ? refund(params as unknown as Refund, callId) : refunds(params as unknown as Customer, callId),
    flush: () => governor.flush(),
  };
}
