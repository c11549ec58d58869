//! The requests that are answered again when they come again: each names the record that it led to.

use engine::record::Record;
use rusqlite::types::Value;

use super::{Check, Columns, columns, integer, text};
use crate::StoreError;
use crate::audit::Finding;

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

    /// The fault in the record that a request names; none if there is none.
    fn answer(&self, found: &Columns) -> Result<Option<&'static str>, StoreError> {
        let sql = "SELECT r.body FROM records r JOIN streams s ON s.id = r.stream_id
                   WHERE r.number = ?1 AND s.owner IS NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([integer(found, "record")])?;
        let body = match rows.next()? {
            Some(row) => row.get::<_, Value>(0)?,
            None => return Ok(Some("the record that it led to is missing")),
        };
        let told = match &body {
            Value::Text(body) => Record::parse(body.as_bytes()).ok(),
            Value::Null | Value::Integer(_) | Value::Real(_) | Value::Blob(_) => None,
        };
        // A record that cannot be read breaks its chain, which is the finding.
        let Some(told) = told else { return Ok(None) };
        if told.action_id.is_none() {
            return Ok(Some("the record that it names is not about an action"));
        }
        let at_ms = integer(found, "at_ms");
        Ok((told.at.ms() != at_ms).then_some("it came at another time than the record that it names"))
    }
}
