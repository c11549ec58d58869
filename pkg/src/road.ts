// The one road from a tool call to its effect, for synchronous and asynchronous tools alike.
//
//     local   decide ─▶ EXECUTE ─▶ the arguments are the same ─▶ record the start ─▶ run ─▶ record the result
//                       ABSTAIN ─▶ ask the broker, and decide again; or go the remote road, on which a person must
//                                  have approved; or, with neither, throw
//                       HALT    ─▶ throw
//     remote  submit ─▶ EXECUTE ─▶ start ─▶ the arguments are the same ─▶ run ─▶ result
//                       ABSTAIN ─▶ wait ─▶ (as above, on the new answer), or withdraw it and throw
//                       HALT    ─▶ throw
//
// It is a generator: it yields whatever must be waited for, and its driver waits. A flow without waits can be driven
// synchronously.
//
// INVARIANT: a tool runs only after an EXECUTE for the hash of its arguments, whose start was recorded. Every other end
// of the road is an exception.

import type { ApprovalBroker } from "./approvals.js";
import { approvalOf } from "./approvals.js";
import type { Call } from "./call.js";
import type { Client, ServerAction } from "./client.js";
import { reason, ServerProblem } from "./client.js";
import type { Clock } from "./clock.js";
import { sleep, uuid } from "./clock.js";
import type { Decided } from "./decision.js";
import {
  ApprovalExpiredError,
  ApprovalRejectedError,
  ApprovalRequiredError,
  FarameshError,
  InvalidActionError,
  PolicyUnavailableError,
  ToolDeniedError,
} from "./errors.js";
import type { Gate } from "./gate.js";
import type { Approval, Decision } from "./generated/wire.js";
import type { Report } from "./records.js";

/** A road: each step is something to wait for. */
export type Road<T> = Generator<() => Promise<unknown>, T, unknown>;

/** Permission to run a tool now, once. The owner begins, runs the tool at once, and reports its end. */
export interface Started {
  readonly decision: Decision;
  /** Whether the start is recorded already, so that the action stays open until its end is said. */
  readonly isOpen: boolean;
  /** The last look before the tool runs. @throws when it must not. */
  begin(): void;
  ended(report: Report): void | Promise<void>;
}

/** The dependencies of the flow. */
export interface Terms {
  readonly gate: Gate | null;
  readonly client: Client | null;
  readonly broker: ApprovalBroker | null;
  /** How long a call waits for people; as long as the approval itself when absent. */
  readonly approvalTimeoutMs: number | undefined;
  readonly clock: Clock;
  /** Receives every decision. */
  readonly decided: (decision: Decided, action: string) => void;
  /** Receives failures that do not stop the flow. */
  readonly failed: (error: FarameshError) => void;
}

/** The first long poll, and the longest; each is twice the one before. An answer may come while one is being set up. */
const FIRST_POLL_MS = 2_000;
const LONGEST_POLL_MS = 30_000;
/** A server that answers a long poll sooner, and with nothing new, is not asked again at once. */
const SHORTEST_POLL_MS = 500;
/** The longest pause between two polls that failed: a server that is back is asked again soon. */
const LONGEST_PAUSE_MS = 15_000;
/** How long an outage is waited out beyond the moment at which the approval expires: clocks go at different speeds. */
const GRACE_MS = 60_000;
/** How long an approval lasts by default. */
const DEFAULT_APPROVAL_MS = 3_600_000;
/** The statuses from which an action can still be started, and so withdrawn. */
const OPEN = new Set(["pending_approval", "allowed", "approved"]);
const STARTED = new Set(["executing", "succeeded", "failed", "timeout"]);
const CALLED_OFF = "the call was called off";
/** How long a call that was called off waits until its action is withdrawn. */
const WITHDRAW_MS = 1_000;

/** The road up to the moment at which the tool may run. */
export function* admission(call: Call, terms: Terms): Road<Started> {
  call.signal?.throwIfAborted();
  if (terms.gate !== null) return yield* local(call, terms, terms.gate);
  if (terms.client !== null) return yield* remote(call, terms, terms.client, null);
  throw new PolicyUnavailableError("there is nobody to decide", { code: "no_policy" });
}

/** The road of an action that was submitted before, from where it is now. */
export function* resumption(call: Call, terms: Terms, actionId: string): Road<Started> {
  call.signal?.throwIfAborted();
  const { client, gate } = terms;
  if (client === null) throw new TypeError("only an action on a server can be taken up again");
  let held: Decision | null = null;
  if (gate !== null) {
    // The policies here have a say as well, as they had when the action was submitted.
    const decision = gate.decide(call.body);
    terms.decided(decision, call.body);
    if (decision.outcome === "HALT") throw denied(call, decision, actionId);
    if (decision.outcome === "ABSTAIN") held = decision;
  }
  const action = (yield () => client.get(actionId, call.signal)) as ServerAction;
  isAbout(action, actionId);
  call.verify(action, action.id);
  return yield* followed(call, terms, client, action, held);
}

function* local(call: Call, terms: Terms, gate: Gate): Road<Started> {
  let decision = gate.decide(call.body);
  call.hashedAs(decision.request_hash);
  terms.decided(decision, call.body);
  if (decision.outcome === "ABSTAIN" && terms.broker !== null) {
    decision = yield* answered(call, terms, gate, terms.broker, decision);
  } else if (decision.outcome === "ABSTAIN" && terms.client !== null) {
    return yield* remote(call, terms, terms.client, decision);
  }
  const actionId = decision.action_id ?? null;
  switch (decision.outcome) {
    case "EXECUTE":
      break;
    case "ABSTAIN": {
      const facts = { decision, actionId, approval: terms.broker === null ? "nobody" : "insufficient" } as const;
      const state = terms.broker === null ? "there is no way here to ask one" : "the answer is not enough";
      throw new ApprovalRequiredError(`\`${call.tool}\` needs the approval of a person, and ${state}: ${why(decision)}`, facts);
    }
    case "HALT":
      throw denied(call, decision, actionId);
    default:
      return never(decision.outcome);
  }
  return {
    decision,
    isOpen: false,
    begin: () => {
      call.signal?.throwIfAborted();
      call.verify(decision, actionId);
      gate.start(decision);
    },
    ended: (report) => gate.ended(decision, report),
  };
}

/** The decision once the broker has answered, or time is up. */
function* answered(call: Call, terms: Terms, gate: Gate, broker: ApprovalBroker, held: Decided): Road<Decided> {
  const patience = Math.min(terms.approvalTimeoutMs ?? Infinity, held.approval?.expires_ms ?? terms.approvalTimeoutMs ?? DEFAULT_APPROVAL_MS);
  const answer = (yield () => ask(call, terms, broker, held, patience)) as Approval;
  call.signal?.throwIfAborted();
  // Without records a held action has no id of its own; the approval is about its hash.
  const actionId = held.action_id ?? "";
  // A new pass over the held action, under the current policies.
  const decision = gate.decide(call.body, { answer, actionId, requestHash: held.request_hash });
  terms.decided(decision, call.body);
  if (decision.reason_code === "approval_rejected") {
    const by = answer.approvers.map(({ principal }) => principal).join(" and ") || "a person";
    const message = `\`${call.tool}\` was rejected by ${by}: ${answer.reason ?? "no reason was given"}`;
    throw new ApprovalRejectedError(message, { code: "approval_rejected", decision, actionId: decision.action_id ?? null });
  }
  return decision;
}

async function ask(call: Call, terms: Terms, broker: ApprovalBroker, held: Decided, patience: number): Promise<Approval> {
  const stop = new AbortController();
  const signal = call.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, call.signal]);
  const action = JSON.parse(call.body) as Record<string, never>;
  const expires = new Date(Math.min(terms.clock.now() + patience, 8.64e15)).toISOString();
  const shown = {
    id: held.action_id ?? held.provenance_id,
    ...action,
    request_hash: held.request_hash as string,
    decision: held,
    expires_at: expires,
  } as unknown as Parameters<ApprovalBroker["hold"]>[0];
  call.signal?.throwIfAborted();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let calledOff = (): void => undefined;
  const expired = new Promise<Approval>((resolve, reject) => {
    const expire = (): void => resolve({ verdict: "expired", approvers: [], reason: null });
    // A timer holds at most 2^31 - 1 ms; who is patient for longer waits for the broker.
    if (patience < 2 ** 31) timer = setTimeout(expire, patience);
    calledOff = () => reject(call.signal?.reason);
    call.signal?.addEventListener("abort", calledOff, { once: true });
  });
  try {
    const { agent_id: proposer } = shown;
    return await Promise.race([expired, hear(broker.hold(shown, { signal }), proposer)]);
  } catch (error) {
    if (call.signal?.aborted) throw call.signal.reason;
    const message = `nobody could be asked to approve \`${call.tool}\`: ${reason(error)}`;
    throw new PolicyUnavailableError(message, { code: "approvals_failed", decision: held, actionId: held.action_id ?? null, cause: error });
  } finally {
    clearTimeout(timer);
    call.signal?.removeEventListener("abort", calledOff);
    stop.abort();
  }
}

async function hear(answer: ReturnType<ApprovalBroker["hold"]>, proposer: string): Promise<Approval> {
  return approvalOf(await answer, proposer);
}

/** The remote road. `held` is the decision of this program that a person must approve; null when it decided nothing. */
function* remote(call: Call, terms: Terms, client: Client, held: Decision | null): Road<Started> {
  const submitted = async (late: ServerAction): Promise<void> => {
    if (OPEN.has(late.status)) await client.withdraw(late.id, CALLED_OFF);
  };
  // A request that is cut off may have arrived, so it is not cut off: its answer says what there is to withdraw.
  const action = (yield () => kept(client.submit(call.body, { key: call.idempotencyKey }), call, terms, submitted)) as ServerAction;
  check(call, action, action.id);
  terms.decided(action, call.body);
  return yield* followed(call, terms, client, action, held);
}

/** The road of an action that is on the server, from where it is now. */
function* followed(call: Call, terms: Terms, client: Client, first: ServerAction, held: Decision | null): Road<Started> {
  let action = first;
  if (action.status === "pending_approval") {
    action = yield* answerOfAPerson(call, terms, client, action);
    check(call, action, first.id);
    if (action.outcome !== "ABSTAIN") terms.decided(action, call.body);
  }
  const { id: actionId } = action;
  const facts = { decision: action, actionId };
  switch (action.status) {
    case "allowed":
    case "approved":
      if (action.outcome === "EXECUTE") break;
      throw senseless(call, action);
    case "pending_approval": {
      const waited = `nobody has answered within ${(terms.approvalTimeoutMs ?? 0) / 1000} s`;
      throw new ApprovalRequiredError(`\`${call.tool}\` is waiting for approval, and ${waited}: ${why(action)}`, { ...facts, approval: "waits" });
    }
    case "withdrawn":
      throw new ApprovalRequiredError(`\`${call.tool}\` was withdrawn, since nobody answered in time: ${why(action)}`, { ...facts, approval: "withdrawn" });
    case "lapsed":
      throw lapsed(call, action.reason_code, facts);
    case "denied":
      if (action.outcome === "HALT") throw denied(call, action, actionId);
      throw senseless(call, action);
    case "executing":
    case "succeeded":
    case "failed":
    case "timeout":
      throw startedBefore(call, action.status, facts);
    default:
      if (action.outcome === "HALT") throw denied(call, action, actionId);
      throw senseless(call, action);
  }
  // The strictest opinion wins: an action held here is not let through because the server's policies are looser.
  if (held !== null && action.status !== "approved") {
    yield () => withdrawn(client, terms, actionId, "it needs a person, and the server asked nobody");
    const message = `\`${call.tool}\` is held by the policies here, and the server asked nobody to approve it: ${why(held)}`;
    throw new ApprovalRequiredError(message, { decision: held, actionId, approval: "nobody" });
  }
  if (call.signal?.aborted) yield* calledOff(call, terms, client, actionId);
  let started: ServerAction;
  try {
    started = yield* startOf(call, terms, client, action);
  } catch (error) {
    if (error instanceof ServerProblem && (error.code === "permit_expired" || error.code === "policy_changed")) {
      throw lapsed(call, error.code, { decision: null, actionId }, error);
    }
    // The same call was made before, and that one came first.
    if (error instanceof ServerProblem && STARTED.has(String(error.problem["action_status"]))) throw startedBefore(call, String(error.problem["action_status"]), facts);
    throw error;
  }
  if (started.id !== actionId || started.status !== "executing") {
    const message = `the start of \`${call.tool}\` was answered with the status \`${started.status}\`, which makes no sense`;
    throw new PolicyUnavailableError(message, { code: "invalid_answer", ...facts });
  }
  return {
    decision: started,
    isOpen: true,
    begin: () => {
      call.signal?.throwIfAborted();
      call.verify(started, started.id);
    },
    ended: (report) => client.result(started.id, report),
  };
}

/** The start of an action. An approved action is not given up because the server is unreachable at this moment. */
function* startOf(call: Call, terms: Terms, client: Client, action: ServerAction): Road<ServerAction> {
  const { clock } = terms;
  const begun = clock.monotonic();
  const outage = action.status === "approved" ? (between(action.updated_at, action.start_by) ?? GRACE_MS) : 0;
  const key = uuid();
  const unrun = (late: ServerAction): Promise<unknown> => client.result(late.id, { success: false, error: `${CALLED_OFF} before it ran`, result: null });
  for (let failures = 0; ; failures += 1) {
    try {
      return (yield () => kept(client.start(action.id, key), call, terms, unrun)) as ServerAction;
    } catch (error) {
      if (call.signal?.aborted || !isPassing(error) || clock.monotonic() - begun >= outage) throw error;
    }
    try {
      yield () => sleep(pauseAfter(failures), call.signal);
    } catch {
      yield* calledOff(call, terms, client, action.id);
    }
  }
}

/**
 * The action once it is no longer held. If this call gives up earlier, it withdraws the action, unless an answer arrives
 * at that very moment: an approval is then used.
 */
function* answerOfAPerson(call: Call, terms: Terms, client: Client, held: ServerAction): Road<ServerAction> {
  try {
    const { approvalTimeoutMs: patience = Infinity } = terms;
    // A caller that does not wait at all gets the held action, and resumes it later.
    if (patience === 0) return held;
    const action = yield* polled(call, terms, client, held, patience);
    if (action.status !== "pending_approval") return action;
    return (yield () => givenUp(client, terms, action)) as ServerAction;
  } catch (error) {
    if (call.signal?.aborted) yield* calledOff(call, terms, client, held.id);
    throw error;
  }
}

/** Withdraws the action of a cancelled call. @throws the reason, soon, because the canceller waits for it. */
function* calledOff(call: Call, terms: Terms, client: Client, id: string): Road<never> {
  yield () => Promise.race([withdrawn(client, terms, id, CALLED_OFF), sleep(WITHDRAW_MS)]);
  throw call.signal?.reason;
}

/** The action once it is no longer held, or as it was when `patience` is over. */
function* polled(call: Call, terms: Terms, client: Client, held: ServerAction, patience: number): Road<ServerAction> {
  const { clock } = terms;
  const begun = clock.monotonic();
  const outage = (between(held.created_at, held.expires_at) ?? DEFAULT_APPROVAL_MS) + GRACE_MS;
  let action = held;
  let failures = 0;
  for (let poll = FIRST_POLL_MS; ; poll = Math.min(poll * 2, LONGEST_POLL_MS)) {
    const asked = clock.monotonic();
    const left = begun + patience - asked;
    if (action.status !== "pending_approval" || left <= 0) return action;
    let pause = SHORTEST_POLL_MS;
    try {
      action = (yield () => client.wait(held.id, Math.min(left, poll), call.signal)) as ServerAction;
      failures = 0;
    } catch (error) {
      // The server may restart while a person thinks; the action and its deadline are kept there.
      if (call.signal?.aborted || !isPassing(error) || clock.monotonic() - begun > outage) throw error;
      pause = pauseAfter(failures);
      failures += 1;
    }
    isAbout(action, held.id);
    if (action.status === "pending_approval" && (failures > 0 || clock.monotonic() - asked < SHORTEST_POLL_MS)) {
      yield () => sleep(Math.max(0, Math.min(pause, begun + patience - clock.monotonic())), call.signal);
    }
  }
}

/** How long to wait before asking again; drawn at random, so that many programs do not come back at the same moment. */
function pauseAfter(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, SHORTEST_POLL_MS * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
}

/** The milliseconds between two moments of one clock; null where one of them is not told. */
function between(from: string | null | undefined, to: string | null | undefined): number | null {
  const ms = Date.parse(to ?? "") - Date.parse(from ?? "");
  return Number.isFinite(ms) ? Math.max(ms, 0) : null;
}

/** Whether the same request may be answered later. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof PolicyUnavailableError) || error.code === "unknown_outcome") return false;
  return error.status === null || error.status >= 500 || error.status === 408 || error.status === 429;
}

/** Ends a held action that this call no longer waits for. */
async function givenUp(client: Client, terms: Terms, held: ServerAction): Promise<ServerAction> {
  try {
    const now = await client.get(held.id);
    if (now.status !== "pending_approval") return now;
    return await client.withdraw(held.id, "nobody answered in the time that the call waits");
  } catch (error) {
    if (error instanceof ServerProblem && error.status === 409) return client.get(held.id);
    terms.failed(notWithdrawn(held.id, error));
    return held;
  }
}

/** Withdraws an action; a failure is told, and changes nothing. */
async function withdrawn(client: Client, terms: Terms, id: string, because: string): Promise<void> {
  try {
    await client.withdraw(id, because);
  } catch (error) {
    terms.failed(notWithdrawn(id, error));
  }
}

function notWithdrawn(id: string, error: unknown): FarameshError {
  return new FarameshError(`the action ${id} could not be withdrawn, and stays in the queue: ${reason(error)}`, { code: "withdraw_failed", actionId: id, cause: error });
}

/** The answer of `work`, which continues if the call is cancelled; `late` then undoes its effect. */
function kept<T>(work: Promise<T>, call: Call, terms: Terms, late: (answer: T) => Promise<unknown>): Promise<T> {
  const { signal } = call;
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const calledOff = (): void => {
      reject(signal.reason);
      const undone = work.then(late, () => undefined);
      undone.catch((error: unknown) => terms.failed(new FarameshError(`a call that was called off could not be ended: ${reason(error)}`, { code: "withdraw_failed", cause: error })));
    };
    signal.addEventListener("abort", calledOff, { once: true });
    const settled = (): void => signal.removeEventListener("abort", calledOff);
    work.then(resolve, reject).finally(settled);
  });
}

function startedBefore(call: Call, status: string, facts: { decision: Decision; actionId: string }): PolicyUnavailableError {
  const message = `\`${call.tool}\` was started before: the action ${facts.actionId} is \`${status}\`, and it runs once`;
  return new PolicyUnavailableError(message, { code: "already_started", ...facts });
}

function senseless(call: Call, action: ServerAction): PolicyUnavailableError {
  const message = `\`${call.tool}\` was answered with ${action.outcome} and the status \`${action.status}\`, which makes no sense`;
  return new PolicyUnavailableError(message, { code: "invalid_answer", decision: action, actionId: action.id });
}

/** The error of an action that was permitted and not started in time, or that the policies of that moment deny. */
function lapsed(call: Call, code: string, facts: { decision: Decision | null; actionId: string }, cause?: unknown): FarameshError {
  if (code === "policy_changed") {
    return new ToolDeniedError(`\`${call.tool}\` was permitted, and the policies have changed since: they deny it now`, { code, ...facts, cause });
  }
  return new ApprovalExpiredError(`\`${call.tool}\` was permitted and not started in time, so the permission has lapsed`, { ...facts, code: "permit_expired", cause });
}

/** That an answer is about this call. */
function check(call: Call, action: ServerAction, id: string): void {
  isAbout(action, id);
  if (action.outcome !== "HALT") call.verify(action, action.id);
}

function isAbout(action: ServerAction, id: string): void {
  if (action.id === id) return;
  const message = `the server answered with another action than the one asked about (\`${action.id}\`)`;
  throw new PolicyUnavailableError(message, { code: "invalid_answer" });
}

/** The error that a HALT is. */
export function denied(call: { readonly tool: string }, decision: Decision, actionId: string | null): FarameshError {
  const { reason_code: code } = decision;
  const facts = { code, decision, actionId };
  switch (code) {
    case "approval_rejected":
      return new ApprovalRejectedError(`\`${call.tool}\` was rejected by a person: ${why(decision)}`, facts);
    case "approval_expired":
      return new ApprovalExpiredError(`\`${call.tool}\` was not approved before its approval expired: ${why(decision)}`, facts);
    case "invalid_action":
      return new InvalidActionError(decision.reason, facts);
    case "no_policy":
    case "engine_failure":
    case "store_failure":
      return new PolicyUnavailableError(`\`${call.tool}\` could not be decided: ${why(decision)}`, facts);
    default:
      return new ToolDeniedError(`\`${call.tool}\` was denied: ${why(decision)}`, facts);
  }
}

/** The reason and the rule, in one line. */
function why(decision: Decision): string {
  const rule = decision.rule ? `, rule \`${decision.rule.id}\` of \`${decision.rule.policy}\`` : "";
  return `${decision.reason || "no reason was given"} (${decision.reason_code}${rule})`;
}

function never(outcome: never): never {
  throw new PolicyUnavailableError(`this version of faramesh does not know the outcome \`${String(outcome)}\``, { code: "unknown_outcome" });
}
