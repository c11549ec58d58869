//! Checks records of several streams as they come, and keeps the first thing that is wrong with each stream.

use std::collections::BTreeMap;

use engine::chain::{BreakKind, Verifier};
use engine::hash::RecordHash;
use serde::{Deserialize, Serialize};

use super::Finding;

/// The parts of a record that say where it belongs.
#[derive(Debug, Default, Deserialize)]
struct Place {
    stream: Option<String>,
    kind: Option<String>,
    action_id: Option<String>,
}

/// The known state of a stream.
#[derive(Debug)]
struct Stream {
    verifier: Verifier,
    problem: Option<Finding>,
}

/// A stream that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Its name.
    pub stream: String,
    /// How many records of it are right.
    pub size: u64,
    /// The hash of the last of them.
    pub head: RecordHash,
    /// Whether all are.
    pub valid: bool,
}

/// Checks records of any number of streams.
#[derive(Debug, Default)]
pub struct Chains {
    streams: BTreeMap<String, Stream>,
    /// A stream for text that names none.
    last: String,
}

impl Chains {
    /// Knows of a stream, whether or not records of it come.
    pub fn expect(&mut self, stream: &str) {
        self.stream(stream);
    }

    fn stream(&mut self, name: &str) -> &mut Stream {
        let new = || Stream { verifier: Verifier::new(name), problem: None };
        self.streams.entry(name.to_owned()).or_insert_with(new)
    }

    /// Checks the next record of `stream`; of the stream that it names itself if none is given. Returns its position,
    /// if it is valid.
    pub fn next(&mut self, stream: Option<&str>, body: &str) -> Option<(String, u64, RecordHash)> {
        let place = serde_json::from_str::<Place>(body).unwrap_or_default();
        let name = stream.or(place.stream.as_deref()).unwrap_or(&self.last).to_owned();
        self.last.clone_from(&name);
        let stream = self.stream(&name);
        if stream.problem.is_some() {
            // Nothing after a break can be trusted.
            return None;
        }
        let seq = stream.verifier.head().size;
        match stream.verifier.next(body.as_bytes()) {
            Ok(()) => Some((name, seq, stream.verifier.head().record_hash)),
            Err(found) => {
                stream.problem = Some(Finding {
                    stream: Some(name),
                    seq: Some(found.seq),
                    kind: place.kind,
                    action_id: place.action_id,
                    row: None,
                    problem: word(found.kind).to_owned(),
                    message: found.message,
                });
                None
            }
        }
    }

    /// How many records of `stream` are right so far.
    pub fn size(&self, stream: &str) -> u64 {
        self.streams.get(stream).map_or(0, |stream| stream.verifier.head().size)
    }

    /// Compares the end of a stream with the head that is stored separately from the records.
    pub fn compare_head(&mut self, head: &engine::record::Head) {
        let stream = self.stream(&head.stream);
        let found = stream.verifier.head();
        if stream.problem.is_some() || found.size > head.size || found == head {
            // More records than the head counts came after it was read.
            return;
        }
        let message = if found.size < head.size {
            format!("record {} is missing: the stream has {} records", found.size, head.size)
        } else {
            format!("the head kept beside the records names {}, not the last record", head.record_hash)
        };
        stream.problem = Some(Finding {
            stream: Some(head.stream.clone()),
            seq: Some(found.size),
            kind: None,
            action_id: None,
            row: None,
            problem: "cut_off".to_owned(),
            message,
        });
    }

    /// Every stream with its size and head.
    pub fn checked(&self) -> Vec<Checked> {
        let checked = self.streams.values().map(|stream| {
            let head = stream.verifier.head();
            Checked {
                stream: head.stream.clone(),
                size: head.size,
                head: head.record_hash,
                valid: stream.problem.is_none(),
            }
        });
        checked.collect()
    }

    /// Whether nothing is wrong with `stream` so far.
    pub fn holds(&self, stream: &str) -> bool {
        self.streams.get(stream).is_none_or(|stream| stream.problem.is_none())
    }

    /// The first thing that is wrong with each stream.
    pub fn problems(&self) -> Vec<Finding> {
        self.streams.values().filter_map(|stream| stream.problem.clone()).collect()
    }
}

fn word(kind: BreakKind) -> &'static str {
    match kind {
        BreakKind::Unreadable => "unreadable",
        BreakKind::Changed => "changed",
        BreakKind::Unlinked => "unlinked",
        BreakKind::Misplaced => "misplaced",
        BreakKind::ForeignStream => "foreign_stream",
    }
}

#[cfg(test)]
mod tests {
    use engine::record::{Draft, Head, RecordKind};

    use super::*;

    fn record(head: &mut Head, n: i64) -> String {
        Draft { kind: RecordKind::Start, at_ms: n, action_id: Some(format!("a{n}")), fields: vec![] }
            .seal(head)
            .body
            .into_string()
    }

    #[test]
    fn streams_may_come_mixed_and_each_names_its_first_break() {
        let (mut a, mut b) = (Head::genesis("a"), Head::genesis("b"));
        let records =
            [record(&mut a, 0), record(&mut b, 1), record(&mut a, 2), record(&mut b, 3), record(&mut b, 4)];
        let mut chains = Chains::default();
        for body in &records {
            assert!(chains.next(None, body).is_some());
        }
        assert!(chains.problems().is_empty());
        assert_eq!(chains.size("a"), 2);

        let mut chains = Chains::default();
        chains.next(None, &records[0]);
        chains.next(None, &records[1]);
        chains.next(None, &records[4]);
        chains.next(None, &records[2]);
        let problems = chains.problems();
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].stream.as_deref(), problems[0].seq), (Some("b"), Some(1)));
        assert_eq!(
            (problems[0].problem.as_str(), problems[0].action_id.as_deref()),
            ("misplaced", Some("a4"))
        );
        assert_eq!(chains.size("a"), 2);
    }

    #[test]
    fn a_tail_that_the_head_still_counts_is_missed() {
        let mut head = Head::genesis("a");
        let first = record(&mut head, 0);
        record(&mut head, 1);
        let mut chains = Chains::default();
        chains.next(None, &first);
        chains.compare_head(&head);
        assert_eq!(chains.problems()[0].problem, "cut_off");
        assert_eq!(chains.problems()[0].seq, Some(1));
    }
}
