//! Statistics of a span of time.

use std::collections::BTreeMap;

use engine::decision::ReasonCode;
use engine::lifecycle::Status;
use engine::risk::RiskLevel;
use serde::{Deserialize, Serialize};

/// The span to count.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StatsQuery {
    /// Created at or after: RFC 3339 or Unix milliseconds; a day before `until` when absent.
    pub since: Option<String>,
    /// Created before: RFC 3339 or Unix milliseconds; now when absent.
    pub until: Option<String>,
    /// The number of equal parts. There are fewer where the span has fewer milliseconds, or rounding makes them longer.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 200), extend("default" = 48)))]
    pub buckets: Option<u32>,
}

/// The statistics of a span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stats {
    /// The start of the span.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub since: String,
    /// The end of the span.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub until: String,
    /// The length of a bucket, in milliseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub bucket_ms: u64,
    /// The number of actions created in the span.
    pub total: u64,
    /// Their outcomes, by the time at which they were created.
    pub buckets: Vec<TimeBucket>,
    /// The 20 most frequent tools.
    pub tools: Vec<ToolCounts>,
    /// The 20 most frequent agents.
    pub agents: Vec<AgentCounts>,
    /// The 10 rules and reasons that halted most.
    pub rules: Vec<HaltCount>,
    /// The risk levels of the first decisions.
    pub risk: Vec<LevelCount>,
    /// The risk scores of the first decisions.
    pub scores: Vec<ScoreCount>,
    /// The number of actions in each status now.
    #[cfg_attr(feature = "schema", schemars(extend("propertyNames" = { "$ref": "#/components/schemas/Status" })))]
    pub statuses: BTreeMap<Status, u64>,
    /// The approvals.
    pub approvals: ApprovalStats,
}

/// How many actions got each outcome, by their first decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub struct Outcomes {
    /// May run.
    pub execute: u64,
    /// Held.
    pub abstain: u64,
    /// Halted.
    pub halt: u64,
}

/// A part of the span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimeBucket {
    /// The start of the part.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub at: String,
    /// The outcomes of the actions created in it.
    #[serde(flatten)]
    pub outcomes: Outcomes,
}

/// The outcomes of one tool's actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ToolCounts {
    /// The tool.
    pub tool: String,
    /// The outcomes.
    #[serde(flatten)]
    pub outcomes: Outcomes,
}

/// The outcomes of one agent's actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentCounts {
    /// The agent.
    pub agent_id: String,
    /// The outcomes.
    #[serde(flatten)]
    pub outcomes: Outcomes,
}

/// How many actions were halted for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HaltCount {
    /// The file of the rule; null where no rule decided.
    pub policy: Option<String>,
    /// The rule.
    pub id: Option<String>,
    /// The reason.
    pub reason_code: ReasonCode,
    /// The number of actions.
    pub count: u64,
}

/// How many actions had a risk level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LevelCount {
    /// The level.
    pub level: RiskLevel,
    /// The number of actions.
    pub count: u64,
}

/// How many actions had a risk score from `from` to less than `to`; the last bin includes 100.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScoreCount {
    /// The lowest score.
    #[cfg_attr(feature = "schema", schemars(range(max = 100)))]
    pub from: u8,
    /// The first score above the bin.
    #[cfg_attr(feature = "schema", schemars(range(max = 100)))]
    pub to: u8,
    /// The number of actions.
    pub count: u64,
}

/// How many actions people answered, and how long that took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApprovalStats {
    /// How many are waiting for people.
    pub pending: u64,
    /// How many were decided by people.
    pub answered: u64,
    /// From creation to the last answer: half of them took this long or less.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub median_ms: Option<i64>,
    /// Nine of ten took this long or less.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub p90_ms: Option<i64>,
    /// The distribution of these times.
    pub bins: Vec<WaitCount>,
}

/// How many answers took less than `to_ms`, and at least the `to_ms` of the bin before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WaitCount {
    /// The first duration above the bin; null for the last bin.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub to_ms: Option<i64>,
    /// The number of answers.
    pub count: u64,
}
