//! Checking a chain of records: that each one is what its hash says and stands where it was put.
//!
//! A chain shows a change in the middle. That its tail was cut off, or all of it rewritten, only a head kept
//! elsewhere can show: a receipt, or an export made earlier.

use std::fmt::{self, Display};

use serde::Serialize;

use crate::canonical::{self, Canonical};
use crate::hash::RecordHash;
use crate::json::JsonErrorCode;
use crate::record::{Head, MAX_RECORD_BYTES};
use crate::value::{Object, Value};

/// The first thing that is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Break {
    /// The place in the stream at which the chain breaks.
    pub seq: u64,
    /// What is wrong there.
    pub kind: BreakKind,
    /// The sentence, for people.
    pub message: String,
}

impl Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Break {}

/// How a chain can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakKind {
    /// The record is no JSON object, or lacks what every record has.
    Unreadable,
    /// The record is not what its own hash says, or not in canonical form.
    Changed,
    /// The record does not name the one before it.
    Unlinked,
    /// A number is missing, doubled or out of order.
    Misplaced,
    /// The record belongs to another stream.
    ForeignStream,
}

/// Checks records one after the other, from the first of a stream or from a place that is known.
#[derive(Debug)]
pub struct Verifier {
    head: Head,
}

impl Verifier {
    /// Starts before the first record of `stream`.
    pub fn new(stream: impl Into<String>) -> Self {
        Verifier { head: Head::genesis(stream) }
    }

    /// Starts behind a head that is known already: the next record is the one that follows it.
    pub fn behind(head: Head) -> Self {
        Verifier { head }
    }

    /// The head of what was checked so far.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Checks the next record: its canonical JSON, as stored or exported.
    ///
    /// # Errors
    /// What is wrong with it. Nothing after a break can be trusted.
    pub fn next(&mut self, body: &[u8]) -> Result<(), Break> {
        let expected = self.head.size;
        let wrong = |kind, message: String| Err(Break { seq: expected, kind, message });
        let record = match canonical::parse(body, MAX_RECORD_BYTES) {
            Ok(Value::Object(record)) => record,
            Ok(_) => {
                return wrong(BreakKind::Unreadable, format!("record {expected} is not a JSON object"));
            }
            Err(error) if error.code == JsonErrorCode::Shape => {
                return wrong(BreakKind::Changed, format!("record {expected} is not in canonical form"));
            }
            Err(error) => {
                return wrong(BreakKind::Unreadable, format!("record {expected} cannot be read: {error}"));
            }
        };
        let text = |key: &str| record.get(key).and_then(Value::as_str);
        let Some(Value::Number(seq)) = record.get("seq") else {
            return wrong(BreakKind::Unreadable, format!("record {expected} has no `seq`"));
        };
        #[expect(clippy::cast_precision_loss, reason = "a stream does not reach 2^53 records")]
        if *seq != expected as f64 {
            return wrong(
                BreakKind::Misplaced,
                format!("record {seq} stands where record {expected} belongs"),
            );
        }
        if text("stream") != Some(&self.head.stream) {
            let message = format!("record {expected} does not belong to the stream `{}`", self.head.stream);
            return wrong(BreakKind::ForeignStream, message);
        }
        let stored = text("record_hash").and_then(|hash| hash.parse::<RecordHash>().ok());
        let Some(stored) = stored else {
            return wrong(BreakKind::Changed, format!("record {expected} has no valid `record_hash`"));
        };
        if hash_of(&record) != stored {
            return wrong(
                BreakKind::Changed,
                format!("record {expected} is not what its `record_hash` says"),
            );
        }
        let previous = text("prev_hash").and_then(|hash| hash.parse::<RecordHash>().ok());
        if previous != Some(self.head.record_hash) {
            let message = format!("record {expected} does not name the record before it in `prev_hash`");
            return wrong(BreakKind::Unlinked, message);
        }
        self.head.size = self.head.size.saturating_add(1);
        self.head.record_hash = stored;
        Ok(())
    }
}

/// The SHA-256 of the canonical record without `record_hash`.
fn hash_of(record: &Object) -> RecordHash {
    let without = record.iter().filter(|(key, _)| *key != "record_hash");
    let without = without.map(|(key, value)| (key.to_owned(), value.clone())).collect();
    // The members come from an object, so no key is there twice.
    let without = Object::from_members(without).unwrap_or_default();
    RecordHash::of(Canonical::of(&Value::Object(without)).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Draft, RecordKind};

    fn chain(length: usize) -> Vec<String> {
        let mut head = Head::genesis("s");
        let draft = |n: usize| Draft {
            kind: RecordKind::Start,
            at_ms: 0,
            action_id: Some(format!("a{n}")),
            fields: vec![("principal", Canonical::of(&Value::from("p")))],
        };
        (0..length).map(|n| draft(n).seal(&mut head).body.into_string()).collect()
    }

    fn check(records: &[String]) -> Result<Head, (u64, BreakKind)> {
        let mut verifier = Verifier::new("s");
        for record in records {
            verifier.next(record.as_bytes()).map_err(|at| (at.seq, at.kind))?;
        }
        Ok(verifier.head().clone())
    }

    #[test]
    fn an_untouched_chain_holds() {
        assert_eq!(check(&chain(5)).map(|head| head.size), Ok(5));
    }

    #[test]
    fn a_chain_goes_on_behind_a_known_head_and_behind_no_other() {
        let records = chain(4);
        let known = check(&records[..2]).unwrap();
        let mut verifier = Verifier::behind(known.clone());
        for record in &records[2..] {
            verifier.next(record.as_bytes()).unwrap();
        }
        assert_eq!(Ok(verifier.head().clone()), check(&records));
        let next =
            |head: Head| Verifier::behind(head).next(records[2].as_bytes()).map_err(|found| found.kind);
        assert_eq!(next(Head { record_hash: RecordHash::ZERO, ..known.clone() }), Err(BreakKind::Unlinked));
        assert_eq!(next(Head { size: 1, ..known.clone() }), Err(BreakKind::Misplaced));
        assert_eq!(next(Head { stream: "t".into(), ..known }), Err(BreakKind::ForeignStream));
    }

    #[test]
    fn any_flipped_byte_breaks_the_chain() {
        let records = chain(3);
        for at in 0..records[1].len() {
            for bit in 0..8 {
                let mut bytes = records[1].clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let mut verifier = Verifier::new("s");
                verifier.next(records[0].as_bytes()).unwrap();
                let found = verifier.next(&bytes).unwrap_err();
                assert_eq!(found.seq, 1, "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn removed_swapped_inserted_and_reordered_records_are_found() {
        let records = chain(4);
        let mut removed = records.clone();
        removed.remove(1);
        assert_eq!(check(&removed), Err((1, BreakKind::Misplaced)));
        let mut swapped = records.clone();
        swapped.swap(1, 2);
        assert_eq!(check(&swapped), Err((1, BreakKind::Misplaced)));
        let mut doubled = records.clone();
        doubled.insert(2, records[1].clone());
        assert_eq!(check(&doubled), Err((2, BreakKind::Misplaced)));
        // A record made for the place, with a right hash of its own, is not what the next one names.
        let mut forged = records.clone();
        let mut head = Head { stream: "s".into(), size: 1, record_hash: RecordHash::ZERO };
        let draft = Draft { kind: RecordKind::Start, at_ms: 0, action_id: None, fields: vec![] };
        forged[1] = draft.seal(&mut head).body.into_string();
        assert_eq!(check(&forged), Err((1, BreakKind::Unlinked)));
    }
}
