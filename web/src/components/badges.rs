//! Outcome, status and risk: each a word and a shape, never a colour alone.

use engine::decision::{Outcome, ReasonCode};
use engine::lifecycle::Status;
use engine::risk::{RiskLevel, RiskScore};
use leptos::prelude::*;

use crate::wording;

/// The class that gives an outcome its colour.
pub fn outcome_class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Execute => "execute",
        Outcome::Abstain => "abstain",
        Outcome::Halt => "halt",
    }
}

/// An outcome: a word with a sign, and the API's word as a tooltip.
#[component]
pub fn OutcomeBadge(
    /// The outcome.
    outcome: Outcome,
) -> impl IntoView {
    let sign = match outcome {
        Outcome::Execute => "✓",
        Outcome::Abstain => "‖",
        Outcome::Halt => "✕",
    };
    view! {
        <span class=format!("badge {}", outcome_class(outcome)) title=outcome.as_str()>
            <span aria-hidden="true">{sign}</span>
            " "
            {wording::outcome(outcome)}
        </span>
    }
}

/// How an action stands or ended.
#[component]
pub fn StatusBadge(
    /// The status.
    status: Status,
    /// The reason of the decision, which tells denials apart.
    reason_code: ReasonCode,
) -> impl IntoView {
    let (class, sign) = match status {
        Status::Allowed | Status::Approved => ("execute", "○"),
        Status::Succeeded => ("execute", "●"),
        Status::PendingApproval => ("abstain", "‖"),
        Status::Executing => ("info", "▸"),
        // Nobody's decision but a failure to answer: a sign of its own.
        Status::Denied if reason_code == ReasonCode::ApprovalExpired => ("abstain", "!"),
        Status::Denied => ("halt", "✕"),
        Status::Failed | Status::Timeout => ("halt", "!"),
        Status::Withdrawn | Status::Lapsed => ("info", "∅"),
    };
    view! {
        <span class=format!("status {class}") title=status.as_str()>
            <span aria-hidden="true">{sign}</span>
            " "
            {wording::standing(status, reason_code)}
        </span>
    }
}

/// A risk: its level as a word, its score as a number and a bar.
#[component]
pub fn RiskMeter(
    /// The level.
    level: RiskLevel,
    /// From 0 to 100.
    score: RiskScore,
) -> impl IntoView {
    let score = score.get();
    view! {
        <span class=format!("risk {}", level.as_str()) title=format!("risk {} ({score} of 100)", level.as_str())>
            <svg class="risk-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                <rect class="track" width="100" height="8" />
                <rect class="fill" width=score.to_string() height="8" />
            </svg>
            <span>{level.as_str()} " " <span class="number">{score}</span></span>
        </span>
    }
}
