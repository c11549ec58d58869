//! The basis of a decision: an outcome with its reason, before the hashes are added.
//!
//! It starts as the strictest opinion. Risk and an approval then change it here, each in one method: risk makes it
//! stricter, and an approval opens only an action that is held.

use crate::RUNTIME_VERSION;
use crate::assessment::Assessment;
use crate::decision::{Decision, Outcome, ReasonCode};
use crate::hash::RequestHash;
use crate::policy::{Policy, PolicySet, Rule};
use crate::quorum::ApprovalRequirement;
use crate::risk::RiskLevel;
use crate::state::{State, Verdict};

/// An outcome, its reason and the rule behind both.
#[derive(Debug, Clone)]
pub(crate) struct Basis<'p> {
    pub(crate) outcome: Outcome,
    pub(crate) code: ReasonCode,
    pub(crate) reason: String,
    pub(crate) rule: Option<(&'p Policy, &'p Rule)>,
    pub(crate) approval: Option<ApprovalRequirement>,
}

impl<'p> Basis<'p> {
    /// `HALT` without a rule.
    pub(crate) fn halt(code: ReasonCode, reason: String) -> Self {
        Basis { outcome: Outcome::Halt, code, reason, rule: None, approval: None }
    }

    /// Whether the rule behind it cannot be evaluated.
    pub(crate) fn is_floor(&self) -> bool {
        matches!(self.code, ReasonCode::UndeterminedDeny | ReasonCode::UndeterminedRequireApproval)
    }

    /// Applies the thresholds: risk holds an action that a rule allows, or denies it, and never loosens an outcome.
    pub(crate) fn tightened_by(self, risk: &Assessment<'_>) -> Self {
        let reaches = |threshold: Option<RiskLevel>| threshold.is_some_and(|from| risk.level >= from);
        let (outcome, code, verb) = if reaches(risk.thresholds.deny_at) {
            (Outcome::Halt, ReasonCode::RiskDeny, "denied")
        } else if reaches(risk.thresholds.require_approval_at) {
            (Outcome::Abstain, ReasonCode::RiskRequireApproval, "held")
        } else {
            return self;
        };
        if self.outcome >= outcome {
            return self;
        }
        let names =
            if risk.rules.is_empty() { "the rule's own risk".to_owned() } else { risk.names().join(", ") };
        let reason = format!("{}; {verb} because risk is {} ({names})", self.reason, risk.level.as_str());
        let approval = (outcome == Outcome::Abstain).then(ApprovalRequirement::anyone);
        Basis { outcome, code, reason, approval, ..self }
    }

    /// Applies the approval in `state`: a granted action executes once enough approvers have granted it, and a
    /// halted one stays halted.
    pub(crate) fn after_approval(self, state: &State) -> Self {
        let Some(approval) = &state.approval else { return self };
        if self.outcome == Outcome::Halt {
            return self;
        }
        let said = approval.reason.as_ref().map_or_else(String::new, |said| format!(": {said}"));
        let names: Vec<&str> = approval.approvers.iter().map(|one| one.principal.as_str()).collect();
        let by = if names.is_empty() { String::new() } else { format!(" by {}", names.join(", ")) };
        match approval.verdict {
            Verdict::Granted => {
                let met = self.approval.as_ref().is_none_or(|wanted| wanted.met_by(&approval.approvers));
                if !met {
                    let reason = format!("{}; more approvals are needed", self.reason);
                    return Basis { reason, ..self };
                }
                self.answered(Outcome::Execute, ReasonCode::ApprovalGranted, format!("approved{by}{said}"))
            }
            Verdict::Rejected => {
                self.answered(Outcome::Halt, ReasonCode::ApprovalRejected, format!("rejected{by}{said}"))
            }
            Verdict::Expired => {
                let reason = "nobody approved it in time".to_owned();
                self.answered(Outcome::Halt, ReasonCode::ApprovalExpired, reason)
            }
        }
    }

    fn answered(self, outcome: Outcome, code: ReasonCode, reason: String) -> Self {
        Basis { outcome, code, reason, approval: None, ..self }
    }

    /// The decision, with the hashes that it rests on.
    pub(crate) fn decision(
        self,
        policies: &PolicySet,
        request_hash: Option<RequestHash>,
        state: &State,
        risk: &Assessment<'_>,
    ) -> Decision {
        Decision {
            approval: self.approval,
            decision: self.outcome.effect(),
            key_params: Vec::new(),
            outcome: self.outcome,
            policy_hash: policies.policy_hash(),
            provenance_id: policies.provenance().id(request_hash, state),
            raw_hash: None,
            reason: self.reason,
            reason_code: self.code,
            request_hash,
            risk_level: risk.level,
            risk_rules: risk.names(),
            risk_score: risk.score,
            rule: self.rule.map(|(policy, rule)| rule.reference(policy)),
            runtime_version: RUNTIME_VERSION.to_owned(),
            shadow: Vec::new(),
        }
    }
}
