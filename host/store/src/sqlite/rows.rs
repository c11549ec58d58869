//! Rows of the database as the types of [`crate::store`], and back. No statement is run here.

use std::borrow::Cow;
use std::str::FromStr;

use engine::principal::Principal;
use engine::record::Head;
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{ActionRow, DecisionRow, Failure, KeyRow, Receipt, StoreError, StoredRecord};

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Failure::because("", error)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Failure::from(error).into()
    }
}

/// The columns that [`action`] reads, from `actions a`, its first record `r`, `action_texts t` and `streams s`.
pub(super) const ACTION: &str = "a.id, a.status, a.version, a.principal, a.agent_id, a.tool, a.operation, \
     a.outcome, a.reason_code, a.risk_level, a.policy_version, a.expires_at_ms, a.duration_us, s.stream, a.seq, \
     a.record_hash, a.created_at_ms, a.updated_at_ms, r.body, t.decision, t.state, a.approval_token, \
     t.approvals, t.error, t.result, a.number, a.principal_key_id, a.start_by_ms, a.contradicted \
     FROM actions a JOIN streams s ON s.id = a.stream_id LEFT JOIN records r ON r.number = a.number \
     LEFT JOIN action_texts t ON t.number = a.number";

/// The action with the id `?1`, found through the index that starts with an id's fifth byte.
pub(super) const BY_ID: &str = "substr(a.id, 5) = substr(?1, 5) AND a.id = ?1";

/// Where [`ACTION`] has the action's place in its table.
pub(super) const NUMBER: usize = 25;

/// The fields of an action's first decision, in the record's own bytes.
#[derive(Deserialize)]
struct FirstRecord<'a> {
    #[serde(borrow)]
    action_id: Cow<'a, str>,
    #[serde(borrow)]
    action: &'a RawValue,
    #[serde(borrow)]
    decision: &'a RawValue,
    #[serde(borrow)]
    state: &'a RawValue,
}

/// An action out of the columns of [`ACTION`].
pub(super) fn action(row: &Row<'_>) -> Result<ActionRow, StoreError> {
    let id = Uuid::from_bytes(row.get(0)?).to_string();
    let named = |what: &str| format!("the {what} of action `{id}` is damaged");
    let damaged = |what: &str, error: serde_json::Error| StoreError::because(named(what), error);
    let raw = |at: usize, what: &str| {
        let text: Option<String> = row.get(at)?;
        text.map(|text| RawValue::from_string(text).map_err(|error| damaged(what, error))).transpose()
    };
    let body = match row.get_ref(18)? {
        ValueRef::Text(body) => body,
        ValueRef::Null | ValueRef::Blob(_) | ValueRef::Integer(_) | ValueRef::Real(_) => &[],
    };
    let first: FirstRecord<'_> =
        serde_json::from_slice(body).map_err(|error| damaged("first record", error))?;
    if first.action_id != id {
        return Err(StoreError::failed(named("first record")));
    }
    let decision = DecisionRow {
        json: raw(19, "decision")?.unwrap_or_else(|| first.decision.to_owned()),
        outcome: word(row, 7)?,
        reason_code: word(row, 8)?,
        risk_level: word(row, 9)?,
        state: raw(20, "state")?.unwrap_or_else(|| first.state.to_owned()),
    };
    let approvals: Option<String> = row.get(22)?;
    let approvals = match approvals {
        Some(text) => serde_json::from_str(&text).map_err(|error| damaged("list of approvals", error))?,
        None => Vec::new(),
    };
    Ok(ActionRow {
        status: word(row, 1)?,
        version: unsigned(row.get(2)?),
        principal: principal(row.get(3)?, row.get(26)?),
        agent_id: row.get(4)?,
        tool: row.get(5)?,
        operation: row.get(6)?,
        action: first.action.to_owned(),
        decision,
        policy_version: row.get(10)?,
        approval_secret: row.get(21)?,
        expires_at_ms: row.get(11)?,
        start_by_ms: row.get(27)?,
        approvals,
        error: row.get(23)?,
        result: raw(24, "result")?,
        duration_us: unsigned(row.get(12)?),
        contradicted: row.get("contradicted")?,
        receipt: receipt(row, 13)?,
        created_at_ms: row.get(16)?,
        updated_at_ms: row.get(17)?,
        id,
    })
}

/// The sender, from the name and the id of the key, which a caller without a key does not have.
pub(super) fn principal(name: String, key_id: Option<String>) -> Principal {
    match key_id {
        Some(id) => Principal::Key { id, name },
        None => Principal::without_key(name),
    }
}

/// The bytes of an id as it is written, in small letters; none for any other text.
pub(super) fn id_bytes(id: &str) -> Option<[u8; 16]> {
    let (low, high) = id_range(id)?;
    (low == high).then_some(low)
}

/// The first and the last id that start with `prefix`; none when no id does.
pub(super) fn id_range(prefix: &str) -> Option<([u8; 16], [u8; 16])> {
    let hyphens = [8, 13, 18, 23];
    if prefix.len() > 36 {
        return None;
    }
    let (mut low, mut left) = (0_u128, u128::BITS);
    for (at, byte) in prefix.bytes().enumerate() {
        if hyphens.contains(&at) {
            if byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        left = left.checked_sub(4)?;
        low |= u128::from(digit) << left;
    }
    let high = low | 1_u128.checked_shl(left).map_or(u128::MAX, |bit| bit - 1);
    Some((low.to_be_bytes(), high.to_be_bytes()))
}

/// A receipt out of three columns: `stream`, `seq`, `record_hash`.
pub(super) fn receipt(row: &Row<'_>, at: usize) -> Result<Receipt, StoreError> {
    let head = head(row, at)?;
    Ok(Receipt { stream: head.stream, seq: head.size, record_hash: head.record_hash })
}

/// A head out of three columns: `stream`, `size`, `record_hash`.
pub(super) fn head(row: &Row<'_>, at: usize) -> Result<Head, StoreError> {
    Ok(Head { stream: row.get(at)?, size: unsigned(row.get(at + 1)?), record_hash: parsed(row, at + 2)? })
}

/// A record out of `stream`, `seq`, `kind`, `body`, `number`.
pub(super) fn record(row: &Row<'_>) -> Result<StoredRecord, StoreError> {
    // A body that was made unreadable is still handed out, so that the verifier can name it.
    let body = match row.get_ref(3)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => String::new(),
    };
    let (seq, place) = (unsigned(row.get(1)?), unsigned(row.get(4)?));
    Ok(StoredRecord { stream: row.get(0)?, seq, place, kind: word(row, 2)?, body })
}

/// The columns that [`key`] reads.
pub(super) const KEY: &str =
    "id, name, role, agents, approver_roles, secret_hash, created_at, expires_at_ms, revoked_at_ms FROM keys";

/// A key out of the columns of [`KEY`].
pub(super) fn key(row: &Row<'_>) -> Result<KeyRow, StoreError> {
    let list = |at: usize| {
        let text: String = row.get(at)?;
        serde_json::from_str(&text).map_err(|error| StoreError::because("a key is damaged", error))
    };
    Ok(KeyRow {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        agents: list(3)?,
        approver_roles: list(4)?,
        secret_hash: row.get(5)?,
        created_at: row.get(6)?,
        expires_at_ms: row.get(7)?,
        revoked_at_ms: row.get(8)?,
    })
}

/// One of the words of an enum, spelled as on the wire.
pub(super) fn word<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> Result<T, StoreError> {
    let text: String = row.get(at)?;
    let deserializer: StrDeserializer<'_, WordError> = text.as_str().into_deserializer();
    T::deserialize(deserializer)
        .map_err(|error| StoreError::because(format!("the database holds an unknown word `{text}`"), error))
}

/// A digest.
pub(super) fn parsed<T: FromStr>(row: &Row<'_>, at: usize) -> Result<T, StoreError> {
    let text: String = row.get(at)?;
    text.parse().map_err(|_| StoreError::failed(format!("the database holds a damaged digest `{text}`")))
}

/// A list of texts as JSON.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::because("a value cannot be written", error))
}

/// SQLite has signed integers only. The numbers counted here never reach the difference.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The way back from [`signed`].
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
