// The Durable Object that all calls go through: it decides them, runs them, holds them for people, and its alarm ends
// the waiting. One object, so that a call is run by one isolate and a grant is given away once.

import { DurableObject } from "cloudflare:workers";
import { ApprovalRequiredError, FarameshError } from "faramesh";
import type { Held } from "faramesh";
import { Calls } from "./calls.js";
import type { Call, Proposal } from "./calls.js";
import { gateOf } from "./gate.js";
import type { Gate, Params, Tools } from "./gate.js";
import { storageOutbox } from "./outbox.js";
import { configured } from "./settings.js";
import type { Env, Settings } from "./settings.js";

/** The result of an answer: the current state of the call, and whether this answer was the one that counted. */
export interface Answered {
  call: Call | null;
  counted: boolean;
}

/** How long after a first failure the server is tried again; after each further one twice as long. */
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

export class Approvals extends DurableObject<Env> {
  readonly #calls: Calls;
  readonly #settings: Settings;
  readonly #gate: Gate;
  /** When records that could not be sent are sent again; null when none wait. */
  #retryAt: number | null = null;
  #failures = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const settings = configured(env);
    if (typeof settings === "string") throw new Error(settings);
    this.#settings = settings;
    this.#calls = new Calls(ctx.storage.sql);
    const grants = { hold: async (held: Held) => this.#grant(held) };
    this.#gate = gateOf(settings, env, grants, () => storageOutbox(ctx.storage));
  }

  /** Decides a call, and runs it, holds it or denies it. A known id is only shown, so that nothing runs twice. */
  async propose(proposal: Proposal): Promise<Call> {
    if (this.#calls.propose(proposal)) {
      const held = await this.#run(proposal, this.#gate.agent);
      if (held !== null) await this.#hold(proposal.call_id, held);
    }
    return this.#calls.find(proposal.call_id) as Call;
  }

  find(callId: string): Call | null {
    return this.#calls.find(callId);
  }

  held(): Call[] {
    return this.#calls.held();
  }

  /** Takes what a person says about a held call; one that is granted runs now, once. */
  async answer(callId: string, requestHash: string, granted: boolean, approver: string, reason: string | null): Promise<Answered> {
    const counted = this.#calls.answer(callId, requestHash, granted, approver, reason, Date.now());
    const call = this.#calls.find(callId);
    if (!counted || !granted || call === null) return { call, counted };
    // The policy decides again, with the approval, and may see it otherwise by now.
    const error = await this.#run(call, this.#gate.granted);
    if (error !== null) this.#calls.finish(callId, "denied", error.message, null);
    return { call: this.#calls.find(callId), counted };
  }

  /** The time for an answer is over, or the server is tried again. */
  override async alarm(): Promise<void> {
    this.#calls.expire(Date.now());
    await this.#send();
  }

  /** Runs a governed tool and keeps how it ended; gives the error back when a person has to look first. */
  async #run(call: Proposal, tools: Tools): Promise<ApprovalRequiredError | null> {
    const { call_id, tool, params } = call;
    if (this.#settings.server !== null) {
      // Before anything is recorded: whatever becomes of this isolate, the records will be sent.
      this.#retryAt ??= Date.now() + FIRST_RETRY_MS;
      await this.#wake();
    }
    try {
      const result = await tools(tool, JSON.parse(params) as Params, call_id);
      this.#calls.finish(call_id, "done", null, JSON.stringify(result));
    } catch (error) {
      if (error instanceof ApprovalRequiredError) return error;
      // Whichever error the package throws, the tool has not run; any other comes from the tool itself.
      const denied = error instanceof FarameshError;
      const reason = denied ? (error.decision?.reason ?? error.message) : "the tool failed";
      this.#calls.finish(call_id, denied ? "denied" : "failed", reason, null);
    } finally {
      this.ctx.waitUntil(this.#send());
    }
    return null;
  }

  async #hold(callId: string, error: ApprovalRequiredError): Promise<void> {
    if (this.#settings.server !== null) {
      this.#calls.finish(callId, "denied", "nobody has answered on the server in time", null);
      return;
    }
    const { approval, reason } = error.decision ?? {};
    const patience = Math.min(this.#settings.approvalMs, approval?.expires_ms ?? Infinity);
    this.#calls.hold(callId, reason ?? "", Date.now() + patience);
    await this.#wake();
  }

  /** Hands over what a person has granted, once; whatever else is held stays closed. */
  #grant({ context, request_hash }: Held): { verdict: "granted"; approvers: { principal: string }[]; reason: string | null } {
    const grant = this.#calls.take(String(context["call_id"]), request_hash);
    if (grant?.approver == null) throw new Error("nobody has granted these arguments");
    return { verdict: "granted", approvers: [{ principal: grant.approver }], reason: grant.reason };
  }

  async #send(): Promise<void> {
    try {
      await this.#gate.flush();
      this.#retryAt = null;
      this.#failures = 0;
    } catch (error) {
      console.warn(`the records wait: ${String(error)}`);
      this.#retryAt = Date.now() + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
      this.#failures += 1;
    }
    await this.#wake();
  }

  /** Sets the alarm for whatever comes next. */
  async #wake(): Promise<void> {
    const times = [this.#calls.nextExpiry(), this.#retryAt].filter((time) => time !== null);
    if (times.length > 0) await this.ctx.storage.setAlarm(Math.min(...times));
  }
}
