// The exports for users, on every host. This file imports no host modules and loads nothing: the entries do that.

export type { ApprovalAnswer, ApprovalBroker, Held } from "./approvals.js";
export { Bundle, createBundle } from "./bundle.js";
export type { BundleOptions, Envelope, PublicKey } from "./bundle.js";
export type { ServerOptions } from "./client.js";
export type { Clock } from "./clock.js";
export type { Decided, Receipt } from "./decision.js";
export { denialText } from "./denial.js";
export {
  ApprovalExpiredError,
  ApprovalRejectedError,
  ApprovalRequiredError,
  ArgumentsChangedError,
  FarameshError,
  InvalidActionError,
  PolicyInvalidError,
  PolicyUnavailableError,
  ToolDeniedError,
} from "./errors.js";
export type { ApprovalState, FarameshErrorOptions } from "./errors.js";
export type * from "./generated/wire.js";
export { createGovernor } from "./governor.js";
export type { Governor, GovernorStatus } from "./governor.js";
export { init, initSync } from "./host.js";
export type { EngineSource } from "./host.js";
export { govern, version } from "./surface.js";
export type { Version } from "./surface.js";
export { memoryOutbox, OutboxFullError } from "./outbox.js";
export type { Batch, Outbox, OutboxLimits, SealedRecord, StreamHead } from "./outbox.js";
export { check, Policies, requestHash, simulate } from "./policies.js";
export type { ActionInput, ActionLike, Comparison, Counts, Finding, PolicySource, Simulation, SimulationOptions } from "./policies.js";
export type { AnyFunction, Governed, GovernOptions, GovernorOptions, Mode, OnDeny, Refusal, Waiting } from "./types.js";
