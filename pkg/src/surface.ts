// The two short ways in: governing one function without a governor of one's own, and asking what this is.

import { createGovernor } from "./governor.js";
import { ENGINE_HASH, PACKAGE_VERSION, RUNTIME_VERSION } from "./glue/facts.js";
import type { Absent, AloneOptions, AnyFunction, DeniedBy, Governed, GovernOptions, GovernorOptions, Refusal, WaitingAlone } from "./types.js";

/**
 * A function that runs only when an action of its arguments may: `createGovernor` and its `govern` in one. For several
 * tools make a governor, so that they share its policies and its stream of records.
 */
export function govern<F extends AnyFunction, S extends Server = Absent, A extends Approvals = Absent>(
  fn: F,
  options: AloneOptions<F, S, A>,
): Governed<F, never, WaitingAlone<S, A>>;
export function govern<F extends AnyFunction, D extends "throw" | "return", S extends Server = Absent, A extends Approvals = Absent>(
  fn: F,
  options: AloneOptions<F, S, A, D>,
): Governed<F, DeniedBy<D>, WaitingAlone<S, A>>;
export function govern<F extends AnyFunction, R, S extends Server = Absent, A extends Approvals = Absent>(
  fn: F,
  options: AloneOptions<F, S, A, (refusal: Refusal) => R>,
): Governed<F, R, WaitingAlone<S, A>>;
export function govern(fn: AnyFunction, options: Omit<GovernorOptions, "context"> & GovernOptions): AnyFunction {
  const { tool, operation, params, defaults, exclude, signal, context, callId, ...governor } = options;
  const own = Object.entries({ tool, operation, params, defaults, exclude, signal, context, callId }).filter(([, value]) => value !== undefined);
  return createGovernor(governor).govern(fn, Object.fromEntries(own) as unknown as { tool: string });
}

type Server = GovernorOptions["server"] | Absent;
type Approvals = GovernorOptions["approvals"] | Absent;

/** The version of the package and its engine. */
export interface Version {
  /** The version of this package. */
  readonly package_version: string;
  /** The version of the engine's rules of deciding. */
  readonly runtime_version: string;
  /** The SHA-256 of the engine, the same as `faramesh version` shows. */
  readonly engine_hash: string;
}

/** The version of the package, of the rules of deciding, and the hash of the engine. */
export function version(): Version {
  return { package_version: PACKAGE_VERSION, runtime_version: RUNTIME_VERSION, engine_hash: ENGINE_HASH };
}
