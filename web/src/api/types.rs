//! What the server answers, as far as the pages read it. The names are those of its OpenAPI document.

use engine::decision::{ApprovalRequirement, Effect, Outcome, ReasonCode, RuleRef, ShadowOpinion};
use engine::diagnostic::Diagnostic;
use engine::lifecycle::Status;
use engine::risk::RiskLevel;
use engine::truth::Truth;
use serde::Deserialize;
use serde_json::value::RawValue;

/// An action as it stands.
#[derive(Debug, Clone, Deserialize)]
pub struct Action {
    /// Its id.
    pub id: String,
    /// Who proposed it.
    pub agent_id: String,
    /// The tool.
    pub tool: String,
    /// What the tool is to do.
    pub operation: String,
    /// The arguments, as they were recorded.
    pub params: Box<RawValue>,
    /// What the caller says of the circumstances.
    pub context: Box<RawValue>,
    /// Where it stands.
    pub status: Status,
    /// The decision that holds now.
    pub outcome: Outcome,
    /// Why, for programs.
    pub reason_code: ReasonCode,
    /// Why, for people.
    pub reason: String,
    /// Which rule decided.
    pub rule: Option<RuleRef>,
    /// How risky it is.
    pub risk_level: RiskLevel,
    /// From 0 to 100.
    pub risk_score: u8,
    /// The risk rules that counted.
    #[serde(default)]
    pub risk_rules: Vec<String>,
    /// The parameters to show first.
    #[serde(default)]
    pub key_params: Vec<String>,
    /// The digest of the canonical action.
    pub request_hash: Option<String>,
    /// The digest of the policies that decided.
    pub policy_hash: String,
    /// Which version of the policies that was.
    pub policy_version: String,
    /// The version of the engine's rules.
    pub runtime_version: String,
    /// The digest of everything that the decision depends on.
    pub provenance_id: String,
    /// What it takes to let it run.
    pub approval: Option<ApprovalRequirement>,
    /// Which answers of the person who is logged in would count; none when it does not wait, or they may not approve.
    #[serde(default)]
    pub answerable: Option<Answerable>,
    /// Whether a caller still waits for an answer; none when the action does not wait.
    #[serde(default)]
    pub waiting: Option<bool>,
    /// The name of the key that proposed it.
    #[serde(default)]
    pub principal: Option<String>,
    /// Until when it may start, once it is permitted.
    #[serde(default)]
    pub start_by: Option<String>,
    /// The answers of people so far.
    pub approvals: Vec<Approval>,
    /// Whether the wrapper that brought it decided otherwise than the server does; then the decision is the server's.
    #[serde(default)]
    pub contradicted: bool,
    /// What files in shadow mode would have said.
    #[serde(default)]
    pub shadow: Vec<ShadowOpinion>,
    /// The last record about it.
    pub receipt: Receipt,
    /// How long the decision took.
    pub duration_us: u64,
    /// When it came.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Until when it may be approved.
    pub expires_at: Option<String>,
    /// What the caller said of a failure.
    pub error: Option<String>,
    /// What the tool gave back.
    pub result: Option<Box<RawValue>>,
}

/// Which answers of the person who is logged in would count.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Answerable {
    /// Whether they may approve.
    pub approve: bool,
    /// Whether they may reject.
    pub reject: bool,
    /// Why not both.
    pub why_not: Option<String>,
}

/// One person's answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Approval {
    /// The name of the person.
    pub principal: String,
    /// How they gave it: `key`, `link` or `claimed`.
    #[serde(default)]
    pub via: Option<String>,
    /// The id of their key.
    #[serde(default)]
    pub key_id: Option<String>,
    /// The stream that says so, where this server did not see the answer itself.
    #[serde(default)]
    pub claimed_by: Option<String>,
    /// What they may approve as.
    pub roles: Vec<String>,
    /// Yes or no.
    pub approve: bool,
    /// What they said.
    pub reason: Option<String>,
    /// When.
    pub at: String,
}

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    /// The chain.
    pub stream: String,
    /// The place in it.
    pub seq: u64,
    /// The digest of the record.
    pub record_hash: String,
}

/// A page of actions.
#[derive(Debug, Clone, Deserialize)]
pub struct Actions {
    /// Newest first.
    pub actions: Vec<Action>,
    /// How many fit the filter in all.
    pub total: u64,
    /// To go on with.
    pub next_cursor: Option<String>,
}

/// The explanation of a decision, as the server gives it.
#[derive(Debug, Clone, Deserialize)]
pub struct Explained {
    /// The number of the policy set that decided.
    pub policy_version: String,
    /// The explanation.
    pub explanation: Explanation,
}

/// Why an action got its decision: what each file says. It is what `engine::explain` prints.
#[derive(Debug, Clone, Deserialize)]
pub struct Explanation {
    /// In the order of their names.
    pub policies: Vec<PolicyTrace>,
}

/// What one file says.
#[derive(Debug, Clone, Deserialize)]
pub struct PolicyTrace {
    /// `enforce` or `shadow`.
    pub mode: String,
    /// The file's name.
    pub policy: String,
    /// The risk rules, all of them.
    pub risk_rules: Vec<RiskTrace>,
    /// The rules up to the one that matched; all when none did.
    pub rules: Vec<RuleTrace>,
    /// Whether it speaks of the agent; when not, nothing of it was looked at.
    pub speaks_of_agent: bool,
    /// What is wrong with the arguments by the file's declaration of the tool.
    pub violations: Vec<String>,
}

/// One rule that was looked at.
#[derive(Debug, Clone, Deserialize)]
pub struct RuleTrace {
    /// Its conditions.
    pub conditions: Vec<ConditionTrace>,
    /// What it says.
    pub effect: Effect,
    /// Its id.
    pub id: String,
    /// The line on which it starts.
    pub line: u32,
    /// Whether it matches.
    pub truth: Truth,
}

/// One risk rule.
#[derive(Debug, Clone, Deserialize)]
pub struct RiskTrace {
    /// Its conditions.
    pub conditions: Vec<ConditionTrace>,
    /// The line on which it starts.
    pub line: u32,
    /// Its name.
    pub name: String,
    /// How much it counts.
    pub score: u8,
    /// Whether it holds; it counts unless this is `false`.
    pub truth: Truth,
}

/// One condition.
#[derive(Debug, Clone, Deserialize)]
pub struct ConditionTrace {
    /// What it compares with, as it is written.
    pub expected: Box<RawValue>,
    /// The key, as it is written.
    pub key: String,
    /// For `any`, `all` and `not`: the conditions of each match inside.
    #[serde(default)]
    pub matches: Vec<Vec<ConditionTrace>>,
    /// The values that it looked at; none where a parameter is missing.
    pub saw: Vec<Box<RawValue>>,
    /// Whether it holds.
    pub truth: Truth,
    /// Why, as a clause.
    pub why: String,
}

/// The records of an action.
#[derive(Debug, Clone, Deserialize)]
pub struct Events {
    /// Oldest first, each the very bytes that are stored.
    pub events: Vec<Box<RawValue>>,
}

/// What deciding an action again gave.
#[derive(Debug, Clone, Deserialize)]
pub struct Replay {
    /// Whether every pass gave the recorded bytes.
    #[serde(rename = "match")]
    pub matches: bool,
    /// One for each time the action was decided, oldest first.
    pub passes: Vec<ReplayedPass>,
}

/// One decision, again.
#[derive(Debug, Clone, Deserialize)]
pub struct ReplayedPass {
    /// The record's kind.
    pub kind: String,
    /// The record's stream.
    pub stream: String,
    /// The record's place.
    pub seq: u64,
    /// The policy set that decided.
    pub policy_hash: String,
    /// The engine that decided.
    pub engine_hash: String,
    /// Whether the server runs the same.
    pub same_engine: bool,
    /// Whether the bytes are the recorded ones.
    #[serde(rename = "match")]
    pub matches: bool,
    /// Where they differ.
    pub differences: Vec<Difference>,
}

/// A field of a decision that is not what is recorded.
#[derive(Debug, Clone, Deserialize)]
pub struct Difference {
    /// Its name.
    pub field: String,
    /// What is recorded.
    pub recorded: Box<RawValue>,
    /// What it is now.
    pub replayed: Box<RawValue>,
}

/// What the actions of a span of time got.
#[derive(Debug, Clone, Deserialize)]
pub struct Stats {
    /// From when.
    pub since: String,
    /// Until when.
    pub until: String,
    /// How long a bucket is.
    pub bucket_ms: u64,
    /// How many actions came.
    pub total: u64,
    /// What they got, by the time at which they came.
    pub buckets: Vec<StatsBucket>,
    /// The most frequent tools.
    pub tools: Vec<StatsOfTool>,
    /// The most frequent agents.
    pub agents: Vec<StatsOfAgent>,
    /// What denied most actions.
    pub rules: Vec<StatsOfRule>,
    /// How many had each risk level.
    pub risk: Vec<StatsOfLevel>,
    /// How many had which risk score.
    pub scores: Vec<StatsOfScores>,
    /// What people answered.
    pub approvals: StatsOfApprovals,
}

/// How many actions got each outcome, by their first decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Outcomes {
    /// May run.
    pub execute: u64,
    /// Held.
    pub abstain: u64,
    /// Denied.
    pub halt: u64,
}

/// A part of the span.
#[derive(Debug, Clone, Deserialize)]
pub struct StatsBucket {
    /// When it begins.
    pub at: String,
    /// What came in it.
    #[serde(flatten)]
    pub outcomes: Outcomes,
}

/// What the actions of one tool got.
#[derive(Debug, Clone, Deserialize)]
pub struct StatsOfTool {
    /// The tool.
    pub tool: String,
    /// What they got.
    #[serde(flatten)]
    pub outcomes: Outcomes,
}

/// What the actions of one agent got.
#[derive(Debug, Clone, Deserialize)]
pub struct StatsOfAgent {
    /// The agent.
    pub agent_id: String,
    /// What they got.
    #[serde(flatten)]
    pub outcomes: Outcomes,
}

/// How many actions were denied for one reason.
#[derive(Debug, Clone, Deserialize)]
pub struct StatsOfRule {
    /// The file of the rule; none where no rule decided.
    pub policy: Option<String>,
    /// The rule.
    pub id: Option<String>,
    /// The reason.
    pub reason_code: ReasonCode,
    /// How many.
    pub count: u64,
}

/// How many actions had a risk level.
#[derive(Debug, Clone, Deserialize)]
pub struct StatsOfLevel {
    /// The level.
    pub level: RiskLevel,
    /// How many.
    pub count: u64,
}

/// How many actions had a score of `from` and more, and less than `to`; the last bin has 100 too.
#[derive(Debug, Clone, Deserialize)]
pub struct StatsOfScores {
    /// The lowest.
    pub from: u8,
    /// What is behind the highest.
    pub to: u8,
    /// How many.
    pub count: u64,
}

/// What people answered, and how long that took.
#[derive(Debug, Clone, Deserialize)]
pub struct StatsOfApprovals {
    /// How many wait.
    pub pending: u64,
    /// How many were decided by people.
    pub answered: u64,
    /// Half of the answers came in this time or less.
    pub median_ms: Option<i64>,
    /// Nine of ten answers came in this time or less.
    pub p90_ms: Option<i64>,
    /// How many took how long.
    pub bins: Vec<StatsOfWait>,
}

/// How many answers took less than `to_ms`, and no less than the bin before says.
#[derive(Debug, Clone, Deserialize)]
pub struct StatsOfWait {
    /// What is behind the longest; none for the last bin.
    pub to_ms: Option<i64>,
    /// How many.
    pub count: u64,
}

/// The policies in force.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PolicySet {
    /// The digest of all of them.
    pub policy_hash: String,
    /// Which version of the policies this is.
    pub policy_version: String,
    /// The files.
    pub files: Vec<PolicyFile>,
    /// What each file is.
    #[serde(default)]
    pub summaries: Vec<PolicySummary>,
    /// What was found in them.
    #[serde(default)]
    pub diagnostics: Vec<Diagnostic>,
    /// Why what is in the folder is not in force, where that is so.
    #[serde(default)]
    pub trouble: Option<Trouble>,
    /// The edit of the folder that is not in force yet, while the server waits for it to be finished.
    #[serde(default)]
    pub pending: Option<PendingEdit>,
}

/// An edit of the policy folder that the server waits for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PendingEdit {
    /// The sentence.
    pub reason: String,
    /// The files that differ from those in force.
    pub files: Vec<String>,
}

/// A policy file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PolicyFile {
    /// Its name in the folder.
    pub name: String,
    /// The digest of its bytes.
    pub hash: String,
}

/// What a policy file is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PolicySummary {
    /// The agents it speaks of, as globs; empty means all.
    pub agents: Vec<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Its name in the folder.
    pub file: String,
    /// The digest of its bytes.
    pub hash: String,
    /// `enforce` or `shadow`.
    pub mode: String,
    /// What it is called.
    pub name: String,
    /// How many rules it has.
    pub rules: u64,
}

/// Why what is in the policy folder is not in force.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Trouble {
    /// The sentence.
    pub reason: String,
    /// The digest of the set that was refused.
    pub policy_hash: Option<String>,
    /// Everything that was found in it.
    pub diagnostics: Vec<Diagnostic>,
}

/// A policy set that came into force.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PolicyVersion {
    /// Its number.
    pub policy_version: String,
    /// The digest of its files.
    pub policy_hash: String,
    /// When it came into force.
    pub at: String,
    /// Who brought it into force; `system` when it was found in the folder.
    pub principal: Option<String>,
    /// How its files differ from those of the version before it.
    pub change: PolicyChange,
    /// Its files.
    pub files: Vec<PolicyFile>,
    /// The record of it.
    pub receipt: Receipt,
}

/// The names of the files in which a version differs from the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PolicyChange {
    /// New files.
    pub added: Vec<String>,
    /// Files with another text.
    pub changed: Vec<String>,
    /// Files that are gone.
    pub removed: Vec<String>,
}

/// The text of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PolicyText {
    /// Its name in the folder.
    pub name: String,
    /// The text.
    pub text: String,
}
