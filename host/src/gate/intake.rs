//! Reads and checks the records of a wrapper that decided locally, as far as that needs no database: each matches its
//! hash, follows its predecessor, and has the members of its kind.
//!
//! Nothing that arrives this way permits anything: it has happened already. A wrapper's decision is decided again in
//! [`again`], so that only decisions that follow from policies once in force here are believed.

mod again;

use engine::action::Action;
use engine::canonical::Canonical;
use engine::chain::{Break, Verifier};
use engine::decision::{Decision, Outcome};
use engine::hash::{Digest, RecordHash};
use engine::json;
use engine::principal::Principal;
use engine::record::{
    AccessBody, DecisionBody, Draft, Head, MAX_RECORD_BYTES, PolicyBody, Record, RecordBody, RecordKind,
    ResultBody, Ruling, StreamBegun,
};
use engine::time::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::intake::{Decided, LOCAL, Named, NewRecord, NewRecords, Taken, What};
use store::time::parse_time;
use store::{ApprovalRow, DecisionRow};

use super::pass::raw;
use super::{Gate, GateError};
use crate::actor::Actor;

/// How far the times of records may be off, unless configured.
pub const RECORD_SKEW_MS: i64 = 5 * 60 * 1000;

/// The most records of one request.
pub const MAX_RECORDS: usize = 500;

/// Why records from outside cannot be taken in, whatever is here already.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IntakeError {
    /// The name cannot be one of a local stream.
    #[error("a local stream's name is `{LOCAL}` and more letters, digits, `.`, `_` and `-`, 8 to 128 in all")]
    BadStream,
    /// There are none, or too many.
    #[error("a request has 1 to {MAX_RECORDS} records, and this one has {0}")]
    BadCount(usize),
    /// They do not form a chain.
    #[error("{0}")]
    Broken(Break),
    /// A record does not hold what its kind must hold.
    #[error("record {seq} cannot be ingested: {why}")]
    Invalid {
        /// Its place.
        seq: u64,
        /// The fault in it.
        why: String,
    },
}

/// Whether `stream` can be the name of a local stream.
pub fn is_local_name(stream: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    stream.starts_with(LOCAL) && (8..=128).contains(&stream.len()) && stream.bytes().all(word)
}

impl Gate {
    /// Takes in records of a local stream: all of them, or none.
    ///
    /// # Errors
    /// When they are not acceptable records, the caller may not bring them, or they do not fit the stored ones.
    pub async fn take_in(
        &self,
        caller: &Actor,
        stream: String,
        records: Vec<Box<RawValue>>,
    ) -> Result<Taken, GateError> {
        if !is_local_name(&stream) {
            return Err(IntakeError::BadStream.into());
        }
        if !(1..=MAX_RECORDS).contains(&records.len()) {
            return Err(IntakeError::BadCount(records.len()).into());
        }
        let of = stream.clone();
        // Megabytes of JSON hold up no other request.
        let reading = tokio::task::spawn_blocking(move || read_all(&of, &records));
        let records = reading.await.map_err(|error| GateError::Failed(error.to_string()))??;
        for record in &records {
            if let What::Decision(decided) = &record.what
                && let Some(action) = &decided.action
                && !caller.speaks_for(&action.agent_id)
            {
                return Err(GateError::AgentNotAllowed(action.agent_id.clone()));
            }
        }
        let now_ms = self.clock.now_ms();
        for record in &records {
            self.is_timely(record, now_ms)?;
        }
        let records = self.decide_again(&stream, records, now_ms).await?;
        let begun = AccessBody::StreamBegun(StreamBegun {
            local_stream: stream.clone(),
            principal: caller.principal.clone(),
        });
        let body = RecordBody::Access(begun);
        let begun = Draft { at: Timestamp::from_ms(now_ms), action_id: None, body };
        let new = NewRecords {
            not_before_ms: self.made_at_ms(caller).await?,
            clock_skew_ms: self.record_skew_ms,
            stream,
            principal: caller.principal.clone(),
            records,
            begun,
        };
        Ok(self.store.take_in(new).await?)
    }

    /// A record is not from the future, and was decided when it says that it was.
    fn is_timely(&self, record: &NewRecord, now_ms: i64) -> Result<(), IntakeError> {
        #[derive(Deserialize)]
        struct Now {
            now: Option<i64>,
        }
        let (seq, at_ms) = (record.seq, record.at_ms);
        let invalid = |why: &str| Err(IntakeError::Invalid { seq, why: why.to_owned() });
        if at_ms > now_ms.saturating_add(self.record_skew_ms) {
            return invalid("it says that it was made in the future");
        }
        if let What::Decision(decided) = &record.what
            && let Ok(Now { now: Some(now) }) = serde_json::from_str(decided.decision.state.get())
            && now.abs_diff(at_ms) > self.record_skew_ms.unsigned_abs()
        {
            return invalid("the time in its `state` is not the time at which it was made");
        }
        Ok(())
    }

    /// Before this, the caller can have brought nothing: its key was not there. A caller without a key has none.
    async fn made_at_ms(&self, caller: &Actor) -> Result<i64, GateError> {
        let Some(id) = caller.principal.key_id() else { return Ok(i64::MIN) };
        let keys = self.store.keys().await?;
        let made = keys.iter().find(|key| key.id == id).and_then(|key| parse_time(&key.created_at));
        Ok(made.unwrap_or(i64::MIN))
    }
}

/// Reads the records and checks that they are a part of a chain, from the position that the first one states.
fn read_all(stream: &str, records: &[Box<RawValue>]) -> Result<Vec<NewRecord>, IntakeError> {
    let mut verifier: Option<Verifier> = None;
    let mut read = Vec::with_capacity(records.len());
    for record in records {
        // The bytes of the request may be spaced in any way; the stored bytes are canonical.
        let body = json::parse_printed(record.get().as_bytes(), MAX_RECORD_BYTES)
            .map_or_else(|_| record.get().to_owned(), |value| Canonical::of(&value).into_string());
        let position: Position = serde_json::from_str(&body).unwrap_or_default();
        let verifier = verifier.get_or_insert_with(|| {
            let (size, record_hash) = (position.seq.unwrap_or_default(), position.prev_hash());
            Verifier::behind(Head { stream: stream.to_owned(), size, record_hash })
        });
        let before = verifier.head().clone();
        verifier.next(body.as_bytes()).map_err(IntakeError::Broken)?;
        let invalid = |why: String| IntakeError::Invalid { seq: before.size, why };
        if let Some(kind) = position.kind.filter(|kind| !is_of_wrappers(*kind)) {
            return Err(invalid(format!("a local stream has no records of kind `{kind}`")));
        }
        let record = Record::parse(body.as_bytes()).map_err(|error| invalid(error.message))?;
        let what = what(&record, &body).map_err(invalid)?;
        if before.size == 0 && what.kind() != RecordKind::Policy {
            return Err(invalid("a stream begins with a record of kind `policy`".to_owned()));
        }
        let (at_ms, action_id) = (record.at.ms(), record.action_id);
        let record_hash = verifier.head().record_hash;
        read.push(NewRecord {
            seq: before.size,
            prev_hash: before.record_hash,
            record_hash,
            at_ms,
            action_id,
            what,
            body,
        });
    }
    Ok(read)
}

/// The position that a record states.
#[derive(Default, Deserialize)]
struct Position {
    seq: Option<u64>,
    prev_hash: Option<String>,
    kind: Option<RecordKind>,
}

impl Position {
    fn prev_hash(&self) -> RecordHash {
        let hash = self.prev_hash.as_deref().and_then(|hash| hash.parse().ok());
        hash.unwrap_or(RecordHash::ZERO)
    }
}

/// Whether wrappers make records of this kind.
fn is_of_wrappers(kind: RecordKind) -> bool {
    !matches!(kind, RecordKind::Withdrawal | RecordKind::Access | RecordKind::Checkpoint)
}

type Why = String;

fn lacks(name: &str) -> Why {
    format!("it has no `{name}`")
}

/// The content of a record of a local stream. `body` is its text.
fn what(record: &Record, body: &str) -> Result<What, Why> {
    match &record.body {
        RecordBody::Policy(PolicyBody::Local(policy)) => match record.action_id {
            None => Ok(What::Policy(policy.policy_hash)),
            Some(_) => Err("a record of kind `policy` is about no action".to_owned()),
        },
        RecordBody::Decision(decision) => decided(record, decision, body),
        RecordBody::Approval(approval) => about(record).map(|_| {
            let said = &approval.approval;
            let name = said.principal.name().to_owned();
            What::Approval(Box::new(ApprovalRow {
                // INVARIANT: a stream only claims that a person said something.
                principal: Principal::Claimed { stream: record.stream.clone(), name },
                roles: said.roles.clone(),
                approve: said.approve,
                reason: said.reason.clone(),
                at: record.at.to_string(),
            }))
        }),
        RecordBody::Expiry(_) => about(record).map(|_| What::Expiry),
        RecordBody::Start(start) => about(record).map(|_| What::Start { request_hash: start.request_hash }),
        RecordBody::Result(result) => about(record).and_then(|_| ended(result)),
        RecordBody::Policy(PolicyBody::Activation(_)) => {
            Err("its `files` is not a list, as in a local stream".to_owned())
        }
        RecordBody::Withdrawal(_) | RecordBody::Access(_) | RecordBody::Checkpoint => {
            Err(format!("a local stream has no records of kind `{}`", record.body.kind()))
        }
    }
}

/// The action that a record is about.
fn about(record: &Record) -> Result<&str, Why> {
    let id = record.action_id.as_deref().ok_or_else(|| lacks("action_id"))?;
    match uuid::Uuid::try_parse(id) {
        Ok(uuid) if uuid.to_string() == id => Ok(id),
        _ => Err("its `action_id` is no UUID in small letters".to_owned()),
    }
}

fn decided(record: &Record, told: &DecisionBody, body: &str) -> Result<What, Why> {
    let Ruling { decision: printed, duration_us, engine_hash, state, .. } = &told.ruling;
    let decision: Decision = serde_json::from_str(printed.as_str())
        .map_err(|error| format!("its `decision` cannot be read: {error}"))?;
    // INVARIANT: a decision has its own fields and no others, because it is shown with the fields of the action.
    if Canonical::serialize(&decision).ok().as_ref() != Some(printed) {
        return Err("its `decision` is not as the engine prints one".to_owned());
    }
    if decision.decision != decision.outcome.effect() {
        return Err("its `decision` contradicts its `outcome`".to_owned());
    }
    if !state.as_str().starts_with('{') {
        return Err(lacks("state"));
    }
    let named = told.action.as_ref().map(|action| named(record, action, &decision, body)).transpose()?;
    if named.is_none() && decision.outcome != Outcome::Halt {
        return Err("what is no action can only halt".to_owned());
    }
    if record.action_id.is_some() {
        about(record)?;
    }
    Ok(What::Decision(Box::new(Decided {
        action: named,
        policy_hash: decision.policy_hash,
        request_hash: decision.request_hash,
        engine_hash: *engine_hash,
        contradiction: None,
        duration_us: *duration_us,
        risk_score: decision.risk_score,
        rule: decision.rule,
        decision: DecisionRow {
            json: raw(printed.as_str().to_owned()),
            outcome: decision.outcome,
            reason_code: decision.reason_code,
            risk_level: decision.risk_level,
            state: raw(state.as_str().to_owned()),
        },
    })))
}

fn named(record: &Record, json: &Canonical, decision: &Decision, body: &str) -> Result<Named, Why> {
    let id = about(record)?;
    let action = Action::parse_canonical(json.as_bytes())
        .map_err(|error| format!("its `action` cannot be read: {error}"))?;
    if decision.request_hash != Some(action.request_hash()) {
        return Err("the `request_hash` of its `decision` is not the one of its `action`".to_owned());
    }
    // INVARIANT: lists are searched between the start of a record and its own id, so the action is there.
    let end = format!(r#","action_id":"{id}""#);
    let stands = body.strip_prefix(r#"{"action":"#).and_then(|rest| rest.split_once(&end));
    if stands.is_none_or(|(before, _)| before != json.as_str()) {
        return Err("its `action` is not its first member, or holds the id of the action".to_owned());
    }
    Ok(Named {
        json: raw(json.as_str().to_owned()),
        agent_id: action.agent_id().to_owned(),
        tool: action.tool().to_owned(),
        operation: action.operation().to_owned(),
    })
}

fn ended(body: &ResultBody) -> Result<What, Why> {
    let hash = body.result.as_ref().map(|result| Digest::of(result.as_bytes()));
    if hash.is_some() && hash != body.result_hash {
        return Err("its `result_hash` is not the one of its `result`".to_owned());
    }
    Ok(What::Result {
        request_hash: body.request_hash,
        success: body.success,
        error: body.error.clone(),
        result: body.result.as_ref().map(|result| raw(result.as_str().to_owned())),
    })
}
