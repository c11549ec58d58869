//! Records, streams and audits.

use engine::hash::RecordHash;
use engine::record::Head;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[cfg(feature = "schema")]
use crate::schema::RecordOrText;

/// A record of the chain. Its further members depend on `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Record {
    /// The stream.
    pub stream: String,
    /// The place in the stream, from 0.
    pub seq: u64,
    /// What the record tells of.
    pub kind: engine::record::RecordKind,
    /// When, RFC 3339 UTC with milliseconds.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub at: String,
    /// The action that it is about; null where there is none.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub action_id: Option<String>,
    /// The hash of the record before it; 64 zeros for the first.
    pub prev_hash: RecordHash,
    /// The hash of the record.
    pub record_hash: RecordHash,
    /// The further members.
    #[serde(flatten)]
    pub members: serde_json::Map<String, serde_json::Value>,
}

/// Which records to give.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RecordQuery {
    /// The stream; may be left out where there is only one that is not local.
    pub stream: Option<String>,
    /// The first `seq`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = 0)))]
    pub from: Option<u64>,
    /// At most this many.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000), extend("default" = 100)))]
    pub limit: Option<u32>,
}

/// Records of a stream, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordPage {
    /// Each byte for byte as it is stored. A page may end early; only one behind the last record is empty.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<RecordOrText>"))]
    pub records: Vec<Box<RawValue>>,
}

/// Which head to give.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HeadQuery {
    /// The stream.
    pub stream: String,
}

/// The heads of all streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StreamHeads {
    /// One for each stream.
    pub heads: Vec<Head>,
}

/// Records that a wrapper sealed by itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRecords {
    /// The local stream that they belong to.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^local-[A-Za-z0-9._-]{2,122}$")))]
    pub stream: String,
    /// The records, in order.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Record>", length(min = 1, max = 500)))]
    pub records: Vec<Box<RawValue>>,
}

/// The head of a local stream after records of it were ingested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TakenIn {
    /// The head.
    #[serde(flatten)]
    pub head: Head,
    /// How many of the records are stored, whether they came now or before.
    pub accepted: u64,
}

/// The findings of an audit of the whole store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Audit {
    /// How many records there are.
    pub records: u64,
    /// The streams, each as far as its records are right.
    pub streams: Vec<CheckedStream>,
    /// Everything that is wrong; empty when nothing is.
    pub problems: Vec<Finding>,
}

/// A stream that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckedStream {
    /// Its name.
    pub stream: String,
    /// How many of its records are right.
    pub size: u64,
    /// The hash of the last of them.
    pub head: RecordHash,
    /// Whether all are.
    pub valid: bool,
}

/// A record or a row that differs from what was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The stream, where the finding is about a record.
    pub stream: Option<String>,
    /// The place in it, where there is one.
    pub seq: Option<u64>,
    /// The kind of the record, where it can be read.
    pub kind: Option<String>,
    /// The action that it is about, where it can be read.
    pub action_id: Option<String>,
    /// The row that it is about, such as ``key `ops` ``; null for a record.
    pub row: Option<String>,
    /// The problem, for programs.
    pub problem: String,
    /// The problem, for people.
    pub message: String,
}

impl Finding {
    /// A row that does not follow from the records.
    pub fn row(row: impl Into<String>, message: impl Into<String>) -> Self {
        Finding {
            stream: None,
            seq: None,
            kind: None,
            action_id: None,
            row: Some(row.into()),
            problem: "row".to_owned(),
            message: message.into(),
        }
    }

    /// The row of an action that does not follow from its records.
    pub fn action(id: &str, message: impl Into<String>) -> Self {
        let short = id.get(..8).unwrap_or(id);
        Finding { action_id: Some(id.to_owned()), ..Finding::row(format!("action {short}"), message) }
    }

    /// The same finding, with the record that shows it.
    #[must_use]
    pub fn seen_in(self, stream: &str, seq: u64) -> Self {
        Finding { stream: Some(stream.to_owned()), seq: Some(seq), ..self }
    }
}
