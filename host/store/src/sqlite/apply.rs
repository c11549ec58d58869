//! The effect of each writing verb inside the writer's transaction.
//!
//! A verb looks before it writes: once it has written, only trouble with the database itself can stop it, and that
//! undoes the whole transaction. When to commit is not decided here.

use std::sync::Arc;

use engine::decision::{Outcome, RuleRef};
use engine::hash::{EngineHash, FileHash};
use engine::lifecycle::Status;
use engine::record::{Draft, Head, RecordKind, Sealed};
use engine::risk::RiskScore;
use engine::time::rfc3339;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};

use super::answered::{answered, remember};
use super::read::{action_by_id, all};
use super::rows::{self, json, signed};
use super::trouble::{Failure, Trouble};
use crate::{
    About, ActionRow, Change, Event, IdempotentRequest, KeyRow, MAX_EVENT_BYTES, NewAction, NewPolicySet,
    PolicyVersion, Premise, Receipt, StoreError, StoredRecord, Written,
};

/// The part of the first decision about an action that statistics count.
pub(super) struct First<'a> {
    pub(super) outcome: Outcome,
    /// None where the record does not say.
    pub(super) risk_score: Option<RiskScore>,
    pub(super) rule: Option<&'a RuleRef>,
}

/// One transaction as it grows.
pub(super) struct Batch<'a> {
    pub(super) connection: &'a Connection,
    stream_id: i64,
    /// The end of the stream with everything that was sealed so far.
    pub(super) head: Head,
    /// The event to send once it is committed.
    pub(super) events: Vec<Event>,
    /// The number of the policy set in force; none where there was never one.
    policy_version: Option<i64>,
    /// The number of the next record. It is larger than all numbers of records and of actions.
    pub(super) next_number: i64,
}

impl<'a> Batch<'a> {
    pub(super) fn new(connection: &'a Connection, stream_id: i64, head: Head) -> Result<Self, Failure> {
        // An action outlasts its record only if the record was removed.
        let sql = "SELECT max(coalesce((SELECT max(number) FROM records), 0),
                              coalesce((SELECT max(number) FROM actions), 0))";
        let last: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        let sql = "SELECT max(number) FROM policy_versions";
        let policy_version = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        Ok(Batch {
            connection,
            stream_id,
            head,
            events: Vec::new(),
            policy_version,
            next_number: last.saturating_add(1),
        })
    }

    pub(super) fn submit(
        &mut self,
        new: NewAction,
        request: Option<IdempotentRequest>,
    ) -> Result<Written, Trouble> {
        if let Some(before) = self.answered(request.as_ref(), new.draft.at_ms)? {
            return Ok(Written::Replayed(Box::new(before)));
        }
        // INVARIANT: no decision is recorded under a policy set that was replaced before it.
        self.is_in_force(&new.policy_version)?;
        let Some(id) = rows::id_bytes(&new.id) else {
            return Err(failed(format!("`{}` is no UUID", new.id)));
        };
        // INVARIANT: the action reads back as it was decided, because it is read from this record.
        if !is_recorded(&new) {
            return Err(failed(format!("the record of action `{}` does not hold it", new.id)));
        }
        let before = (self.head.size, self.head.record_hash);
        let sealed = new.draft.seal(&mut self.head);
        let row = ActionRow {
            status: Status::submitted(new.decision.outcome),
            version: 1,
            principal: new.principal,
            agent_id: new.agent_id,
            tool: new.tool,
            operation: new.operation,
            action: new.action,
            decision: new.decision,
            policy_version: new.policy_version,
            approval_secret: new.approval_secret,
            expires_at_ms: new.expires_at_ms,
            start_by_ms: new.start_by_ms,
            approvals: Vec::new(),
            error: None,
            result: None,
            duration_us: new.duration_us,
            contradicted: false,
            receipt: self.receipt(&sealed),
            created_at_ms: new.draft.at_ms,
            updated_at_ms: new.draft.at_ms,
            id: new.id,
        };
        let first = First {
            outcome: row.decision.outcome,
            risk_score: Some(new.risk_score),
            rule: new.rule.as_ref(),
        };
        let inserted = self.insert_action(self.next_number, id, (&row, first), self.stream_id);
        match inserted {
            Ok(_) => {}
            // The id is there already. It is the first thing written, so nothing else is to be undone.
            Err(error) if is_constraint(&error) => {
                (self.head.size, self.head.record_hash) = before;
                return Err(Trouble::Refused(error.into()));
            }
            Err(error) => return Err(error.into()),
        }
        let record = self.keep(&new.draft, sealed, None, Some(&row))?;
        self.remember(request.as_ref(), record, new.draft.at_ms)?;
        Ok(Written::Fresh(Box::new(row)))
    }

    pub(super) fn advance(
        &mut self,
        change: Change,
        request: Option<IdempotentRequest>,
    ) -> Result<Written, Trouble> {
        if let Some(before) = self.answered(request.as_ref(), change.draft.at_ms)? {
            return Ok(Written::Replayed(Box::new(before)));
        }
        let (number, mut row) =
            action_by_id(self.connection, &change.id)?.ok_or(Trouble::Refused(StoreError::NotFound))?;
        // INVARIANT: of all changes that were prepared from one version only the first is written.
        if row.version != change.version {
            return Err(Trouble::Refused(StoreError::Conflict(Box::new(row))));
        }
        let Premise { policy_version, keys } = &change.premise;
        policy_version.as_deref().map_or(Ok(()), |version| self.is_in_force(version))?;
        self.are_unrevoked(keys)?;
        row.version = row.version.saturating_add(1);
        row.status = change.status;
        row.updated_at_ms = change.draft.at_ms;
        let approvals = match change.approval {
            Some(approval) => {
                row.approvals.push(approval);
                Some(json(&row.approvals)?)
            }
            None => None,
        };
        if row.status != Status::PendingApproval {
            row.approval_secret = None;
        }
        let decided = change.decision.is_some();
        let texts_change =
            decided || approvals.is_some() || change.error.is_some() || change.result.is_some();
        row.decision = change.decision.unwrap_or(row.decision);
        row.policy_version = change.policy_version.unwrap_or(row.policy_version);
        row.start_by_ms = change.start_by_ms.or(row.start_by_ms);
        row.error = change.error.or(row.error);
        row.result = change.result.or(row.result);
        let sealed = change.draft.seal(&mut self.head);
        row.receipt = self.receipt(&sealed);

        self.update_action(number, &row, self.stream_id)?;
        if texts_change {
            self.keep_texts(number, &row, decided, approvals)?;
        }
        let record = self.keep(&change.draft, sealed, Some(number), Some(&row))?;
        self.remember(request.as_ref(), record, change.draft.at_ms)?;
        Ok(Written::Fresh(Box::new(row)))
    }

    pub(super) fn append(&mut self, draft: &Draft) -> Result<Receipt, Trouble> {
        let sealed = draft.seal(&mut self.head);
        let receipt = self.receipt(&sealed);
        self.keep(draft, sealed, None, None)?;
        Ok(receipt)
    }

    pub(super) fn activate(&mut self, set: &NewPolicySet) -> Result<PolicyVersion, Trouble> {
        let policy_hash = set.policy_hash.to_hex();
        let engine_hash = EngineHash::of(set.engine_module).to_hex();
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO engine_modules (engine_hash, wasm) VALUES (?1, ?2)")?
            .execute(params![engine_hash, set.engine_module])?;
        let mut files: Vec<(String, FileHash)> = Vec::with_capacity(set.files.len());
        for file in &set.files {
            let file_hash = file.hash();
            // Content with a hash is never overwritten: every reader gets the original bytes.
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO policy_files (file_hash, content) VALUES (?1, ?2)")?
                .execute(params![file_hash.to_hex(), file.content])?;
            self.connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO policy_sets (policy_hash, name, file_hash) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![policy_hash, file.name, file_hash.to_hex()])?;
            files.push((file.name.clone(), file_hash));
        }
        files.sort();
        let receipt = self.append(&set.draft)?;
        let number = self
            .connection
            .prepare_cached(
                "INSERT INTO policy_versions (policy_hash, at_ms, stream_id, seq, record_hash)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .insert(params![
                policy_hash,
                set.draft.at_ms,
                self.stream_id,
                signed(receipt.seq),
                receipt.record_hash.to_hex(),
            ])?;
        self.policy_version = Some(number);
        Ok(PolicyVersion {
            policy_version: number.to_string(),
            policy_hash: set.policy_hash,
            at: rfc3339(set.draft.at_ms),
            principal: principal(&set.draft),
            files,
            receipt,
        })
    }

    pub(super) fn create_key(&mut self, key: &KeyRow, draft: &Draft) -> Result<Receipt, Trouble> {
        let (agents, approver_roles) = (json(&key.agents)?, json(&key.approver_roles)?);
        let inserted = self
            .connection
            .prepare_cached(
                "INSERT INTO keys (id, name, role, agents, approver_roles, secret_hash, created_at, expires_at_ms,
                     revoked_at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                key.id,
                key.name,
                key.role,
                agents,
                approver_roles,
                key.secret_hash,
                key.created_at,
                key.expires_at_ms,
                key.revoked_at_ms,
            ]);
        match inserted {
            Ok(_) => self.append(draft),
            Err(error) if is_constraint(&error) => Err(Trouble::Refused(StoreError::NameTaken)),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn revoke_key(
        &mut self,
        id_or_name: &str,
        at_ms: i64,
        draft: &Draft,
    ) -> Result<KeyRow, Trouble> {
        // An id wins over a name, so that naming another key like an id cannot prevent its revocation.
        let sql = format!(
            "SELECT {} WHERE revoked_at_ms IS NULL AND (id = ?1 OR name = ?1) ORDER BY id = ?1 DESC LIMIT 1",
            rows::KEY
        );
        let found = all(self.connection, &sql, [id_or_name], rows::key)?.pop();
        let mut key = found.ok_or(Trouble::Refused(StoreError::NotFound))?;
        key.revoked_at_ms = Some(at_ms);
        self.connection
            .prepare_cached("UPDATE keys SET revoked_at_ms = ?2 WHERE id = ?1")?
            .execute(params![key.id, at_ms])?;
        self.append(draft)?;
        Ok(key)
    }

    /// Writes a number that no probe before has written.
    pub(super) fn probe(&mut self) -> Result<u64, Trouble> {
        let sql = "UPDATE probes SET count = count + 1 RETURNING count";
        Ok(self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).map(rows::unsigned)?)
    }

    /// Whether the policy set with this number is in force, also for what comes behind in the same transaction.
    fn is_in_force(&self, policy_version: &str) -> Result<(), Trouble> {
        match self.policy_version {
            Some(in_force) if in_force.to_string() != policy_version => {
                Err(Trouble::Refused(StoreError::Outdated))
            }
            // Where there never was a set, none was replaced.
            Some(_) | None => Ok(()),
        }
    }

    fn are_unrevoked(&self, keys: &[String]) -> Result<(), Trouble> {
        for id in keys {
            let sql = "SELECT 1 FROM keys WHERE id = ?1 AND revoked_at_ms IS NULL";
            let found = self.connection.prepare_cached(sql)?.query_row([id], |_| Ok(())).optional()?;
            found.ok_or(Trouble::Refused(StoreError::KeyRevoked))?;
        }
        Ok(())
    }

    fn receipt(&self, sealed: &Sealed) -> Receipt {
        Receipt { stream: self.head.stream.clone(), seq: sealed.seq, record_hash: sealed.record_hash }
    }

    /// Seals a record of the server's own and hangs it on an action.
    pub(super) fn append_about(
        &mut self,
        draft: &Draft,
        number: i64,
        row: &ActionRow,
    ) -> Result<(), Trouble> {
        let sealed = draft.seal(&mut self.head);
        self.keep(draft, sealed, Some(number), Some(row)).map(|_| ())
    }

    /// Writes the record, queues its event for after the commit, and returns its number. A record that changes an action
    /// stores the action's number too; the first record of an action has the action's number for its own.
    fn keep(
        &mut self,
        draft: &Draft,
        sealed: Sealed,
        action_number: Option<i64>,
        action: Option<&ActionRow>,
    ) -> Result<i64, Trouble> {
        let number = self.next_number;
        let (stream, kind) = (self.head.stream.clone(), draft.kind);
        let body = sealed.body.into_string();
        match self.write_record(self.stream_id, &stream, (sealed.seq, kind, body), action_number, action) {
            // Another process has a record in our place.
            Err(error) if is_constraint(&error) => Err(Trouble::Broken(Failure::StreamTaken(stream))),
            written => Ok(written.map(|()| number)?),
        }
    }

    /// Writes a record of any stream behind all records that are there.
    pub(super) fn write_record(
        &mut self,
        stream_id: i64,
        stream: &str,
        (seq, kind, body): (u64, RecordKind, String),
        action_number: Option<i64>,
        action: Option<&ActionRow>,
    ) -> rusqlite::Result<()> {
        let number = self.next_number;
        self.connection
            .prepare_cached(
                "INSERT INTO records (number, stream_id, seq, kind, action_number, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![number, stream_id, signed(seq), kind.as_str(), action_number, body])?;
        self.next_number = number.saturating_add(1);
        // INVARIANT: every record becomes an event, whether or not anything listens now: what subscribes before the
        // commit is over gets it here, and what subscribes after that finds the record in the store.
        let record = (body.len() <= MAX_EVENT_BYTES).then(|| {
            let place = rows::unsigned(number);
            Arc::new(StoredRecord { stream: stream.to_owned(), seq, place, kind, body })
        });
        let about = action.map(|row| About {
            action_id: row.id.clone(),
            principal: row.principal.clone(),
            status: row.status,
        });
        self.events.push(Event { record, about });
        Ok(())
    }

    /// Writes the row of an action that is not there yet.
    pub(super) fn insert_action(
        &self,
        number: i64,
        id: [u8; 16],
        (row, first): (&ActionRow, First<'_>),
        stream_id: i64,
    ) -> rusqlite::Result<usize> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO actions (id, status, version, principal, agent_id, tool, operation, outcome, reason_code,
                 risk_level, policy_version, expires_at_ms, duration_us, stream_id, seq, record_hash,
                 created_at_ms, updated_at_ms, number, approval_token, first_outcome, first_risk_score, first_policy,
                 first_rule, principal_key_id, start_by_ms, contradicted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
                 ?22, ?23, ?24, ?25, ?26, ?27)",
        )?;
        insert.execute(params![
            id,
            row.status.as_str(),
            signed(row.version),
            row.principal.name(),
            row.agent_id,
            row.tool,
            row.operation,
            row.decision.outcome.as_str(),
            row.decision.reason_code.as_str(),
            row.decision.risk_level.as_str(),
            row.policy_version,
            row.expires_at_ms,
            signed(row.duration_us),
            stream_id,
            signed(row.receipt.seq),
            row.receipt.record_hash.to_hex(),
            row.created_at_ms,
            row.updated_at_ms,
            number,
            row.approval_secret,
            first.outcome.as_str(),
            first.risk_score.map(RiskScore::get),
            first.rule.map(|rule| rule.policy.as_str()),
            first.rule.map(|rule| rule.id.as_str()),
            row.principal.key_id(),
            row.start_by_ms,
            row.contradicted,
        ])
    }

    /// Writes what a change may have changed in the row of an action.
    pub(super) fn update_action(
        &self,
        number: i64,
        row: &ActionRow,
        stream_id: i64,
    ) -> rusqlite::Result<usize> {
        self.connection
            .prepare_cached(
                "UPDATE actions SET status = ?2, version = ?3, outcome = ?4, reason_code = ?5, risk_level = ?6,
                     policy_version = ?7, stream_id = ?8, seq = ?9, record_hash = ?10, updated_at_ms = ?11,
                     approval_token = ?12, start_by_ms = ?13
                 WHERE number = ?1",
            )?
            .execute(params![
                number,
                row.status.as_str(),
                signed(row.version),
                row.decision.outcome.as_str(),
                row.decision.reason_code.as_str(),
                row.decision.risk_level.as_str(),
                row.policy_version,
                stream_id,
                signed(row.receipt.seq),
                row.receipt.record_hash.to_hex(),
                row.updated_at_ms,
                row.approval_secret,
                row.start_by_ms,
            ])
    }

    /// Keeps what came to an action after its first decision.
    pub(super) fn keep_texts(
        &self,
        number: i64,
        row: &ActionRow,
        decided: bool,
        approvals: Option<String>,
    ) -> rusqlite::Result<usize> {
        self.connection
            .prepare_cached(
                "INSERT INTO action_texts (number, decision, state, approvals, error, result)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (number) DO UPDATE SET
                     decision = coalesce(excluded.decision, decision),
                     state = coalesce(excluded.state, state),
                     approvals = coalesce(excluded.approvals, approvals),
                     error = coalesce(excluded.error, error),
                     result = coalesce(excluded.result, result)",
            )?
            .execute(params![
                number,
                decided.then(|| row.decision.json.get()),
                decided.then(|| row.decision.state.get()),
                approvals,
                row.error,
                row.result.as_ref().map(|result| result.get()),
            ])
    }

    /// The action as the same request left it, if it came before.
    fn answered(
        &self,
        request: Option<&IdempotentRequest>,
        now_ms: i64,
    ) -> Result<Option<ActionRow>, Trouble> {
        request.map_or(Ok(None), |request| Ok(answered(self.connection, request, now_ms)?))
    }

    fn remember(&self, request: Option<&IdempotentRequest>, record: i64, now_ms: i64) -> Result<(), Trouble> {
        request.map_or(Ok(()), |request| Ok(remember(self.connection, request, record, now_ms)?))
    }
}

/// Whether the record of a new action holds the action, its decision and its state as they are given.
fn is_recorded(new: &NewAction) -> bool {
    let holds = |name: &str, text: &str| {
        new.draft.fields.iter().find(|(key, _)| *key == name).is_some_and(|(_, value)| value.as_str() == text)
    };
    new.draft.action_id.as_deref() == Some(new.id.as_str())
        // Canonical records are in order, and searching expects the action at their start.
        && new.draft.fields.iter().all(|(key, _)| *key >= "action")
        && holds("action", new.action.get())
        && holds("decision", new.decision.json.get())
        && holds("state", new.decision.state.get())
}

/// The principal in a record.
fn principal(draft: &Draft) -> Option<String> {
    let (_, principal) = draft.fields.iter().find(|(key, _)| *key == "principal")?;
    serde_json::from_str(principal.as_str()).ok()
}

fn failed(message: String) -> Trouble {
    Trouble::Refused(StoreError::failed(message))
}

fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}
