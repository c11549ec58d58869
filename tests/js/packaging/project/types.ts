// How a TypeScript program sees the package: it is compiled, with the strictest settings, and not run.
import { createGovernor, init, ToolDeniedError } from "faramesh";
import type { ApprovalBroker, Decision, Outcome } from "faramesh";
import { version } from "faramesh/inline";
import { initSync } from "faramesh/slim";

const broker: ApprovalBroker = { hold: async () => ({ verdict: "rejected" }) };
const local = createGovernor({ agentId: "agent-1", policy: "rules: []" });
const asking = createGovernor({ agentId: "agent-1", policy: "rules: []", approvals: broker });
const refund = ({ amount }: { amount: number }): string => `refunded ${amount}`;

// A governed function keeps its type; if a person may have to be asked, it becomes asynchronous.
export const at_once: string = local.govern(refund, { tool: "process_refund" })({ amount: 45 });
export const later: Promise<string> = asking.govern(refund, { tool: "process_refund" })({ amount: 45 });

// @ts-expect-error: an amount is a number.
export const wrong = local.govern(refund, { tool: "process_refund" })({ amount: "45" });

export function told(error: unknown): Outcome | undefined {
  const decision: Decision | null = error instanceof ToolDeniedError ? error.decision : null;
  return decision?.outcome;
}

export const loaders: [typeof init, typeof initSync, typeof version] = [init, initSync, version];
