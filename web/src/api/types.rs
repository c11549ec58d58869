//! What the server answers, as far as the pages read it. The names are those of its OpenAPI document.

use engine::decision::{ApprovalRequirement, Outcome, ReasonCode, RuleRef, ShadowOpinion};
use engine::diagnostic::Diagnostic;
use engine::lifecycle::Status;
use engine::risk::RiskLevel;
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
