// Who answers for held actions when no server does: a broker that a caller brings, such as a Durable Object, a queue,
// a prompt in a terminal. What it answers is checked, and then the action is decided again with the answer.

import type { Approval, Decision } from "./generated/wire.js";

/** A held action, for whoever shows it to people. Plain JSON, so that it can be stored and sent. */
export interface Held {
  /** The id of the action in the records. */
  readonly id: string;
  readonly agent_id: string;
  readonly tool: string;
  readonly operation: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly context: Readonly<Record<string, unknown>>;
  readonly request_hash: string;
  /** Why it is held, and in `approval` how many people with which roles it takes. */
  readonly decision: Decision;
  /** When the waiting ends, as RFC 3339. */
  readonly expires_at: string;
}

/** What people said: `granted` counts only with approvers who meet what the policy asks for. */
export interface ApprovalAnswer {
  readonly verdict: "granted" | "rejected" | "expired";
  readonly approvers?: readonly { readonly principal: string; readonly roles?: readonly string[] }[];
  readonly reason?: string | null;
}

/** Who asks people about held actions. */
export interface ApprovalBroker {
  /**
   * Resolves with the answer, whenever it comes. `signal` is aborted when nobody waits for it any more: time is up, or
   * the call was called off.
   */
  hold(held: Held, options: { readonly signal: AbortSignal }): Promise<ApprovalAnswer>;
}

/** The answer as the engine reads it. @throws TypeError for anything else. */
export function approvalOf(answer: ApprovalAnswer): Approval {
  const { verdict, approvers = [], reason = null } = (answer ?? {}) as ApprovalAnswer;
  if (verdict !== "granted" && verdict !== "rejected" && verdict !== "expired") {
    throw new TypeError(`the verdict is \`${String(verdict)}\`, and not \`granted\`, \`rejected\` or \`expired\``);
  }
  if (reason !== null && typeof reason !== "string") throw new TypeError("the reason is no text");
  if (!Array.isArray(approvers)) throw new TypeError("the approvers are no list");
  return {
    verdict,
    reason,
    approvers: approvers.map(({ principal, roles = [] }) => {
      if (typeof principal !== "string" || principal === "") throw new TypeError("an approver has no name");
      if (!Array.isArray(roles) || roles.some((role) => typeof role !== "string")) throw new TypeError("the roles of an approver are no texts");
      return { principal, roles: [...roles] };
    }),
  };
}
