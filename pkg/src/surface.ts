// The two short ways in: governing one function without a governor of one's own, and asking what this is.

import { createGovernor } from "./governor.js";
import { ENGINE_HASH, PACKAGE_VERSION, RUNTIME_VERSION } from "./glue/facts.js";
import type { AnyFunction, DeniedOf, Governed, GovernOptions, GovernorOptions, WaitingOf } from "./types.js";

/**
 * A function that runs only when an action of its arguments may: `createGovernor` and its `govern` in one. For several
 * tools make a governor, so that they share its policies and its stream of records.
 */
export function govern<F extends AnyFunction, const O extends GovernorOptions & GovernOptions<F>>(
  fn: F,
  options: O & GovernorOptions & GovernOptions<F>,
): Governed<F, DeniedOf<O>, WaitingOf<O>> {
  const { tool, operation, params, signal, ...others } = options as GovernorOptions & GovernOptions;
  const { context, ...rest } = others as GovernorOptions;
  const own = { tool, operation, params, signal, context };
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return createGovernor(rest).govern(fn, given as unknown as GovernOptions<F>) as Governed<F, DeniedOf<O>, WaitingOf<O>>;
}

/** What this is. */
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
