//! The findings of an audit: records that were changed, and rows of a database that its records contradict.
//!
//! [`chain`] checks a chain; [`life`] derives the row of an action from its records. The source of records and rows is
//! not known here: a store compares its own rows (`Store::audit`), the command line reads exports and servers.

pub mod chain;
pub mod life;

use engine::decision::{Outcome, ReasonCode};
use engine::record::RecordKind;
use serde::{Deserialize, Serialize};

use self::chain::Checked;
use crate::Receipt;
use crate::intake::is_local;

/// Something that is not as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The stream, where the finding is about a record.
    pub stream: Option<String>,
    /// The place in it, where there is one.
    pub seq: Option<u64>,
    /// The kind of the record, if it is readable.
    pub kind: Option<String>,
    /// The action it is about, where it can be read.
    pub action_id: Option<String>,
    /// The row it is about, such as ``key `ops` ``; none for a record.
    pub row: Option<String>,
    /// The fault, for programs.
    pub problem: String,
    /// The fault, for people.
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

    /// The same finding, which names the record that shows it.
    pub fn seen_in(self, stream: &str, seq: u64) -> Self {
        Finding { stream: Some(stream.to_owned()), seq: Some(seq), ..self }
    }
}

/// The content of a server's own record about a local stream that decided differently from the server; none for any
/// other record.
pub fn contradiction(body: &str) -> Option<Finding> {
    #[derive(Deserialize)]
    struct Told {
        action_id: Option<String>,
        contradicts: Receipt,
        decision: Decided,
        seq: u64,
        stream: String,
    }
    #[derive(Deserialize)]
    struct Decided {
        outcome: Outcome,
        reason_code: ReasonCode,
    }
    // Nearly all records are not of this kind, and may be large.
    if !body.contains(r#""contradicts":{"#) {
        return None;
    }
    let told: Told = serde_json::from_str(body).ok()?;
    if is_local(&told.stream) {
        return None;
    }
    let Decided { outcome, reason_code } = told.decision;
    let message = format!(
        "it decides otherwise than the engine does from the same policies, action and state, which gives {} \
         ({}): see record {} of {}",
        outcome.as_str(),
        reason_code.as_str(),
        told.seq,
        told.stream
    );
    Some(Finding {
        stream: Some(told.contradicts.stream),
        seq: Some(told.contradicts.seq),
        kind: Some(RecordKind::Decision.as_str().to_owned()),
        action_id: told.action_id,
        row: None,
        problem: "contradicted".to_owned(),
        message,
    })
}

/// The result of checking a whole store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Audit {
    /// How many records there are.
    pub records: u64,
    /// The streams, each as far as its records are right.
    pub streams: Vec<Checked>,
    /// Everything that is wrong.
    pub problems: Vec<Finding>,
}

/// The most findings about rows that are kept: a table that was emptied says the same of every action.
pub const MAX_FINDINGS: usize = 1000;
