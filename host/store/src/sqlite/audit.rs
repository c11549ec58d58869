//! The audit of a database: every chain is verified, and every row is derived from the records again and compared,
//! column by column. Nothing is repaired here.
//!
//! A column without an expectation is a finding itself, so that a column which comes later cannot be forgotten.

mod actions;
mod answers;
mod facts;
mod rest;

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::Value;
use rusqlite::{Connection, Row};

use self::facts::Facts;
use super::{rows, schema};
use crate::audit::chain::Chains;
use crate::audit::{Audit, Finding, MAX_FINDINGS, contradiction};
use crate::{StoreError, StoredRecord};

/// The parts of a database. Tables without a record for their rows are `probes`, a counter that nothing reads, and
/// `sqlite_stat1`, which SQLite creates when it gathers statistics for its planner.
const SCHEMA: &str = "SELECT type, name, tbl_name, sql FROM sqlite_schema";

/// The columns of one row by name.
type Columns = BTreeMap<String, Value>;

/// An audit as it goes on.
struct Check<'a> {
    connection: &'a Connection,
    chains: Chains,
    facts: Facts,
    found: Vec<Finding>,
}

/// Audits the whole database.
pub(super) fn audit(connection: &Connection) -> Result<Audit, StoreError> {
    let mut check =
        Check { connection, chains: Chains::default(), facts: Facts::default(), found: Vec::new() };
    check.schema()?;
    check.streams()?;
    let records = check.records()?;
    check.owners();
    check.actions()?;
    check.held()?;
    check.answers()?;
    check.policies()?;
    check.keys()?;
    let mut problems = check.chains.problems();
    problems.append(&mut check.found);
    Ok(Audit { records, streams: check.chains.checked(), problems })
}

impl Check<'_> {
    fn add(&mut self, finding: Finding) {
        if self.found.len() < MAX_FINDINGS {
            self.found.push(finding);
        }
    }

    /// Only known tables, as this version defines them, and no triggers. Lists are read through indexes, so a row
    /// missing from an index would be hidden.
    fn schema(&mut self) -> Result<(), StoreError> {
        let mut known = BTreeMap::new();
        for columns in all(&schema::empty()?, SCHEMA)? {
            known.insert(text(&columns, "name").to_owned(), columns);
        }
        for columns in self.all(SCHEMA)? {
            let (kind, name) = (text(&columns, "type"), text(&columns, "name"));
            let message = match known.remove(name) {
                Some(made) if made == columns => continue,
                Some(_) => "it is not as this program makes it",
                None if name == "sqlite_stat1" => continue,
                None => "no version of this program makes it",
            };
            self.add(Finding::row(format!("{kind} `{name}`"), message.to_owned()));
        }
        for (name, columns) in known {
            self.add(Finding::row(format!("{} `{name}`", text(&columns, "type")), "it was removed"));
        }
        for columns in self.all("PRAGMA integrity_check")? {
            for said in columns.values() {
                if let Value::Text(said) = said
                    && said != "ok"
                {
                    self.add(Finding::row("database file", format!("SQLite finds it damaged: {said}")));
                }
            }
        }
        Ok(())
    }

    /// Verifies every chain, holds each record's own columns against it, and learns what records say of other rows.
    fn records(&mut self) -> Result<u64, StoreError> {
        let connection = self.connection;
        let mut statement = connection.prepare("SELECT * FROM records ORDER BY number")?;
        let mut rows = statement.query([])?;
        let mut count = 0_u64;
        let mut removed = BTreeSet::new();
        while let Some(row) = rows.next()? {
            count = count.saturating_add(1);
            let columns = columns(row)?;
            let stream = self.facts.stream_name(integer(&columns, "stream_id"));
            let Some(stream) = stream.map(str::to_owned) else {
                let number = integer(&columns, "number");
                self.add(Finding::row(format!("record number {number}"), "its stream is not there"));
                continue;
            };
            let body = body(&columns);
            let right = self.chains.next(Some(&stream), &body);
            let Some((_, seq, record_hash)) = right else { continue };
            let place = rows::unsigned(integer(&columns, "number"));
            if let Some(finding) = contradiction(&body) {
                self.add(finding);
            }
            self.facts.learn(&body, (&stream, seq, record_hash), place);
            self.record_columns(&columns, (&stream, seq), &body, &mut removed)?;
        }
        for head in self.facts.heads() {
            self.chains.expect(&head.stream);
            self.chains.compare_head(&head);
        }
        Ok(count)
    }

    /// Every row that `sql` finds.
    fn all(&self, sql: &str) -> Result<Vec<Columns>, StoreError> {
        all(self.connection, sql)
    }

    /// The records that a query finds in `number`, `stream`, `seq`, `body`.
    fn linked(&self, number: i64) -> Result<Vec<StoredRecord>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT s.stream, r.seq, r.kind, r.body, r.number FROM records r JOIN streams s ON s.id = r.stream_id
             WHERE r.number = ?1 OR r.action_number = ?1 ORDER BY r.number",
        )?;
        let mut rows = statement.query([number])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            // A kind that is not a known word is a finding about that record.
            if let Ok(record) = rows::record(row) {
                found.push(record);
            }
        }
        Ok(found)
    }
}

fn all(connection: &Connection, sql: &str) -> Result<Vec<Columns>, StoreError> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(columns(row)?);
    }
    Ok(found)
}

/// The expected content of a column, and the record it comes from.
struct Expected {
    column: &'static str,
    value: Value,
    seq: u64,
    /// Never shown, not even where it differs.
    secret: bool,
}

impl Expected {
    fn new(column: &'static str, value: Value, seq: u64) -> Self {
        Expected { column, value, seq, secret: false }
    }
}

/// The differences between the columns of a row and their expected content; none if there are none. Every column must
/// have an expectation.
fn difference(found: &Columns, expected: &[Expected]) -> Option<String> {
    let mut said = Vec::new();
    for (column, value) in found {
        match expected.iter().find(|expected| expected.column == column) {
            None => said.push(format!("the column {column} is compared with nothing")),
            Some(expected) if expected.value != *value => said.push(expected.differs_from(value)),
            Some(_) => {}
        }
    }
    for expected in expected.iter().filter(|expected| !found.contains_key(expected.column)) {
        said.push(format!("the column {} is missing", expected.column));
    }
    (!said.is_empty()).then(|| said.join("; "))
}

impl Expected {
    fn differs_from(&self, found: &Value) -> String {
        let Expected { column, value, seq, secret } = self;
        match (short(found), short(value)) {
            (Some(found), Some(value)) if !secret => {
                format!("{column} is {found}, record {seq} says {value}")
            }
            _ => {
                let verb = if column.ends_with('s') && *column != "status" { "differ" } else { "differs" };
                format!("{column} {verb} from record {seq}")
            }
        }
    }
}

/// A value that fits into a sentence.
fn short(value: &Value) -> Option<String> {
    const LONGEST: usize = 64;
    match value {
        Value::Null => Some("empty".to_owned()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Real(number) => Some(number.to_string()),
        Value::Text(text) if text.len() <= LONGEST && !text.contains(['{', '[']) => Some(format!("`{text}`")),
        Value::Text(_) | Value::Blob(_) => None,
    }
}

fn columns(row: &Row<'_>) -> Result<Columns, StoreError> {
    let statement = row.as_ref();
    let mut columns = Columns::new();
    for index in 0..statement.column_count() {
        let name = statement.column_name(index)?.to_owned();
        // Text that is no longer UTF-8 appears as bytes here, which are never expected.
        let value = match row.get_ref(index)? {
            rusqlite::types::ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Value::Text(text.to_owned()),
                Err(_) => Value::Blob(bytes.to_vec()),
            },
            other => Value::try_from(other)
                .map_err(|error| StoreError::because("a column cannot be read", error))?,
        };
        columns.insert(name, value);
    }
    Ok(columns)
}

fn text<'a>(columns: &'a Columns, name: &str) -> &'a str {
    match columns.get(name) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

fn integer(columns: &Columns, name: &str) -> i64 {
    match columns.get(name) {
        Some(Value::Integer(number)) => *number,
        _ => -1,
    }
}

/// The text of a record, as readable as it is.
fn body(columns: &Columns) -> String {
    match columns.get("body") {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Blob(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    }
}

fn of_text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

fn of_option<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or(Value::Null, Into::into)
}
