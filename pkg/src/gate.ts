// A local decision: gather the state, call the engine, record the answer. This is one pass of an action, without the
// steps before and after. Every failure is a HALT; only the engine ever says EXECUTE.

import type { Clock } from "./clock.js";
import { reason } from "./client.js";
import { uuid } from "./clock.js";
import { halt, readDecision } from "./decision.js";
import type { Decided, Ruling } from "./decision.js";
import { AS_RECEIVED, canonicalize, encode, EngineFailure, LoadedPolicies } from "./engine.js";
import type { Bundle } from "./bundle.js";
import { FarameshError, PolicyUnavailableError } from "./errors.js";
import type { Approval, ReasonCode } from "./generated/wire.js";
import type { Records, Report } from "./records.js";

/** The hash of no policies at all. */
const NO_POLICY_HASH = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/** Where policies come from: compiled once, or by bundles. */
export type Source = LoadedPolicies | Bundle;

/** Decides, and keeps records where there is a place for them. */
export class Gate {
  readonly records: Records | null;
  readonly #source: Source;
  readonly #clock: Clock;
  readonly #failed: (error: FarameshError) => void;

  constructor(source: Source, clock: Clock, records: Records | null, failed: (error: FarameshError) => void) {
    this.#source = source;
    this.#clock = clock;
    this.records = records;
    this.#failed = failed;
  }

  /** The hash of the policies that decide now; null when none do. */
  get policyHash(): string | null {
    const policies = this.#policies();
    return policies instanceof LoadedPolicies ? policies.policyHash : null;
  }

  /** The policies that decide now. @throws {@link PolicyUnavailableError} when none do. */
  policies(): LoadedPolicies {
    const policies = this.#policies();
    if (policies instanceof LoadedPolicies) return policies;
    throw new PolicyUnavailableError(policies.unavailable, { code: "no_policy" });
  }

  /** Decides an action and records nothing. */
  dryRun(action: string | Uint8Array): Decided {
    return this.#rule(action, undefined).decision;
  }

  /** Decides an action, and records the decision before reporting it. */
  decide(action: string | Uint8Array, approval?: { readonly answer: Approval; readonly actionId: string; readonly requestHash: string | null }): Decided {
    if (this.records === null) return this.#rule(action, counted(approval?.answer)).decision;
    const started = this.#clock.monotonic();
    const ruling = this.#rule(action, counted(approval?.answer));
    const durationUs = Math.max(0, Math.round((this.#clock.monotonic() - started) * 1000));
    const policies = this.#policies();
    const inForce = policies instanceof LoadedPolicies ? policies : policies.policies;
    // A stream begins with the policies that decide; before there are any, nothing ran that could be recorded.
    if (inForce === null) return ruling.decision;
    const actionId = approval?.actionId ?? uuid();
    try {
      this.records.policies(inForce);
      if (approval !== undefined) this.records.approval(actionId, approval.requestHash, approval.answer);
      const receipt = this.records.decision(actionId, ruling, durationUs);
      return Object.assign(ruling.decision, { action_id: actionId, receipt });
    } catch (error) {
      return this.#unrecorded(ruling, error);
    }
  }

  /** Records that a value has no JSON form, and therefore is not an action. */
  unreadable(why: string): Decided {
    const policies = this.#policies();
    const inForce = policies instanceof LoadedPolicies ? policies : policies.policies;
    const ruling = halt({ code: "invalid_action", reason: `the action cannot be read: ${why}`, policyHash: inForce?.policyHash ?? NO_POLICY_HASH });
    if (this.records === null || inForce === null) return ruling.decision;
    try {
      this.records.policies(inForce);
      const actionId = uuid();
      return Object.assign(ruling.decision, { action_id: actionId, receipt: this.records.decision(actionId, ruling, 0) });
    } catch (error) {
      return this.#unrecorded(ruling, error);
    }
  }

  /** Records that a tool starts. @throws {@link PolicyUnavailableError} when that cannot be kept: it must not run. */
  start(decision: Decided): void {
    if (this.records === null || decision.action_id === undefined) return;
    try {
      this.records.start(decision.action_id, decision.request_hash);
    } catch (error) {
      const message = `the start could not be recorded, so nothing runs: ${reason(error)}`;
      throw new PolicyUnavailableError(message, { code: "store_failure", decision, actionId: decision.action_id, cause: error });
    }
  }

  /** Records how a tool ended. It has run, so a failure is told and changes nothing. */
  ended(decision: Decided, report: Report): void {
    if (this.records === null || decision.action_id === undefined) return;
    try {
      this.records.result(decision.action_id, decision.request_hash, report);
    } catch (error) {
      const message = `the end of an action could not be recorded: ${reason(error)}`;
      this.#failed(new PolicyUnavailableError(message, { code: "store_failure", decision, actionId: decision.action_id, cause: error }));
    }
  }

  #policies(): ReturnType<Bundle["current"]> {
    const source = this.#source;
    return source instanceof LoadedPolicies ? source : source.current();
  }

  #rule(action: string | Uint8Array, approval: Approval | undefined): Ruling {
    const policies = this.#policies();
    const now = Math.trunc(this.#clock.now());
    if (!(policies instanceof LoadedPolicies)) {
      const hash = policies.policies?.policyHash ?? NO_POLICY_HASH;
      return this.#failure("no_policy", policies.unavailable, hash, action);
    }
    const state = approval === undefined ? `{"now":${now}}` : JSON.stringify({ approval, now });
    try {
      const lines = policies.decide(action, state, AS_RECEIVED);
      return { decision: readDecision(lines.decision), text: lines.decision, action: lines.action, state: lines.state };
    } catch (error) {
      if (error instanceof FarameshError) throw error;
      const message = `the engine did not answer: ${reason(error)}`;
      this.#failed(new PolicyUnavailableError(message, { code: "engine_failure", cause: error }));
      return this.#failure("engine_failure", "the engine did not answer", policies.policyHash, action);
    }
  }

  /** A HALT without an answer from the engine. It keeps the readable parts of the action. */
  #failure(code: ReasonCode, why: string, policyHash: string, action: string | Uint8Array): Ruling {
    let requestHash: string | null = null;
    try {
      requestHash = canonicalize(typeof action === "string" ? encode(action) : action);
    } catch (error) {
      if (!(error instanceof EngineFailure)) throw error;
    }
    return halt({ code, reason: why, policyHash, requestHash });
  }

  #unrecorded(ruling: Ruling, error: unknown): Decided {
    if (!(error instanceof Error)) throw error;
    const why = `the decision could not be recorded: ${reason(error)}`;
    this.#failed(new PolicyUnavailableError(why, { code: "store_failure", cause: error }));
    const { policy_hash: policyHash, request_hash: requestHash } = ruling.decision;
    return halt({ code: "store_failure", reason: "the decision could not be recorded, so nothing may run", policyHash, requestHash, state: ruling.state }).decision;
  }
}

/** The approval as part of the state: its approvers are the people who granted. Rejections are in the records. */
function counted(answer: Approval | undefined): Approval | undefined {
  return answer === undefined || answer.verdict === "granted" ? answer : { ...answer, approvers: [] };
}
