//! The opinion of a file in shadow mode. It is recorded with the decision and has no part in it.

use crate::arguments::invalid_params;
use crate::assessment::Assessment;
use crate::basis::Basis;
use crate::decision::{Outcome, ReasonCode, ShadowOpinion};
use crate::opinion::opinion_of;
use crate::policy::Policy;
use crate::policy::condition::Input;
use crate::risk::RiskScore;

/// The decision of `policy` alone, its own risk rules included.
pub(crate) fn shadow_opinion(policy: &Policy, input: &Input<'_>) -> ShadowOpinion {
    let opinion = opinion_of(policy, input);
    let broken = invalid_params(&[policy], input);
    let risk = Assessment::of(&[policy], opinion.own_risk, input);
    let basis = match broken {
        Some(reason) => Some(Basis::halt(ReasonCode::InvalidParams, reason)),
        None => opinion.basis(),
    };
    let basis = basis.map(|basis| basis.tightened_by(&risk));
    if input.meter.is_spent() {
        return ShadowOpinion {
            outcome: Some(Outcome::Halt),
            policy: policy.file.clone(),
            reason_code: Some(ReasonCode::EngineLimit),
            risk_score: RiskScore::ZERO,
            rule: None,
        };
    }
    ShadowOpinion {
        outcome: basis.as_ref().map(|basis| basis.outcome),
        policy: policy.file.clone(),
        reason_code: basis.as_ref().map(|basis| basis.code),
        risk_score: risk.score,
        rule: basis.and_then(|basis| basis.rule).map(|(policy, rule)| rule.reference(policy)),
    }
}
