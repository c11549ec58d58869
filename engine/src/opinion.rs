//! The opinion of one policy file on an action: its first matching rule, made stricter by the rules before it that
//! cannot be evaluated. It knows neither other files nor risk scores.

use crate::basis::Basis;
use crate::decision::{Effect, Outcome, ReasonCode};
use crate::policy::condition::{Cause, Input};
use crate::policy::{Policy, Rule};
use crate::quorum::ApprovalRequirement;
use crate::risk::RiskLevel;
use crate::truth::Truth;

/// A file's opinion.
#[derive(Debug)]
pub(crate) struct Opinion<'p> {
    policy: &'p Policy,
    /// The first rule that matches.
    pub(crate) matched: Option<&'p Rule>,
    /// The strictest rule before it that restricts and cannot be evaluated: the least strict outcome it leaves.
    floor: Option<(&'p Rule, Cause<'p>)>,
    /// The first rule that would permit the action, and cannot be evaluated.
    near: Option<(&'p Rule, Cause<'p>)>,
    /// The highest risk among the matching rule and those before it that cannot be evaluated.
    pub(crate) own_risk: Option<RiskLevel>,
    /// What every rule that holds the action asks for.
    approvals: Vec<ApprovalRequirement>,
}

/// Asks the rules of `policy` in order.
pub(crate) fn opinion_of<'p>(policy: &'p Policy, input: &Input<'_>) -> Opinion<'p> {
    let mut opinion =
        Opinion { policy, matched: None, floor: None, near: None, own_risk: None, approvals: Vec::new() };
    for rule in &policy.rules {
        // What the rest would say no longer matters.
        if input.meter.is_spent() {
            break;
        }
        let scope = policy.scope(input.action, rule.effect == Effect::Allow);
        let evaluation = rule.matcher.evaluate(input, scope);
        match (evaluation.truth, evaluation.cause) {
            (Truth::False, _) => continue,
            (Truth::True, _) => {
                opinion.counts(rule, input);
                opinion.matched = Some(rule);
                break;
            }
            (Truth::Undetermined, cause) => {
                opinion.counts(rule, input);
                if let Some(cause) = cause.filter(|_| rule.effect != Effect::Deny) {
                    opinion.near.get_or_insert((rule, cause));
                }
                let floor = opinion.floor.map_or(Outcome::Execute, |(rule, _)| rule.effect.outcome());
                if let Some(cause) = cause.filter(|_| rule.effect.outcome() > floor) {
                    opinion.floor = Some((rule, cause));
                }
            }
        }
    }
    opinion
}

impl<'p> Opinion<'p> {
    fn counts(&mut self, rule: &Rule, input: &Input<'_>) {
        self.own_risk = self.own_risk.max(rule.risk);
        if rule.effect == Effect::RequireApproval {
            // In the end each is compared with those before it.
            input.meter.spend(self.approvals.len() as u64);
            let requires = vec![rule.quorum.clone()];
            self.approvals.push(ApprovalRequirement { expires_ms: rule.expires_ms, requires });
        }
    }

    /// Whether a rule of the file is about the tool, whatever else it asks for.
    pub(crate) fn speaks_of(&self, tool: &str) -> bool {
        self.policy.rules.iter().any(|rule| rule.matcher.speaks_of(tool))
    }

    /// What keeps the first rule that would permit the action from doing so, as a clause.
    pub(crate) fn near_miss(&self) -> Option<String> {
        let (rule, cause) = self.near?;
        let would = if rule.effect == Effect::Allow { "permit it" } else { "hold it for approval" };
        Some(format!("`{}` would {would}, but {}", short(&rule.id), short(&cause.clause())))
    }

    /// The matching rule, unless the floor is stricter; the floor alone where no rule matches; none without either.
    pub(crate) fn basis(&self) -> Option<Basis<'p>> {
        let floor = self.floor_basis();
        let Some(rule) = self.matched else { return floor };
        let outcome = rule.effect.outcome();
        if let Some(floor) = floor.filter(|floor| floor.outcome > outcome) {
            return Some(floor);
        }
        let (code, text) = match rule.effect {
            Effect::Allow => (ReasonCode::PolicyAllow, format!("allowed by the rule `{}`", rule.id)),
            Effect::RequireApproval => {
                (ReasonCode::PolicyRequireApproval, format!("the rule `{}` requires approval", rule.id))
            }
            Effect::Deny => (ReasonCode::PolicyDeny, format!("denied by the rule `{}`", rule.id)),
        };
        let reason = rule.reason.clone().or_else(|| rule.description.clone()).unwrap_or(text);
        let approval = self.approval(outcome);
        Some(Basis { outcome, code, reason, rule: Some((self.policy, rule)), approval })
    }

    /// The opinion that a rule makes which restricts and cannot be evaluated.
    fn floor_basis(&self) -> Option<Basis<'p>> {
        let (rule, cause) = self.floor?;
        let outcome = rule.effect.outcome();
        let code = match rule.effect {
            Effect::Deny => ReasonCode::UndeterminedDeny,
            Effect::RequireApproval => ReasonCode::UndeterminedRequireApproval,
            Effect::Allow => return None,
        };
        let reason = format!("the rule `{}` cannot be evaluated: {}", rule.id, cause.clause());
        let approval = self.approval(outcome);
        Some(Basis { outcome, code, reason, rule: Some((self.policy, rule)), approval })
    }

    fn approval(&self, outcome: Outcome) -> Option<ApprovalRequirement> {
        if outcome != Outcome::Abstain {
            return None;
        }
        ApprovalRequirement::of_all(self.approvals.iter())
    }
}

/// The beginning of a text that the author of a policy chose, so that a reason stays readable.
fn short(text: &str) -> &str {
    const SHOWN_CHARS: usize = 120;
    text.char_indices().nth(SHOWN_CHARS).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}
