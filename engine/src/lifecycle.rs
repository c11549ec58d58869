//! The life of an action as a table: which transition may follow which status, and what it leads to.
//!
//! Who may cause a transition, and that only one of two concurrent ones wins, is the store's business.

use serde::{Deserialize, Serialize};

use crate::decision::Outcome;

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It may start.
    Allowed,
    /// It waits for a person.
    PendingApproval,
    /// A person approved it; it may start.
    Approved,
    /// It will not run.
    Denied,
    /// It started.
    Executing,
    /// It ended well.
    Succeeded,
    /// It ended badly.
    Failed,
    /// It started, and its result did not come in time. A result that comes late still counts.
    Timeout,
    /// The caller gave it up before it started.
    Withdrawn,
    /// It might have started and did not in time, or the policies changed before it did.
    Lapsed,
}

impl Status {
    /// All of them, in the order of an action's life.
    pub const ALL: [Status; 10] = [
        Status::Allowed,
        Status::PendingApproval,
        Status::Approved,
        Status::Denied,
        Status::Executing,
        Status::Succeeded,
        Status::Failed,
        Status::Timeout,
        Status::Withdrawn,
        Status::Lapsed,
    ];

    /// Where a fresh decision puts an action.
    pub fn submitted(outcome: Outcome) -> Status {
        match outcome {
            Outcome::Execute => Status::Allowed,
            Outcome::Abstain => Status::PendingApproval,
            Outcome::Halt => Status::Denied,
        }
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Allowed => "allowed",
            Status::PendingApproval => "pending_approval",
            Status::Approved => "approved",
            Status::Denied => "denied",
            Status::Executing => "executing",
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Timeout => "timeout",
            Status::Withdrawn => "withdrawn",
            Status::Lapsed => "lapsed",
        }
    }

    /// The status for a word, if there is one.
    pub fn from_word(word: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// The status after `transition`; none when it may not happen here.
    pub fn after(self, transition: Transition) -> Option<Status> {
        match (self, transition) {
            // A new pass over a held action, with an approval in the state: it may still be held, when the
            // policy wants more people than have said yes so far.
            (Status::PendingApproval, Transition::Resolve(Outcome::Execute)) => Some(Status::Approved),
            (Status::PendingApproval, Transition::Resolve(Outcome::Abstain)) => Some(Status::PendingApproval),
            (Status::PendingApproval, Transition::Resolve(Outcome::Halt)) => Some(Status::Denied),
            (Status::Allowed | Status::Approved, Transition::Start) => Some(Status::Executing),
            (Status::Allowed | Status::Approved, Transition::Lapse) => Some(Status::Lapsed),
            (Status::PendingApproval | Status::Allowed | Status::Approved, Transition::Withdraw) => {
                Some(Status::Withdrawn)
            }
            // A tool that takes longer than its caller was given has still done what it did.
            (Status::Executing | Status::Timeout, Transition::Result { success: true }) => {
                Some(Status::Succeeded)
            }
            (Status::Executing | Status::Timeout, Transition::Result { success: false }) => {
                Some(Status::Failed)
            }
            (Status::Executing, Transition::Lost) => Some(Status::Timeout),
            (
                _,
                Transition::Resolve(_)
                | Transition::Start
                | Transition::Lapse
                | Transition::Withdraw
                | Transition::Result { .. }
                | Transition::Lost,
            ) => None,
        }
    }
}

/// An event in the life of an action after it was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// A person answered or time ran out, and the action was decided again.
    Resolve(Outcome),
    /// Its permit was redeemed.
    Start,
    /// It was permitted, and its time to start ran out or the policies no longer permit it.
    Lapse,
    /// The caller gave it up.
    Withdraw,
    /// The caller said how it ended.
    Result {
        /// Whether it ended well.
        success: bool,
    },
    /// No result came in time.
    Lost,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole matrix: every status against every event.
    #[test]
    fn only_the_drawn_transitions_exist() {
        let events = [
            Transition::Resolve(Outcome::Execute),
            Transition::Resolve(Outcome::Abstain),
            Transition::Resolve(Outcome::Halt),
            Transition::Start,
            Transition::Lapse,
            Transition::Withdraw,
            Transition::Result { success: true },
            Transition::Result { success: false },
            Transition::Lost,
        ];
        let mut drawn = Vec::new();
        for status in Status::ALL {
            for event in events {
                if let Some(next) = status.after(event) {
                    drawn.push((status.as_str(), event, next.as_str()));
                }
            }
        }
        assert_eq!(
            drawn,
            [
                ("allowed", Transition::Start, "executing"),
                ("allowed", Transition::Lapse, "lapsed"),
                ("allowed", Transition::Withdraw, "withdrawn"),
                ("pending_approval", Transition::Resolve(Outcome::Execute), "approved"),
                ("pending_approval", Transition::Resolve(Outcome::Abstain), "pending_approval"),
                ("pending_approval", Transition::Resolve(Outcome::Halt), "denied"),
                ("pending_approval", Transition::Withdraw, "withdrawn"),
                ("approved", Transition::Start, "executing"),
                ("approved", Transition::Lapse, "lapsed"),
                ("approved", Transition::Withdraw, "withdrawn"),
                ("executing", Transition::Result { success: true }, "succeeded"),
                ("executing", Transition::Result { success: false }, "failed"),
                ("executing", Transition::Lost, "timeout"),
                ("timeout", Transition::Result { success: true }, "succeeded"),
                ("timeout", Transition::Result { success: false }, "failed"),
            ]
        );
    }

    #[test]
    fn every_word_reads_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_word(status.as_str()), Some(status));
        }
    }
}
