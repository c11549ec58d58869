// The one road from a tool call to its effect, for synchronous and asynchronous tools alike.
//
//     local   decide ─▶ EXECUTE ─▶ the arguments are the same ─▶ record the start ─▶ run ─▶ record the result
//                       ABSTAIN ─▶ ask the broker, and decide again; or go the remote road, on which a person must
//                                  have approved; or, with neither, throw
//                       HALT    ─▶ throw
//     remote  submit ─▶ EXECUTE ─▶ the arguments are the same ─▶ start ─▶ run ─▶ result
//                       ABSTAIN ─▶ wait ─▶ (as above, on the new answer)
//                       HALT    ─▶ throw
//
// It is a generator: it gives away what must be waited for, and whoever drives it waits. A road on which nothing is
// waited for can be driven without waiting.
//
// INVARIANT: a tool runs only after an EXECUTE for the hash of its arguments, whose start was recorded. Every other end
// of the road is an exception.

import type { ApprovalBroker } from "./approvals.js";
import { approvalOf } from "./approvals.js";
import type { Call } from "./call.js";
import type { Client, ServerAction } from "./client.js";
import { reason } from "./client.js";
import type { Clock } from "./clock.js";
import { sleep } from "./clock.js";
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

/** A tool may run now, once. Whoever runs it says how it ended. */
export interface Started {
  readonly decision: Decision;
  ended(report: Report): void | Promise<void>;
}

/** What the road needs to know. */
export interface Terms {
  readonly gate: Gate | null;
  readonly client: Client | null;
  readonly broker: ApprovalBroker | null;
  readonly approvalTimeoutMs: number;
  readonly clock: Clock;
  /** Is told of every decision. */
  readonly decided: (decision: Decided, action: string) => void;
}

/** One long poll; short enough for the proxies on the way. */
const LONGEST_POLL_MS = 30_000;
/** A server that answers a long poll sooner, and with nothing new, is not asked again at once. */
const SHORTEST_POLL_MS = 500;
/** How many polls in a row may fail before the wait is given up: a server may restart while a person thinks. */
const POLL_FAILURES = 3;

/** The road up to the moment at which the tool may run. */
export function* admission(call: Call, terms: Terms): Road<Started> {
  call.signal?.throwIfAborted();
  if (terms.gate !== null) return yield* local(call, terms, terms.gate);
  if (terms.client !== null) return yield* remote(call, terms, terms.client, null);
  throw new PolicyUnavailableError("there is nobody to decide", { code: "no_policy" });
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
    case "ABSTAIN":
      throw new ApprovalRequiredError(`\`${call.tool}\` needs the approval of a person: ${why(decision)}`, { code: "approval_required", decision, actionId });
    case "HALT":
      throw denied(call, decision, actionId);
    default:
      return never(decision.outcome);
  }
  call.signal?.throwIfAborted();
  call.verify(decision, actionId);
  gate.start(decision);
  return { decision, ended: (report) => gate.ended(decision, report) };
}

/** The decision once the broker has answered, or time is up. */
function* answered(call: Call, terms: Terms, gate: Gate, broker: ApprovalBroker, held: Decided): Road<Decided> {
  const patience = Math.min(terms.approvalTimeoutMs, held.approval?.expires_ms ?? Infinity);
  const answer = (yield () => ask(call, terms, broker, held, patience)) as Approval;
  call.signal?.throwIfAborted();
  // Without records a held action has no id of its own; the approval is about its hash.
  const actionId = held.action_id ?? "";
  // A new pass, under the policies of this moment, over what was held.
  const decision = gate.decide(call.body, { answer, actionId, requestHash: held.request_hash });
  terms.decided(decision, call.body);
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
    return await Promise.race([expired, hear(broker.hold(shown, { signal }))]);
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

async function hear(answer: ReturnType<ApprovalBroker["hold"]>): Promise<Approval> {
  return approvalOf(await answer);
}

/** The remote road. `held` is the decision of this program that a person must approve; null when it decided nothing. */
function* remote(call: Call, terms: Terms, client: Client, held: Decision | null): Road<Started> {
  const { signal } = call;
  let action = (yield () => client.submit(call.body, signal)) as ServerAction;
  check(call, action, action.id);
  terms.decided(action, call.body);
  if (action.outcome === "ABSTAIN") {
    const waiting = action;
    action = yield* answerOfAPerson(call, terms, client, waiting);
    check(call, action, waiting.id);
    if (action.outcome !== "ABSTAIN") terms.decided(action, call.body);
  }
  const facts = { decision: action, actionId: action.id };
  switch (action.outcome) {
    case "EXECUTE":
      break;
    case "ABSTAIN":
      throw new ApprovalRequiredError(
        `\`${call.tool}\` is waiting for approval, and nobody has answered within ${terms.approvalTimeoutMs / 1000} s: ${why(action)}`,
        { code: "approval_required", ...facts },
      );
    case "HALT":
      throw denied(call, action, action.id);
    default:
      return never(action.outcome);
  }
  if (action.status !== "allowed" && action.status !== "approved") {
    const message = `\`${call.tool}\` was answered with EXECUTE and the status \`${action.status}\`, which makes no sense`;
    throw new PolicyUnavailableError(message, { code: "invalid_answer", ...facts });
  }
  // The strictest opinion wins: what is held here is not let through because the server's policies are looser.
  if (held !== null && action.status !== "approved") {
    const message = `\`${call.tool}\` is held by the policies here, and the server asked nobody to approve it: ${why(held)}`;
    throw new ApprovalRequiredError(message, { code: "approval_required", decision: held, actionId: action.id });
  }
  const started = (yield () => client.start(action.id, signal)) as ServerAction;
  if (started.id !== action.id || started.status !== "executing") {
    const message = `the start of \`${call.tool}\` was answered with the status \`${started.status}\`, which makes no sense`;
    throw new PolicyUnavailableError(message, { code: "invalid_answer", ...facts });
  }
  call.verify(started, started.id);
  return { decision: started, ended: (report) => client.result(started.id, report) };
}

/** The action once it is no longer held, or as it stands when time is up. */
function* answerOfAPerson(call: Call, terms: Terms, client: Client, held: ServerAction): Road<ServerAction> {
  const { clock } = terms;
  const deadline = clock.monotonic() + terms.approvalTimeoutMs;
  let action = held;
  let failures = 0;
  for (;;) {
    const asked = clock.monotonic();
    const left = deadline - asked;
    if (action.outcome !== "ABSTAIN" || left <= 0) return action;
    try {
      action = (yield () => client.wait(held.id, Math.min(left, LONGEST_POLL_MS), call.signal)) as ServerAction;
      failures = 0;
    } catch (error) {
      failures += 1;
      const passing = error instanceof PolicyUnavailableError && (error.status === null || error.status >= 500);
      if (call.signal?.aborted || !passing || failures > POLL_FAILURES || clock.monotonic() + SHORTEST_POLL_MS > deadline) throw error;
    }
    isAbout(action, held.id);
    if (action.outcome === "ABSTAIN" && clock.monotonic() - asked < SHORTEST_POLL_MS) {
      yield () => sleep(SHORTEST_POLL_MS, call.signal);
    }
  }
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
