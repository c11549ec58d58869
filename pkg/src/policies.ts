// Policies as a caller gives them, checked and compiled; and what can be asked of them without a governor: findings,
// simulations, explanations. Nothing here is recorded and nothing runs.

import { AS_RECEIVED, AS_RECORDED, LoadedPolicies, canonicalize, encode, EngineFailure } from "./engine.js";
import type { File } from "./engine.js";
import { InvalidActionError, PolicyInvalidError } from "./errors.js";
import type { Decision, Diagnostic, Explanation, Outcome, State } from "./generated/wire.js";
import { hasLoneSurrogate, NotJson, stringify } from "./json.js";
import { readDecision } from "./decision.js";

/** Policy files by name, as text or bytes; or the text of one. */
export type PolicySource = string | Readonly<Record<string, string | Uint8Array>>;

/** An action as an object. */
export interface ActionInput {
  readonly agent_id?: string;
  readonly tool: string;
  readonly operation?: string;
  readonly params?: object;
  readonly context?: object;
}

/** An action: an object, or its JSON as exact text or bytes. */
export type ActionLike = ActionInput | string | Uint8Array;

/** The name of a policy that is given as text alone. */
const UNNAMED = "policy.yaml";

/** A finding about a policy: columns count UTF-16 code units, as JavaScript does; `span` counts bytes. */
export interface Finding extends Diagnostic {
  /** The text it is about, as offsets in UTF-16 code units: `text.slice(range.start, range.end)`. */
  range: { start: number; end: number };
}

/** `source` as a list of files in the order of their names. */
export function filesOf(source: PolicySource, option: string): File[] {
  if (typeof source === "string") return [[UNNAMED, text(source, UNNAMED)]];
  if (typeof source !== "object" || source === null || ArrayBuffer.isView(source) || Array.isArray(source)) {
    throw new TypeError(`\`${option}\` must be the text of a policy, or an object of file names and their contents`);
  }
  const files = Object.entries(source).map(([name, content]): File => {
    if (typeof content === "string") return [name, text(content, name)];
    if (content instanceof Uint8Array) return [name, content];
    throw new TypeError(`the content of \`${name}\` in \`${option}\` must be text or bytes`);
  });
  return files.sort(([one], [other]) => (one < other ? -1 : 1));
}

function text(content: string, name: string): string {
  if (hasLoneSurrogate(content)) throw new TypeError(`\`${name}\` holds half of a surrogate pair, which is no text`);
  return content;
}

/** Compiles policies. @throws {@link PolicyInvalidError} with all findings when one of them has an error. */
export function loadFiles(files: readonly File[]): LoadedPolicies {
  const { policies, diagnostics } = LoadedPolicies.load(files);
  if (policies !== null) return policies;
  const findings = diagnostics.map((one) => located(one, files));
  const errors = findings.filter((one) => one.severity === "error");
  const first = errors[0];
  const place = first === undefined ? "" : `: ${first.file}:${first.line}:${first.column}: ${first.message}`;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  throw new PolicyInvalidError(`the policies have errors${place}${more}`, findings);
}

/**
 * All findings about policies, errors and warnings.
 *
 * @example
 * ```ts
 * for (const { line, column, message } of check(text)) console.log(`${line}:${column}: ${message}`);
 * ```
 */
export function check(policies: PolicySource): Finding[] {
  const files = filesOf(policies, "policies");
  const { policies: loaded, diagnostics } = LoadedPolicies.load(files);
  loaded?.unload();
  return diagnostics.map((one) => located(one, files));
}

/** A diagnostic with its columns in UTF-16 code units. */
export function located(diagnostic: Diagnostic, files: readonly File[]): Finding {
  const content = files.find(([name]) => name === diagnostic.file)?.[1] ?? "";
  const bytes = typeof content === "string" ? encode(content) : content;
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const before = (offset: number): string => decoder.decode(bytes.subarray(0, offset));
  const [start, end] = [before(diagnostic.span.start), before(diagnostic.span.end)];
  return {
    ...diagnostic,
    column: start.length - start.lastIndexOf("\n"),
    end_column: end.length - end.lastIndexOf("\n"),
    range: { start: start.length, end: end.length },
  };
}

/** An action as the engine reads it. @throws {@link InvalidActionError} when it has no exact JSON form. */
export function actionText(action: ActionLike): string | Uint8Array {
  if (action instanceof Uint8Array) return action;
  if (typeof action === "string") {
    if (hasLoneSurrogate(action)) throw new InvalidActionError("the action holds half of a surrogate pair, which is no text", { code: "invalid_action" });
    return action;
  }
  try {
    return stringify(action, "action");
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    throw new InvalidActionError(error.message, { code: "invalid_action", cause: error });
  }
}

/**
 * The `request_hash` of an action: the SHA-256 of its RFC 8785 form.
 *
 * @throws {@link InvalidActionError} for what cannot be read as an action.
 */
export function requestHash(action: ActionLike): string {
  const text = actionText(action);
  try {
    return canonicalize(typeof text === "string" ? encode(text) : text);
  } catch (error) {
    if (!(error instanceof EngineFailure)) throw error;
    throw new InvalidActionError(error.message, { code: error.code, cause: error });
  }
}

/** Policies that are compiled, to be asked as often as one likes. */
export class Policies {
  /** The SHA-256 over the names and hashes of the files. */
  readonly policyHash: string;
  readonly #loaded: LoadedPolicies;

  /** @throws {@link PolicyInvalidError} when one of the files has an error. */
  constructor(source: PolicySource) {
    this.#loaded = loadFiles(filesOf(source, "policies"));
    this.policyHash = this.#loaded.policyHash;
  }

  /** Decides an action in a state; the same bytes in give the same bytes out, on every host. */
  decide(action: ActionLike, state: State = {}): Decision {
    return readDecision(this.evaluate(action, JSON.stringify(state)).decision);
  }

  /** The same in the engine's own text: the decision, the canonical action, the state and the fault. */
  evaluate(action: ActionLike, state = "{}", recorded = false): { decision: string; action: string | null; state: string; error: string | null } {
    return this.#loaded.decide(actionText(action), state, recorded ? AS_RECORDED : AS_RECEIVED);
  }

  /** Why an action gets its decision: every rule that was looked at, with each condition's truth value. */
  explain(action: ActionLike, state: State = {}): Explanation {
    return explain(this.#loaded, action, state);
  }

  /** Frees the memory of the compiled policies. */
  close(): void {
    this.#loaded.unload();
  }
}

/** Explains the decision on an action. @throws {@link InvalidActionError} for one that cannot be read. */
export function explain(policies: LoadedPolicies, action: ActionLike, state: State): Explanation {
  const text = actionText(action);
  try {
    const bytes = typeof text === "string" ? encode(text) : text;
    return JSON.parse(policies.explain(bytes, JSON.stringify(state))) as Explanation;
  } catch (error) {
    if (!(error instanceof EngineFailure)) throw error;
    throw new InvalidActionError(error.message, { code: error.code, cause: error });
  }
}

/** How many actions get each outcome. */
export type Counts = Record<Outcome, number>;

/** Decides actions under policies. */
export interface Simulation {
  policy_hash: string;
  counts: Counts;
  /** One for each action, in order. */
  decisions: Decision[];
}

/** Decides actions under policies and under those in force. */
export interface Comparison {
  policy_hash: string;
  in_force_policy_hash: string;
  counts: { candidate: Counts; in_force: Counts };
  /** How many actions go from which outcome in force to which other one: `EXECUTE->HALT`. */
  transitions: Record<string, number>;
  /** One for each action, in order. */
  results: { changed: boolean; candidate: Decision; in_force: Decision }[];
}

/** How to simulate. */
export interface SimulationOptions {
  /** The time at which the actions are tried, in Unix milliseconds; now by default. */
  readonly now?: number;
  /** The policies to compare with. */
  readonly inForce?: PolicySource;
}

/**
 * Decides actions under `policies`; with `inForce`, also under those in force.
 *
 * Nothing is recorded. An action that cannot be read gets the HALT that it would get.
 */
export function simulate(actions: Iterable<ActionLike>, policies: PolicySource, options: SimulationOptions & { readonly inForce: PolicySource }): Comparison;
export function simulate(actions: Iterable<ActionLike>, policies: PolicySource, options?: SimulationOptions & { readonly inForce?: never }): Simulation;
export function simulate(actions: Iterable<ActionLike>, policies: PolicySource, options: SimulationOptions = {}): Simulation | Comparison {
  const state = JSON.stringify({ now: options.now ?? Date.now() });
  const candidate = loadFiles(filesOf(policies, "policies"));
  const inForce = options.inForce === undefined ? null : loadFiles(filesOf(options.inForce, "inForce"));
  try {
    const under = (set: LoadedPolicies, text: string | Uint8Array): Decision => readDecision(set.decide(text, state, AS_RECEIVED).decision);
    const texts = Array.from(actions, actionText);
    const decisions = texts.map((text) => under(candidate, text));
    const counts = countsOf(decisions);
    if (inForce === null) return { policy_hash: candidate.policyHash, counts, decisions };
    const transitions: Record<string, number> = {};
    const results = texts.map((text, index) => {
      const [now, then] = [decisions[index] as Decision, under(inForce, text)];
      const changed = now.outcome !== then.outcome;
      const transition = `${then.outcome}->${now.outcome}`;
      if (changed) transitions[transition] = (transitions[transition] ?? 0) + 1;
      return { changed, candidate: now, in_force: then };
    });
    return {
      policy_hash: candidate.policyHash,
      in_force_policy_hash: inForce.policyHash,
      counts: { candidate: counts, in_force: countsOf(results.map((one) => one.in_force)) },
      transitions,
      results,
    };
  } finally {
    candidate.unload();
    inForce?.unload();
  }
}

function countsOf(decisions: readonly Decision[]): Counts {
  const counts: Counts = { EXECUTE: 0, ABSTAIN: 0, HALT: 0 };
  for (const { outcome } of decisions) counts[outcome] += 1;
  return counts;
}
