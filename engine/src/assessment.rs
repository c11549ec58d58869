//! The risk of one action: the risk rules of all files that count, and the thresholds in force.
//!
//! Scores and levels are in [`crate::risk`]; [`crate::basis`] says what risk does to an outcome.

use crate::policy::condition::Input;
use crate::policy::{Policy, RiskRule};
use crate::risk::{RiskLevel, RiskScore, Thresholds};
use crate::truth::Truth;

/// The risk of one action under all files.
#[derive(Debug)]
pub(crate) struct Assessment<'p> {
    pub(crate) score: RiskScore,
    pub(crate) level: RiskLevel,
    /// The rules that counted.
    pub(crate) rules: Vec<&'p RiskRule>,
    /// The strictest of all files.
    pub(crate) thresholds: Thresholds,
}

impl<'p> Assessment<'p> {
    /// No risk, for a decision in which risk has no part.
    pub(crate) fn none() -> Self {
        let score = RiskScore::ZERO;
        Assessment { score, level: score.level(), rules: Vec::new(), thresholds: Thresholds::NEVER }
    }

    /// Adds up the risk rules of `policies` that count. `own` is the highest risk that a matching rule itself has.
    pub(crate) fn of(policies: &[&'p Policy], own: Option<RiskLevel>, input: &Input<'_>) -> Self {
        let mut risk = Assessment::none();
        for policy in policies {
            risk.thresholds = risk.thresholds.stricter(policy.thresholds);
            for rule in counted(policy, input) {
                risk.score = risk.score.plus(rule.score);
                risk.rules.push(rule);
            }
        }
        // A rule's own risk is a minimum and adds nothing. A rule that might apply might carry its risk, so it counts.
        risk.score = own.map_or(risk.score, |level| risk.score.max(level.score()));
        risk.level = risk.score.level();
        risk
    }

    /// The names of the rules that counted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.rules.iter().map(|rule| rule.name.clone()).collect()
    }
}

/// The risk rules of a file that hold or might hold.
fn counted<'p>(policy: &'p Policy, input: &Input<'_>) -> impl Iterator<Item = &'p RiskRule> {
    let scope = policy.scope(input.action, false);
    policy.risk_rules.iter().filter(move |rule| rule.when.evaluate(input, scope).truth != Truth::False)
}
