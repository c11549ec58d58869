//! The only way from an action to an answer: gather the state, ask the engine, record, and only then answer.
//!
//! The engine decides, and nothing here does. The steps after a decision are in [`approval`] (people answer, time runs
//! out) and [`execution`] (the action starts and ends); both follow the same path. Past decisions are in [`recent`],
//! [`replay`] and [`simulate`]. Decisions made elsewhere arrive through [`intake`].

pub mod approval;
pub mod execution;
pub mod intake;
pub mod pass;
pub mod recent;
pub mod replay;
pub mod simulate;

use std::sync::Arc;
use std::time::Duration;

use engine::canonical::Canonical;
use engine::decision::{Decision, Outcome, ReasonCode};
use engine::hash::Digest;
use engine::json::JsonError;
use engine::record::{Draft, RecordKind};
use engine::state::State;
use engine::time::rfc3339;
use serde_json::value::RawValue;
use store::{
    ActionRow, DecisionRow, IdempotentRequest, NewAction, Receipt, Store, StoreError, Visible, Written,
};

use crate::actor::Actor;
use crate::clock::Clock;
use crate::keys::{self, Keys};
use crate::metrics::Metrics;
use crate::policies::Policies;
use pass::{Essentials, Pass, Proposed};

/// Decides, records and answers.
pub struct Gate {
    store: Arc<dyn Store>,
    policies: Arc<Policies>,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    approval_ttl_ms: i64,
    start_ttl_ms: i64,
    result_ttl_ms: i64,
    record_skew_ms: i64,
    /// Held by the one request whose records are decided again.
    deciding_again: tokio::sync::Mutex<()>,
}

/// How long an action may stay where it is.
#[derive(Debug, Clone, Copy)]
pub struct Ttls {
    /// How long an approval may take where no policy says.
    pub approval: Duration,
    /// How long an action that may run may take to start.
    pub start: Duration,
    /// How long a started action may take to have a result.
    pub result: Duration,
}

/// How often a write is prepared anew because the policies in force, the keys or the action changed meanwhile. Each
/// turn means that something else was recorded.
const TURNS: usize = 32;

/// The result of a request that changes an action: the action as the request left it, now or when the same request
/// came before. It exists only after the store has acknowledged the record.
#[derive(Debug)]
pub struct Answer(Box<ActionRow>);

impl Answer {
    /// The action.
    pub fn row(&self) -> &ActionRow {
        &self.0
    }
}

impl From<Written> for Answer {
    fn from(written: Written) -> Self {
        match written {
            Written::Fresh(row) | Written::Replayed(row) => Answer(row),
        }
    }
}

/// An unreadable action, which therefore does not exist. Its decision is recorded.
#[derive(Debug)]
pub struct Unreadable {
    /// The decision.
    pub decision: Decision,
    /// The fault in it, as the engine printed it.
    pub error: Option<Box<RawValue>>,
    /// Its record.
    pub receipt: Receipt,
}

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The action cannot be read.
    #[error("the action cannot be read")]
    Unreadable(Box<Unreadable>),
    /// The caller's key is bound to other agents.
    #[error("this key does not speak for the agent `{0}`")]
    AgentNotAllowed(String),
    /// The caller may not answer requests for approval.
    #[error("this caller may not approve")]
    NotAnApprover,
    /// The token was not made for this version of the action, or not for this caller.
    #[error(
        "the approval token is not valid: it was used, was made for another approver, or is not of this action"
    )]
    WrongToken,
    /// The token's one approval does not meet the policy's requirement.
    #[error("this action needs more than one approver, and each must answer with their own key")]
    TokenNotEnough,
    /// The proposer of an action cannot approve it.
    #[error("you cannot approve an action that you proposed")]
    SelfApproval,
    /// One person counts once.
    #[error("you have approved the action already")]
    AlreadyApproved,
    /// The policy asks for roles that this approver has not.
    #[error("your approval would not count: the policy asks for approver roles that your key does not have")]
    RoleNotAsked,
    /// The action is no longer permitted: the reason, and its current state.
    #[error("{}", match .0 {
        ReasonCode::PermitExpired => "the action was permitted and did not start in time; submit it again",
        _ => "the policies in force no longer permit the action; submit it again",
    })]
    Lapsed(ReasonCode, Box<ActionRow>),
    /// Other changes came first each time.
    #[error("the policies, the keys or the action keep changing, so this could not be recorded; try again")]
    Restless,
    /// The action is in another status: its current state.
    #[error("the action is `{}`", .0.status.as_str())]
    WrongStatus(Box<ActionRow>),
    /// It was decided outside this server, where it also starts and ends.
    #[error("the action was decided by its caller, and only the records of its stream `{}` move it on", .0.receipt.stream)]
    LocalAction(Box<ActionRow>),
    /// Records from outside cannot be taken in.
    #[error(transparent)]
    Intake(#[from] intake::IntakeError),
    /// An engine decided that this server neither runs nor has kept.
    #[error(
        "the engine that decided, `{0}`, is not kept here, so its decision can be neither made again nor explained"
    )]
    UnknownEngine(String),
    /// The tool's result is not strict JSON.
    #[error("the result cannot be read: {0}")]
    UnreadableResult(JsonError),
    /// The machine or the engine did not do its part.
    #[error("{0}")]
    Failed(String),
    /// The store did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A new id: a UUID of version 8 (RFC 9562 §5.8) that starts with 32 random bits, so that its first 8 characters tell
/// actions apart, goes on with the time, so that an index behind those bits grows at its end, and ends with 42 more
/// random bits. It is a name and no secret.
fn action_id(now_ms: i64) -> String {
    let [_, _, t5, t4, t3, t2, t1, t0] = now_ms.to_be_bytes();
    let time = u64::from_be_bytes([0, 0, t5, t4, t3, t2, t1, t0]);
    // Bits 4 to 7 of the seventh byte are the version and bits 6 and 7 of the ninth the variant, so the 48 bits of
    // the time go around them.
    let bits = |shift: u32, mask: u64| u8::try_from((time >> shift) & mask).unwrap_or(0);
    let [r0, r1, r2, r3, _, _, _, _, _, _, r10, r11, r12, r13, r14, r15] = uuid::Uuid::new_v4().into_bytes();
    uuid::Uuid::from_bytes([
        r0,
        r1,
        r2,
        r3,
        bits(40, 0xff),
        bits(32, 0xff),
        0x80 | bits(28, 0x0f),
        bits(20, 0xff),
        0x80 | bits(14, 0x3f),
        bits(6, 0xff),
        (bits(0, 0x3f) << 2) | (r10 & 0x03),
        r11,
        r12,
        r13,
        r14,
        r15,
    ])
    .to_string()
}

impl Gate {
    /// A gate to these policies, which records in this store.
    pub fn new(
        store: Arc<dyn Store>,
        policies: Arc<Policies>,
        keys: Arc<Keys>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        ttls: Ttls,
    ) -> Self {
        let ms = |ttl: Duration| i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        let (approval_ttl_ms, start_ttl_ms) = (ms(ttls.approval), ms(ttls.start));
        Gate {
            store,
            policies,
            keys,
            clock,
            metrics,
            approval_ttl_ms,
            start_ttl_ms,
            result_ttl_ms: ms(ttls.result),
            record_skew_ms: intake::RECORD_SKEW_MS,
            deciding_again: Default::default(),
        }
    }

    /// The same gate, which takes in records of wrappers whose times are off by no more than this.
    #[must_use]
    pub fn with_record_skew(self, skew: Duration) -> Self {
        Gate { record_skew_ms: i64::try_from(skew.as_millis()).unwrap_or(i64::MAX), ..self }
    }

    /// Decides an action and records the decision.
    ///
    /// # Errors
    /// [`GateError::Unreadable`] for bytes that do not form an action, which are still recorded; [`GateError::Store`]
    /// if the decision could not be recorded, and then nothing may run.
    pub async fn submit(
        &self,
        caller: &Actor,
        action: &[u8],
        request: Option<IdempotentRequest>,
    ) -> Result<Answer, GateError> {
        for _ in 0..TURNS {
            // Gather.
            let now_ms = self.clock.now_ms();
            let set = self.policies.in_force();
            let state = State { now: Some(now_ms), approval: None };

            // Call.
            let pass = Pass::over(&set, self.policies.module(), action, &state);
            let Some(proposed) = &pass.proposed else {
                return Err(self.refuse_unreadable(caller, pass, now_ms).await);
            };
            if !caller.speaks_for(&proposed.agent_id) {
                return Err(GateError::AgentNotAllowed(proposed.agent_id.clone()));
            }

            // Act.
            let new = self.new_action(caller, &pass, proposed, now_ms)?;
            // INVARIANT: the outcome is not reported before this has answered.
            match self.store.submit(new, request.clone()).await {
                Ok(written) => {
                    if let Written::Fresh(row) = &written {
                        self.decided(&row.decision, pass.duration, &row.id);
                    }
                    return Ok(written.into());
                }
                // Another set was activated while this one decided, so the new one decides.
                Err(StoreError::Outdated) => self.policies.moved_on_from(&set.policy_version).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(GateError::Restless)
    }

    /// The action as it is stored, with the record of its decision.
    fn new_action(
        &self,
        caller: &Actor,
        pass: &Pass,
        proposed: &Proposed,
        now_ms: i64,
    ) -> Result<NewAction, GateError> {
        let id = action_id(now_ms);
        let mut fields = pass.fields(&caller.principal);
        fields.push(("action", pass.action_field()));
        let (approval_secret, expires_at_ms, start_by_ms) = match pass.essentials.outcome {
            Outcome::Abstain => {
                let secret = keys::random_secret().map_err(|error| GateError::Failed(error.to_string()))?;
                (Some(secret), Some(now_ms.saturating_add(self.approval_ms(&pass.essentials))), None)
            }
            Outcome::Execute => (None, None, Some(self.start_by_ms(now_ms))),
            Outcome::Halt => (None, None, None),
        };
        // INVARIANT: the row of an action follows from its records, or an audit could not compare them. A record
        // holds only the hash of the secret, because others read records.
        if let (Some(secret), Some(expires_at_ms)) = (&approval_secret, expires_at_ms) {
            fields.push(("approval_secret_hash", Canonical::text(&Digest::of(secret.as_bytes()).to_hex())));
            fields.push(("expires_at", Canonical::text(&rfc3339(expires_at_ms))));
        }
        if let Some(start_by_ms) = start_by_ms {
            fields.push(("start_by", Canonical::text(&rfc3339(start_by_ms))));
        }
        let draft = Draft { kind: RecordKind::Decision, at_ms: now_ms, action_id: Some(id.clone()), fields };
        Ok(NewAction {
            id,
            principal: caller.principal.clone(),
            agent_id: proposed.agent_id.clone(),
            tool: proposed.tool.clone(),
            operation: proposed.operation.clone(),
            action: proposed.json.clone(),
            decision: pass.row.clone(),
            risk_score: pass.essentials.risk_score,
            rule: pass.essentials.rule.clone(),
            policy_version: pass.policy_version().to_owned(),
            approval_secret,
            expires_at_ms,
            start_by_ms,
            duration_us: pass.duration_us(),
            draft,
        })
    }

    /// Decides an action and records nothing: the decision it would get now.
    ///
    /// # Errors
    /// When the caller's key is bound to other agents.
    pub fn dry_run(&self, caller: &Actor, action: &[u8]) -> Result<Pass, GateError> {
        let state = State { now: Some(self.clock.now_ms()), approval: None };
        let pass = Pass::over(&self.policies.in_force(), self.policies.module(), action, &state);
        match &pass.proposed {
            Some(proposed) if !caller.speaks_for(&proposed.agent_id) => {
                Err(GateError::AgentNotAllowed(proposed.agent_id.clone()))
            }
            _ => Ok(pass),
        }
    }

    /// One action, if the caller may see it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also for an action that the caller may not see.
    pub async fn visible(&self, caller: &Actor, id_or_prefix: &str) -> Result<ActionRow, GateError> {
        Ok(Visible::new(&*self.store, caller.sight()).action(id_or_prefix).await?)
    }

    async fn refuse_unreadable(&self, caller: &Actor, pass: Pass, now_ms: i64) -> GateError {
        let decision: Decision = match serde_json::from_str(pass.row.json.get()) {
            Ok(decision) => decision,
            Err(error) => return GateError::Failed(error.to_string()),
        };
        let mut fields = pass.fields(&caller.principal);
        fields.push(("action", pass.action_field()));
        let draft = Draft { kind: RecordKind::Decision, at_ms: now_ms, action_id: None, fields };
        match self.store.append(draft).await {
            Ok(receipt) => {
                self.decided(&pass.row, pass.duration, "");
                let Pass { error, .. } = pass;
                GateError::Unreadable(Box::new(Unreadable { decision, error, receipt }))
            }
            Err(error) => error.into(),
        }
    }

    /// What the same request led to before, where it came before.
    async fn answered(&self, request: Option<&IdempotentRequest>) -> Result<Option<Answer>, GateError> {
        let Some(request) = request else { return Ok(None) };
        let answered = self.store.answered(request.clone(), self.clock.now_ms()).await?;
        Ok(answered.map(|row| Answer(Box::new(row))))
    }

    fn approval_ms(&self, decided: &Essentials) -> i64 {
        let by_policy = decided.approval.as_ref().and_then(|approval| approval.expires_ms);
        by_policy.map_or(self.approval_ttl_ms, |ms| i64::try_from(ms).unwrap_or(i64::MAX))
    }

    fn decided(&self, decision: &DecisionRow, duration: Duration, action_id: &str) {
        self.metrics.decided(decision.outcome, decision.reason_code, duration);
        tracing::info!(
            action_id,
            outcome = decision.outcome.as_str(),
            reason_code = decision.reason_code.as_str(),
            duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            "decided"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_that_are_in_order_behind_their_first_eight_characters() {
        let times = [0, 1, 63, 64, 16_383, 16_384, 1_795_348_800_000, 1_795_348_800_001, (1 << 48) - 1];
        let ids = times.map(action_id);
        assert!(ids.is_sorted_by_key(|id| id[9..28].to_owned()), "{ids:?}");
        for id in &ids {
            let read = uuid::Uuid::parse_str(id).unwrap();
            assert_eq!((read.get_version_num(), read.get_variant()), (8, uuid::Variant::RFC4122), "{id}");
        }
        let starts: std::collections::BTreeSet<String> =
            (0..1000).map(|_| action_id(7)[..8].to_owned()).collect();
        assert!(starts.len() > 990, "the first eight characters are random");
    }
}
