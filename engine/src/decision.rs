//! What a decision is: an outcome, why, and the hashes of everything it rests on.
//!
//! How one is reached is in [`mod@crate::decide`].

use serde::{Deserialize, Serialize};

use crate::hash::{PolicyHash, ProvenanceId, RawHash, RequestHash};
use crate::quorum::ApprovalRequirement;
use crate::risk::{RiskLevel, RiskScore};

/// What may happen to an action, in order of strictness.
///
/// There is no default and no conversion from a boolean: an outcome is always somebody's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// It may run now.
    Execute,
    /// It is held for a person.
    Abstain,
    /// It does not run.
    Halt,
}

impl Outcome {
    /// All of them, from the loosest to the strictest.
    pub const ALL: [Outcome; 3] = [Outcome::Execute, Outcome::Abstain, Outcome::Halt];

    /// The stricter of the two.
    #[must_use]
    pub fn stricter(self, other: Outcome) -> Outcome {
        self.max(other)
    }

    /// The effect that corresponds to this outcome.
    pub fn effect(self) -> Effect {
        match self {
            Outcome::Execute => Effect::Allow,
            Outcome::Abstain => Effect::RequireApproval,
            Outcome::Halt => Effect::Deny,
        }
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Execute => "EXECUTE",
            Outcome::Abstain => "ABSTAIN",
            Outcome::Halt => "HALT",
        }
    }
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The action may run.
    Allow,
    /// A person must say so first.
    RequireApproval,
    /// The action does not run.
    Deny,
}

impl Effect {
    /// The outcome that corresponds to this effect.
    pub fn outcome(self) -> Outcome {
        match self {
            Effect::Allow => Outcome::Execute,
            Effect::RequireApproval => Outcome::Abstain,
            Effect::Deny => Outcome::Halt,
        }
    }

    /// The word in policies and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Allow => "allow",
            Effect::RequireApproval => "require_approval",
            Effect::Deny => "deny",
        }
    }
}

/// Which of the possible reasons made the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// A rule allows it.
    PolicyAllow,
    /// A rule wants a person to approve it.
    PolicyRequireApproval,
    /// A rule denies it.
    PolicyDeny,
    /// No rule permits it.
    DefaultDeny,
    /// The risk is high enough to hold it.
    RiskRequireApproval,
    /// The risk is high enough to deny it.
    RiskDeny,
    /// A rule that denies cannot be evaluated.
    UndeterminedDeny,
    /// A rule that wants approval cannot be evaluated.
    UndeterminedRequireApproval,
    /// The action cannot be read.
    InvalidAction,
    /// The arguments break the tool's declaration.
    InvalidParams,
    /// A limit was reached.
    LimitExceeded,
    /// There is no policy.
    NoPolicy,
    /// The agent is stopped.
    AgentHalted,
    /// Deciding it takes more work than a decision may.
    EngineLimit,
    /// The engine did not answer.
    EngineFailure,
    /// The record could not be stored.
    StoreFailure,
    /// A person approved it.
    ApprovalGranted,
    /// A person rejected it.
    ApprovalRejected,
    /// Nobody answered in time.
    ApprovalExpired,
    /// It was permitted and did not start in time.
    PermitExpired,
    /// It was permitted, and the policies in force when it was to start no longer permit it.
    PolicyChanged,
}

impl ReasonCode {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ReasonCode::PolicyAllow => "policy_allow",
            ReasonCode::PolicyRequireApproval => "policy_require_approval",
            ReasonCode::PolicyDeny => "policy_deny",
            ReasonCode::DefaultDeny => "default_deny",
            ReasonCode::RiskRequireApproval => "risk_require_approval",
            ReasonCode::RiskDeny => "risk_deny",
            ReasonCode::UndeterminedDeny => "undetermined_deny",
            ReasonCode::UndeterminedRequireApproval => "undetermined_require_approval",
            ReasonCode::InvalidAction => "invalid_action",
            ReasonCode::InvalidParams => "invalid_params",
            ReasonCode::LimitExceeded => "limit_exceeded",
            ReasonCode::NoPolicy => "no_policy",
            ReasonCode::AgentHalted => "agent_halted",
            ReasonCode::EngineLimit => "engine_limit",
            ReasonCode::EngineFailure => "engine_failure",
            ReasonCode::StoreFailure => "store_failure",
            ReasonCode::ApprovalGranted => "approval_granted",
            ReasonCode::ApprovalRejected => "approval_rejected",
            ReasonCode::ApprovalExpired => "approval_expired",
            ReasonCode::PermitExpired => "permit_expired",
            ReasonCode::PolicyChanged => "policy_changed",
        }
    }
}

/// Which rule of which file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct RuleRef {
    /// The rule's id.
    pub id: String,
    /// The 1-based line on which the rule starts.
    pub line: u32,
    /// The file's name.
    pub policy: String,
}

/// What a shadow file would have said. It has no part in the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct ShadowOpinion {
    /// The file's outcome, its own risk rules included; null when it has no opinion.
    pub outcome: Option<Outcome>,
    /// The file's name.
    pub policy: String,
    /// Why; null when it has no opinion.
    pub reason_code: Option<ReasonCode>,
    /// The score of the file's own risk rules.
    pub risk_score: RiskScore,
    /// The rule behind the opinion.
    pub rule: Option<RuleRef>,
}

/// The answer to an action.
///
/// ```json
/// {"decision":"deny","outcome":"HALT","policy_hash":"…","provenance_id":"…","reason":"…",
///  "reason_code":"policy_deny","request_hash":"…","risk_level":"low","risk_rules":[],"risk_score":0,
///  "rule":{"id":"large","line":7,"policy":"support-agent.yaml"},"runtime_version":"0.1.0"}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct Decision {
    /// Set when the outcome is `ABSTAIN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", schemars(with = "ApprovalRequirement"), ts(optional))]
    pub approval: Option<ApprovalRequirement>,
    /// The effect that corresponds to the outcome.
    pub decision: Effect,
    /// The parameters of the action to show first: required ones, and those that the rule and the risk rules compare.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "types", ts(optional, as = "Option<_>"))]
    pub key_params: Vec<String>,
    /// What may happen.
    pub outcome: Outcome,
    /// The policies that decided.
    pub policy_hash: PolicyHash,
    /// Everything the decision depends on.
    pub provenance_id: ProvenanceId,
    /// The action's bytes as they came; set only when they could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", schemars(with = "RawHash"), ts(optional))]
    pub raw_hash: Option<RawHash>,
    /// The reason, for people.
    pub reason: String,
    /// The reason, for programs.
    pub reason_code: ReasonCode,
    /// The action; null when it could not be read.
    pub request_hash: Option<RequestHash>,
    /// The level that the score falls into.
    pub risk_level: RiskLevel,
    /// The names of the risk rules that counted.
    pub risk_rules: Vec<String>,
    /// The score, 0 to 100.
    pub risk_score: RiskScore,
    /// The rule that decided; null when none did.
    pub rule: Option<RuleRef>,
    /// The version of the engine's rules of deciding.
    pub runtime_version: String,
    /// What files in shadow mode would have said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "types", ts(optional, as = "Option<_>"))]
    pub shadow: Vec<ShadowOpinion>,
}
