// One call of a governed tool: its action as text, read once, and the check that the arguments are still those.

import { canonicalize, encode, EngineFailure } from "./engine.js";
import { ArgumentsChangedError, InvalidActionError } from "./errors.js";
import type { Decision } from "./generated/wire.js";
import { NotJson } from "./json.js";

/** The parts of a call other than its arguments. */
export interface CallTerms {
  /** Calls off the waiting for people and servers. */
  readonly signal?: AbortSignal | undefined;
  /** The same for the same call made again, so that a server takes it for one action. */
  readonly idempotencyKey?: string | undefined;
}

/** One call. */
export class Call {
  readonly tool: string;
  readonly signal: AbortSignal | undefined;
  readonly idempotencyKey: string | undefined;
  /** The action as it was when the call was made; this is what is decided. */
  readonly body: string;
  readonly #write: () => string;
  #hash: string | undefined;

  /**
   * `body` is the action as text, and `write` gives it from the arguments as they are when it is called.
   */
  constructor(tool: string, body: string, write: () => string, terms: CallTerms = {}) {
    this.tool = tool;
    this.body = body;
    this.signal = terms.signal;
    this.idempotencyKey = terms.idempotencyKey;
    this.#write = write;
  }

  /** The arguments as they were decided: a copy that nothing else holds. */
  snapshot(): Record<string, unknown> {
    return (JSON.parse(this.body) as { params: Record<string, unknown> }).params;
  }

  /**
   * Checks that the arguments decided under `decision` are the ones that would run now.
   *
   * @throws {@link ArgumentsChangedError} when it is not.
   */
  verify(decision: Decision, actionId: string | null): void {
    let held: string | undefined;
    let cause: unknown;
    try {
      held = this.#current();
    } catch (error) {
      if (!(error instanceof InvalidActionError || error instanceof NotJson || error instanceof EngineFailure)) throw error;
      cause = error;
    }
    if (held !== undefined && held === decision.request_hash) return;
    const what = held === undefined ? "they have no hash any more" : `they hash to ${held.slice(0, 12)}`;
    const message =
      `the arguments of \`${this.tool}\` are not the ones that were decided: ${what}, ` +
      `and the decision is about ${decision.request_hash?.slice(0, 12) ?? "nothing"}`;
    throw new ArgumentsChangedError(message, { code: "arguments_changed", decision, actionId, cause });
  }

  /** The engine of this program has decided `body`, and its hash is this. */
  hashedAs(hash: string | null): void {
    this.#hash = hash ?? undefined;
  }

  /** The hash of the arguments as they are now; the same text has the same hash. */
  #current(): string {
    const now = this.#write();
    if (now !== this.body) return canonicalize(encode(now));
    this.#hash ??= canonicalize(encode(now));
    return this.#hash;
  }
}
