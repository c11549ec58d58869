//! The verbs that only read, each a function from a connection to an answer.

use engine::hash::{EngineHash, PolicyHash};
use engine::lifecycle::Status;
use engine::policy::PolicySource;
use engine::principal::Principal;
use engine::record::Head;
use engine::time::rfc3339;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use super::rows::{self, signed, unsigned};
use crate::{ActionRow, DecisionRecord, KeyRow, PAGE_BYTES, PolicyVersion, StoreError, StoredRecord};

/// Shorter prefixes fit too many actions to be meant.
const SHORTEST_PREFIX: usize = 8;

/// How many overdue actions of each kind are found at once. They come whole, and one may have a mebibyte.
const OVERDUE: u32 = 100;

/// One action by its id or a prefix of it.
pub(super) fn action(connection: &Connection, id_or_prefix: &str) -> Result<ActionRow, StoreError> {
    if let Some((_, row)) = action_by_id(connection, id_or_prefix)? {
        return Ok(row);
    }
    if id_or_prefix.len() < SHORTEST_PREFIX {
        return Err(StoreError::NotFound);
    }
    let (low, high) = rows::id_range(id_or_prefix).ok_or(StoreError::NotFound)?;
    // The index has no order for prefixes and is scanned: it is small compared with the actions themselves.
    let sql = "SELECT number FROM actions INDEXED BY actions_by_id WHERE id BETWEEN ?1 AND ?2 LIMIT 2";
    let mut found: Vec<i64> = all(connection, sql, [low, high], |row| Ok(row.get(0)?))?;
    match (found.pop(), found.pop()) {
        (Some(number), None) => {
            let sql = format!("SELECT {} WHERE a.number = ?1", rows::ACTION);
            let row = all(connection, &sql, [number], rows::action)?.into_iter().next();
            row.ok_or(StoreError::NotFound)
        }
        (Some(_), Some(_)) => Err(StoreError::Ambiguous),
        (None, _) => Err(StoreError::NotFound),
    }
}

/// One action by its whole id, and its place in the table.
pub(super) fn action_by_id(
    connection: &Connection,
    id: &str,
) -> Result<Option<(i64, ActionRow)>, StoreError> {
    let Some(id) = rows::id_bytes(id) else { return Ok(None) };
    let sql = format!("SELECT {} WHERE {}", rows::ACTION, rows::BY_ID);
    let found = all(connection, &sql, [id], |row| Ok((row.get(rows::NUMBER)?, rows::action(row)?)))?;
    Ok(found.into_iter().next())
}

/// Overdue actions. The exact deadline counts as overdue.
pub(super) fn overdue(
    connection: &Connection,
    now_ms: i64,
    started_before_ms: i64,
) -> Result<Vec<ActionRow>, StoreError> {
    let held = format!(
        "SELECT {} WHERE a.status = 'pending_approval' AND a.expires_at_ms <= ?1
         ORDER BY a.number LIMIT {OVERDUE}",
        rows::ACTION
    );
    // Starting was the last change of an action that executes.
    let started = format!(
        "SELECT {} WHERE a.status = 'executing' AND a.updated_at_ms < ?1 AND s.owner IS NULL
         ORDER BY a.number LIMIT {OVERDUE}",
        rows::ACTION
    );
    // The column is separate from the condition that permits, so that the index of startable actions is used.
    let permitted = format!(
        "SELECT {} WHERE (a.status = 'allowed' OR a.status = 'approved') AND a.start_by_ms <= ?1
         AND s.owner IS NULL ORDER BY a.start_by_ms LIMIT {OVERDUE}",
        rows::ACTION
    );
    let mut found = all(connection, &held, [now_ms], rows::action)?;
    found.extend(all(connection, &permitted, [now_ms], rows::action)?);
    found.extend(all(connection, &started, [started_before_ms], rows::action)?);
    Ok(found)
}

/// Records of a stream in order.
pub(super) fn records(
    connection: &Connection,
    stream: &str,
    from: u64,
    limit: u32,
) -> Result<Vec<StoredRecord>, StoreError> {
    let sql =
        "SELECT s.stream, r.seq, r.kind, r.body, r.number FROM records r JOIN streams s ON s.id = r.stream_id
               WHERE s.stream = ?1 AND r.seq >= ?2 ORDER BY r.seq LIMIT ?3";
    page(connection, sql, (stream, signed(from), limit))
}

/// Records of all streams in the order in which they came.
pub(super) fn records_after(
    connection: &Connection,
    after: u64,
    limit: u32,
) -> Result<Vec<StoredRecord>, StoreError> {
    let sql =
        "SELECT s.stream, r.seq, r.kind, r.body, r.number FROM records r JOIN streams s ON s.id = r.stream_id
               WHERE r.number > ?1 ORDER BY r.number LIMIT ?2";
    page(connection, sql, (signed(after), limit))
}

/// The newest decisions of all streams.
pub(super) fn decisions(
    connection: &Connection,
    limit: u32,
    most_bytes: usize,
) -> Result<Vec<DecisionRecord>, StoreError> {
    // From the end of the table backwards: CROSS JOIN keeps SQLite from beginning with the streams and sorting.
    let sql = "SELECT s.stream, r.seq, r.kind, r.body, r.number, a.status
               FROM records r CROSS JOIN streams s ON s.id = r.stream_id
               LEFT JOIN actions a ON a.number = coalesce(r.action_number, r.number)
               WHERE r.kind = 'decision' ORDER BY r.number DESC LIMIT ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query([limit])?;
    let (mut decisions, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = found.next()? {
        let record = rows::record(row)?;
        let acted_on = row.get_ref(5)? != ValueRef::Null;
        let status = if acted_on { Some(rows::word(row, 5)?) } else { None };
        bytes = bytes.saturating_add(record.body.len());
        decisions.push(DecisionRecord { record, status });
        if bytes >= most_bytes {
            break;
        }
    }
    Ok(decisions)
}

/// The place of a record among all, or of the last of all.
pub(super) fn place(connection: &Connection, of: Option<(String, u64)>) -> Result<u64, StoreError> {
    let found = match of {
        None => {
            let sql = "SELECT coalesce(max(number), 0) FROM records";
            connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?
        }
        Some((stream, seq)) => {
            let sql = "SELECT r.number FROM records r JOIN streams s ON s.id = r.stream_id
                       WHERE s.stream = ?1 AND r.seq = ?2";
            connection.prepare_cached(sql)?.query_row((stream, signed(seq)), |row| row.get(0)).optional()?
        }
    };
    found.map(unsigned).ok_or(StoreError::NotFound)
}

/// The id of a stream, its head, and who brings it.
pub(super) fn stream(
    connection: &Connection,
    stream: &str,
) -> Result<Option<(i64, Head, Option<Principal>)>, StoreError> {
    let sql = "SELECT stream, size, record_hash, id, owner, owner_key_id FROM streams WHERE stream = ?1";
    let found = all(connection, sql, [stream], |row| {
        let (owner, key_id): (Option<String>, _) = (row.get(4)?, row.get(5)?);
        Ok((row.get(3)?, rows::head(row, 0)?, owner.map(|name| rows::principal(name, key_id))))
    })?;
    Ok(found.into_iter().next())
}

/// The records about one action in the order in which they were written.
pub(super) fn records_of(connection: &Connection, action_id: &str) -> Result<Vec<StoredRecord>, StoreError> {
    let Some(id) = rows::id_bytes(action_id) else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT s.stream, r.seq, r.kind, r.body, r.number FROM actions a
         JOIN records r ON r.number = a.number OR r.action_number = a.number
         JOIN streams s ON s.id = r.stream_id WHERE {} ORDER BY r.number",
        rows::BY_ID
    );
    all(connection, &sql, [id], rows::record)
}

/// The heads of all streams, the oldest stream first.
pub(super) fn heads(connection: &Connection) -> Result<Vec<Head>, StoreError> {
    let sql = "SELECT stream, size, record_hash FROM streams ORDER BY id";
    all(connection, sql, [], |row| rows::head(row, 0))
}

/// The files of a set, by name.
pub(super) fn policy_set(connection: &Connection, hash: PolicyHash) -> Result<Vec<PolicySource>, StoreError> {
    let hash = hash.to_hex();
    // A set without files has no row of its own, but it was in force.
    let known = "SELECT 1 FROM policy_versions WHERE policy_hash = ?1 LIMIT 1";
    let known = connection.prepare_cached(known)?.query_row([&hash], |_| Ok(())).optional()?;
    known.ok_or(StoreError::NotFound)?;
    let sql = "SELECT s.name, f.content FROM policy_sets s JOIN policy_files f ON f.file_hash = s.file_hash
               WHERE s.policy_hash = ?1 ORDER BY s.name";
    all(connection, sql, [&hash], |row| Ok(PolicySource { name: row.get(0)?, content: row.get(1)? }))
}

/// An engine module by its hash.
pub(super) fn engine_module(connection: &Connection, hash: EngineHash) -> Result<Vec<u8>, StoreError> {
    let sql = "SELECT wasm FROM engine_modules WHERE engine_hash = ?1";
    let found = connection.prepare_cached(sql)?.query_row([hash.to_hex()], |row| row.get(0)).optional()?;
    found.ok_or(StoreError::NotFound)
}

/// The activations, newest first.
pub(super) fn policy_history(connection: &Connection, limit: u32) -> Result<Vec<PolicyVersion>, StoreError> {
    let sql = "SELECT v.number, v.policy_hash, v.at_ms, s.stream, v.seq, v.record_hash,
                   CASE WHEN json_valid(r.body) THEN r.body ->> '$.principal' END
               FROM policy_versions v JOIN streams s ON s.id = v.stream_id
               LEFT JOIN records r ON r.stream_id = v.stream_id AND r.seq = v.seq
               ORDER BY v.number DESC LIMIT ?1";
    let files = "SELECT name, file_hash FROM policy_sets WHERE policy_hash = ?1 ORDER BY name";
    all(connection, sql, [limit], |row| {
        let hash: String = row.get(1)?;
        Ok(PolicyVersion {
            policy_version: row.get::<_, i64>(0)?.to_string(),
            policy_hash: rows::parsed(row, 1)?,
            at: rfc3339(row.get(2)?),
            principal: row.get_ref(6)?.as_str_or_null().ok().flatten().map(str::to_owned),
            files: all(connection, files, [&hash], |row| Ok((row.get(0)?, rows::parsed(row, 1)?)))?,
            receipt: rows::receipt(row, 3)?,
        })
    })
}

/// All keys, the oldest first.
pub(super) fn keys(connection: &Connection) -> Result<Vec<KeyRow>, StoreError> {
    all(connection, &format!("SELECT {} ORDER BY rowid", rows::KEY), [], rows::key)
}

/// How many actions are in each status.
pub(super) fn counts(connection: &Connection) -> Result<Vec<(Status, u64)>, StoreError> {
    let sql = "SELECT status, count(*) FROM actions GROUP BY status";
    let mut counts = all(connection, sql, [], |row| Ok((rows::word(row, 0)?, unsigned(row.get(1)?))))?;
    counts.sort();
    Ok(counts)
}

/// The records that `sql` finds, up to the one with which they fill a page.
fn page(connection: &Connection, sql: &str, params: impl Params) -> Result<Vec<StoredRecord>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let (mut found, mut bytes) = (Vec::new(), 0_usize);
    while bytes < PAGE_BYTES
        && let Some(row) = rows.next()?
    {
        let record = rows::record(row)?;
        bytes = bytes.saturating_add(record.body.len());
        found.push(record);
    }
    Ok(found)
}

/// Every row that `sql` finds.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}
