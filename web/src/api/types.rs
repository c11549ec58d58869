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
