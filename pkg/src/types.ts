// The types of a governor and its governed functions: the result type of a wrapped function follows from the options.
// Nothing here exists at run time.

import type { ApprovalBroker } from "./approvals.js";
import type { Bundle } from "./bundle.js";
import type { ServerOptions } from "./client.js";
import type { Clock } from "./clock.js";
import type { Decided } from "./decision.js";
import type { FarameshError } from "./errors.js";
import type { Decision } from "./generated/wire.js";
import type { Outbox } from "./outbox.js";
import type { PolicySource } from "./policies.js";

/** Any function. */
export type AnyFunction = (this: any, ...args: any[]) => any;

/** A call that did not run. */
export interface Refusal {
  /** The error. */
  readonly error: FarameshError;
  /** The decision; null if nothing was decided. */
  readonly decision: Decision | null;
  /** The tool's name in policies. */
  readonly tool: string;
  /** The text for a model. */
  readonly text: string;
}

/**
 * The result of a call that does not run: `throw` throws the error; `return` returns a final text for a model as the
 * tool's result; a function computes the result.
 */
export type OnDeny = "throw" | "return" | ((refusal: Refusal) => unknown);

/** How a governor is set up. */
export interface GovernorOptions {
  /** The agent that proposes the actions, as named in policies and keys. */
  readonly agentId: string;
  /** The text of a policy, to decide with here. */
  readonly policy?: string | undefined;
  /** Policy files by name, to decide with here. */
  readonly policies?: Exclude<PolicySource, string> | undefined;
  /** Signed policies, to decide with here. */
  readonly bundle?: Bundle | undefined;
  /** Where to decide: `local` where there are policies, `remote` where there is only a server. */
  readonly mode?: "local" | "remote" | undefined;
  /** The server: it decides (`remote`), or takes held actions and records (`local`). */
  readonly server?: ServerOptions | string | undefined;
  /** The broker that asks people about held actions, instead of the server. */
  readonly approvals?: ApprovalBroker | undefined;
  /**
   * How long a call waits for people, in milliseconds; as long as the approval itself by default. A call that gives up
   * before withdraws its action. With 0 it does not wait: the action stays, and `resume` takes it up.
   */
  readonly approvalTimeoutMs?: number | undefined;
  /** Further data to record and match with every call. */
  readonly context?: object | undefined;
  /** The result of a call that does not run; `throw` by default. */
  readonly onDeny?: OnDeny | undefined;
  /** Receives every decision, with the action as JSON. It cannot change the decision. */
  readonly onDecision?: ((decision: Decided, action: string) => void) | undefined;
  /** Receives every failure: engine, server, records, bundles, listeners. It cannot change the outcome. */
  readonly onError?: ((error: FarameshError) => void) | undefined;
  /** Where records wait until the server has them, in `local` mode. */
  readonly outbox?: Outbox | undefined;
  /** Whether what tools give back is reported, and not only that they succeeded. */
  readonly reportResult?: boolean | undefined;
  /** The clocks; those of the host by default. */
  readonly clock?: Clock | undefined;
}

/** How one function is governed. */
export interface GovernOptions<F extends AnyFunction = AnyFunction> {
  /** The tool's name in policies. */
  readonly tool: string;
  /** Which of the tool's operations this is; `call` by default. */
  readonly operation?: string;
  /**
   * How the arguments become `params`: the names of positional arguments, or a function of them. Without it the one
   * argument is an object, and is `params` itself.
   */
  readonly params?: readonly string[] | ((...args: Parameters<F>) => object);
  /**
   * Values of arguments that a call may leave out. They are decided and given to the function, where a default of the
   * function itself would come into play unseen.
   */
  readonly defaults?: object;
  /**
   * The names of arguments that are not data, such as a session or a lock: positional ones of `params`, or members of the
   * one object. They are not part of the action and reach the function unchanged.
   */
  readonly exclude?: readonly string[];
  /**
   * The identity of this call, such as the id of a tool call in a thread: repeating the call is the same action on the
   * server. If a framework passes both a thread and a call, it is found automatically.
   */
  readonly callId?: string | ((...args: Parameters<F>) => string | undefined);
  /** Further data to record and match: an object, or a function of the arguments. */
  readonly context?: object | ((...args: Parameters<F>) => object);
  /** Cancels waiting for people and servers: a signal, or a function of the arguments. */
  readonly signal?: AbortSignal | ((...args: Parameters<F>) => AbortSignal | undefined);
  /** The result of a call that does not run; the governor's setting by default. */
  readonly onDeny?: OnDeny | undefined;
  /** Whether the tool's result is reported; the governor's setting by default. */
  readonly reportResult?: boolean;
}

/** Whether a governed function may have to wait for a person. */
export type Waiting = "sync" | "async";
/** Where a governor decides. */
export type Mode = "local" | "remote";

/** Whether `K` of `O` has a value: `no`, `yes`, or both where the type does not tell. */
type Given<O, K extends string> = K extends keyof O
  ? [O[K]] extends [undefined]
    ? "no"
    : undefined extends O[K]
      ? "no" | "yes"
      : "yes"
  : "no";

/** Whether `O` has the key `K`, with any value. */
type Named<O, K extends string> = K extends keyof O ? ({} extends Pick<O, K> ? "no" | "yes" : "yes") : "no";

type Any<G> = "yes" extends G ? ("no" extends G ? "maybe" : "yes") : "no";
type Either<A extends string, B extends string> = "yes" extends A | B
  ? [A] extends ["yes"]
    ? "yes"
    : [B] extends ["yes"]
      ? "yes"
      : "maybe"
  : "maybe" extends A | B
    ? "maybe"
    : "no";

/**
 * `async` where a server or a broker may be waited for: where the option is named, also if it is `undefined` this time, so
 * that a program behaves alike with and without its environment.
 */
export type WaitingOf<O> = {
  yes: "async";
  no: "sync";
  maybe: Waiting;
}[Either<Any<Named<O, "server">>, Any<Named<O, "approvals">>>];

/** Stands for an option that is not named. */
export interface Absent {
  readonly absent: unique symbol;
}

/** The same for options that have a type parameter each. */
export type WaitingAlone<S, A> = [S] extends [Absent] ? ([A] extends [Absent] ? "sync" : "async") : "async";

/** `local` where there are policies. */
export type ModeOf<O> = {
  yes: "local";
  no: "remote";
  maybe: Mode;
}[Either<Any<Given<O, "bundle">>, Either<Any<Given<O, "policy">>, Any<Given<O, "policies">>>>];

/** The result of a call that does not run. */
export type DeniedBy<D> = D extends (refusal: Refusal) => infer R ? R : D extends "return" ? string : never;

/** The result of a call that does not run under a governor's options. */
export type DeniedOf<O> = O extends { readonly onDeny?: infer D } ? DeniedBy<D> : never;

/** How one function is governed, with this `onDeny`, or with that of the governor. */
export type GovernOptionsWith<F extends AnyFunction, D = undefined> = Omit<GovernOptions<F>, "onDeny"> &
  ([D] extends [undefined] ? { readonly onDeny?: undefined } : { readonly onDeny: D }) &
  Demanded<F>;

/** `params` is demanded where its default cannot be right. */
interface Demanding {
  readonly params: unknown;
}
type Demanded<F extends AnyFunction> = TakesOneObject<Parameters<F>> extends true ? unknown : Demanding;

/** Whether arguments can be `params` without being told how: none, or one that is an object and no list. */
type TakesOneObject<A extends readonly unknown[]> = A extends readonly []
  ? true
  : number extends A["length"]
    ? true
    : A extends readonly [unknown?]
      ? NonNullable<A[0]> extends Scalar | readonly unknown[]
        ? unknown extends A[0]
          ? true
          : IsNever<A[0]>
        : true
      : false;
type Scalar = string | number | bigint | boolean | symbol;
type IsNever<T> = [T] extends [never] ? true : false;

/** A governor's and a function's options in one. */
export type AloneOptions<F extends AnyFunction, S, A, D = undefined> = Omit<GovernorOptions, "server" | "approvals" | "onDeny" | "context"> &
  GovernOptionsWith<F, D> & {
    readonly server?: S & GovernorOptions["server"];
    readonly approvals?: A & GovernorOptions["approvals"];
  };

/** A governed function: `F` itself where nothing about its type changes. */
export type Governed<F extends AnyFunction, Denied, W extends Waiting> = W extends "async"
  ? [Denied] extends [never]
    ? ReturnType<F> extends Promise<unknown>
      ? F
      : (this: ThisParameterType<F>, ...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>>
    : (this: ThisParameterType<F>, ...args: Parameters<F>) => Promise<Awaited<ReturnType<F>> | Awaited<Denied>>
  : [Denied] extends [never]
    ? F
    : ReturnType<F> extends PromiseLike<unknown>
      ? (this: ThisParameterType<F>, ...args: Parameters<F>) => Promise<Awaited<ReturnType<F>> | Awaited<Denied>> | Denied
      : (this: ThisParameterType<F>, ...args: Parameters<F>) => ReturnType<F> | Denied;
