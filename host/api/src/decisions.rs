//! The newest recorded decisions: the samples on which a policy is tried.

use engine::lifecycle::Status;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[cfg(feature = "schema")]
use crate::schema::RecordOrText;

/// How many decisions to give.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DecisionQuery {
    /// At most this many.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000), extend("default" = 500)))]
    pub limit: Option<u32>,
}

/// The newest recorded decisions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecentDecisions {
    /// Of all streams, newest first.
    pub decisions: Vec<RecentDecision>,
}

/// A recorded decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecentDecision {
    /// The record.
    #[cfg_attr(feature = "schema", schemars(with = "RecordOrText"))]
    pub record: Box<RawValue>,
    /// Where the action stands now; null where there is no such action here.
    pub status: Option<Status>,
    /// Whether the decision can be made again from what the server keeps.
    pub replayable: bool,
    /// Why it cannot be made again.
    pub why: Option<String>,
}
