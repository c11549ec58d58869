// Made from the Rust types by `cargo xtask codegen`; do not edit.

/**
 * What became of a request for approval.
 */
export type Approval = { 
/**
 * Who granted it, in the order in which they did, or who rejected it.
 */
approvers: Array<Approver>, 
/**
 * What the person who answered last said.
 */
reason: string | null, 
/**
 * The answer.
 */
verdict: Verdict, };

/**
 * What people must do before a held action may run.
 */
export type ApprovalRequirement = { 
/**
 * How long the approval may take, in milliseconds; null where no policy says (the host then has a default).
 */
expires_ms: number | null, 
/**
 * Every one of these must be met.
 */
requires: Array<Quorum>, };

/**
 * A person who granted.
 */
export type Approver = { 
/**
 * The identity that a host has checked: the id of an API key. Without one, the name is all there is.
 */
key_id?: string, 
/**
 * The name, for people.
 */
principal: string, 
/**
 * What they may approve as.
 */
roles: Array<string>, };

/**
 * The kind of a diagnostic, stable for programs.
 */
export type Code = "yaml_syntax" | "typographic_quotes" | "not_utf8" | "too_large" | "too_many_rules" | "too_deep" | "alias_limit" | "duplicate_key" | "unknown_key" | "missing_key" | "missing_value" | "wrong_type" | "invalid_value" | "conflicting_effects" | "missing_effect" | "empty_match" | "invalid_regex" | "invalid_cidr" | "invalid_time" | "invalid_duration" | "duplicate_id" | "undeclared_param" | "impossible_type" | "unknown_operator" | "action_field" | "control_character" | "several_in_not" | "unsupported" | "ambiguous_scalar" | "numeric_gap" | "never_matches" | "expensive_rule" | "no_lower_bound" | "absent_under_glob" | "undeclared_length" | "agent_id_in_params" | "not_read";

/**
 * One condition.
 */
export type ConditionTrace = { 
/**
 * What it compares with, as it is written.
 */
expected: unknown, 
/**
 * The key, as it is written.
 */
key: string, 
/**
 * For `any`, `all` and `not`: the conditions of each match inside.
 */
matches?: Array<Array<ConditionTrace>>, 
/**
 * The values that it looked at; none where a parameter is missing.
 */
saw: unknown[], 
/**
 * Whether it holds.
 */
truth: Truth, 
/**
 * Why, as a clause.
 */
why: string, };

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
/**
 * Set when the outcome is `ABSTAIN`.
 */
approval?: ApprovalRequirement, 
/**
 * The effect that corresponds to the outcome.
 */
decision: Effect, 
/**
 * The parameters of the action to show first: required ones, and those that the rule and the risk rules compare.
 */
key_params?: Array<string>, 
/**
 * What may happen.
 */
outcome: Outcome, 
/**
 * The policies that decided.
 */
policy_hash: PolicyHash, 
/**
 * Everything the decision depends on.
 */
provenance_id: ProvenanceId, 
/**
 * The action's bytes as they came; set only when they could not be read.
 */
raw_hash?: RawHash, 
/**
 * The reason, for people.
 */
reason: string, 
/**
 * The reason, for programs.
 */
reason_code: ReasonCode, 
/**
 * The action; null when it could not be read.
 */
request_hash: RequestHash | null, 
/**
 * The level that the score falls into.
 */
risk_level: RiskLevel, 
/**
 * The names of the risk rules that counted.
 */
risk_rules: Array<string>, 
/**
 * The score, 0 to 100.
 */
risk_score: RiskScore, 
/**
 * The rule that decided; null when none did.
 */
rule: RuleRef | null, 
/**
 * The version of the engine's rules of deciding.
 */
runtime_version: string, 
/**
 * What files in shadow mode would have said.
 */
shadow?: Array<ShadowOpinion>, };

/**
 * One finding in one file.
 */
export type Diagnostic = { 
/**
 * The kind.
 */
code: Code, 
/**
 * The column of the first character, from 1, in characters.
 */
column: number, 
/**
 * The column behind the last character.
 */
end_column: number, 
/**
 * The line of the end of the span.
 */
end_line: number, 
/**
 * The file's name.
 */
file: string, 
/**
 * What to do about it.
 */
help: string | null, 
/**
 * The line of the start of the span, from 1.
 */
line: number, 
/**
 * What is wrong.
 */
message: string, 
/**
 * How bad it is.
 */
severity: Severity, 
/**
 * The bytes it is about.
 */
span: Span, };

/**
 * What a rule says.
 */
export type Effect = "allow" | "require_approval" | "deny";

/**
 *The digest of the engine's wasm module.
 */
export type EngineHash = string;

/**
 * Why an action got its decision.
 */
export type Explanation = { 
/**
 * The decision.
 */
decision: Decision, 
/**
 * Whether the trace ends early, because all of it would take more work or space than an explanation may.
 */
incomplete?: boolean, 
/**
 * What each file says, in the order of their names.
 */
policies: Array<PolicyTrace>, };

/**
 *The digest of one policy file's bytes.
 */
export type FileHash = string;

/**
 * What is wrong, and where.
 */
export type JsonError = { 
/**
 * The kind, for programs.
 */
code: JsonErrorCode, 
/**
 * The sentence, for people.
 */
message: string, 
/**
 * Bytes from the start.
 */
offset: number, 
/**
 * 1-based.
 */
line: number, 
/**
 * 1-based, in characters.
 */
column: number, };

/**
 * What is wrong with a document.
 */
export type JsonErrorCode = "too_large" | "invalid_utf8" | "byte_order_mark" | "too_deep" | "duplicate_key" | "lone_surrogate" | "number_out_of_range" | "integer_too_large" | "not_a_number" | "comment" | "trailing_comma" | "unexpected_end" | "trailing_data" | "control_character" | "invalid_escape" | "syntax" | "shape";

/**
 * What loading policy files leads to.
 */
export type Loaded = { 
/**
 * All findings; with an error among them nothing is loaded.
 */
diagnostics: Array<Diagnostic>, 
/**
 * The files, when they were loaded.
 */
files: Array<LoadedFile>, 
/**
 * What to call the policies by; null when they have errors.
 */
handle: number | null, 
/**
 * The hash of these files.
 */
policy_hash: PolicyHash, };

/**
 * One file of a loaded policy set.
 */
export type LoadedFile = { 
/**
 * The agents it speaks of, as globs.
 */
agents: Array<string>, 
/**
 * What it says of itself.
 */
description: string | null, 
/**
 * The file's name.
 */
file: string, 
/**
 * The hash of its bytes.
 */
hash: FileHash, 
/**
 * `enforce` or `shadow`.
 */
mode: string, 
/**
 * The policy's name.
 */
name: string, 
/**
 * How many rules it has.
 */
rules: number, };

/**
 * What may happen to an action, in order of strictness.
 *
 * There is no default and no conversion from a boolean: an outcome is always somebody's answer.
 */
export type Outcome = "EXECUTE" | "ABSTAIN" | "HALT";

/**
 *The digest of the policy files' names and digests.
 */
export type PolicyHash = string;

/**
 * What one file says.
 */
export type PolicyTrace = { 
/**
 * `enforce` or `shadow`.
 */
mode: string, 
/**
 * The file's name.
 */
policy: string, 
/**
 * The risk rules, all of them.
 */
risk_rules: Array<RiskTrace>, 
/**
 * The rules up to the one that matched; all when none did.
 */
rules: Array<RuleTrace>, 
/**
 * Whether it speaks of the agent; when not, nothing of it was looked at.
 */
speaks_of_agent: boolean, 
/**
 * What is wrong with the arguments by the file's declaration of the tool.
 */
violations: Array<string>, };

/**
 *The digest of everything a decision depends on.
 */
export type ProvenanceId = string;

/**
 * So many people, each with one of these roles.
 */
export type Quorum = { 
/**
 * How many different people, at least one.
 */
approvers: number, 
/**
 * Who counts; empty means anybody who may approve.
 */
roles: Array<string>, };

/**
 *The digest of an action's bytes as they came, for one that cannot be read.
 */
export type RawHash = string;

/**
 * Which of the possible reasons made the outcome.
 */
export type ReasonCode = "policy_allow" | "policy_require_approval" | "policy_deny" | "default_deny" | "risk_require_approval" | "risk_deny" | "undetermined_deny" | "undetermined_require_approval" | "invalid_action" | "invalid_params" | "limit_exceeded" | "no_policy" | "agent_halted" | "engine_limit" | "engine_failure" | "store_failure" | "approval_granted" | "approval_rejected" | "approval_expired" | "permit_expired" | "policy_changed";

/**
 *The digest of a record.
 */
export type RecordHash = string;

/**
 * What a record tells of.
 */
export type RecordKind = "decision" | "approval" | "expiry" | "withdrawal" | "start" | "result" | "policy" | "access" | "checkpoint";

/**
 *The digest of an action's canonical form.
 */
export type RequestHash = string;

/**
 * How risky, in one word.
 */
export type RiskLevel = "low" | "medium" | "high" | "critical";

/**
 * A score from 0 to 100. Adding stops at 100.
 */
export type RiskScore = number;

/**
 * One risk rule.
 */
export type RiskTrace = { 
/**
 * Its conditions.
 */
conditions: Array<ConditionTrace>, 
/**
 * The line on which it starts.
 */
line: number, 
/**
 * Its name.
 */
name: string, 
/**
 * How much it counts.
 */
score: RiskScore, 
/**
 * Whether it holds; it counts unless this is `false`.
 */
truth: Truth, };

/**
 * Which rule of which file.
 */
export type RuleRef = { 
/**
 * The rule's id.
 */
id: string, 
/**
 * The 1-based line on which the rule starts.
 */
line: number, 
/**
 * The file's name.
 */
policy: string, };

/**
 * One rule that was looked at.
 */
export type RuleTrace = { 
/**
 * Its conditions.
 */
conditions: Array<ConditionTrace>, 
/**
 * What it says.
 */
effect: Effect, 
/**
 * Its id.
 */
id: string, 
/**
 * The line on which it starts.
 */
line: number, 
/**
 * Whether it matches.
 */
truth: Truth, };

/**
 * How bad it is.
 */
export type Severity = "error" | "warning";

/**
 * What a shadow file would have said. It has no part in the outcome.
 */
export type ShadowOpinion = { 
/**
 * The file's outcome, its own risk rules included; null when it has no opinion.
 */
outcome: Outcome | null, 
/**
 * The file's name.
 */
policy: string, 
/**
 * Why; null when it has no opinion.
 */
reason_code: ReasonCode | null, 
/**
 * The score of the file's own risk rules.
 */
risk_score: RiskScore, 
/**
 * The rule behind the opinion.
 */
rule: RuleRef | null, };

/**
 * A range of bytes of a file: `start` is in it, `end` is not.
 */
export type Span = { 
/**
 * The first byte.
 */
start: number, 
/**
 * The byte behind the last.
 */
end: number, };

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
/**
 * The approval being acted on.
 */
approval?: Approval, 
/**
 * Unix time in milliseconds.
 */
now?: number, };

/**
 * Where an action stands.
 */
export type Status = "allowed" | "pending_approval" | "approved" | "denied" | "executing" | "succeeded" | "failed" | "timeout" | "withdrawn" | "lapsed";

/**
 * Whether a condition holds. The order is that of Kleene's logic: `and` is the least, `or` the greatest.
 */
export type Truth = "false" | "undetermined" | "true";

/**
 * The answer to a request for approval.
 */
export type Verdict = "granted" | "rejected" | "expired";
