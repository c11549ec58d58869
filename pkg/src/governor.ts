// The governor: everything that is set up once for an agent, checked when it is made. It brings together who decides,
// who is asked and where records go; the road of a call is in road.ts, and how functions are wrapped in govern.ts.

import type { ApprovalBroker } from "./approvals.js";
import type { Bundle } from "./bundle.js";
import { Client, reason } from "./client.js";
import { systemClock } from "./clock.js";
import type { Clock } from "./clock.js";
import type { Decided } from "./decision.js";
import { engineHash, isReady } from "./engine.js";
import { FarameshError, InvalidActionError } from "./errors.js";
import { Gate } from "./gate.js";
import type { Explanation } from "./generated/wire.js";
import { governed, resumeOf } from "./govern.js";
import type { Surroundings } from "./govern.js";
import { host } from "./host.js";
import { hasLoneSurrogate, isPlain, NotJson, stringify } from "./json.js";
import { checkedOptions, mergedContext } from "./options.js";
import { memoryOutbox } from "./outbox.js";
import type { Outbox } from "./outbox.js";
import { explain, filesOf, loadFiles } from "./policies.js";
import type { ActionInput, ActionLike, PolicySource } from "./policies.js";
import { Records } from "./records.js";
import type { Terms } from "./road.js";
import { Sender } from "./sender.js";
import type {
  AnyFunction,
  DeniedBy,
  DeniedOf,
  Governed,
  GovernOptions,
  GovernOptionsWith,
  GovernorOptions,
  Mode,
  ModeOf,
  OnDeny,
  Refusal,
  Waiting,
  WaitingOf,
} from "./types.js";

/** How a governor is doing. */
export interface GovernorStatus {
  readonly mode: Mode;
  readonly agent_id: string;
  readonly engine_hash: string;
  /** The policies that decide here now; null when none do. */
  readonly policy_hash: string | null;
  /** The last good bundle; null without one. */
  readonly bundle: { readonly issued_at: string; readonly usable: boolean; readonly why_not: string | null } | null;
  /** The stream of records of this governor; null where none are kept here. */
  readonly records: { readonly stream: string | null; readonly size: number; readonly waiting: number; readonly stopped: FarameshError | null } | null;
}

/**
 * Decides what an agent's tools may do.
 *
 * Used as a type on its own, it is any governor that throws denials: `Governor<"async", string>` is one with a server and
 * `onDeny: "return"`.
 */
export interface Governor<W extends Waiting = Waiting, Denied = never, M extends Mode = Mode> {
  /** The result of a call that does not run; this property does not exist at run time. */
  readonly denied?: Denied;
  readonly agentId: string;
  readonly mode: M;
  /**
   * Decides an action, and records the decision where records are kept. In `remote` mode the action is submitted.
   * With `dryRun` nothing is recorded. Nothing runs by it: a tool runs through `govern`.
   *
   * It never throws because of an action: what cannot be read or decided is a HALT. In `remote` mode the promise is
   * rejected when the server does not answer.
   */
  decide(action: ActionLike, options?: { readonly dryRun?: boolean; readonly signal?: AbortSignal }): M extends "local" ? Decided : Promise<Decided>;
  /** Why an action gets its decision under the policies here. Only in `local` mode. */
  explain(action: ActionLike): Explanation;
  /** A function that runs only when an action of its arguments may. */
  govern<F extends AnyFunction>(fn: F, options: GovernOptionsWith<F>): Governed<F, Denied, W>;
  govern<F extends AnyFunction, D extends "throw" | "return">(fn: F, options: GovernOptionsWith<F, D>): Governed<F, DeniedBy<D>, W>;
  govern<F extends AnyFunction, R>(fn: F, options: GovernOptionsWith<F, (refusal: Refusal) => R>): Governed<F, R, W>;
  /**
   * Resumes an action that was held when its call ended, with the arguments of that call: waits for an answer if there is
   * none yet, and runs the tool once. `tool` is a function that `govern` of this governor returned.
   */
  resume<F extends AnyFunction>(actionId: string, tool: F, ...args: Parameters<F>): Promise<Awaited<ReturnType<F>>>;
  /** Sends the records that wait, now. Rejected when that fails; they are kept. */
  flush(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Sends the waiting records once, and ends all background work. After it, nothing runs that has to be recorded.
   *
   * Rejects if the server does not have all records in the end. Unsent records stay in the outbox: an outbox in a file or
   * in the storage of a page keeps them for the next program, and `memoryOutbox` loses them.
   */
  close(): Promise<void>;
  /** How it is doing. */
  status(): GovernorStatus;
}

/**
 * Makes a governor. Everything that can be checked is checked here.
 *
 * @throws TypeError for options that make no sense, {@link FarameshError} where the engine is not loaded, and
 * `PolicyInvalidError` for policies with errors.
 */
export function createGovernor<const O extends GovernorOptions>(options: O & Known<O>): Governor<WaitingOf<O>, DeniedOf<O>, ModeOf<O>> {
  return new TheGovernor(options) as unknown as Governor<WaitingOf<O>, DeniedOf<O>, ModeOf<O>>;
}

/** Makes the compiler refuse unknown options, although `O` may be any type with the known ones. */
type Known<O> = { readonly [K in Exclude<keyof O, keyof GovernorOptions>]: never };

class TheGovernor {
  readonly agentId: string;
  readonly mode: Mode;
  readonly #context: Record<string, unknown>;
  /** The beginning of every action that does not set these fields itself. */
  readonly #head: string;
  readonly #headWithoutAgent: string;
  readonly #onDeny: OnDeny;
  readonly #onError: GovernorOptions["onError"];
  readonly #onDecision: GovernorOptions["onDecision"];
  readonly #reportResult: boolean;
  readonly #bundle: Bundle | null;
  readonly #client: Client | null;
  readonly #broker: ApprovalBroker | null;
  readonly #approvalTimeoutMs: number | undefined;
  readonly #clock: Clock;
  readonly #gate: Gate | null;
  readonly #outbox: Outbox | null;
  readonly #sender: Sender | null;
  readonly #records: Records | null;
  /** The functions of this governor have it, and others have not. */
  readonly #surroundings: Surroundings;
  /** The failures that were logged on the console, by code. */
  readonly #warned = new Set<string>();
  #closed: Promise<void> | undefined;
  /** Whether the policies of the server were looked at. */
  #begun = false;
  /** Ends the waiting for the end of the program. */
  #ended: (() => void) | undefined;

  constructor(options: GovernorOptions) {
    const { mode, context } = checkedOptions(options);
    const { agentId, policy, policies, bundle, server, approvals } = options;
    if (!isReady()) {
      throw new FarameshError("the engine is not loaded yet; call `await init()` first", { code: "engine_not_ready" });
    }
    this.agentId = agentId;
    this.mode = mode;
    this.#context = context;
    this.#headWithoutAgent = `{"context":${JSON.stringify(context)}`;
    this.#head = `${this.#headWithoutAgent},"agent_id":${JSON.stringify(agentId)}`;
    this.#onDeny = options.onDeny ?? "throw";
    this.#onError = options.onError;
    this.#onDecision = options.onDecision;
    this.#reportResult = options.reportResult ?? false;
    this.#clock = options.clock ?? systemClock;
    this.#approvalTimeoutMs = options.approvalTimeoutMs;
    this.#broker = approvals ?? null;
    this.#client = server === undefined ? null : new Client(server);
    this.#bundle = bundle ?? null;
    const source: PolicySource | undefined = policy ?? policies;
    if (mode === "remote") {
      [this.#gate, this.#outbox, this.#sender, this.#records] = [null, null, null, null];
    } else {
      const option = policy === undefined ? "policies" : "policy";
      const compiled = source === undefined ? (bundle as Bundle) : loadFiles(filesOf(source, option));
      const failed = (error: FarameshError): void => this.#fail(error);
      this.#outbox = options.outbox ?? (this.#client === null ? null : (host().outbox?.() ?? memoryOutbox()));
      this.#sender = this.#outbox === null || this.#client === null ? null : new Sender(this.#outbox, this.#client, failed, () => this.#sent());
      this.#records = this.#outbox === null ? null : new Records(this.#outbox, agentId, this.#clock, () => this.#appended());
      this.#gate = new Gate(compiled, this.#clock, this.#records, failed);
      if (this.#sender !== null && this.#outbox !== null && this.#outbox.waiting() > 0) this.#sender.wake();
    }
    this.#surroundings = {
      agentId,
      context,
      onDeny: this.#onDeny,
      reportResult: this.#reportResult,
      // Where an option is there, its type says that a call may wait, whatever its value is this time.
      waits: "server" in options || "approvals" in options,
      terms: this.#terms(),
      failed: (error, thrown) => this.#fail(error, thrown),
      begin: () => this.#begin(),
    };
  }

  decide(action: ActionLike, options: { dryRun?: boolean; signal?: AbortSignal } = {}): Decided | Promise<Decided> {
    const { dryRun = false, signal } = options;
    if (this.#gate === null) return this.#decideRemotely(action, dryRun, signal);
    this.#begin();
    let body: string | Uint8Array;
    try {
      body = this.#body(action);
    } catch (error) {
      if (!(error instanceof NotJson)) throw error;
      const decision = this.#gate.unreadable(error.message);
      this.#decided(decision, "null");
      return decision;
    }
    const decision = dryRun ? this.#gate.dryRun(body) : this.#gate.decide(body);
    if (this.#onDecision !== undefined) this.#decided(decision, typeof body === "string" ? body : new TextDecoder().decode(body));
    return decision;
  }

  explain(action: ActionLike): Explanation {
    if (this.#gate === null) throw new TypeError("in `remote` mode the server explains; ask it for `/v1/actions/{id}/explain`");
    const policies = this.#gate.policies();
    try {
      return explain(policies, this.#body(action), { now: Math.trunc(this.#clock.now()) });
    } catch (error) {
      if (!(error instanceof NotJson)) throw error;
      throw new InvalidActionError(error.message, { code: "invalid_action", cause: error });
    }
  }

  govern<F extends AnyFunction>(fn: F, options: GovernOptions<F>): AnyFunction {
    return governed(fn, options as GovernOptions, this.#surroundings);
  }

  async resume(actionId: string, tool: AnyFunction, ...args: unknown[]): Promise<unknown> {
    const resume = resumeOf(tool, (around) => around === this.#surroundings);
    if (resume === undefined) throw new TypeError("`resume` takes a function that `govern` of this governor gave back");
    if (typeof actionId !== "string" || actionId === "") throw new TypeError("`resume` takes the id of an action, as an error has it in `actionId`");
    if (this.#client === null) throw new TypeError("`resume` takes up an action on a server, and this governor has none");
    return resume(actionId, undefined, args);
  }

  async flush(options: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#sender?.flush(options.signal);
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  status(): GovernorStatus {
    const bundle = this.#bundle;
    const current = bundle?.current();
    const why = current !== undefined && "unavailable" in current ? current.unavailable : null;
    const head = this.#records?.head;
    return {
      mode: this.mode,
      agent_id: this.agentId,
      engine_hash: engineHash(),
      policy_hash: this.#gate?.policyHash ?? null,
      bundle: bundle?.issuedAt == null ? null : { issued_at: bundle.issuedAt, usable: why === null, why_not: why },
      records:
        this.#outbox === null
          ? null
          : { stream: head?.stream ?? null, size: head?.size ?? 0, waiting: this.#outbox.waiting(), stopped: this.#sender?.stopped ?? null },
    };
  }

  #terms(): Terms {
    return {
      gate: this.#gate,
      client: this.#client,
      broker: this.#broker,
      approvalTimeoutMs: this.#approvalTimeoutMs,
      clock: this.#clock,
      decided: (decision, action) => this.#decided(decision, action),
      failed: (error) => this.#fail(error),
    };
  }

  /** At the beginning of every call. */
  #begin(): void {
    this.#bundle?.poll();
    if (this.#begun) return;
    this.#begun = true;
    // Bundles come from the server, and without background work a request belongs to the call that waits for it.
    if (this.#sender !== null && this.#bundle === null && host().background) void this.#compare();
  }

  /** Reports that the server has other policies in force: local decisions may differ from the server's. */
  async #compare(): Promise<void> {
    const [client, ours] = [this.#client as Client, this.#gate?.policies()];
    let theirs: string;
    try {
      ({ policy_hash: theirs } = await client.dryRun(JSON.stringify({ agent_id: this.agentId, tool: "faramesh.policies" })));
    } catch {
      // Sending the records fails in the same way, and reports it.
      return;
    }
    if (ours === undefined || theirs === ours.policyHash) return;
    const names = ours.files.map(({ file }) => `\`${file}\``).join(", ");
    const message =
      `the policies here (${names}; ${ours.policyHash.slice(0, 12)}) are not those that the server has in force (${theirs.slice(0, 12)}): ` +
      "it takes records only under files that it has had, all of them, by the same names and with the same bytes";
    this.#fail(new FarameshError(message, { code: "policy_mismatch" }));
  }

  /** A record waits: it is sent soon, and before the program ends. */
  #appended(): void {
    if (this.#sender === null) return;
    this.#sender.wake();
    let left = 0;
    this.#ended ??= host().ending?.(
      () => {
        const waiting = this.#outbox?.waiting() ?? 0;
        // Sending that failed is not tried for ever: the program has nothing else to do.
        if (waiting === 0 || waiting === left) return;
        left = waiting;
        this.#sender?.flush().catch(() => undefined);
      },
      () => this.#fail(unsent(this.#outbox?.waiting() ?? 0)),
    );
  }

  /** Nothing waits any more. */
  #sent(): void {
    this.#ended?.();
    this.#ended = undefined;
  }

  async #close(): Promise<void> {
    this.#bundle?.close();
    let failure: unknown;
    try {
      await this.#sender?.flush();
      this.#records?.close();
      // Records that arrived during the last request.
      if (this.#sender !== null && (this.#outbox?.waiting() ?? 0) > 0) await this.#sender.flush();
    } catch (error) {
      failure = error;
    }
    this.#records?.close();
    this.#sender?.close();
    const waiting = this.#sender === null ? 0 : (this.#outbox?.waiting() ?? 0);
    this.#sent();
    this.#outbox?.close();
    if (failure !== undefined || waiting > 0) throw unsent(waiting, failure);
  }

  async #decideRemotely(action: ActionLike, dryRun: boolean, signal: AbortSignal | undefined): Promise<Decided> {
    const client = this.#client as Client;
    let body: string;
    try {
      const given = this.#body(action);
      body = typeof given === "string" ? given : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(given);
    } catch (error) {
      throw new InvalidActionError(reason(error), { code: "invalid_action", cause: error });
    }
    let decision: Decided;
    if (dryRun) {
      decision = await client.dryRun(body, signal);
    } else {
      const submitted = await client.submit(body, { signal });
      decision = Object.assign(submitted, { action_id: submitted.id }) as Decided;
    }
    this.#decided(decision, body);
    return decision;
  }

  /** An action as text or bytes. @throws NotJson for what has no exact form. */
  #body(action: ActionLike): string | Uint8Array {
    if (typeof action === "string") {
      if (hasLoneSurrogate(action)) throw new NotJson("the text holds half of a surrogate pair, which is no text");
      return action;
    }
    if (action instanceof Uint8Array) return action;
    if (typeof action !== "object" || action === null || !isPlain(action)) throw new NotJson("it is no object");
    const { agent_id: agentId, context } = action as ActionInput;
    if (context === undefined) {
      return stringify(action, "the action", agentId === undefined ? this.#head : this.#headWithoutAgent);
    }
    const whole: Record<string, unknown> = { ...(action as ActionInput) };
    whole["agent_id"] ??= this.agentId;
    whole["context"] = mergedContext(this.#context, whole["context"]);
    return stringify(whole, "the action");
  }

  #decided(decision: Decided, action: string): void {
    if (this.#onDecision === undefined) return;
    try {
      this.#onDecision(decision, action);
    } catch (error) {
      this.#fail(new FarameshError(`\`onDecision\` failed: ${reason(error)}`, { code: "listener_failed", cause: error }));
    }
  }

  /** Reports a failure; `thrown` says that the caller gets the error anyway. */
  #fail(error: FarameshError, thrown = false): void {
    if (this.#onError === undefined) {
      if (thrown || this.#warned.has(error.code)) return;
      this.#warned.add(error.code);
      console.warn(`faramesh: ${error.message} (${error.code}, told once; \`onError\` hears of every failure)`);
      return;
    }
    try {
      this.#onError(error);
    } catch {
      // A listener for failures must not cause another one.
    }
  }
}

function unsent(waiting: number, cause?: unknown): FarameshError {
  const records = waiting === 1 ? "1 record is" : `${waiting} records are`;
  const why = cause === undefined ? "" : `: ${reason(cause)}`;
  const message = `${records} not on the server and will only be sent from an outbox that outlives the program${why}`;
  return new FarameshError(message, { code: cause instanceof FarameshError ? cause.code : "records_unsent", cause });
}
