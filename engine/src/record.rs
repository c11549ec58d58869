//! A record: one line of the audit log, sealed by its hash and tied to the one before it.
//!
//! A [`Draft`] says what happened; [`Draft::seal`] puts it behind a [`Head`] and gives the bytes that are stored
//! and exported. Checking a whole chain is in [`crate::chain`].

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use crate::canonical::Canonical;
use crate::hash::RecordHash;
use crate::time::rfc3339;
use crate::value::Value;

/// What a record tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// An action was decided.
    Decision,
    /// A person granted or rejected.
    Approval,
    /// An approval ran out.
    Expiry,
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
    pub const ALL: [RecordKind; 8] = [
        RecordKind::Decision,
        RecordKind::Approval,
        RecordKind::Expiry,
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

/// The end of a stream: how many records it has, and the hash of the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The stream's name.
    pub stream: String,
    /// The number of records, which is the next `seq`.
    pub size: u64,
    /// The hash of the last record; [`RecordHash::ZERO`] before the first.
    pub record_hash: RecordHash,
}

impl Head {
    /// The head of a stream without records.
    pub fn genesis(stream: impl Into<String>) -> Self {
        Head { stream: stream.into(), size: 0, record_hash: RecordHash::ZERO }
    }
}

/// What happened, before it has its place in a stream.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it tells of.
    pub kind: RecordKind,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// The action it is about, if any.
    pub action_id: Option<String>,
    /// What else it holds, by kind. The names that every record has are not taken from here.
    pub fields: Vec<(&'static str, Canonical)>,
}

/// A record with its place and its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Its place in the stream.
    pub seq: u64,
    /// Its hash.
    pub record_hash: RecordHash,
    /// The whole record as canonical JSON, `record_hash` included: what is stored and exported.
    pub body: Canonical,
}

impl Draft {
    /// Puts the record behind `head`, which moves on to it.
    ///
    /// `record_hash` is the SHA-256 of the canonical record without `record_hash`.
    pub fn seal(&self, head: &mut Head) -> Sealed {
        let seq = head.size;
        #[expect(clippy::cast_precision_loss, reason = "a stream does not reach 2^53 records")]
        let seq_value = Canonical::of(&Value::Number(seq as f64));
        let action_id =
            self.action_id.as_deref().map_or_else(|| Canonical::of(&Value::Null), Canonical::text);
        let (at, kind) = (Canonical::text(&rfc3339(self.at_ms)), Canonical::text(self.kind.as_str()));
        let (prev_hash, stream) =
            (Canonical::text(&head.record_hash.to_hex()), Canonical::text(&head.stream));
        let mut parts = vec![
            ("action_id", &action_id),
            ("at", &at),
            ("kind", &kind),
            ("prev_hash", &prev_hash),
            ("seq", &seq_value),
            ("stream", &stream),
        ];
        parts.extend(
            self.fields.iter().filter(|(key, _)| *key != "record_hash").map(|(key, value)| (*key, value)),
        );
        let mut record_hash = RecordHash::ZERO;
        let body = Canonical::object_with(&parts, "record_hash", |without| {
            record_hash = RecordHash::of(without.as_bytes());
            Canonical::text(&record_hash.to_hex())
        });
        head.size = head.size.saturating_add(1);
        head.record_hash = record_hash;
        Sealed { seq, record_hash, body }
    }
}
