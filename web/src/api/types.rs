//! What the server answers, as far as the pages read it. The names are those of its OpenAPI document.

use engine::decision::{ApprovalRequirement, Outcome, ReasonCode, RuleRef, ShadowOpinion};
use engine::lifecycle::Status;
use engine::risk::RiskLevel;
use serde::Deserialize;
use serde::de::IgnoredAny;
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
    /// There when who is logged in may answer; the token itself is not kept.
    #[serde(default)]
    pub approval_token: Option<IgnoredAny>,
    /// The answers of people so far.
    pub approvals: Vec<Approval>,
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

/// One person's answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Approval {
    /// Who.
    pub principal: String,
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
