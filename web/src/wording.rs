//! The words for people: one word for one state, on every page. The words of the API are shown only where the API is
//! quoted. `docs/VOCABULARY.md` lists both.

use engine::decision::{Outcome, ReasonCode};
use engine::lifecycle::Status;
use engine::truth::Truth;

/// The word for an outcome.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Execute => "Allowed",
        Outcome::Abstain => "Needs approval",
        Outcome::Halt => "Denied",
    }
}

/// The word for a status.
pub fn status(status: Status) -> &'static str {
    match status {
        Status::PendingApproval => "Waiting for approval",
        Status::Allowed => "Allowed",
        Status::Approved => "Approved",
        Status::Denied => "Denied",
        Status::Executing => "Running",
        Status::Succeeded => "Succeeded",
        Status::Failed => "Failed",
        Status::Timeout => "Timed out",
        Status::Withdrawn => "Withdrawn",
        Status::Lapsed => "Lapsed",
    }
}

/// How an action stands or ended, with the cause: a denial by a rule reads differently from an approval that nobody
/// gave in time.
pub fn standing(at: Status, code: ReasonCode) -> &'static str {
    match at {
        Status::Denied | Status::Lapsed => reason(code),
        Status::PendingApproval
        | Status::Allowed
        | Status::Approved
        | Status::Executing
        | Status::Succeeded
        | Status::Failed
        | Status::Timeout
        | Status::Withdrawn => status(at),
    }
}

/// The words for a reason code.
pub fn reason(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::PolicyAllow => "Allowed by a rule",
        ReasonCode::PolicyRequireApproval => "Held by a rule",
        ReasonCode::PolicyDeny => "Denied by a rule",
        ReasonCode::DefaultDeny => "No rule allows it",
        ReasonCode::UndeterminedRequireApproval => "Held: a rule cannot be evaluated",
        ReasonCode::UndeterminedDeny => "Denied: a rule cannot be evaluated",
        ReasonCode::RiskRequireApproval => "Held for its risk",
        ReasonCode::RiskDeny => "Denied for its risk",
        ReasonCode::InvalidAction => "Unreadable action",
        ReasonCode::InvalidParams => "Wrong arguments",
        ReasonCode::NoPolicy => "No policy in force",
        ReasonCode::ApprovalGranted => "Approved",
        ReasonCode::ApprovalRejected => "Rejected",
        ReasonCode::ApprovalExpired => "Not answered in time",
        ReasonCode::PermitExpired => "Not started in time",
        ReasonCode::PolicyChanged => "The policies changed",
        ReasonCode::LimitExceeded => "Limit exceeded",
        ReasonCode::AgentHalted => "Agent stopped",
        ReasonCode::EngineLimit => "Too much to evaluate",
        ReasonCode::EngineFailure => "Engine failure",
        ReasonCode::StoreFailure => "Not recorded",
    }
}

/// The word for a truth value of a condition or a rule.
pub fn truth(truth: Truth) -> &'static str {
    match truth {
        Truth::True => "matched",
        Truth::False => "did not match",
        Truth::Undetermined => "cannot be evaluated",
    }
}
