//! The requests that are answered again when they come again: each names the record that it led to.

use engine::time::rfc3339;
use rusqlite::types::Value;
use serde::Deserialize;

use super::{Check, Columns, columns, integer, text};
use crate::StoreError;
use crate::audit::Finding;

/// What a record says of itself.
#[derive(Deserialize)]
struct Told {
    action_id: Option<String>,
    at: String,
}

impl Check<'_> {
    /// Holds every request that is answered again against the record that it names.
    pub(super) fn answers(&mut self) -> Result<(), StoreError> {
        let connection = self.connection;
        let mut statement = connection.prepare("SELECT * FROM idempotency ORDER BY rowid")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let found = columns(row)?;
            if let Some(message) = self.answer(&found)? {
                let label = format!("request with the key `{}`", text(&found, "key"));
                self.add(Finding::row(label, message));
            }
        }
        Ok(())
    }

    /// What is wrong with the record that a request names; none when nothing is.
    fn answer(&self, found: &Columns) -> Result<Option<&'static str>, StoreError> {
        let sql = "SELECT r.body FROM records r JOIN streams s ON s.id = r.stream_id
                   WHERE r.number = ?1 AND s.owner IS NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([integer(found, "record")])?;
        let body = match rows.next()? {
            Some(row) => row.get::<_, Value>(0)?,
            None => return Ok(Some("the record that it led to is not there")),
        };
        let told = match &body {
            Value::Text(body) => serde_json::from_str::<Told>(body).ok(),
            Value::Null | Value::Integer(_) | Value::Real(_) | Value::Blob(_) => None,
        };
        // A record that cannot be read breaks its chain, which is the finding.
        let Some(told) = told else { return Ok(None) };
        if told.action_id.is_none() {
            return Ok(Some("the record that it names is about no action"));
        }
        let at = rfc3339(integer(found, "at_ms"));
        Ok((told.at != at).then_some("it came at another time than the record that it names"))
    }
}
