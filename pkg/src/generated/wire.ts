// Made from the Rust types by `cargo xtask codegen`; do not edit.

/** The result of a request for approval. */
export type Approval = {
  /** The people who granted it, in order, or who rejected it. */
  approvers: Approver[];
  /** The comment of the last person who answered. */
  reason: string | null;
  /** The answer. */
  verdict: Verdict;
};

/** The requirements that people must meet before a held action may run. */
export type ApprovalRequirement = {
  /** How long the approval may take, in milliseconds; null where no policy says (the host then has a default). */
  expires_ms: number | null;
  /** Every one of these must be met. */
  requires: Quorum[];
};

/** A person who granted. */
export type Approver = {
  /** The identity that a host has checked: the id of an API key. Without one, the name is all there is. */
  key_id?: string;
  /** The name, for people. */
  principal: string;
  /** The roles in which they may approve. */
  roles: string[];
};

/**
 * The kind of a diagnostic, stable for programs.
 *
 * - `yaml_syntax`: The file is not YAML, or uses a part of YAML that policies do not.
 * - `typographic_quotes`: A text in quotes that are part of it.
 * - `not_utf8`: The file is not UTF-8.
 * - `too_large`: The file has too many bytes or values.
 * - `too_many_rules`: The file has more rules than allowed.
 * - `too_deep`: Nested too deep.
 * - `alias_limit`: Aliases expand to too much.
 * - `duplicate_key`: The same key twice in one mapping.
 * - `unknown_key`: A key that means nothing here.
 * - `missing_key`: A key that must be here is not.
 * - `missing_value`: A key without a value.
 * - `wrong_type`: A value of the wrong type.
 * - `invalid_value`: A value of the right type that is not allowed.
 * - `conflicting_effects`: A rule with more than one effect, or a risk rule with both a level and a score.
 * - `missing_effect`: A rule without an effect, or a risk rule without a level or a score.
 * - `empty_match`: A rule that would match everything, because it has no condition.
 * - `invalid_regex`: A pattern that does not compile.
 * - `invalid_cidr`: A network that cannot be read.
 * - `invalid_time`: A time of day, day or offset that cannot be read.
 * - `invalid_duration`: A duration that cannot be read.
 * - `duplicate_id`: Two rules with one id.
 * - `undeclared_param`: A rule names a parameter that its declared tool does not have.
 * - `impossible_type`: A rule compares a declared parameter with a type that it never has.
 * - `unknown_operator`: A name that ends in a probable part of an operator.
 * - `action_field`: A condition that reads a parameter and is named like a part of the action.
 * - `control_character`: A text with a control character in it.
 * - `several_in_not`: A `not` with more than one condition.
 * - `unsupported`: Something that this version does not do.
 * - `ambiguous_scalar`: A value that YAML 1.1 readers see as something else.
 * - `numeric_gap`: Numbers of a parameter that no rule covers.
 * - `never_matches`: A rule whose conditions contradict each other.
 * - `expensive_rule`: A rule whose patterns take more work than a decision may, over the largest action.
 * - `no_lower_bound`: A rule that permits numbers without a least one.
 * - `absent_under_glob`: A rule that restricts what a parameter is not, and not its absence.
 * - `undeclared_length`: A rule that restricts a length without saying whether of a text or of a list.
 * - `agent_id_in_params`: A condition on an argument that is called `agent_id`.
 * - `not_read`: A file of the policy folder that was meant to be read and is not.
 */
export type Code = "yaml_syntax" | "typographic_quotes" | "not_utf8" | "too_large" | "too_many_rules" | "too_deep" | "alias_limit" | "duplicate_key" | "unknown_key" | "missing_key" | "missing_value" | "wrong_type" | "invalid_value" | "conflicting_effects" | "missing_effect" | "empty_match" | "invalid_regex" | "invalid_cidr" | "invalid_time" | "invalid_duration" | "duplicate_id" | "undeclared_param" | "impossible_type" | "unknown_operator" | "action_field" | "control_character" | "several_in_not" | "unsupported" | "ambiguous_scalar" | "numeric_gap" | "never_matches" | "expensive_rule" | "no_lower_bound" | "absent_under_glob" | "undeclared_length" | "agent_id_in_params" | "not_read";

/** One condition. */
export type ConditionTrace = {
  /** The operand, as it is written. */
  expected: unknown;
  /** The key, as it is written. */
  key: string;
  /** For `any`, `all` and `not`: the conditions of each match inside. */
  matches?: ConditionTrace[][];
  /** The values that it looked at; none where a parameter is missing. */
  saw: unknown[];
  /** Whether it holds. */
  truth: Truth;
  /** Why, as a clause. */
  why: string;
};

/**
 * The answer to an action.
 *
 * ```json
 * {"decision":"deny","outcome":"HALT","policy_hash":"…","provenance_id":"…","reason":"…",
 *  "reason_code":"policy_deny","request_hash":"…","risk_level":"low","risk_rules":[],"risk_score":0,
 *  "rule":{"id":"large","line":7,"policy":"support-agent.yaml"},"runtime_version":"0.1.0"}
 * ```
 */
export type Decision = {
  /** Set when the outcome is `ABSTAIN`. */
  approval?: ApprovalRequirement;
  /** The effect that corresponds to the outcome. */
  decision: Effect;
  /** The parameters of the action to show first: required ones, and those that the rule and the risk rules compare. */
  key_params?: string[];
  /** Whether the action may run. */
  outcome: Outcome;
  /** The policies that decided. */
  policy_hash: PolicyHash;
  /** Everything the decision depends on. */
  provenance_id: ProvenanceId;
  /** The action's bytes as they came; set only when they could not be read. */
  raw_hash?: RawHash;
  /** The reason, for people. */
  reason: string;
  /** The reason, for programs. */
  reason_code: ReasonCode;
  /** The action; null when it could not be read. */
  request_hash: RequestHash | null;
  /** The level that the score falls into. */
  risk_level: RiskLevel;
  /** The names of the risk rules that counted. */
  risk_rules: string[];
  /** The score, 0 to 100. */
  risk_score: RiskScore;
  /** The rule that decided; null when none did. */
  rule: RuleRef | null;
  /** The version of the engine's rules of deciding. */
  runtime_version: string;
  /** The opinions of files in shadow mode. */
  shadow?: ShadowOpinion[];
};

/** One finding in one file. */
export type Diagnostic = {
  /** The kind. */
  code: Code;
  /** The column of the first character, from 1, in characters. */
  column: number;
  /** The column behind the last character. */
  end_column: number;
  /** The line of the end of the span. */
  end_line: number;
  /** The file's name. */
  file: string;
  /** How to fix it. */
  help: string | null;
  /** The line of the start of the span, from 1. */
  line: number;
  /** A description of the fault. */
  message: string;
  /** How bad it is. */
  severity: Severity;
  /** The bytes it is about. */
  span: Span;
};

/**
 * The answer of a rule.
 *
 * - `allow`: The action may run.
 * - `require_approval`: A person must say so first.
 * - `deny`: The action does not run.
 */
export type Effect = "allow" | "require_approval" | "deny";

/** The digest of the engine's wasm module. */
export type EngineHash = string;

/** Why an action got its decision. */
export type Explanation = {
  /** The decision. */
  decision: Decision;
  /** Whether the trace ends early, because all of it would take more work or space than an explanation may. */
  incomplete?: boolean;
  /** The answer of each file, in the order of their names. */
  policies: PolicyTrace[];
};

/** The digest of one policy file's bytes. */
export type FileHash = string;

/** The fault, and its position. */
export type JsonError = {
  /** The kind, for programs. */
  code: JsonErrorCode;
  /** 1-based, in characters. */
  column: number;
  /** 1-based. */
  line: number;
  /** The sentence, for people. */
  message: string;
  /** Bytes from the start. */
  offset: number;
};

/**
 * The fault in a document.
 *
 * - `too_large`: More bytes than allowed.
 * - `invalid_utf8`: Not UTF-8.
 * - `byte_order_mark`: Starts with U+FEFF.
 * - `too_deep`: Nested deeper than `super::MAX_DEPTH`.
 * - `duplicate_key`: The same key twice in one object.
 * - `lone_surrogate`: Half of a surrogate pair.
 * - `number_out_of_range`: A number that is not a finite double.
 * - `integer_too_large`: An integer literal over 2^53 - 1.
 * - `not_a_number`: `NaN` or `Infinity`.
 * - `comment`: `//` or `/* *\/`.
 * - `trailing_comma`: A comma before `` or `}`.
 * - `unexpected_end`: The document ends too early.
 * - `trailing_data`: Something after the document.
 * - `control_character`: An unescaped control character in a string.
 * - `invalid_escape`: An escape that JSON does not have.
 * - `syntax`: Anything else that is not JSON.
 * - `shape`: JSON, but not of the shape that was asked for.
 */
export type JsonErrorCode = "too_large" | "invalid_utf8" | "byte_order_mark" | "too_deep" | "duplicate_key" | "lone_surrogate" | "number_out_of_range" | "integer_too_large" | "not_a_number" | "comment" | "trailing_comma" | "unexpected_end" | "trailing_data" | "control_character" | "invalid_escape" | "syntax" | "shape";

/** The result of loading policy files. */
export type Loaded = {
  /** All findings; with an error among them nothing is loaded. */
  diagnostics: Diagnostic[];
  /** The files, when they were loaded. */
  files: LoadedFile[];
  /** The handle of the policies; null when they have errors. */
  handle: number | null;
  /** The hash of these files. */
  policy_hash: PolicyHash;
};

/** One file of a loaded policy set. */
export type LoadedFile = {
  /** The agents it applies to, as globs. */
  agents: string[];
  /** Its own description. */
  description: string | null;
  /** The file's name. */
  file: string;
  /** The hash of its bytes. */
  hash: FileHash;
  /** Whether it takes part. */
  mode: Mode;
  /** The policy's name. */
  name: string;
  /** How many rules it has. */
  rules: number;
};

/**
 * Whether a policy's opinion counts.
 *
 * - `enforce`: It does.
 * - `shadow`: It is recorded with the answer.
 */
export type Mode = "enforce" | "shadow";

/**
 * Whether an action may run, in order of strictness.
 *
 * There is no default and no conversion from a boolean: every outcome is stated explicitly.
 *
 * - `EXECUTE`: It may run now.
 * - `ABSTAIN`: It is held for a person.
 * - `HALT`: It does not run.
 */
export type Outcome = "EXECUTE" | "ABSTAIN" | "HALT";

/** The digest of the policy files' names and digests. */
export type PolicyHash = string;

/** The answer of one file. */
export type PolicyTrace = {
  /** Whether the file takes part. */
  mode: Mode;
  /** The file's name. */
  policy: string;
  /** The risk rules, all of them. */
  risk_rules: RiskTrace[];
  /** The rules up to the one that matched; all when none did. */
  rules: RuleTrace[];
  /** Whether it applies to the agent; if not, none of it was evaluated. */
  speaks_of_agent: boolean;
  /** The faults of the arguments according to the file's declaration of the tool. */
  violations: string[];
};

/** The digest of everything a decision depends on. */
export type ProvenanceId = string;

/** So many people, each with one of these roles. */
export type Quorum = {
  /** How many different people, at least one. */
  approvers: number;
  /** The roles that count; empty means any approver. */
  roles: string[];
};

/** The digest of an action's bytes as they came, for one that cannot be read. */
export type RawHash = string;

/**
 * Which of the possible reasons made the outcome.
 *
 * - `policy_allow`: A rule allows it.
 * - `policy_require_approval`: A rule wants a person to approve it.
 * - `policy_deny`: A rule denies it.
 * - `default_deny`: No rule permits it.
 * - `risk_require_approval`: The risk is high enough to hold it.
 * - `risk_deny`: The risk is high enough to deny it.
 * - `undetermined_deny`: A rule that denies cannot be evaluated.
 * - `undetermined_require_approval`: A rule that wants approval cannot be evaluated.
 * - `invalid_action`: The action cannot be read.
 * - `invalid_params`: The arguments break the tool's declaration.
 * - `limit_exceeded`: A limit was reached.
 * - `no_policy`: There is no policy.
 * - `agent_halted`: The agent is stopped.
 * - `engine_limit`: Deciding it takes more work than a decision may.
 * - `engine_failure`: The engine did not answer.
 * - `store_failure`: The record could not be stored.
 * - `approval_granted`: A person approved it.
 * - `approval_rejected`: A person rejected it.
 * - `approval_expired`: No answer came in time.
 * - `permit_expired`: It was permitted and did not start in time.
 * - `policy_changed`: It was permitted, and the policies in force when it was to start no longer permit it.
 */
export type ReasonCode = "policy_allow" | "policy_require_approval" | "policy_deny" | "default_deny" | "risk_require_approval" | "risk_deny" | "undetermined_deny" | "undetermined_require_approval" | "invalid_action" | "invalid_params" | "limit_exceeded" | "no_policy" | "agent_halted" | "engine_limit" | "engine_failure" | "store_failure" | "approval_granted" | "approval_rejected" | "approval_expired" | "permit_expired" | "policy_changed";

/** The digest of a record. */
export type RecordHash = string;

/**
 * The kind of a record.
 *
 * - `decision`: An action was decided.
 * - `approval`: A person granted or rejected.
 * - `expiry`: An approval ran out, or what was permitted did not start in time or under the same policies.
 * - `withdrawal`: The caller gave an action up before it started.
 * - `start`: A permit was redeemed.
 * - `result`: The caller reported success or failure, or never did.
 * - `policy`: A policy set came into force, or a new one was refused.
 * - `access`: A key was created or revoked, a login failed.
 * - `checkpoint`: A signed head was made.
 */
export type RecordKind = "decision" | "approval" | "expiry" | "withdrawal" | "start" | "result" | "policy" | "access" | "checkpoint";

/** The digest of an action's canonical form. */
export type RequestHash = string;

/**
 * How risky, in one word.
 *
 * - `low`: A score below 40.
 * - `medium`: A score from 40 to 69.
 * - `high`: A score from 70 to 89.
 * - `critical`: A score of 90 or more.
 */
export type RiskLevel = "low" | "medium" | "high" | "critical";

/** A score from 0 to 100. Adding stops at 100. */
export type RiskScore = number;

/** One risk rule. */
export type RiskTrace = {
  /** Its conditions. */
  conditions: ConditionTrace[];
  /** The line on which it starts. */
  line: number;
  /** Its name. */
  name: string;
  /** How much it counts. */
  score: RiskScore;
  /** Whether it holds; it counts unless this is `false`. */
  truth: Truth;
};

/** Which rule of which file. */
export type RuleRef = {
  /** The rule's id. */
  id: string;
  /** The 1-based line on which the rule starts. */
  line: number;
  /** The file's name. */
  policy: string;
};

/** One rule that was looked at. */
export type RuleTrace = {
  /** Its conditions. */
  conditions: ConditionTrace[];
  /** The effect of the rule. */
  effect: Effect;
  /** Its id. */
  id: string;
  /** The line on which it starts. */
  line: number;
  /** Whether it matches. */
  truth: Truth;
};

/**
 * How bad it is.
 *
 * - `error`: The policy cannot take effect.
 * - `warning`: The policy can take effect but is probably not what the author meant.
 */
export type Severity = "error" | "warning";

/** The opinion of a shadow file. It does not affect the outcome. */
export type ShadowOpinion = {
  /** The file's outcome, its own risk rules included; null when it has no opinion. */
  outcome: Outcome | null;
  /** The file's name. */
  policy: string;
  /** Why; null when it has no opinion. */
  reason_code: ReasonCode | null;
  /** The score of the file's own risk rules. */
  risk_score: RiskScore;
  /** The rule behind the opinion. */
  rule: RuleRef | null;
};

/** A range of bytes of a file: `start` is in it, `end` is not. */
export type Span = {
  /** The byte behind the last. */
  end: number;
  /** The first byte. */
  start: number;
};

/**
 * The state for one decision. Written as JSON, absent parts are left out.
 *
 * ```json
 * {"approval":{"approvers":[{"key_id":"a1b2c3d4","principal":"alice","roles":["finance"]}],"reason":null,
 *  "verdict":"granted"},
 *  "now":1795348800000}
 * ```
 */
export type State = {
  /** The approval being acted on. */
  approval?: Approval;
  /** Unix time in milliseconds. */
  now?: number;
};

/**
 * The status of an action.
 *
 * - `allowed`: It may start.
 * - `pending_approval`: It waits for a person.
 * - `approved`: A person approved it; it may start.
 * - `denied`: It will not run.
 * - `executing`: It started.
 * - `succeeded`: It ended well.
 * - `failed`: It ended badly.
 * - `timeout`: It started, and its result did not come in time. A result that comes late still counts.
 * - `withdrawn`: The caller gave it up before it started.
 * - `lapsed`: It might have started and did not in time, or the policies changed before it did.
 */
export type Status = "allowed" | "pending_approval" | "approved" | "denied" | "executing" | "succeeded" | "failed" | "timeout" | "withdrawn" | "lapsed";

/**
 * Whether a condition holds. The order is that of Kleene's logic: `and` is the least, `or` the greatest.
 *
 * - `false`: It does not hold.
 * - `undetermined`: It looks at something that it cannot compare.
 * - `true`: It holds.
 */
export type Truth = "false" | "undetermined" | "true";

/**
 * The answer to a request for approval.
 *
 * - `granted`: The approvers say yes.
 * - `rejected`: A person rejected it.
 * - `expired`: No answer came in time.
 */
export type Verdict = "granted" | "rejected" | "expired";

/**
 * How an identity is known.
 *
 * - `key`: By an API key.
 * - `link`: By an approval link.
 * - `claimed`: A local stream says so.
 */
export type Via = "key" | "link" | "claimed";
