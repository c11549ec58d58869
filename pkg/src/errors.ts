// Everything that is thrown when a tool does not run:
//
//     FarameshError
//     ├── ToolDeniedError          a policy denies the call
//     ├── ApprovalRequiredError    held for a person, without an answer so far or with no one to ask
//     ├── ApprovalRejectedError    a person rejected the call
//     ├── ApprovalExpiredError     no answer came in time, or a permitted call was not started in time
//     ├── ArgumentsChangedError    the arguments changed after the decision
//     ├── InvalidActionError       the arguments have no exact JSON form, or do not form an action
//     ├── PolicyInvalidError       the policies have errors
//     └── PolicyUnavailableError   nothing was decided: no server, no policy, no engine, no place for the record
//
// Whichever of them a governed tool throws, the tool has not run.

import type { Decision, Diagnostic } from "./generated/wire.js";

/** The optional parts of an error. */
export interface FarameshErrorOptions extends ErrorOptions {
  /** Stable, for programs. */
  readonly code?: string;
  /** The decision, if there was one. */
  readonly decision?: Decision | null;
  /** The id of the action on the server or in the stream of records, where it has one. */
  readonly actionId?: string | null;
}

/** The base of all errors of this package. */
export class FarameshError extends Error {
  override name = "FarameshError";
  /** Stable, for programs: a reason code such as `policy_deny`, or another word such as `server_unreachable`. */
  readonly code: string;
  /** The decision; null if nothing was decided. */
  readonly decision: Decision | null;
  /** The id of the action on the server or in the stream of records; null where it has none. */
  readonly actionId: string | null;

  constructor(message: string, options: FarameshErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = options.code ?? "error";
    this.decision = options.decision ?? null;
    this.actionId = options.actionId ?? null;
  }
}

/** A policy says no; `code` is the reason code, such as `policy_deny` or `default_deny`. */
export class ToolDeniedError extends FarameshError {
  override name = "ToolDeniedError";
}

/**
 * The state of the approval that an action needs: it still `waits` on the server and can be continued with `resume`; it
 * was `withdrawn`, because no answer came within the call's own limit; it is `insufficient`, because more people or other
 * roles are needed; or there is `nobody` to ask.
 */
export type ApprovalState = "waits" | "withdrawn" | "insufficient" | "nobody";

/** The action is held for a person and has no answer, or there is no one to ask. This is not a rejection. */
export class ApprovalRequiredError extends FarameshError {
  override name = "ApprovalRequiredError";
  /** The state of the approval. */
  readonly approval: ApprovalState;

  constructor(message: string, options: FarameshErrorOptions & { readonly approval?: ApprovalState } = {}) {
    super(message, { code: "approval_required", ...options });
    this.approval = options.approval ?? "nobody";
  }
}

/** A person looked at the action and rejected it. */
export class ApprovalRejectedError extends FarameshError {
  override name = "ApprovalRejectedError";
}

/**
 * The approval expired without an answer, or a permitted action was not started in time (`permit_expired`). This is not
 * a rejection.
 */
export class ApprovalExpiredError extends FarameshError {
  override name = "ApprovalExpiredError";
}

/** The hash that was decided is not the hash of the arguments that would be used. */
export class ArgumentsChangedError extends FarameshError {
  override name = "ArgumentsChangedError";
}

/** The arguments have no exact JSON form, or the action cannot be read. */
export class InvalidActionError extends FarameshError {
  override name = "InvalidActionError";
}

/** The policies have errors; `diagnostics` holds all findings, with columns in UTF-16 code units. */
export class PolicyInvalidError extends FarameshError {
  override name = "PolicyInvalidError";
  /** All findings, warnings too. */
  readonly diagnostics: readonly Diagnostic[];

  constructor(message: string, diagnostics: readonly Diagnostic[], options: FarameshErrorOptions = {}) {
    super(message, { code: "policy_invalid", ...options });
    this.diagnostics = diagnostics;
  }
}

/** Nothing was decided, so nothing runs. */
export class PolicyUnavailableError extends FarameshError {
  override name = "PolicyUnavailableError";
  /** The HTTP status of a server's answer; null where there was none. */
  readonly status: number | null;

  constructor(message: string, options: FarameshErrorOptions & { readonly status?: number } = {}) {
    super(message, { code: "policy_unavailable", ...options });
    this.status = options.status ?? null;
  }
}
