//! Receipts: the answers that callers got, compared with the chain. They reveal that a tail was cut off, which the
//! chain alone cannot.

use std::collections::BTreeMap;

use engine::hash::RecordHash;
use serde_json::Value;
use store::audit::Finding;
use store::audit::chain::Checked;

use crate::client::quoted;
use crate::exit::Failure;
use crate::input;

/// Receipts that must be found.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    wanted: BTreeMap<(String, u64), RecordHash>,
    problems: Vec<Finding>,
}

impl Receipts {
    /// Reads files that hold receipts: a receipt, an answer with a `receipt`, a list of either, or one a line.
    ///
    /// # Errors
    /// When a file cannot be read or holds none.
    pub(crate) fn read(paths: &[String]) -> Result<Self, Failure> {
        let mut receipts = Receipts::default();
        for path in paths {
            let bytes = input::read(path)?;
            let values = match serde_json::from_slice::<Value>(&bytes) {
                Ok(Value::Array(values)) => values,
                Ok(value) => vec![value],
                Err(_) => input::lines(&bytes)
                    .iter()
                    .map(|line| serde_json::from_slice(line))
                    .collect::<Result<_, _>>()
                    .map_err(|error| Failure::usage(format!("{} is not JSON: {error}", quoted(path))))?,
            };
            for value in &values {
                receipts.want(value).ok_or_else(|| {
                    Failure::usage(format!("{} does not hold a receipt", quoted(path))).help(
                        "a receipt has `stream`, `seq` and `record_hash`; every answer to an action has one",
                    )
                })?;
            }
            if values.is_empty() {
                return Err(Failure::usage(format!("{} does not hold a receipt", quoted(path))));
            }
        }
        Ok(receipts)
    }

    fn want(&mut self, value: &Value) -> Option<()> {
        let receipt = value.get("receipt").unwrap_or(value);
        let stream = receipt.get("stream")?.as_str()?.to_owned();
        let seq = receipt.get("seq")?.as_u64()?;
        let hash = receipt.get("record_hash")?.as_str()?.parse().ok()?;
        match self.wanted.insert((stream.clone(), seq), hash) {
            Some(other) if other != hash => {
                self.problems.push(problem(
                    &stream,
                    seq,
                    format!("two receipts disagree about record {seq}"),
                ));
            }
            _ => {}
        }
        Some(())
    }

    /// A valid record is here.
    pub(crate) fn found(&mut self, stream: &str, seq: u64, hash: RecordHash) {
        if self.wanted.is_empty() {
            return;
        }
        if let Some(wanted) = self.wanted.remove(&(stream.to_owned(), seq))
            && wanted != hash
        {
            let message = format!("record {seq} is not the one of the receipt, whose hash is {wanted}");
            self.problems.push(problem(stream, seq, message));
        }
    }

    /// The places that must be found and were not yet.
    pub(crate) fn wanted(&self) -> Vec<(String, u64)> {
        self.wanted.keys().cloned().collect()
    }

    /// The faults, after all records were seen: `streams` says how far each is valid.
    pub(crate) fn problems(self, streams: &[Checked]) -> Vec<Finding> {
        let mut problems = self.problems;
        for (stream, seq) in self.wanted.keys() {
            let size = streams.iter().find(|known| known.stream == *stream).map_or(0, |known| known.size);
            let message = if *seq >= size {
                format!(
                    "record {seq} of the receipt is not in the chain, which ends before record {size}: its tail was cut off, or cannot be trusted"
                )
            } else {
                format!("record {seq} of the receipt is not in the chain")
            };
            problems.push(problem(stream, *seq, message));
        }
        problems
    }
}

fn problem(stream: &str, seq: u64, message: String) -> Finding {
    Finding {
        stream: Some(stream.to_owned()),
        seq: Some(seq),
        kind: None,
        action_id: None,
        row: None,
        problem: "receipt".to_owned(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_receipt_that_is_not_met_is_named() {
        let (zero, other) = (RecordHash::ZERO, RecordHash::of(b"other"));
        let mut receipts = Receipts::default();
        for seq in [0, 1, 9] {
            let receipt = json!({ "stream": "s", "seq": seq, "record_hash": zero });
            receipts.want(&json!({ "id": "a", "receipt": receipt })).unwrap();
        }
        assert!(receipts.want(&json!({ "stream": "s", "seq": 0 })).is_none());
        receipts.found("s", 0, zero);
        receipts.found("s", 1, other);
        let problems = receipts.problems(&[]);
        assert_eq!(problems.iter().map(|found| found.seq).collect::<Vec<_>>(), [Some(1), Some(9)]);
    }
}
