//! Requests that come again. What is kept of one is the record that it led to; the answer is the action as it stood
//! behind that record, folded from the records.

use engine::hash::PolicyHash;
use engine::lifecycle::Status;
use engine::principal::Principal;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::read::all;
use super::rows;
use crate::audit::life::{Life, Local};
use crate::{ActionRow, IdempotentRequest, StoreError};

/// How long a request that comes again counts as the same: 24 hours.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// The action as the same request left it, if it came before.
pub(super) fn answered(
    connection: &Connection,
    request: &IdempotentRequest,
    now_ms: i64,
) -> Result<Option<ActionRow>, StoreError> {
    let IdempotentRequest { scope, key, body_hash } = request;
    let sql = "SELECT body_hash, record FROM idempotency WHERE scope = ?1 AND key = ?2 AND at_ms > ?3";
    let found: Option<(String, i64)> = connection
        .prepare_cached(sql)?
        .query_row((scope, key, now_ms.saturating_sub(KEPT_MS)), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        None => Ok(None),
        Some((known, record)) if known == *body_hash => behind(connection, record).map(Some),
        Some(_) => Err(StoreError::KeyReused),
    }
}

/// Keeps which record the request led to, and drops a few that are too old: more than one, so that they grow fewer.
pub(super) fn remember(
    connection: &Connection,
    request: &IdempotentRequest,
    record: i64,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let IdempotentRequest { scope, key, body_hash } = request;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency (scope, key, body_hash, record, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![scope, key, body_hash, record, now_ms])?;
    connection
        .prepare_cached(
            "DELETE FROM idempotency
             WHERE rowid IN (SELECT rowid FROM idempotency ORDER BY rowid LIMIT 8) AND at_ms <= ?1",
        )?
        .execute([now_ms.saturating_sub(KEPT_MS)])?;
    Ok(())
}

/// The action as it stood behind the record with this number.
fn behind(connection: &Connection, record: i64) -> Result<ActionRow, StoreError> {
    let damaged = |why: String| StoreError::failed(format!("a request cannot be answered again: {why}"));
    let sql = format!(
        "SELECT {} WHERE a.number = (SELECT coalesce(action_number, number) FROM records WHERE number = ?1)",
        rows::ACTION
    );
    let found =
        all(connection, &sql, [record], |row| Ok((row.get(rows::NUMBER)?, rows::action(row)?)))?.pop();
    let (number, now): (i64, ActionRow) = found.ok_or_else(|| damaged("its record is gone".to_owned()))?;
    let sql =
        "SELECT s.stream, r.seq, r.kind, r.body, r.number FROM records r JOIN streams s ON s.id = r.stream_id
               WHERE (r.number = ?1 OR r.action_number = ?1) AND r.number <= ?2 ORDER BY r.number";
    let records = all(connection, sql, [number, record], rows::record)?;
    let mut then = Life::of(&records, &OwnStream).map_err(damaged)?.row;
    // Some of it is in no record, or not in those of earlier versions; it does not change as the action moves on.
    then.principal = now.principal;
    then.expires_at_ms = now.expires_at_ms;
    then.approval_secret = now.approval_secret.filter(|_| then.status == Status::PendingApproval);
    let said = now.approvals.into_iter().take(then.approvals.len());
    then.approvals = said.collect();
    Ok(then)
}

/// Requests are answered for actions of the server's own stream, about which there is nothing to know beside it.
struct OwnStream;

impl Local for OwnStream {
    fn owner(&self, _: &str, _: u64) -> Option<Principal> {
        None
    }

    fn key_named(&self, _: &str, _: i64) -> Option<String> {
        None
    }

    fn policy_version(&self, _: PolicyHash, _: u64) -> Option<String> {
        None
    }
}
