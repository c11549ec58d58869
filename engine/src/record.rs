//! A record: one line of the audit log, sealed by its hash and tied to the one before it.
//!
//! A [`Draft`] says what happened; [`Draft::seal`] puts it behind a [`Head`] and gives the bytes that are stored
//! and exported. Checking a whole chain is in [`crate::chain`].

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use crate::canonical::Canonical;
use crate::hash::RecordHash;
use crate::json::{self, JsonError};
use crate::time::rfc3339;
use crate::value::Value;

/// A record may hold the canonical form of an action of [`json::MAX_BYTES`] and as much beside it.
pub const MAX_RECORD_BYTES: usize = 16 * json::MAX_BYTES;

/// What a record tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// An action was decided.
    Decision,
    /// A person granted or rejected.
    Approval,
    /// An approval ran out, or what was permitted did not start in time or under the same policies.
    Expiry,
    /// The caller gave an action up before it started.
    Withdrawal,
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
    pub const ALL: [RecordKind; 9] = [
        RecordKind::Decision,
        RecordKind::Approval,
        RecordKind::Expiry,
        RecordKind::Withdrawal,
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
            RecordKind::Withdrawal => "withdrawal",
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
pub struct Head {
    /// The stream's name.
    pub stream: String,
    /// The number of records, which is the next `seq`.
    pub size: u64,
    /// The hash of the last record; 64 zeros before the first.
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

/// Seals a record that was put together elsewhere: JSON with everything but `record_hash`.
///
/// ```
/// let record = format!(
///     r#"{{"stream":"local-1","seq":0,"kind":"start","at":"2026-11-22T15:00:00.000Z","action_id":null,"prev_hash":"{}"}}"#,
///     "0".repeat(64),
/// );
/// let (body, record_hash) = engine::record::seal_json(record.as_bytes()).unwrap();
/// assert!(body.as_str().contains(&record_hash.to_hex()));
/// ```
///
/// # Errors
/// What is wrong with the bytes, or [`json::JsonErrorCode::Shape`] where they are JSON but lack what every record has.
pub fn seal_json(bytes: &[u8]) -> Result<(Canonical, RecordHash), JsonError> {
    let value = json::parse_printed(bytes, MAX_RECORD_BYTES)?;
    let record = value.as_object().ok_or_else(|| JsonError::shape("a record is an object"))?;
    let text = |key: &str| record.get(key).and_then(Value::as_str);
    if text("stream").is_none_or(str::is_empty) {
        return Err(JsonError::shape("a record has a `stream`"));
    }
    if text("at").is_none() {
        return Err(JsonError::shape("a record has an `at`"));
    }
    if !text("kind").is_some_and(|kind| RecordKind::ALL.iter().any(|known| known.as_str() == kind)) {
        return Err(JsonError::shape("a record has a `kind` of the known ones"));
    }
    if text("prev_hash").is_none_or(|hash| hash.parse::<RecordHash>().is_err()) {
        return Err(JsonError::shape("a record has a `prev_hash` of 64 hexadecimal digits"));
    }
    if !matches!(record.get("seq"), Some(Value::Number(seq)) if *seq >= 0.0 && seq.fract() == 0.0) {
        return Err(JsonError::shape("a record has a `seq` that counts from 0"));
    }
    if !matches!(record.get("action_id"), Some(Value::String(_) | Value::Null)) {
        return Err(JsonError::shape("a record has an `action_id` or null there"));
    }
    if record.get("record_hash").is_some() {
        return Err(JsonError::shape("a record that is to be sealed has no `record_hash` yet"));
    }
    let parts: Vec<(&str, Canonical)> =
        record.iter().map(|(key, value)| (key, Canonical::of(value))).collect();
    let parts: Vec<(&str, &Canonical)> = parts.iter().map(|(key, value)| (*key, value)).collect();
    let mut record_hash = RecordHash::ZERO;
    let body = Canonical::object_with(&parts, "record_hash", |without| {
        record_hash = RecordHash::of(without.as_bytes());
        Canonical::text(&record_hash.to_hex())
    });
    Ok((body, record_hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::chain::Verifier;
    use crate::json::JsonErrorCode;

    #[test]
    fn a_record_sealed_from_json_is_the_one_that_a_draft_makes() {
        let mut head = Head::genesis("s");
        let fields =
            vec![("principal", Canonical::text("p\u{e9}")), ("amount", Canonical::of(&Value::Number(1e20)))];
        let draft = Draft { kind: RecordKind::Start, at_ms: 0, action_id: Some("a".to_owned()), fields };
        let sealed = draft.seal(&mut head);
        let Ok(Value::Object(whole)) = json::parse_printed(sealed.body.as_bytes(), MAX_RECORD_BYTES) else {
            panic!("{}", sealed.body.as_str())
        };
        let members: Vec<String> = whole
            .iter()
            .filter(|(key, _)| *key != "record_hash")
            .map(|(key, value)| {
                format!("{}: {}", Canonical::text(key).as_str(), Canonical::of(value).as_str())
            })
            .collect();
        let reversed = format!("{{ {} }}", members.iter().rev().cloned().collect::<Vec<_>>().join(", "));
        let (body, record_hash) = seal_json(reversed.as_bytes()).unwrap();
        assert_eq!((body, record_hash), (sealed.body, sealed.record_hash));
    }

    #[test]
    fn a_record_of_the_deepest_action_is_a_link_of_the_chain() {
        let params = format!("{}{}", "[".repeat(62), "]".repeat(62));
        let action = format!(r#"{{"agent_id":"a","tool":"t","params":{{"p":{params}}}}}"#);
        let action = Action::parse(action.as_bytes(), json::MAX_BYTES).unwrap();
        let fields = vec![("action", action.canonical().clone())];
        let draft = Draft { kind: RecordKind::Decision, at_ms: 0, action_id: None, fields };
        let sealed = draft.seal(&mut Head::genesis("s"));
        assert_eq!(Verifier::new("s").next(sealed.body.as_bytes()), Ok(()));
    }

    #[test]
    fn what_is_no_record_is_not_sealed() {
        let zeros = "0".repeat(64);
        let whole = format!(
            r#"{{"stream":"s","seq":0,"kind":"start","at":"t","action_id":null,"prev_hash":"{zeros}"}}"#
        );
        assert!(seal_json(whole.as_bytes()).is_ok());
        for (part, other) in [
            (r#""stream":"s","#, ""),
            (r#""stream":"s""#, r#""stream":"""#),
            (r#""seq":0"#, r#""seq":-1"#),
            (r#""seq":0"#, r#""seq":0.5"#),
            (r#""seq":0,"#, ""),
            (r#""kind":"start""#, r#""kind":"begin""#),
            (r#""at":"t","#, ""),
            (r#""action_id":null"#, r#""action_id":7"#),
            (zeros.as_str(), "0"),
            (r#""seq":0"#, r#""seq":0,"record_hash":"x""#),
        ] {
            let broken = whole.replace(part, other);
            assert_ne!(broken, whole, "{part}");
            assert_eq!(seal_json(broken.as_bytes()).unwrap_err().code, JsonErrorCode::Shape, "{broken}");
        }
        assert_eq!(seal_json(b"[]").unwrap_err().code, JsonErrorCode::Shape);
        assert_eq!(seal_json(b"{").unwrap_err().code, JsonErrorCode::UnexpectedEnd);
    }
}
