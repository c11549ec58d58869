// The broker that answers held actions without a server; the caller provides it, for example as a Durable Object, a
// queue or a prompt in a terminal. Its answer is checked, and then the action is decided again with the answer.

import type { Approval, Decision } from "./generated/wire.js";

/** A held action, to show to people. Plain JSON, so that it can be stored and sent. */
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

/** People's answer: `granted` counts only with approvers who meet the policy's requirements. */
export interface ApprovalAnswer {
  readonly verdict: "granted" | "rejected" | "expired";
  readonly approvers?: readonly { readonly principal: string; readonly roles?: readonly string[] }[];
  readonly reason?: string | null;
}

/** A broker asks people about held actions. */
export interface ApprovalBroker {
  /**
   * Resolves with the answer. `signal` is aborted when the answer is no longer needed: the time is up, or the call was
   * cancelled.
   */
  hold(held: Held, options: { readonly signal: AbortSignal }): Promise<ApprovalAnswer>;
}

/**
 * The answer as the engine reads it, about an action that `proposer` proposed.
 *
 * @throws TypeError for anything else, for a grant by the proposer, and for two approvers who cannot be told apart.
 */
export function approvalOf(answer: ApprovalAnswer, proposer: string): Approval {
  const { verdict, approvers = [], reason = null } = (answer ?? {}) as ApprovalAnswer;
  if (verdict !== "granted" && verdict !== "rejected" && verdict !== "expired") {
    throw new TypeError(`the verdict is \`${String(verdict)}\`, and not \`granted\`, \`rejected\` or \`expired\``);
  }
  if (reason !== null && typeof reason !== "string") throw new TypeError("the reason is no text");
  if (!Array.isArray(approvers)) throw new TypeError("the approvers are no list");
  const people = new Map<string, Approval["approvers"][number]>();
  for (const approver of approvers) {
    // Each property is read once, so that the checked value is the one that counts.
    const { principal, roles = [] } = approver;
    if (!Array.isArray(roles) || roles.some((role) => typeof role !== "string")) throw new TypeError("the roles of an approver are no texts");
    const person = identityOf(principal);
    if (verdict === "granted" && person === fold(proposer)) {
      throw new TypeError(`\`${principal}\` proposed the action and cannot approve it`);
    }
    const known = people.get(person);
    if (known !== undefined && known.principal !== principal) {
      throw new TypeError(`\`${known.principal}\` and \`${principal}\` cannot be told apart as two people`);
    }
    if (known === undefined) people.set(person, { principal, roles: [...roles] });
  }
  return { verdict, reason, approvers: [...people.values()] };
}

/** @throws TypeError for a name with characters that are not seen, by which it could pass for another. */
function identityOf(principal: unknown): string {
  if (typeof principal !== "string" || principal.trim() === "") throw new TypeError("an approver has no name");
  if (UNSEEN.test(principal)) throw new TypeError("the name of an approver has characters that are not seen");
  return fold(principal);
}

const UNSEEN = /[\p{C}\p{Default_Ignorable_Code_Point}]/u;

/** The person behind a name: two spellings of one name are one person. */
function fold(name: string): string {
  return name.normalize("NFKC").trim().toUpperCase().toLowerCase();
}
