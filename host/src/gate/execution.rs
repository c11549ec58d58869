//! The start, end, withdrawal and lapse of a decided action.
//!
//! A status that permits is a permission under the policies that gave it, and for a while: before an action starts it
//! is looked at again.

use engine::canonical::Canonical;
use engine::decision::{Outcome, ReasonCode};
use engine::hash::{Digest, PolicyHash};
use engine::json::{self, MAX_BYTES};
use engine::lifecycle::{Status, Transition};
use engine::principal::Principal;
use engine::record::{Draft, RecordKind};
use engine::state::{Approval, State, Verdict};
use engine::value::Value;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::{ActionRow, Change, IdempotentRequest, Premise, StoreError, Written};

use super::pass::Pass;
use super::{Answer, Gate, GateError, TURNS};
use crate::actor::{Actor, Role};
use crate::policies::InForce;

/// How an action ended, as its caller says.
#[derive(Debug, Clone)]
pub struct Report {
    /// Whether it ended well.
    pub success: bool,
    /// The failure.
    pub error: Option<String>,
    /// The tool's result: any strict JSON.
    pub result: Option<Box<RawValue>>,
}

impl Gate {
    /// Starts an action that may run. Of many who ask, one is told yes.
    ///
    /// # Errors
    /// [`GateError::WrongStatus`] when it may not start, or not any more; [`GateError::Lapsed`] when its time has run
    /// out or the policies in force now do not permit it, which ends it.
    pub async fn start(
        &self,
        caller: &Actor,
        id: &str,
        request: Option<IdempotentRequest>,
    ) -> Result<Answer, GateError> {
        if let Some(answered) = self.answered(request.as_ref()).await? {
            return Ok(answered);
        }
        for _ in 0..TURNS {
            let row = self.own(caller, id).await?;
            let status = row.status.after(Transition::Start);
            let status = status.ok_or_else(|| GateError::WrongStatus(Box::new(row.clone())))?;
            let now_ms = self.clock.now_ms();
            let set = self.policies.in_force();
            // INVARIANT: without a time until when it may start, it may not.
            if row.start_by_ms.is_none_or(|start_by_ms| now_ms >= start_by_ms) {
                let now = self.lapse(&set, &row, ReasonCode::PermitExpired, now_ms).await?;
                return Err(lapsed(ReasonCode::PermitExpired, now));
            }
            let again = self.decided_otherwise(&set, &row).then(|| self.pass_again(&set, &row, now_ms));
            if again.as_ref().is_some_and(|again| again.essentials.outcome != Outcome::Execute) {
                match self.lapse(&set, &row, ReasonCode::PolicyChanged, now_ms).await {
                    Err(GateError::Store(StoreError::Outdated)) => {
                        self.policies.moved_on_from(&set.policy_version).await;
                        continue;
                    }
                    Err(GateError::Store(StoreError::KeyRevoked)) => continue,
                    now => return Err(lapsed(ReasonCode::PolicyChanged, now?)),
                }
            }
            let mut fields = match &again {
                Some(again) => again.fields(&caller.principal),
                None => caller.principal.fields(),
            };
            fields.push(("request_hash", request_hash(&row)));
            let action_id = Some(row.id.clone());
            let draft = Draft { kind: RecordKind::Start, at_ms: now_ms, action_id, fields };
            let change = Change {
                premise: self.premise(&set, &row),
                policy_version: again.as_ref().map(|again| again.policy_version().to_owned()),
                decision: again.map(|again| again.row),
                ..Change::to(&row, status, draft)
            };
            match self.store.advance(change, request.clone()).await {
                Ok(written) => return Ok(written.into()),
                Err(StoreError::Conflict(now)) => return Err(GateError::WrongStatus(now)),
                Err(StoreError::KeyRevoked) => {}
                Err(StoreError::Outdated) => self.policies.moved_on_from(&set.policy_version).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(GateError::Restless)
    }

    /// Gives an action up that has not started: no one waits for it any more, and nothing may start it.
    ///
    /// # Errors
    /// [`GateError::WrongStatus`] when it has started, or has ended in another way.
    pub async fn withdraw(
        &self,
        caller: &Actor,
        id: &str,
        reason: Option<String>,
        request: Option<IdempotentRequest>,
    ) -> Result<Answer, GateError> {
        if let Some(answered) = self.answered(request.as_ref()).await? {
            return Ok(answered);
        }
        let row = self.own(caller, id).await?;
        let said = reason.as_deref().map_or_else(|| Canonical::of(&Value::Null), text);
        let mut fields = vec![("reason", said), ("request_hash", request_hash(&row))];
        fields.extend(caller.principal.fields());
        let change = self.change(&row, Transition::Withdraw, RecordKind::Withdrawal, fields)?;
        self.advance(change, request).await
    }

    /// Records how an action ended.
    ///
    /// # Errors
    /// [`GateError::WrongStatus`] when it is not executing. A result that comes after its time still counts.
    pub async fn report(
        &self,
        caller: &Actor,
        id: &str,
        report: Report,
        request: Option<IdempotentRequest>,
    ) -> Result<Answer, GateError> {
        if let Some(answered) = self.answered(request.as_ref()).await? {
            return Ok(answered);
        }
        let result = report.result.as_deref().map(canonical).transpose()?;
        let row = self.own(caller, id).await?;
        let event = Transition::Result { success: report.success };
        let fields = result_fields(&row, &caller.principal, event, report.error.as_deref(), result.as_ref());
        let mut change = self.change(&row, event, RecordKind::Result, fields)?;
        change.error = report.error;
        change.result = result.map(|result| super::pass::raw(result.into_string()));
        self.advance(change, request).await
    }

    /// Ends overdue actions: held ones without an answer, permitted ones that did not start, and started ones without a
    /// result.
    pub async fn sweep(&self) {
        let now_ms = self.clock.now_ms();
        let overdue = match self.store.overdue(now_ms, now_ms.saturating_sub(self.result_ttl_ms)).await {
            Ok(overdue) => overdue,
            Err(error) => {
                tracing::error!(%error, "overdue actions cannot be read");
                return;
            }
        };
        for row in overdue {
            let id = row.id.clone();
            let ended = match row.status {
                Status::PendingApproval => self.expire(row).await.map(|_| ()),
                Status::Allowed | Status::Approved => self
                    .lapse(&self.policies.in_force(), &row, ReasonCode::PermitExpired, now_ms)
                    .await
                    .map(|_| ()),
                _ => self.lose(row).await,
            };
            match ended {
                Ok(()) => tracing::info!(action_id = id, "an overdue action was ended"),
                Err(error) => tracing::error!(action_id = id, %error, "an overdue action could not be ended"),
            }
        }
    }

    /// Until when an action may start that is permitted now.
    pub(super) fn start_by_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_add(self.start_ttl_ms)
    }

    /// Whether what permitted an action is not what would decide about it now: the policies, the engine, or a person
    /// whose key was revoked since.
    fn decided_otherwise(&self, set: &InForce, row: &ActionRow) -> bool {
        #[derive(Deserialize)]
        struct Decided {
            policy_hash: PolicyHash,
            runtime_version: String,
        }
        let same = serde_json::from_str::<Decided>(row.decision.json.get()).is_ok_and(|decided| {
            decided.policy_hash == set.policy_hash() && decided.runtime_version == engine::RUNTIME_VERSION
        });
        !same || row.approvals.iter().any(|said| said.approve && !self.counts(said))
    }

    /// A new pass over an action that may run, with the people who approved it.
    fn pass_again(&self, set: &InForce, row: &ActionRow, now_ms: i64) -> Pass {
        let approval = (row.status == Status::Approved).then(|| Approval {
            approvers: self.granted(row),
            reason: row.approvals.last().and_then(|said| said.reason.clone()),
            verdict: Verdict::Granted,
        });
        let state = State { now: Some(now_ms), approval };
        Pass::over_recorded(set, self.policies.module(), &row.action, &state)
    }

    /// The conditions of a start: the policies in force, and the keys of its approvers.
    fn premise(&self, set: &InForce, row: &ActionRow) -> Premise {
        let keys = self.granted(row).into_iter().filter_map(|one| one.key_id).collect();
        Premise { policy_version: Some(set.policy_version.clone()), keys }
    }

    /// Ends a permitted action that must not start. Returns its new state, also if another request was faster.
    async fn lapse(
        &self,
        set: &InForce,
        row: &ActionRow,
        code: ReasonCode,
        now_ms: i64,
    ) -> Result<ActionRow, GateError> {
        let reason = match code {
            ReasonCode::PolicyChanged => {
                let again = self.pass_again(set, row, now_ms);
                format!("it was permitted, and the policies in force at its start do not: {}", again.reason())
            }
            _ => "it was permitted, and not started in time".to_owned(),
        };
        let pass = Pass::lapsed(set, self.policies.module(), row, code, reason)?;
        let mut fields = pass.fields(&Principal::System);
        fields.push(("reason_code", text(code.as_str())));
        fields.push(("request_hash", request_hash(row)));
        let mut change = self.change(row, Transition::Lapse, RecordKind::Expiry, fields)?;
        change.policy_version = Some(pass.policy_version().to_owned());
        change.decision = Some(pass.row);
        if code == ReasonCode::PolicyChanged {
            change.premise = self.premise(set, row);
        }
        match self.store.advance(change, None).await {
            Ok(Written::Fresh(row)) => Ok(*row),
            Err(StoreError::Conflict(row)) => Ok(*row),
            Ok(Written::Replayed(_)) => Ok(self.store.action(row.id.clone()).await?),
            Err(error) => Err(error.into()),
        }
    }

    async fn lose(&self, row: ActionRow) -> Result<(), GateError> {
        let fields = result_fields(&row, &Principal::System, Transition::Lost, None, None);
        let change = self.change(&row, Transition::Lost, RecordKind::Result, fields)?;
        match self.store.advance(change, None).await {
            // A result that came at the last moment counts.
            Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// An action that the caller proposed.
    async fn own(&self, caller: &Actor, id: &str) -> Result<ActionRow, GateError> {
        let row = self.visible(caller, id).await?;
        let own = caller.role == Role::Admin || caller.principal.is_sender(&row.principal);
        if !own {
            return Err(StoreError::NotFound.into());
        }
        if row.is_local() { Err(GateError::LocalAction(Box::new(row))) } else { Ok(row) }
    }

    fn change(
        &self,
        row: &ActionRow,
        event: Transition,
        kind: RecordKind,
        fields: Vec<(&'static str, Canonical)>,
    ) -> Result<Change, GateError> {
        let status = row.status.after(event).ok_or_else(|| GateError::WrongStatus(Box::new(row.clone())))?;
        let at_ms = self.clock.now_ms();
        Ok(Change::to(row, status, Draft { kind, at_ms, action_id: Some(row.id.clone()), fields }))
    }

    async fn advance(&self, change: Change, request: Option<IdempotentRequest>) -> Result<Answer, GateError> {
        match self.store.advance(change, request.clone()).await {
            Ok(written) => Ok(written.into()),
            Err(StoreError::Conflict(now)) => Err(GateError::WrongStatus(now)),
            Err(error) => Err(error.into()),
        }
    }
}

/// The answer to a start of an action that was to lapse: another request may have been faster.
fn lapsed(code: ReasonCode, now: ActionRow) -> GateError {
    match now.status {
        Status::Lapsed => GateError::Lapsed(code, Box::new(now)),
        _ => GateError::WrongStatus(Box::new(now)),
    }
}

fn result_fields(
    row: &ActionRow,
    principal: &Principal,
    event: Transition,
    error: Option<&str>,
    result: Option<&Canonical>,
) -> Vec<(&'static str, Canonical)> {
    let null = || Canonical::of(&Value::Null);
    let success = match event {
        Transition::Result { success } => Canonical::of(&Value::Bool(success)),
        Transition::Resolve(_)
        | Transition::Start
        | Transition::Lapse
        | Transition::Withdraw
        | Transition::Lost => null(),
    };
    let result_hash = result.map(|result| text(&Digest::of(result.as_bytes()).to_hex()));
    let mut fields = vec![
        ("error", error.map_or_else(null, text)),
        ("request_hash", request_hash(row)),
        ("result", result.cloned().unwrap_or_else(null)),
        ("result_hash", result_hash.unwrap_or_else(null)),
        ("status", row.status.after(event).map_or_else(null, |status| text(status.as_str()))),
        ("success", success),
    ];
    fields.extend(principal.fields());
    fields
}

/// The `request_hash` of the action, as its decision says.
pub(super) fn request_hash(row: &ActionRow) -> Canonical {
    #[derive(Deserialize)]
    struct Hashed {
        request_hash: Option<String>,
    }
    let hashed = serde_json::from_str::<Hashed>(row.decision.json.get()).ok();
    let hash = hashed.and_then(|hashed| hashed.request_hash);
    hash.as_deref().map_or_else(|| Canonical::of(&Value::Null), text)
}

fn canonical(result: &RawValue) -> Result<Canonical, GateError> {
    let value = json::parse(result.get().as_bytes(), MAX_BYTES).map_err(GateError::UnreadableResult)?;
    Ok(Canonical::of(&value))
}

fn text(text: &str) -> Canonical {
    Canonical::of(&Value::from(text))
}
