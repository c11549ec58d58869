//! Receipts, which show what a chain alone cannot: that its tail was cut off, or that all of it was rewritten.

use engine::hash::RecordHash;
use engine::record::Head;
use serde_json::Value;

use super::runs::{State, Verified};

/// The contents of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The stream.
    pub stream: String,
    /// The place in it.
    pub seq: u64,
    /// The hash of the record.
    pub record_hash: RecordHash,
}

/// The result of its check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The very record was verified.
    Same,
    /// Another record was verified at its place.
    Other(RecordHash),
    /// The server's stream ends before it.
    Beyond {
        /// How many records it has.
        size: u64,
    },
    /// The server has no such stream.
    NoStream,
    /// The chain breaks before it.
    Untrusted {
        /// Where.
        broken_at: u64,
    },
    /// The stream was not verified that far.
    Unverified,
}

/// Reads receipts: `stream seq record_hash` or JSON a line, or one JSON text: a receipt, an answer with a `receipt`, or
/// a list of either.
///
/// # Errors
/// What cannot be read, for people.
pub fn parse(text: &str) -> Result<Vec<Wanted>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let help = "a receipt has `stream`, `seq` and `record_hash`";
    match serde_json::from_str(text) {
        Ok(Value::Array(values)) => {
            let read = |(index, value)| {
                of_json(value).ok_or_else(|| format!("item {} is no receipt; {help}", index + 1))
            };
            return values.iter().enumerate().map(read).collect();
        }
        Ok(value) => return Ok(vec![of_json(&value).ok_or_else(|| format!("this is no receipt; {help}"))?]),
        Err(_) => {}
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |(index, line): (usize, &str)| {
        let found = match serde_json::from_str(line) {
            Ok(value) => of_json(&value),
            Err(_) => of_words(line),
        };
        found.ok_or_else(|| format!("line {} is no receipt; {help}", index + 1))
    };
    lines.map(read).collect()
}

fn of_json(value: &Value) -> Option<Wanted> {
    let receipt = value.get("receipt").unwrap_or(value);
    Some(Wanted {
        stream: receipt.get("stream")?.as_str()?.to_owned(),
        seq: receipt.get("seq")?.as_u64()?,
        record_hash: receipt.get("record_hash")?.as_str()?.parse().ok()?,
    })
}

fn of_words(line: &str) -> Option<Wanted> {
    let mut words = line.split_whitespace();
    let (stream, seq, hash) = (words.next()?, words.next()?, words.next()?);
    let wanted =
        Wanted { stream: stream.to_owned(), seq: seq.parse().ok()?, record_hash: hash.parse().ok()? };
    words.next().is_none().then_some(wanted)
}

/// Looks for a record in the verified part of its stream. `server` is the head that the server names for it.
pub fn look(wanted: &Wanted, server: Option<&Head>, state: Option<&State>) -> Found {
    let Some(server) = server else { return Found::NoStream };
    if wanted.seq >= server.size {
        return Found::Beyond { size: server.size };
    }
    let Some(State::Done(verified)) = state else { return Found::Unverified };
    let Verified { hashes, wrong, .. } = verified.as_ref();
    let at = usize::try_from(wanted.seq).ok().and_then(|seq| hashes.get(seq));
    match (at, wrong) {
        (Some(hash), _) if *hash == wanted.record_hash => Found::Same,
        (Some(hash), _) => Found::Other(*hash),
        (None, Some(wrong)) => Found::Untrusted { broken_at: wrong.seq },
        (None, None) => Found::Unverified,
    }
}
