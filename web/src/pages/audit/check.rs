//! Checking records as they come, and saying in plain words how the first wrong one is wrong.

use engine::chain::{BreakKind, Verifier};
use engine::hash::RecordHash;
use engine::record::Head;
use serde::Deserialize;

/// How a record is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is not what its own hash says.
    Changed,
    /// It is not there, and what comes later is.
    Missing,
    /// It comes after a record that belongs after it.
    Reordered,
    /// An earlier record is in its place.
    Repeated,
    /// It is whole in itself, and does not name the one before it.
    Replaced,
    /// It is not a record.
    Unreadable,
    /// It is one of another stream.
    Foreign,
    /// It is the first of those that are missing at the end.
    CutOff,
    /// It is whole and linked, and not the one that the server names as its last.
    OtherHead,
}

impl How {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Changed => "changed",
            How::Missing => "missing",
            How::Reordered => "reordered",
            How::Repeated => "repeated or reordered",
            How::Replaced => "replaced",
            How::Unreadable => "unreadable",
            How::Foreign => "of another stream",
            How::CutOff => "cut off",
            How::OtherHead => "not the server's head",
        }
    }
}

/// The first record that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Its place.
    pub seq: u64,
    /// How it is wrong.
    pub how: How,
    /// The same as a sentence.
    pub message: String,
    /// The record there, if there is one.
    pub body: Option<String>,
}

/// The part of a record that says where it belongs.
#[derive(Deserialize)]
struct Place {
    seq: Option<u64>,
}

/// Records that were checked, one after the other.
#[derive(Debug)]
pub struct Check {
    verifier: Verifier,
    hashes: Vec<RecordHash>,
}

impl Check {
    /// Starts before the first record of `stream`.
    pub fn new(stream: &str) -> Self {
        Check { verifier: Verifier::new(stream), hashes: Vec::new() }
    }

    /// How far it is.
    pub fn head(&self) -> &Head {
        self.verifier.head()
    }

    /// The hash of every record that was right, in order.
    pub fn into_hashes(self) -> Vec<RecordHash> {
        self.hashes
    }

    /// Checks the next record; `rest` are the fetched records after it.
    ///
    /// # Errors
    /// The fault in it.
    pub fn next(&mut self, body: &str, rest: &[String]) -> Result<(), Wrong> {
        let Err(found) = self.verifier.next(body.as_bytes()) else {
            self.hashes.push(self.verifier.head().record_hash);
            return Ok(());
        };
        let how = match found.kind {
            BreakKind::Changed => How::Changed,
            BreakKind::Unreadable => How::Unreadable,
            BreakKind::Unlinked => How::Replaced,
            BreakKind::ForeignStream => How::Foreign,
            BreakKind::Misplaced if seq(body).is_some_and(|there| there < found.seq) => How::Repeated,
            BreakKind::Misplaced if rest.iter().any(|later| seq(later) == Some(found.seq)) => How::Reordered,
            BreakKind::Misplaced => How::Missing,
        };
        Err(Wrong { seq: found.seq, how, message: found.message, body: Some(body.to_owned()) })
    }

    /// Compares the end of the checked records with the head that the server names.
    ///
    /// # Errors
    /// When they are not the same.
    pub fn end(&self, server: &Head) -> Result<(), Wrong> {
        let found = self.verifier.head();
        let wrong = |seq, how, message| Err(Wrong { seq, how, message, body: None });
        if found.size < server.size {
            let message = format!(
                "record {} is missing: by its head the stream has {} records",
                found.size, server.size
            );
            return wrong(found.size, How::CutOff, message);
        }
        if found.record_hash != server.record_hash {
            let last = found.size.saturating_sub(1);
            let message = format!("the server's head names {}, not record {last}", server.record_hash);
            return wrong(last, How::OtherHead, message);
        }
        Ok(())
    }
}

fn seq(body: &str) -> Option<u64> {
    serde_json::from_str::<Place>(body).ok().and_then(|place| place.seq)
}
