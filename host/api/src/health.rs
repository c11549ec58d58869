//! Whether the server is alive, and whether it can do its work.

use engine::hash::PolicyHash;
use serde::{Deserialize, Serialize};

use crate::{PendingEdit, Trouble};

/// The server is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Health {
    /// Always `ok`.
    pub status: HealthStatus,
    /// The version of the server.
    pub version: String,
}

/// The one word of a server that is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// It is alive.
    Ok,
}

/// Whether the server can do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ready {
    /// All of it in one word.
    pub status: ReadyStatus,
    /// Whether the store writes.
    pub store: PartStatus,
    /// Whether the engine answers.
    pub engine: PartStatus,
    /// Whether a policy is in force.
    pub policy: PolicyStatus,
    /// The policy set in force.
    pub policy_hash: PolicyHash,
    /// The number of that set.
    pub policy_version: String,
    /// Why the policy folder's content is not in force.
    pub trouble: Option<Trouble>,
    /// A change of the policy folder that is not finished.
    pub pending: Option<PendingEdit>,
}

/// Whether the server can do its work, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReadyStatus {
    /// Everything works.
    Ready,
    /// Everything works, but the policy folder's content was refused.
    Degraded,
    /// Nothing can be decided.
    Unavailable,
}

/// Whether one part works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PartStatus {
    /// It works.
    Ok,
    /// It does not.
    Failed,
}

/// Whether a policy is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PolicyStatus {
    /// At least one file is.
    InForce,
    /// No file is, so every action halts.
    None,
}
