//! The stream of events: every record as it is committed.

use serde::{Deserialize, Serialize};

use crate::Record;

/// Where to continue.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    /// The same as the header `Last-Event-ID`, for readers that cannot set one.
    pub last_event_id: Option<String>,
}

/// The data of an event: a record, with its kind once more as `type`.
///
/// `type` is the last member. Published clients look for the kind under that name; leave it out to verify the hash of
/// the record.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// The record.
    #[serde(flatten)]
    pub record: Record,
    /// The kind of the record.
    #[serde(rename = "type")]
    pub event_type: String,
}
