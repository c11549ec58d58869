// Reads an answer of the engine: a typed decision, or the HALT that every failure becomes. A word that this version
// does not know never permits anything.

import type { Decision, Outcome, ReasonCode } from "./generated/wire.js";
import { RUNTIME_VERSION } from "./glue/facts.js";
import { canonical } from "./json.js";
import { sha256 } from "./sha256.js";

/** Where something was recorded. */
export interface Receipt {
  readonly stream: string;
  readonly seq: number;
  readonly record_hash: string;
}

/** A decision, and where it was recorded, if records are kept. */
export type Decided = Decision & {
  /** The id of the action in the records; absent where none are kept. */
  readonly action_id?: string;
  /** Where the decision was recorded; absent where no records are kept. */
  readonly receipt?: Receipt;
};

/** Whether `word` is an outcome that this version knows. */
export function isOutcome(word: unknown): word is Outcome {
  return word === "EXECUTE" || word === "ABSTAIN" || word === "HALT";
}

/** A decision with its own text, as it is recorded. */
export interface Ruling {
  readonly decision: Decision;
  /** The decision in canonical form. */
  readonly text: string;
  /** The canonical action, or null for one that cannot be read. */
  readonly action: string | null;
  /** The state that was consulted, in canonical form. */
  readonly state: string;
}

/** Reads the decision line of an answer. */
export function readDecision(text: string): Decision {
  const decision = JSON.parse(text) as Decision;
  if (!isOutcome(decision.outcome)) throw new SyntaxError("the engine's decision has no outcome");
  return decision;
}

/** The known parts of a decision that is made without the engine. */
export interface HaltFacts {
  readonly code: ReasonCode;
  readonly reason: string;
  readonly policyHash: string;
  readonly requestHash?: string | null;
  readonly action?: string | null;
  readonly state?: string;
}

/** The decision that is made where the engine makes none. It opens nothing. */
export function halt(facts: HaltFacts): Ruling {
  const state = facts.state ?? "{}";
  const requestHash = facts.requestHash ?? null;
  const basis = { policy_hash: facts.policyHash, request_hash: requestHash, runtime_version: RUNTIME_VERSION, state: JSON.parse(state) };
  const decision: Decision = {
    decision: "deny",
    outcome: "HALT",
    policy_hash: facts.policyHash,
    provenance_id: sha256(canonical(basis)),
    reason: facts.reason,
    reason_code: facts.code,
    request_hash: requestHash,
    risk_level: "low",
    risk_rules: [],
    risk_score: 0,
    rule: null,
    runtime_version: RUNTIME_VERSION,
  };
  return { decision, text: canonical(decision), action: facts.action ?? null, state };
}
