//! Outcome, status and risk: each a word and a shape, never a colour alone.

use engine::decision::Outcome;
use engine::lifecycle::Status;
use engine::risk::RiskLevel;
use leptos::prelude::*;

use crate::format::words;

/// The class that gives an outcome its colour.
pub fn outcome_class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Execute => "execute",
        Outcome::Abstain => "abstain",
        Outcome::Halt => "halt",
    }
}

/// An outcome: a word with a sign.
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
        <span class=format!("badge {}", outcome_class(outcome))>
            <span aria-hidden="true">{sign}</span>
            " "
            {outcome.as_str()}
        </span>
    }
}

/// Where an action stands.
#[component]
pub fn StatusBadge(
    /// Where it stands.
    status: Status,
) -> impl IntoView {
    let (class, sign) = match status {
        Status::Allowed | Status::Approved => ("execute", "○"),
        Status::Succeeded => ("execute", "●"),
        Status::PendingApproval => ("abstain", "‖"),
        Status::Executing => ("info", "▸"),
        Status::Denied => ("halt", "✕"),
        Status::Failed | Status::Timeout => ("halt", "!"),
        Status::Withdrawn | Status::Lapsed => ("info", "∅"),
    };
    view! {
        <span class=format!("status {class}")>
            <span aria-hidden="true">{sign}</span>
            " "
            {words(status.as_str())}
        </span>
    }
}

/// A risk: its level as a word, its score as a number and a bar.
#[component]
pub fn RiskMeter(
    /// The level.
    level: RiskLevel,
    /// From 0 to 100.
    score: u8,
) -> impl IntoView {
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
