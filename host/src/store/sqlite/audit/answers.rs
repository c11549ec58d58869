//! The answers that are kept for requests that come again, against the records of the actions that they tell of.

use engine::time::rfc3339;
use serde_json::{Map, Value};

use super::{Check, columns, text};
use crate::audit::Finding;
use crate::audit::life::Life;
use crate::store::{ActionRow, StoreError};

impl Check<'_> {
    /// Holds every kept answer against its action as it stood behind the record that the answer names.
    pub(super) fn answers(&mut self) -> Result<(), StoreError> {
        let connection = self.connection;
        let mut statement = connection.prepare("SELECT * FROM idempotency ORDER BY rowid")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let found = columns(row)?;
            if let Some(message) = self.answer(text(&found, "response"))? {
                let label = format!("answer kept for the key `{}`", text(&found, "key"));
                self.add(Finding::row(label, message));
            }
        }
        Ok(())
    }

    /// What is wrong with an answer; none when nothing is.
    fn answer(&self, response: &str) -> Result<Option<String>, StoreError> {
        let Ok(Value::Object(said)) = serde_json::from_str(response) else {
            return Ok(Some("it is no action".to_owned()));
        };
        let id = said.get("id").and_then(Value::as_str).unwrap_or_default();
        let receipt = said.get("receipt");
        let of = |name: &str| receipt.and_then(|receipt| receipt.get(name));
        let (stream, seq) = (of("stream").and_then(Value::as_str), of("seq").and_then(Value::as_u64));
        let unknown = || Ok(Some("no record says that it was given".to_owned()));
        let (Some(stream), Some(seq), Some(number)) = (stream, seq, self.number_of(id)?) else {
            return unknown();
        };
        let mut records = self.linked(number)?;
        let Some(last) = records.iter().position(|one| one.stream == stream && one.seq == seq) else {
            return unknown();
        };
        records.truncate(last.saturating_add(1));
        let trusted = |stream: &str, seq: u64| self.chains.holds(stream) || seq < self.chains.size(stream);
        if !records.iter().all(|record| trusted(&record.stream, record.seq)) {
            // The chain is broken there, which is the finding.
            return Ok(None);
        }
        let Ok(life) = Life::of(&records, &self.facts) else { return unknown() };
        let expected = expected(&life.row)?;
        let differs = expected.iter().find(|(name, value)| match said.get(*name) {
            Some(kept) => uncounted(kept) != **value,
            // What is not there yet is left out.
            None => !value.is_null(),
        });
        Ok(differs.map(|(name, _)| format!("its {name} differs from record {seq}")))
    }
}

/// The members that every answer about the action has, as long as it stands as it does.
fn expected(row: &ActionRow) -> Result<Map<String, Value>, StoreError> {
    let failed = |error: serde_json::Error| StoreError::Failed(error.to_string());
    let mut expected = Map::new();
    for object in [&row.action, &row.decision.json] {
        expected.extend(serde_json::from_str::<Map<String, Value>>(object.get()).map_err(failed)?);
    }
    let result = row.result.as_ref().map(|result| serde_json::from_str(result.get()));
    let members = [
        ("id", Value::from(row.id.as_str())),
        ("status", Value::from(row.status.as_str())),
        ("policy_version", Value::from(row.policy_version.as_str())),
        ("approvals", serde_json::to_value(&row.approvals).map_err(failed)?),
        ("contradicted", Value::from(row.contradicted)),
        ("receipt", serde_json::to_value(&row.receipt).map_err(failed)?),
        ("created_at", Value::from(rfc3339(row.created_at_ms))),
        ("updated_at", Value::from(rfc3339(row.updated_at_ms))),
        ("error", Value::from(row.error.as_deref())),
        ("result", result.transpose().map_err(failed)?.unwrap_or_default()),
    ];
    expected.extend(members.map(|(name, value)| (name.to_owned(), value)));
    Ok(expected)
}

/// The value without what an answer says of approvals beyond the record: whether each counted then.
fn uncounted(value: &Value) -> Value {
    let mut value = value.clone();
    for said in value.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        said.remove("counts");
    }
    value
}
