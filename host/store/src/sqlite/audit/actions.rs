//! The rows of actions, and of what wrappers hold, against their records.

use std::collections::BTreeSet;

use engine::hash::Digest;
use engine::lifecycle::Status;
use engine::risk::RiskScore;
use rusqlite::OptionalExtension as _;
use rusqlite::types::Value;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Check, Columns, Expected, columns, difference, integer, of_option, of_text, text};
use crate::audit::Finding;
use crate::audit::life::{FirstDecision, Life, SaidIn};
use crate::sqlite::rows::{self, json, signed};
use crate::{ActionRow, ApprovalRow, DecisionRow, StoreError};

/// The parts of a record that refer to other records.
#[derive(Deserialize)]
struct Hangs<'a> {
    #[serde(borrow)]
    action: Option<&'a RawValue>,
    action_id: Option<String>,
    kind: String,
    seq: i64,
}

impl Check<'_> {
    /// Compares the columns of a record's row with the record, and checks that its action exists.
    pub(super) fn record_columns(
        &mut self,
        found: &Columns,
        (stream, seq): (&str, u64),
        body: &str,
        removed: &mut BTreeSet<String>,
    ) -> Result<(), StoreError> {
        // A record that is right has these.
        let Ok(hangs) = serde_json::from_str::<Hangs<'_>>(body) else { return Ok(()) };
        let number = integer(found, "number");
        let about = hangs.action_id.as_deref();
        let target = match about {
            Some(id) => self.number_of(id)?,
            None => None,
        };
        // A wrapper may give an unreadable action any name, even that of an action in another stream.
        let unreadable = hangs.kind == "decision" && hangs.action.is_none();
        let hung = match target {
            _ if unreadable && found.get("action_number") == Some(&Value::Null) => Value::Null,
            Some(target) if target != number => Value::Integer(target),
            _ => Value::Null,
        };
        if let (Some(id), None, false) = (about, target, unreadable)
            && removed.insert(id.to_owned())
        {
            let message = "it has records and was removed from the list of actions";
            self.add(Finding::action(id, message).seen_in(stream, seq));
        }
        let same = |column: &'static str| {
            Expected::new(column, found.get(column).cloned().unwrap_or(Value::Null), seq)
        };
        let expected = [
            // Verified with the chain: the records of a stream come in this order, and each has its bytes.
            same("number"),
            same("body"),
            same("stream_id"),
            Expected::new("seq", Value::Integer(hangs.seq), seq),
            Expected::new("kind", of_text(hangs.kind), seq),
            Expected::new("action_number", hung, seq),
        ];
        if let Some(message) = difference(found, &expected) {
            self.add(Finding::row(format!("record {stream} #{seq}"), message).seen_in(stream, seq));
        }
        Ok(())
    }

    /// The number of the action with this id, or of what a wrapper holds under it.
    pub(super) fn number_of(&self, id: &str) -> Result<Option<i64>, StoreError> {
        let Some(bytes) = rows::id_bytes(id) else { return Ok(None) };
        let sql = format!("SELECT a.number FROM actions a WHERE {}", rows::BY_ID);
        let number = self.connection.prepare_cached(&sql)?.query_row([bytes], |row| row.get(0)).optional()?;
        if number.is_some() {
            return Ok(number);
        }
        let sql = "SELECT number FROM held_locally WHERE id = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([bytes], |row| row.get(0)).optional()?)
    }

    /// Compares every action with what its records make of it.
    pub(super) fn actions(&mut self) -> Result<(), StoreError> {
        let connection = self.connection;
        let mut statement = connection.prepare("SELECT * FROM actions ORDER BY number")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let found = columns(row)?;
            let id = id_of(&found);
            match self.life(integer(&found, "number"))? {
                Derived::Untrusted => {}
                Derived::Nothing(why) => self.add(Finding::action(&id, why)),
                Derived::Life(life) => self.action(&id, &found, *life)?,
            }
        }
        let orphans = "SELECT * FROM action_texts WHERE number NOT IN (SELECT number FROM actions)";
        for found in self.all(orphans)? {
            let row = format!("the texts with number {}", integer(&found, "number"));
            self.add(Finding::row(row, "they belong to no action"));
        }
        Ok(())
    }

    fn action(&mut self, id: &str, found: &Columns, life: Life) -> Result<(), StoreError> {
        let number = integer(found, "number");
        let (stream, last) = (life.row.receipt.stream.clone(), life.row.receipt.seq);
        if life.is_held_elsewhere() {
            let message = "the wrapper that decided it holds it, so it is no action here";
            self.add(Finding::action(id, message).seen_in(&stream, last));
            return Ok(());
        }
        let secret = self.token(found, &life);
        let texts = self.texts(number)?;
        let mut said = Vec::new();
        let expected = row_of(number, self.facts.stream_id(&stream), life, secret)?;
        said.extend(difference(found, &expected.row));
        said.extend(difference(&texts, &expected.texts));
        if !said.is_empty() {
            self.add(Finding::action(id, said.join("; ")).seen_in(&stream, last));
        }
        Ok(())
    }

    /// The expected content of the token's column. Records have only its hash, and those of earlier versions not even
    /// that.
    fn token(&self, found: &Columns, life: &Life) -> Value {
        let kept = found.get("approval_token").cloned().unwrap_or(Value::Null);
        let waits = life.row.status == Status::PendingApproval;
        match (&kept, &life.secret_hash) {
            (Value::Text(token), Some(hash)) if waits && Digest::of(token.as_bytes()).to_hex() == *hash => {
                kept
            }
            (Value::Text(_), None) if waits => kept,
            (_, _) if waits => Value::Text(String::new()),
            (_, _) => Value::Null,
        }
    }

    /// The later changes of an action; all empty if there is no row.
    fn texts(&self, number: i64) -> Result<Columns, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT * FROM action_texts WHERE number = ?1")?;
        let names: Vec<_> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query([number])?;
        let mut found = match rows.next()? {
            Some(row) => columns(row)?,
            None => {
                let mut empty: Columns = names.into_iter().map(|name| (name, Value::Null)).collect();
                empty.insert("number".to_owned(), Value::Integer(number));
                empty
            }
        };
        // Compared as they are read, so that the spelling of an earlier version is not a difference.
        if let Some(Value::Text(text)) = found.get("approvals")
            && let Ok(approvals) = serde_json::from_str::<Vec<ApprovalRow>>(text)
        {
            let again = if approvals.is_empty() { Value::Null } else { of_text(json(&approvals)?) };
            found.insert("approvals".to_owned(), again);
        }
        Ok(found)
    }

    /// Compares what wrappers hold with their records.
    pub(super) fn held(&mut self) -> Result<(), StoreError> {
        for mut found in self.all("SELECT * FROM held_locally ORDER BY number")? {
            let (id, number) = (id_of(&found), integer(&found, "number"));
            let life = match self.life(number)? {
                Derived::Untrusted => continue,
                Derived::Nothing(why) => {
                    self.add(Finding::action(&id, why));
                    continue;
                }
                Derived::Life(life) => life,
            };
            if let Some(Value::Text(text)) = found.get("approvals")
                && let Ok(approvals) = serde_json::from_str::<Vec<ApprovalRow>>(text)
            {
                found.insert("approvals".to_owned(), of_text(json(&approvals)?));
            }
            let row = &life.row;
            let seq = row.receipt.seq;
            let approvals =
                if row.approvals.is_empty() { Value::Null } else { of_text(json(&row.approvals)?) };
            let expected = [
                Expected::new("id", of_option(rows::id_bytes(&row.id).map(Vec::from)), seq),
                Expected::new("stream_id", of_option(self.facts.stream_id(&row.receipt.stream)), seq),
                Expected::new("number", Value::Integer(number), seq),
                Expected::new("approvals", approvals, life.said_in.approval),
            ];
            let stream = row.receipt.stream.clone();
            if !life.is_held_elsewhere() {
                let message = "its wrapper does not hold it any more";
                self.add(Finding::action(&id, message).seen_in(&stream, seq));
            }
            if let Some(message) = difference(&found, &expected) {
                self.add(Finding::action(&id, message).seen_in(&stream, seq));
            }
        }
        Ok(())
    }

    /// The state that the records referring to `number` give.
    fn life(&self, number: i64) -> Result<Derived, StoreError> {
        let records = self.linked(number)?;
        // Rows cannot be compared with records that are not to be trusted.
        let trusted = |stream: &str, seq: u64| self.chains.holds(stream) || seq < self.chains.size(stream);
        if !records.iter().all(|record| trusted(&record.stream, record.seq)) {
            return Ok(Derived::Untrusted);
        }
        Ok(match Life::of(&records, &self.facts) {
            Ok(life) => Derived::Life(Box::new(life)),
            Err(why) => Derived::Nothing(format!("its records do not make an action: {why}")),
        })
    }
}

enum Derived {
    Life(Box<Life>),
    Nothing(String),
    /// The chain is broken there, which is the finding.
    Untrusted,
}

/// The rows that an action must have.
struct Rows {
    row: Vec<Expected>,
    texts: Vec<Expected>,
}

/// Every field of an action is a column or a part of its records: a new one does not compile until it is here.
fn row_of(number: i64, stream_id: Option<i64>, life: Life, token: Value) -> Result<Rows, StoreError> {
    let Life { row, first, secret_hash: _, knows_expiry, decided_again, said_in } = life;
    let FirstDecision { outcome, reason_code: _, risk_level: _, risk_score, rule, policy_hash: _ } = first;
    let ActionRow {
        id,
        status,
        version,
        principal,
        agent_id,
        tool,
        operation,
        // Read out of the first record.
        action: _,
        decision,
        policy_version,
        approval_secret: _,
        expires_at_ms,
        start_by_ms,
        approvals,
        error,
        result,
        duration_us,
        contradicted,
        receipt,
        created_at_ms,
        updated_at_ms,
    } = row;
    let DecisionRow { json: decided, outcome: now, reason_code, risk_level, state } = decision;
    let SaidIn { first, decision, approval, result: ended } = said_in;
    let last = receipt.seq;
    let column = Expected::new;
    let word = |text: &str| of_text(text);
    let mut row = vec![
        column("number", Value::Integer(number), first),
        column("id", of_option(rows::id_bytes(&id).map(Vec::from)), first),
        column("status", word(status.as_str()), last),
        column("version", Value::Integer(signed(version)), last),
        column("principal", of_text(principal.name()), first),
        column("principal_key_id", of_option(principal.key_id().map(str::to_owned)), first),
        column("start_by_ms", of_option(start_by_ms), decision),
        column("agent_id", of_text(agent_id), first),
        column("tool", of_text(tool), first),
        column("operation", of_text(operation), first),
        column("outcome", word(now.as_str()), decision),
        column("reason_code", word(reason_code.as_str()), decision),
        column("risk_level", word(risk_level.as_str()), decision),
        column("policy_version", of_text(policy_version), decision),
        Expected { secret: true, ..column("approval_token", token, first) },
        column("duration_us", Value::Integer(signed(duration_us)), first),
        column("contradicted", Value::Integer(i64::from(contradicted)), decision),
        column("stream_id", of_option(stream_id), last),
        column("seq", Value::Integer(signed(receipt.seq)), last),
        column("record_hash", of_text(receipt.record_hash.to_hex()), last),
        column("created_at_ms", Value::Integer(created_at_ms), first),
        column("updated_at_ms", Value::Integer(updated_at_ms), last),
        column("first_outcome", word(outcome.as_str()), first),
        column("first_risk_score", Value::Integer(i64::from(RiskScore::get(risk_score))), first),
        column("first_policy", of_option(rule.as_ref().map(|rule| rule.policy.clone())), first),
        column("first_rule", of_option(rule.map(|rule| rule.id)), first),
    ];
    if knows_expiry {
        row.push(column("expires_at_ms", of_option(expires_at_ms), first));
    }
    let again = |json: &RawValue| if decided_again { word(json.get()) } else { Value::Null };
    let approvals = if approvals.is_empty() { Value::Null } else { of_text(json(&approvals)?) };
    let texts = vec![
        column("number", Value::Integer(number), first),
        column("decision", again(&decided), decision),
        column("state", again(&state), decision),
        column("approvals", approvals, approval),
        column("error", of_option(error), ended),
        column("result", of_option(result.map(|result| result.get().to_owned())), ended),
    ];
    Ok(Rows { row, texts })
}

fn id_of(columns: &Columns) -> String {
    match columns.get("id") {
        Some(Value::Blob(bytes)) => match <[u8; 16]>::try_from(bytes.as_slice()) {
            Ok(bytes) => Uuid::from_bytes(bytes).to_string(),
            Err(_) => format!("{bytes:02x?}"),
        },
        _ => text(columns, "id").to_owned(),
    }
}
