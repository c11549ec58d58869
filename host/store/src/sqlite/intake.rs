//! Ingests records of local streams, inside the writer's transaction. The content and the status of an action come from
//! its records alone; the server's own stream is neither read nor written here.

use std::collections::HashMap;

use engine::canonical::Canonical;
use engine::decision::{Outcome, RuleRef};
use engine::hash::{PolicyHash, RecordHash};
use engine::lifecycle::{Status, Transition};
use engine::principal::Principal;
use engine::record::{Head, RecordKind};
use engine::risk::RiskScore;
use rusqlite::{OptionalExtension as _, params};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::apply::{Batch, First};
use super::people::{are_answers, counted};
use super::read::{action_by_id, stream};
use super::rows::{self, json, signed};
use super::trouble::{Failure, Trouble};
use crate::intake::{Contradiction, Decided, Named, NewRecord, NewRecords, Refusal, Taken, What};
use crate::time::parse_time;
use crate::{ActionRow, ApprovalRow, Receipt, StoreError};

/// One stream while records are taken in.
struct Local<'a> {
    id: i64,
    name: &'a str,
    principal: &'a Principal,
    /// The number of each policy set that was looked for; none for one that was never in force.
    versions: HashMap<PolicyHash, Option<i64>>,
    /// The time of the newest record so far, or of what must have been before the first.
    earliest_ms: i64,
    clock_skew_ms: i64,
}

impl Local<'_> {
    /// The times of a stream go on, and none is before what made the record possible.
    fn is_timely(&mut self, seq: u64, at_ms: i64) -> Result<(), Trouble> {
        if at_ms < self.earliest_ms.saturating_sub(self.clock_skew_ms) {
            return Err(refused(Refusal::TooEarly { seq }));
        }
        self.earliest_ms = self.earliest_ms.max(at_ms);
        Ok(())
    }
}

/// An action that was held where it was decided, and has no answer yet.
struct Held {
    /// The number of the record that it begins with.
    number: i64,
    approvals: Vec<ApprovalRow>,
    first: FirstRecord,
}

/// The parts of a held action's first record that are needed again.
#[derive(Deserialize)]
struct FirstRecord {
    at: String,
    action: Box<RawValue>,
    decision: FirstDecision,
    duration_us: u64,
}

/// The parts of its decision that are needed again.
#[derive(Deserialize)]
struct FirstDecision {
    request_hash: Option<String>,
    risk_score: Option<RiskScore>,
    rule: Option<RuleRef>,
}

#[derive(Deserialize)]
struct Hashed {
    request_hash: Option<String>,
}

/// The names in a canonical action.
#[derive(Deserialize)]
struct Names {
    agent_id: String,
    tool: String,
    operation: String,
}

impl Batch<'_> {
    /// Takes in all of the records or none.
    pub(super) fn take_in(&mut self, new: NewRecords) -> Result<Taken, Trouble> {
        let (number, told, head) = (self.next_number, self.events.len(), self.head.clone());
        self.connection.execute_batch("SAVEPOINT intake")?;
        let taken = self.take_in_all(new);
        match &taken {
            // The whole transaction is undone.
            Err(Trouble::Broken(_)) => return taken,
            Err(Trouble::Refused(_)) => {
                self.connection.execute_batch("ROLLBACK TO intake")?;
                self.next_number = number;
                self.events.truncate(told);
                self.head = head;
            }
            Ok(_) => {}
        }
        self.connection.execute_batch("RELEASE intake")?;
        taken
    }

    fn take_in_all(&mut self, new: NewRecords) -> Result<Taken, Trouble> {
        let NewRecords { stream: name, principal, records, not_before_ms, clock_skew_ms, begun } = new;
        let known = stream(self.connection, &name)?;
        // INVARIANT: only the key that began a stream continues it. No key may append to the server's own.
        let foreign = |owner: Option<&Principal>| owner.is_none_or(|owner| !principal.is_sender(owner));
        if known.as_ref().is_some_and(|(_, _, owner)| foreign(owner.as_ref())) {
            return Err(refused(Refusal::ForeignStream(name)));
        }
        let (mut id, head) = known.map_or_else(|| (0, Head::genesis(&name)), |(id, head, _)| (id, head));
        let accepted = u64::try_from(records.len()).unwrap_or(u64::MAX);
        let first = records.first().map_or(0, |record| record.seq);
        if first > head.size {
            return Err(refused(Refusal::Gap { head, first }));
        }
        let (here, fresh): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| record.seq < head.size);
        for record in &here {
            let sql = "SELECT body = ?3 FROM records WHERE stream_id = ?1 AND seq = ?2";
            let same: Option<bool> = self
                .connection
                .prepare_cached(sql)?
                .query_row(params![id, signed(record.seq), record.body], |row| row.get(0))
                .optional()?;
            if same != Some(true) {
                return Err(refused(Refusal::Conflict { head, seq: record.seq }));
            }
        }
        let Some(last) = fresh.last() else { return Ok(Taken { head, accepted }) };
        if let Some(first) = fresh.first().filter(|record| record.prev_hash != head.record_hash) {
            return Err(refused(Refusal::Unlinked { seq: first.seq }));
        }
        let end =
            Head { stream: name.clone(), size: last.seq.saturating_add(1), record_hash: last.record_hash };
        if head.size == 0 {
            id = self
                .connection
                .prepare_cached(
                    "INSERT INTO streams (stream, size, record_hash, owner, owner_key_id)
                     VALUES (?1, 0, ?2, ?3, ?4)",
                )?
                .insert((&name, RecordHash::ZERO.to_hex(), principal.name(), principal.key_id()))?;
            self.append(&begun)?;
        }
        let before_ms = self.last_at_ms(id, head.size)?.unwrap_or(not_before_ms);
        let mut local = Local {
            id,
            name: &name,
            principal: &principal,
            versions: HashMap::new(),
            earliest_ms: before_ms.max(not_before_ms),
            clock_skew_ms,
        };
        for record in fresh {
            local.is_timely(record.seq, record.at_ms)?;
            self.take_in_one(&mut local, record)?;
        }
        let moved = self
            .connection
            .prepare_cached(
                "UPDATE streams SET size = ?2, record_hash = ?3 WHERE id = ?1 AND size = ?4 AND record_hash = ?5",
            )?
            .execute(params![
                id,
                signed(end.size),
                end.record_hash.to_hex(),
                signed(head.size),
                head.record_hash.to_hex(),
            ])?;
        if moved != 1 {
            return Err(Trouble::Broken(Failure::failed(format!("the stream `{name}` moved by itself"))));
        }
        Ok(Taken { head: end, accepted })
    }

    fn take_in_one(&mut self, local: &mut Local<'_>, record: NewRecord) -> Result<(), Trouble> {
        // INVARIANT: an action that the stream decided differently from this server never changes again, whatever the
        // stream reports. The reports are kept.
        if let Some(id) = &record.action_id
            && let Some((number, row)) = action_by_id(self.connection, id)?
            && row.contradicted
            && row.receipt.stream == local.name
        {
            return self.append_record(local, record, Some(number), None);
        }
        match &record.what {
            What::Policy(policy_hash) => {
                self.version(local, *policy_hash, record.seq)?;
                self.append_record(local, record, None, None)
            }
            What::Decision(decided) => {
                let decided = decided.clone();
                self.take_in_decision(local, record, *decided)
            }
            What::Approval(said) => {
                let said = said.clone();
                self.answered_locally(local, record, Some(*said))
            }
            What::Expiry => self.answered_locally(local, record, None),
            What::Start { request_hash } => {
                let request_hash = request_hash.clone();
                self.move_on(local, record, Transition::Start, request_hash, |_| false)
            }
            What::Result { request_hash, success, error, result } => {
                let event = success.map_or(Transition::Lost, |success| Transition::Result { success });
                let (request_hash, error, result) = (request_hash.clone(), error.clone(), result.clone());
                self.move_on(local, record, event, request_hash, |row| {
                    (row.error, row.result) = (error, result);
                    row.error.is_some() || row.result.is_some()
                })
            }
        }
    }

    fn take_in_decision(
        &mut self,
        local: &mut Local<'_>,
        record: NewRecord,
        decided: Decided,
    ) -> Result<(), Trouble> {
        let version = self.version(local, decided.policy_hash, record.seq)?;
        let Some(id) = record.action_id.clone() else { return self.append_record(local, record, None, None) };
        if let Some((_, row)) = action_by_id(self.connection, &id)? {
            let status = Some(row.status).filter(|_| row.receipt.stream == local.name);
            return Err(impossible(&record, &id, status, "the action is decided already"));
        }
        let held = self.held(local, &record, &id)?;
        let hash = decided.request_hash.as_ref();
        let other = |held: &Held| hash.is_some() && hash != held.first.decision.request_hash.as_ref();
        if held.as_ref().is_some_and(other) {
            let why = "the action that was held has another `request_hash`";
            return Err(impossible(&record, &id, Some(Status::PendingApproval), why));
        }
        let outcome = decided.decision.outcome;
        // INVARIANT: only a granted approval releases a held action, wherever it was held.
        let granted =
            |held: &Held| !held.approvals.is_empty() && held.approvals.iter().all(|said| said.approve);
        if outcome == Outcome::Execute && held.as_ref().is_some_and(|held| !granted(held)) {
            let why = "the action was held, and nobody granted it";
            return Err(impossible(&record, &id, Some(Status::PendingApproval), why));
        }
        // INVARIANT: nor does what ran out permit anything afterwards.
        if outcome == Outcome::Execute
            && let Some(held) = &held
            && self.ran_out(held)?
        {
            let why = "the action was held, and its time had run out";
            return Err(impossible(&record, &id, Some(Status::PendingApproval), why));
        }
        // Nor does a decision count anyone whose answer is in no record, or one answer twice.
        let answers = held.as_ref().map_or(&[][..], |held| held.approvals.as_slice());
        let proposer = decided.action.as_ref().map(|action| action.agent_id.as_str());
        if !are_answers(&counted(decided.decision.state.get()), answers, proposer) {
            let why = "its state counts an approver whose answer no record has, or who proposed the action";
            return Err(impossible(&record, &id, held.map(|_| Status::PendingApproval), why));
        }
        if let Some(contradiction) = decided.contradiction.clone() {
            return self.contradicted(local, record, held, (decided, *contradiction), version);
        }
        let status = match &held {
            None => Some(Status::submitted(outcome)),
            Some(_) => Status::PendingApproval.after(Transition::Resolve(outcome)),
        };
        let Some(status) = status else {
            return Err(impossible(&record, &id, Some(Status::PendingApproval), "the action is held"));
        };
        match (held, decided.action.clone()) {
            // It could not be read, so there is no action.
            (None, None) => self.append_record(local, record, None, None),
            // It cannot be answered here: its holder asks a person, or submits it.
            (None, Some(_)) if outcome == Outcome::Abstain => {
                let id = rows::id_bytes(&id).ok_or_else(|| no_uuid(&id))?;
                self.connection
                    .prepare_cached("INSERT INTO held_locally (id, stream_id, number) VALUES (?1, ?2, ?3)")?
                    .execute(params![id, local.id, self.next_number])?;
                self.append_record(local, record, None, None)
            }
            (Some(held), _) if status == Status::PendingApproval => {
                self.append_record(local, record, Some(held.number), None)
            }
            (None, Some(action)) => {
                let row = ActionRow {
                    status,
                    version: 1,
                    principal: local.principal.clone(),
                    agent_id: action.agent_id,
                    tool: action.tool,
                    operation: action.operation,
                    action: action.json,
                    decision: decided.decision,
                    policy_version: version.to_string(),
                    approval_secret: None,
                    expires_at_ms: None,
                    start_by_ms: None,
                    approvals: Vec::new(),
                    error: None,
                    result: None,
                    duration_us: decided.duration_us,
                    contradicted: false,
                    receipt: receipt(local, &record),
                    created_at_ms: record.at_ms,
                    updated_at_ms: record.at_ms,
                    id: id.clone(),
                };
                let id = rows::id_bytes(&id).ok_or_else(|| no_uuid(&id))?;
                let first = First {
                    outcome: row.decision.outcome,
                    risk_score: Some(decided.risk_score),
                    rule: decided.rule.as_ref(),
                };
                self.insert_action(self.next_number, id, (&row, first), local.id)?;
                self.append_record(local, record, None, Some(&row))
            }
            (Some(held), _) => self.resolve_held(local, record, held, decided, (status, version)),
        }
    }

    /// An action that was held is allowed or denied by a new decision, and is an action here from now on. It begins
    /// with the record that held it, as one does that was held here.
    fn resolve_held(
        &mut self,
        local: &Local<'_>,
        record: NewRecord,
        held: Held,
        decided: Decided,
        (status, version): (Status, i64),
    ) -> Result<(), Trouble> {
        let id = record.action_id.clone().unwrap_or_default();
        let damaged = || failed(format!("the first record of action `{id}` is damaged"));
        let FirstRecord { at, action, duration_us, decision } = held.first;
        let Names { agent_id, tool, operation } =
            serde_json::from_str(action.get()).map_err(|_| damaged())?;
        let row = ActionRow {
            status,
            version: 2,
            principal: local.principal.clone(),
            agent_id,
            tool,
            operation,
            action,
            decision: decided.decision,
            policy_version: version.to_string(),
            approval_secret: None,
            expires_at_ms: None,
            start_by_ms: None,
            approvals: held.approvals,
            error: None,
            result: None,
            duration_us,
            contradicted: false,
            receipt: receipt(local, &record),
            created_at_ms: parse_time(&at).ok_or_else(damaged)?,
            updated_at_ms: record.at_ms,
            id: id.clone(),
        };
        let bytes = rows::id_bytes(&id).ok_or_else(|| no_uuid(&id))?;
        let approvals = if row.approvals.is_empty() { None } else { Some(json(&row.approvals)?) };
        self.connection.prepare_cached("DELETE FROM held_locally WHERE id = ?1")?.execute([bytes])?;
        let first = First {
            outcome: Outcome::Abstain,
            risk_score: decision.risk_score,
            rule: decision.rule.as_ref(),
        };
        self.insert_action(held.number, bytes, (&row, first), local.id)?;
        self.keep_texts(held.number, &row, true, approvals)?;
        self.append_record(local, record, Some(held.number), Some(&row))
    }

    /// The stream decided differently from this server. The action is stored with the decision of this server and can
    /// never change; the stream's decision stays in its record, and a record of the server's own states the right
    /// one.
    fn contradicted(
        &mut self,
        local: &Local<'_>,
        record: NewRecord,
        held: Option<Held>,
        (decided, contradiction): (Decided, Contradiction),
        version: i64,
    ) -> Result<(), Trouble> {
        let Contradiction { decision, risk_score, rule, mut draft } = contradiction;
        let id = record.action_id.clone().unwrap_or_default();
        let bytes = rows::id_bytes(&id).ok_or_else(|| no_uuid(&id))?;
        let Some(Named { json: action, agent_id, tool, operation }) = decided.action else {
            return self.append_record(local, record, held.map(|held| held.number), None);
        };
        let (number, row_version) = held.as_ref().map_or((self.next_number, 1), |held| (held.number, 2));
        let first = match &held {
            None => First { outcome: decision.outcome, risk_score: Some(risk_score), rule: rule.as_ref() },
            Some(held) => First {
                outcome: Outcome::Abstain,
                risk_score: held.first.decision.risk_score,
                rule: held.first.decision.rule.as_ref(),
            },
        };
        let damaged = || failed(format!("the first record of action `{id}` is damaged"));
        let created_at_ms = match &held {
            None => record.at_ms,
            Some(held) => parse_time(&held.first.at).ok_or_else(damaged)?,
        };
        let row = ActionRow {
            id: id.clone(),
            status: Status::Denied,
            version: row_version,
            principal: local.principal.clone(),
            agent_id,
            tool,
            operation,
            action,
            decision,
            policy_version: version.to_string(),
            approval_secret: None,
            expires_at_ms: None,
            start_by_ms: None,
            approvals: held.as_ref().map(|held| held.approvals.clone()).unwrap_or_default(),
            error: None,
            result: None,
            duration_us: held.as_ref().map_or(decided.duration_us, |held| held.first.duration_us),
            contradicted: true,
            receipt: receipt(local, &record),
            created_at_ms,
            updated_at_ms: record.at_ms,
        };
        let approvals = if row.approvals.is_empty() { None } else { Some(json(&row.approvals)?) };
        self.connection.prepare_cached("DELETE FROM held_locally WHERE id = ?1")?.execute([bytes])?;
        self.insert_action(number, bytes, (&row, first), local.id)?;
        self.keep_texts(number, &row, true, approvals)?;
        self.append_record(local, record, held.map(|held| held.number), Some(&row))?;
        draft.fields.push(("policy_version", Canonical::text(&row.policy_version)));
        self.append_about(&draft, number, &row)
    }

    /// A held action got an answer, or time ran out; the following decision has the result.
    fn answered_locally(
        &mut self,
        local: &Local<'_>,
        record: NewRecord,
        said: Option<ApprovalRow>,
    ) -> Result<(), Trouble> {
        let id = record.action_id.clone().unwrap_or_default();
        let Some(mut held) = self.held(local, &record, &id)? else {
            let row = action_by_id(self.connection, &id)?.map(|(_, row)| row);
            let status = row.filter(|row| row.receipt.stream == local.name).map(|row| row.status);
            return Err(impossible(&record, &id, status, "the stream holds no such action for approval"));
        };
        if let Some(said) = said {
            held.approvals.push(said);
            self.connection
                .prepare_cached("UPDATE held_locally SET approvals = ?2 WHERE id = ?1")?
                .execute(params![rows::id_bytes(&id), json(&held.approvals)?])?;
        }
        self.append_record(local, record, Some(held.number), None)
    }

    /// An action of the stream starts or ends.
    fn move_on(
        &mut self,
        local: &Local<'_>,
        record: NewRecord,
        event: Transition,
        request_hash: Option<String>,
        change: impl FnOnce(&mut ActionRow) -> bool,
    ) -> Result<(), Trouble> {
        let id = record.action_id.clone().unwrap_or_default();
        // INVARIANT: a stream moves its own actions and no others.
        let found = action_by_id(self.connection, &id)?.filter(|(_, row)| row.receipt.stream == local.name);
        let Some((number, mut row)) = found else {
            return Err(impossible(&record, &id, None, "the stream has decided no such action"));
        };
        let Some(status) = row.status.after(event) else {
            let why = format!("the action is `{}`", row.status.as_str());
            return Err(impossible(&record, &id, Some(row.status), &why));
        };
        let Hashed { request_hash: decided } = serde_json::from_str(row.decision.json.get())
            .map_err(|_| failed(format!("the decision of action `{id}` is damaged")))?;
        if request_hash != decided {
            let why = "its `request_hash` is not the one of the action";
            return Err(impossible(&record, &id, Some(row.status), why));
        }
        row.version = row.version.saturating_add(1);
        row.status = status;
        row.updated_at_ms = record.at_ms;
        row.receipt = receipt(local, &record);
        let texts_change = change(&mut row);
        self.update_action(number, &row, local.id)?;
        if texts_change {
            self.keep_texts(number, &row, false, None)?;
        }
        self.append_record(local, record, Some(number), Some(&row))
    }

    fn append_record(
        &mut self,
        local: &Local<'_>,
        record: NewRecord,
        action_number: Option<i64>,
        action: Option<&ActionRow>,
    ) -> Result<(), Trouble> {
        let whole = (record.seq, record.what.kind(), record.body);
        Ok(self.write_record(local.id, local.name, whole, action_number, action)?)
    }

    /// The held action of the stream with this id. One of another stream is not to be touched.
    fn held(&self, local: &Local<'_>, record: &NewRecord, id: &str) -> Result<Option<Held>, Trouble> {
        let sql = "SELECT h.number, h.approvals, h.stream_id, r.body FROM held_locally h
                   JOIN records r ON r.number = h.number WHERE h.id = ?1";
        let found: Option<(i64, Option<String>, i64, String)> = self
            .connection
            .prepare_cached(sql)?
            .query_row([rows::id_bytes(id)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((number, approvals, stream_id, body)) = found else { return Ok(None) };
        if stream_id != local.id {
            return Err(impossible(record, id, None, "the action belongs to another stream"));
        }
        let damaged = |_| failed(format!("what is kept of the held action `{id}` is damaged"));
        let approvals = approvals
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(damaged)?
            .unwrap_or_default();
        let first = serde_json::from_str(&body).map_err(damaged)?;
        Ok(Some(Held { number, approvals, first }))
    }

    /// Whether a record of the held action says that no answer came in time.
    fn ran_out(&self, held: &Held) -> Result<bool, Trouble> {
        let sql = "SELECT EXISTS (SELECT 1 FROM records WHERE action_number = ?1 AND kind = ?2)";
        let expiry = RecordKind::Expiry.as_str();
        Ok(self.connection.prepare_cached(sql)?.query_row(params![held.number, expiry], |row| row.get(0))?)
    }

    /// The number of the policy set, the newest if it was activated more than once.
    fn version(&self, local: &mut Local<'_>, policy_hash: PolicyHash, seq: u64) -> Result<i64, Trouble> {
        let known = match local.versions.get(&policy_hash) {
            Some(known) => *known,
            None => {
                let sql = "SELECT max(number) FROM policy_versions WHERE policy_hash = ?1";
                let known: Option<i64> = self
                    .connection
                    .prepare_cached(sql)?
                    .query_row([policy_hash.to_hex()], |row| row.get(0))?;
                local.versions.insert(policy_hash, known);
                known
            }
        };
        known.ok_or_else(|| refused(Refusal::UnknownPolicy { seq, policy_hash }))
    }

    /// When the last record of a stream was made, as it says.
    fn last_at_ms(&self, stream_id: i64, size: u64) -> Result<Option<i64>, Trouble> {
        let Some(last) = size.checked_sub(1) else { return Ok(None) };
        let sql =
            "SELECT body ->> '$.at' FROM records WHERE stream_id = ?1 AND seq = ?2 AND json_valid(body)";
        let at: Option<String> = self
            .connection
            .prepare_cached(sql)?
            .query_row(params![stream_id, signed(last)], |row| row.get(0))
            .optional()?;
        Ok(at.as_deref().and_then(parse_time))
    }
}

fn receipt(local: &Local<'_>, record: &NewRecord) -> Receipt {
    Receipt { stream: local.name.to_owned(), seq: record.seq, record_hash: record.record_hash }
}

fn impossible(record: &NewRecord, id: &str, status: Option<Status>, why: &str) -> Trouble {
    let (seq, action_id, why) = (record.seq, id.to_owned(), why.to_owned());
    refused(Refusal::ImpossibleMove { seq, action_id, status, why })
}

fn no_uuid(id: &str) -> Trouble {
    failed(format!("`{id}` is no UUID"))
}

fn refused(refusal: Refusal) -> Trouble {
    Trouble::Refused(StoreError::Refused(Box::new(refusal)))
}

fn failed(message: String) -> Trouble {
    Trouble::Refused(StoreError::failed(message))
}
