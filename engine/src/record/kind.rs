//! The kinds of records, one word each.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

/// The kind of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// An action was decided.
    Decision,
    /// A person granted or rejected.
    Approval,
    /// An approval ran out, or what was permitted did not start in time or under the same policies.
    Expiry,
    /// The caller gave an action up before it started.
    Withdrawal,
    /// A permit was redeemed.
    Start,
    /// The caller reported success or failure, or never did.
    Result,
    /// A policy set came into force, or a new one was refused.
    Policy,
    /// A key was created or revoked, a login failed.
    Access,
    /// A signed head was made.
    Checkpoint,
}

impl RecordKind {
    /// All of them.
    pub const ALL: [RecordKind; 9] = [
        RecordKind::Decision,
        RecordKind::Approval,
        RecordKind::Expiry,
        RecordKind::Withdrawal,
        RecordKind::Start,
        RecordKind::Result,
        RecordKind::Policy,
        RecordKind::Access,
        RecordKind::Checkpoint,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordKind::Decision => "decision",
            RecordKind::Approval => "approval",
            RecordKind::Expiry => "expiry",
            RecordKind::Withdrawal => "withdrawal",
            RecordKind::Start => "start",
            RecordKind::Result => "result",
            RecordKind::Policy => "policy",
            RecordKind::Access => "access",
            RecordKind::Checkpoint => "checkpoint",
        }
    }
}

impl Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
