//! What the host knows and a decision may depend on: the time, and the approval that is being acted on.
//!
//! The host gathers it before the engine is called; the engine cannot ask back.

use serde::{Deserialize, Serialize};

use crate::canonical::Canonical;
use crate::json::{self, JsonError};
use crate::value::{Object, Value};

/// The state for one decision. Written as JSON, absent parts are left out.
///
/// ```json
/// {"approval":{"approvers":[{"key_id":"a1b2c3d4","principal":"alice","roles":["finance"]}],"reason":null,
///  "verdict":"granted"},
///  "now":1795348800000}
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The approval being acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", schemars(with = "Approval"), ts(optional))]
    pub approval: Option<Approval>,
    /// Unix time in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", schemars(with = "i64"), ts(optional))]
    pub now: Option<i64>,
}

/// What became of a request for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who granted it, in the order in which they did, or who rejected it.
    pub approvers: Vec<Approver>,
    /// What the person who answered last said.
    pub reason: Option<String>,
    /// The answer.
    pub verdict: Verdict,
}

/// A person who granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Approver {
    /// The identity that a host has checked: the id of an API key. Without one, the name is all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", schemars(with = "String"), ts(optional))]
    pub key_id: Option<String>,
    /// The name, for people.
    pub principal: String,
    /// What they may approve as.
    pub roles: Vec<String>,
}

/// The answer to a request for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The approvers say yes.
    Granted,
    /// Somebody says no.
    Rejected,
    /// Nobody answered in time.
    Expired,
}

impl State {
    /// Reads a state; no bytes at all mean an empty one.
    ///
    /// # Errors
    /// What is wrong with the bytes, or [`json::JsonErrorCode::Shape`] where they are JSON but no state.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        if bytes.is_empty() {
            return Ok(State::default());
        }
        if let Some(now) = only_now(bytes) {
            return Ok(State { approval: None, now: Some(now) });
        }
        let value = json::parse(bytes, json::MAX_BYTES)?;
        let object = members(&value, "the state", &["approval", "now"])?;
        let now = match object.get("now") {
            None => None,
            #[expect(clippy::cast_possible_truncation, reason = "whole and at most 2^53 in magnitude")]
            Some(Value::Number(ms)) if ms.fract() == 0.0 && ms.abs() <= MAX_MS => Some(*ms as i64),
            Some(_) => return Err(JsonError::shape("`now` must be a whole number of milliseconds")),
        };
        let approval = object.get("approval").map(approval).transpose()?;
        Ok(State { approval, now })
    }
}

impl State {
    /// The canonical form. A time over 2^53 - 1 in magnitude, which no host has, is printed as the nearest double.
    pub fn canonical(&self) -> Canonical {
        if self.approval.is_none() && self.now.is_none() {
            return Canonical::of(&Value::Object(Object::default()));
        }
        #[expect(clippy::cast_precision_loss, reason = "said in the sentence above")]
        let now = self.now.map(|now| Canonical::of(&Value::Number(now as f64)));
        // An approval is made of text and lists alone, which always have a JSON form.
        let approval = self.approval.as_ref().and_then(|approval| Canonical::serialize(approval).ok());
        let mut parts = Vec::new();
        parts.extend(approval.as_ref().map(|approval| ("approval", approval)));
        parts.extend(now.as_ref().map(|now| ("now", now)));
        Canonical::object(&parts)
    }
}

/// 2^53 - 1, as a double.
const MAX_MS: f64 = 9_007_199_254_740_991.0;

fn approval(value: &Value) -> Result<Approval, JsonError> {
    let object = members(value, "`approval`", &["approvers", "reason", "verdict"])?;
    let verdict = match object.get("verdict").and_then(Value::as_str) {
        Some("granted") => Verdict::Granted,
        Some("rejected") => Verdict::Rejected,
        Some("expired") => Verdict::Expired,
        _ => return Err(JsonError::shape("`verdict` must be `granted`, `rejected` or `expired`")),
    };
    let reason = match object.get("reason") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => return Err(JsonError::shape("`reason` must be a string or null")),
    };
    let approvers = match object.get("approvers") {
        None => Vec::new(),
        Some(Value::Array(items)) => items.iter().map(approver).collect::<Result<_, _>>()?,
        Some(_) => return Err(JsonError::shape("`approvers` must be a list")),
    };
    Ok(Approval { approvers, reason, verdict })
}

fn approver(value: &Value) -> Result<Approver, JsonError> {
    let object = members(value, "an approver", &["key_id", "principal", "roles"])?;
    let key_id = match object.get("key_id") {
        None => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(_) => return Err(JsonError::shape("`key_id` must be a string")),
    };
    let principal = object.get("principal").and_then(Value::as_str);
    let principal = principal.ok_or_else(|| JsonError::shape("`principal` must be a string"))?.to_owned();
    let text = |item: &Value| {
        item.as_str().map(str::to_owned).ok_or_else(|| JsonError::shape("a role must be a string"))
    };
    let roles = match object.get("roles") {
        None => Vec::new(),
        Some(Value::Array(items)) => items.iter().map(text).collect::<Result<_, _>>()?,
        Some(_) => return Err(JsonError::shape("`roles` must be a list")),
    };
    Ok(Approver { key_id, principal, roles })
}

/// The number of `{"now":number}` as hosts write it, which is nearly every state: reading that as JSON took 4 % of a
/// decision. Anything else is left to the reader.
fn only_now(bytes: &[u8]) -> Option<i64> {
    let digits = bytes.strip_prefix(br#"{"now":"#)?.strip_suffix(b"}")?;
    // Fifteen digits are below 2^53.
    let plain =
        matches!(digits, [b'1'..=b'9', rest @ ..] if rest.len() < 15 && rest.iter().all(u8::is_ascii_digit));
    if plain { std::str::from_utf8(digits).ok()?.parse().ok() } else { None }
}

fn members<'a>(value: &'a Value, what: &str, known: &[&str]) -> Result<&'a Object, JsonError> {
    let object = value.as_object().ok_or_else(|| JsonError::shape(format!("{what} must be an object")))?;
    match object.iter().find(|(key, _)| !known.contains(key)) {
        Some((key, _)) => Err(JsonError::shape(format!("`{}` is not a field of {what}", key.escape_debug()))),
        None => Ok(object),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_reads_what_the_reader_reads() {
        for digits in ["1", "9", "1795348800000", "999999999999999"] {
            let text = format!(r#"{{"now":{digits}}}"#);
            let spaced = format!(r#"{{ "now":{digits}}}"#);
            assert_eq!(only_now(text.as_bytes()), Some(digits.parse().unwrap()), "{text}");
            assert_eq!(only_now(spaced.as_bytes()), None);
            assert_eq!(State::parse(text.as_bytes()).unwrap(), State::parse(spaced.as_bytes()).unwrap());
        }
    }

    #[test]
    fn everything_else_is_left_to_the_reader() {
        for text in [
            r#"{"now":0}"#,
            r#"{"now":01}"#,
            r#"{"now":-1}"#,
            r#"{"now":1.0}"#,
            r#"{"now":1e3}"#,
            r#"{"now":}"#,
            r#"{"now":1000000000000000}"#,
            r#"{"now":9007199254740993}"#,
            r#"{"now":1,"approval":null}"#,
            r#"{"now":1}}"#,
            r#"{"now":1"#,
            r#"{"now":"1"}"#,
        ] {
            assert_eq!(only_now(text.as_bytes()), None, "{text}");
        }
        assert!(State::parse(br#"{"now":01}"#).is_err());
        assert!(State::parse(br#"{"now":9007199254740993}"#).is_err());
        assert_eq!(State::parse(br#"{"now":0}"#).unwrap().now, Some(0));
    }
}
