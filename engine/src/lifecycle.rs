//! The life of an action as a table: which event may follow which status, and what it leads to.
//!
//! Who may cause an event, and that only one of two concurrent ones wins, is the store's business.

use serde::{Deserialize, Serialize};

use crate::decision::Outcome;

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
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

    /// Where `event` leads from here; none when it may not happen here.
    pub fn after(self, event: Event) -> Option<Status> {
        match (self, event) {
            // A new pass over a held action, with an approval in the state: it may still be held, when the
            // policy wants more people than have said yes so far.
            (Status::PendingApproval, Event::Resolve(Outcome::Execute)) => Some(Status::Approved),
            (Status::PendingApproval, Event::Resolve(Outcome::Abstain)) => Some(Status::PendingApproval),
            (Status::PendingApproval, Event::Resolve(Outcome::Halt)) => Some(Status::Denied),
            (Status::Allowed | Status::Approved, Event::Start) => Some(Status::Executing),
            (Status::Allowed | Status::Approved, Event::Lapse) => Some(Status::Lapsed),
            (Status::PendingApproval | Status::Allowed | Status::Approved, Event::Withdraw) => {
                Some(Status::Withdrawn)
            }
            // A tool that takes longer than its caller was given has still done what it did.
            (Status::Executing | Status::Timeout, Event::Result { success: true }) => Some(Status::Succeeded),
            (Status::Executing | Status::Timeout, Event::Result { success: false }) => Some(Status::Failed),
            (Status::Executing, Event::Lost) => Some(Status::Timeout),
            (
                _,
                Event::Resolve(_)
                | Event::Start
                | Event::Lapse
                | Event::Withdraw
                | Event::Result { .. }
                | Event::Lost,
            ) => None,
        }
    }
}

/// What can happen to an action after it was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
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
            Event::Resolve(Outcome::Execute),
            Event::Resolve(Outcome::Abstain),
            Event::Resolve(Outcome::Halt),
            Event::Start,
            Event::Lapse,
            Event::Withdraw,
            Event::Result { success: true },
            Event::Result { success: false },
            Event::Lost,
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
                ("allowed", Event::Start, "executing"),
                ("allowed", Event::Lapse, "lapsed"),
                ("allowed", Event::Withdraw, "withdrawn"),
                ("pending_approval", Event::Resolve(Outcome::Execute), "approved"),
                ("pending_approval", Event::Resolve(Outcome::Abstain), "pending_approval"),
                ("pending_approval", Event::Resolve(Outcome::Halt), "denied"),
                ("pending_approval", Event::Withdraw, "withdrawn"),
                ("approved", Event::Start, "executing"),
                ("approved", Event::Lapse, "lapsed"),
                ("approved", Event::Withdraw, "withdrawn"),
                ("executing", Event::Result { success: true }, "succeeded"),
                ("executing", Event::Result { success: false }, "failed"),
                ("executing", Event::Lost, "timeout"),
                ("timeout", Event::Result { success: true }, "succeeded"),
                ("timeout", Event::Result { success: false }, "failed"),
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
