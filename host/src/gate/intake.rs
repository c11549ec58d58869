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
use engine::hash::{Digest, EngineHash, PolicyHash, RecordHash, RequestHash};
use engine::json;
use engine::principal::Principal;
use engine::record::{Draft, Head, MAX_RECORD_BYTES, RecordKind};
use engine::time::rfc3339;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::intake::{Decided, LOCAL, Named, NewRecord, NewRecords, STREAM_BEGUN, Taken, What};
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
    #[error("record {seq} cannot be taken in: {why}")]
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
        let mut fields =
            vec![("event", Canonical::text(STREAM_BEGUN)), ("local_stream", Canonical::text(&stream))];
        fields.extend(caller.principal.fields());
        let begun = Draft { kind: RecordKind::Access, at_ms: now_ms, action_id: None, fields };
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
        let place: Place = serde_json::from_str(&body).unwrap_or_default();
        let verifier = verifier.get_or_insert_with(|| {
            let (size, record_hash) = (place.seq.unwrap_or_default(), place.prev_hash());
            Verifier::behind(Head { stream: stream.to_owned(), size, record_hash })
        });
        let before = verifier.head().clone();
        verifier.next(body.as_bytes()).map_err(IntakeError::Broken)?;
        let invalid = |why: String| IntakeError::Invalid { seq: before.size, why };
        let record = Read::of(&body).map_err(invalid)?;
        let what = record.what().map_err(invalid)?;
        if before.size == 0 && what.kind() != RecordKind::Policy {
            return Err(invalid("a stream begins with a record of kind `policy`".to_owned()));
        }
        let (at_ms, action_id) = (record.at_ms().map_err(invalid)?, record.action_id.clone());
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
struct Place {
    seq: Option<u64>,
    prev_hash: Option<String>,
}

impl Place {
    fn prev_hash(&self) -> RecordHash {
        let hash = self.prev_hash.as_deref().and_then(|hash| hash.parse().ok());
        hash.unwrap_or(RecordHash::ZERO)
    }
}

/// The members of a record, of whatever kind.
#[derive(Deserialize)]
struct Read<'a> {
    #[serde(skip)]
    body: &'a str,
    kind: RecordKind,
    stream: String,
    at: String,
    action_id: Option<String>,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
    #[serde(borrow)]
    decision: Option<&'a RawValue>,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    approval: Option<Said>,
    duration_us: Option<u64>,
    engine_hash: Option<String>,
    error: Option<String>,
    files: Option<Vec<File>>,
    policy_hash: Option<PolicyHash>,
    principal: Option<String>,
    request_hash: Option<String>,
    result_hash: Option<String>,
    runtime_version: Option<String>,
    success: Option<bool>,
}

/// A policy file that a wrapper decides with.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "hash")]
    _hash: Digest,
}

/// One person's answer.
#[derive(Deserialize)]
struct Said {
    approve: bool,
    principal: String,
    reason: Option<String>,
    roles: Vec<String>,
}

type Why = String;

fn lacks(name: &str) -> Why {
    format!("it has no `{name}`")
}

impl<'a> Read<'a> {
    fn of(body: &'a str) -> Result<Self, Why> {
        let read: Read<'_> = serde_json::from_str(body).map_err(|error| error.to_string())?;
        Ok(Read { body, ..read })
    }

    fn at_ms(&self) -> Result<i64, Why> {
        // One time has one spelling, so that it reads back as it was written.
        let at_ms = parse_time(&self.at).filter(|at_ms| rfc3339(*at_ms) == self.at);
        at_ms.ok_or_else(|| "`at` is no RFC 3339 time in UTC with milliseconds".to_owned())
    }

    /// The action that it is about.
    fn about(&self) -> Result<&str, Why> {
        let id = self.action_id.as_deref().ok_or_else(|| lacks("action_id"))?;
        match uuid::Uuid::try_parse(id) {
            Ok(uuid) if uuid.to_string() == id => Ok(id),
            _ => Err("its `action_id` is no UUID in small letters".to_owned()),
        }
    }

    fn what(&self) -> Result<What, Why> {
        match self.kind {
            RecordKind::Policy => self.policy(),
            RecordKind::Decision => self.decision(),
            RecordKind::Approval => self.about().and_then(|_| self.approval()),
            RecordKind::Expiry => self.about().map(|_| What::Expiry),
            RecordKind::Start => {
                self.about().map(|_| What::Start { request_hash: self.request_hash.clone() })
            }
            RecordKind::Result => self.about().and_then(|_| self.result()),
            RecordKind::Withdrawal | RecordKind::Access | RecordKind::Checkpoint => {
                Err(format!("a local stream has no records of kind `{}`", self.kind))
            }
        }
    }

    fn approval(&self) -> Result<What, Why> {
        let said = self.approval.as_ref().ok_or_else(|| lacks("approval"))?;
        Ok(What::Approval(Box::new(ApprovalRow {
            // INVARIANT: a stream only claims that a person said something.
            principal: Principal::Claimed { stream: self.stream.clone(), name: said.principal.clone() },
            roles: said.roles.clone(),
            approve: said.approve,
            reason: said.reason.clone(),
            at: self.at.clone(),
        })))
    }

    fn policy(&self) -> Result<What, Why> {
        if self.action_id.is_some() {
            return Err("a record of kind `policy` is about no action".to_owned());
        }
        self.files.as_ref().ok_or_else(|| lacks("files"))?;
        self.engine_hash()?;
        self.runtime_version.as_ref().ok_or_else(|| lacks("runtime_version"))?;
        self.policy_hash.map(What::Policy).ok_or_else(|| lacks("policy_hash"))
    }

    fn decision(&self) -> Result<What, Why> {
        let printed = self.decision.ok_or_else(|| lacks("decision"))?;
        let decision: Decision = serde_json::from_str(printed.get())
            .map_err(|error| format!("its `decision` cannot be read: {error}"))?;
        // INVARIANT: a decision has its own fields and no others, because it is shown with the fields of the action.
        if Canonical::serialize(&decision).ok().as_ref().map(Canonical::as_str) != Some(printed.get()) {
            return Err("its `decision` is not as the engine prints one".to_owned());
        }
        if decision.decision != decision.outcome.effect() {
            return Err("its `decision` contradicts its `outcome`".to_owned());
        }
        let state = self.state.filter(|state| state.get().starts_with('{')).ok_or_else(|| lacks("state"))?;
        let engine_hash = self.engine_hash()?;
        self.principal.as_ref().ok_or_else(|| lacks("principal"))?;
        let named = self.action.map(|action| self.named(action, &decision)).transpose()?;
        if named.is_none() && decision.outcome != Outcome::Halt {
            return Err("what is no action can only halt".to_owned());
        }
        if self.action_id.is_some() {
            self.about()?;
        }
        Ok(What::Decision(Box::new(Decided {
            action: named,
            policy_hash: decision.policy_hash,
            request_hash: decision.request_hash.map(|hash| hash.to_hex()),
            engine_hash,
            contradiction: None,
            duration_us: self.duration_us.ok_or_else(|| lacks("duration_us"))?,
            risk_score: decision.risk_score,
            rule: decision.rule,
            decision: DecisionRow {
                json: printed.to_owned(),
                outcome: decision.outcome,
                reason_code: decision.reason_code,
                risk_level: decision.risk_level,
                state: state.to_owned(),
            },
        })))
    }

    fn named(&self, json: &RawValue, decision: &Decision) -> Result<Named, Why> {
        let id = self.about()?;
        let action = Action::parse_canonical(json.get().as_bytes())
            .map_err(|error| format!("its `action` cannot be read: {error}"))?;
        if decision.request_hash != Some(RequestHash::of(json.get().as_bytes())) {
            return Err("the `request_hash` of its `decision` is not the one of its `action`".to_owned());
        }
        // INVARIANT: lists are searched between the start of a record and its own id, so the action is there.
        let end = format!(r#","action_id":"{id}""#);
        let stands = self.body.strip_prefix(r#"{"action":"#).and_then(|rest| rest.split_once(&end));
        if stands.is_none_or(|(before, _)| before != json.get()) {
            return Err("its `action` is not its first member, or holds the id of the action".to_owned());
        }
        Ok(Named {
            json: json.to_owned(),
            agent_id: action.agent_id().to_owned(),
            tool: action.tool().to_owned(),
            operation: action.operation().to_owned(),
        })
    }

    fn result(&self) -> Result<What, Why> {
        // Null means no result, as in the server's own answers.
        let result = self.result.filter(|result| result.get() != "null");
        let hash = result.map(|result| Digest::of(result.get().as_bytes()).to_hex());
        if hash.is_some() && hash != self.result_hash {
            return Err("its `result_hash` is not the one of its `result`".to_owned());
        }
        Ok(What::Result {
            request_hash: self.request_hash.clone(),
            success: self.success,
            error: self.error.clone(),
            result: result.map(|result| raw(result.get().to_owned())),
        })
    }

    fn engine_hash(&self) -> Result<EngineHash, Why> {
        let hash = self.engine_hash.as_deref().ok_or_else(|| lacks("engine_hash"))?;
        hash.parse().map_err(|_| "its `engine_hash` is no SHA-256".to_owned())
    }
}
