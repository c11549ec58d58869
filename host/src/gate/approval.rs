//! People answer for a held action, or time runs out: a new pass along the same road, with the answer in the state.
//!
//! How many people it takes is counted by the engine. Here it is made sure that they are who they must be.

use std::time::Duration;

use engine::canonical::Canonical;
use engine::decision::Outcome;
use engine::lifecycle::{Event, Status};
use engine::record::{Draft, RecordKind};
use engine::state::{Approval, Approver, State, Verdict};
use engine::time::rfc3339;
use engine::value::Value;
use subtle::ConstantTimeEq as _;

use super::pass::Pass;
use super::{Answer, Gate, GateError, Once};
use crate::principal::{APPROVAL_LINK, Actor, Permission, Principal, Via};
use crate::store::{ActionRow, ApprovalRow, Change, StoreError, Written};

/// What a person says of a held action.
#[derive(Debug, Clone)]
pub struct PersonsAnswer {
    /// Yes or no.
    pub approve: bool,
    /// Why.
    pub reason: Option<String>,
    /// The token of an approval link.
    pub token: Option<String>,
}

impl Gate {
    /// Records a person's answer and decides the action again under the policies in force now.
    ///
    /// # Errors
    /// When the person may not answer, or the action does not wait for an answer any more.
    pub async fn answer(
        &self,
        caller: Option<&Actor>,
        id: &str,
        answer: PersonsAnswer,
        once: Option<Once>,
    ) -> Result<Answer, GateError> {
        let may_approve = caller.is_some_and(|caller| caller.role.may(Permission::Approve));
        if !may_approve && answer.token.is_none() {
            return Err(GateError::NotAnApprover);
        }
        if let Some(answered) = self.answered(once.as_ref()).await? {
            return Ok(answered);
        }
        // Approvers of a quorum may answer at the same moment; whoever comes second is counted in a pass of its
        // own. Each turn means that another answer was recorded, so the turns end.
        loop {
            let row = self.store.action(id.to_owned()).await?;
            if row.is_local() {
                return Err(GateError::LocalAction(Box::new(row)));
            }
            let (principal, roles) = who(caller, &answer, &row)?;
            let now_ms = self.clock.now_ms();
            if row.status != Status::PendingApproval {
                return Err(GateError::WrongStatus(Box::new(row)));
            }
            if row.expires_at_ms.is_some_and(|expires_at_ms| now_ms >= expires_at_ms) {
                let row = self.expire(row).await?;
                return Err(GateError::WrongStatus(Box::new(row)));
            }
            if answer.approve
                && row
                    .approvals
                    .iter()
                    .any(|earlier| earlier.approve && earlier.principal.is_same_person(&principal))
            {
                return Err(GateError::AlreadyApproved);
            }
            let approval = ApprovalRow {
                principal,
                roles,
                approve: answer.approve,
                reason: answer.reason.clone(),
                at: rfc3339(now_ms),
            };
            let (change, duration) = self.resolve(&row, Resolution::Answered(approval), now_ms)?;
            match self.store.advance(change, once.as_ref().map(Once::idempotency)).await {
                Ok(written) => {
                    if let Written::Fresh(row) = &written {
                        self.decided(&row.decision, duration, &row.id);
                    }
                    return Ok(written.into());
                }
                Err(StoreError::Conflict(now)) if now.status == Status::PendingApproval => {}
                Err(StoreError::Conflict(now)) => return Err(GateError::WrongStatus(now)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Denies a held action whose time has run out. The answer is what it has become, also when somebody else was
    /// faster.
    ///
    /// # Errors
    /// When the store cannot.
    pub async fn expire(&self, row: ActionRow) -> Result<ActionRow, GateError> {
        let (change, duration) = self.resolve(&row, Resolution::Expired, self.clock.now_ms())?;
        match self.store.advance(change, None).await {
            Ok(Written::Fresh(row)) => {
                self.decided(&row.decision, duration, &row.id);
                Ok(*row)
            }
            Err(StoreError::Conflict(row)) => Ok(*row),
            Ok(Written::Replayed(_)) => Ok(self.store.action(row.id).await?),
            Err(error) => Err(error.into()),
        }
    }

    /// The change that a new pass leads to, and how long the pass took.
    fn resolve(
        &self,
        row: &ActionRow,
        resolution: Resolution,
        now_ms: i64,
    ) -> Result<(Change, Duration), GateError> {
        // Gather.
        let answer = match &resolution {
            Resolution::Answered(answer) => Some(answer),
            Resolution::Expired => None,
        };
        let verdict = match answer {
            Some(answer) if answer.approve => Verdict::Granted,
            Some(_) => Verdict::Rejected,
            None => Verdict::Expired,
        };
        let granted = row.approvals.iter().chain(answer).filter(|answer| answer.approve);
        let approvers = granted
            .map(|answer| Approver {
                key_id: answer.principal.key_id().map(str::to_owned),
                principal: answer.principal.name().to_owned(),
                roles: answer.roles.clone(),
            })
            .collect();
        let reason = answer.and_then(|answer| answer.reason.clone());
        let state = State { now: Some(now_ms), approval: Some(Approval { approvers, reason, verdict }) };
        let set = self.policies.in_force();

        // Call.
        let pass = Pass::over_recorded(&set, self.policies.module(), &row.action, &state);

        // Act.
        let outcome = pass.essentials.outcome;
        if verdict != Verdict::Granted && outcome != Outcome::Halt {
            // INVARIANT: only a granted approval opens the gate, whatever the engine says.
            return Err(GateError::Failed("the engine does not halt what nobody granted".to_owned()));
        }
        let status = row
            .status
            .after(Event::Resolve(outcome))
            .ok_or_else(|| GateError::WrongStatus(Box::new(row.clone())))?;
        let principal = answer.map_or(&Principal::System, |answer| &answer.principal);
        let kind = if answer.is_some() { RecordKind::Approval } else { RecordKind::Expiry };
        let mut fields = pass.fields(principal);
        fields.push(("approval", approval_field(answer)));
        fields.push(("request_hash", super::execution::request_hash(row)));
        let change = Change {
            id: row.id.clone(),
            version: row.version,
            status,
            policy_version: Some(pass.policy_version().to_owned()),
            decision: Some(pass.row),
            approval: answer.cloned(),
            start_by_ms: None,
            error: None,
            result: None,
            draft: Draft { kind, at_ms: now_ms, action_id: Some(row.id.clone()), fields },
        };
        Ok((change, pass.duration))
    }
}

/// What ends the waiting.
enum Resolution {
    Answered(ApprovalRow),
    Expired,
}

/// Who answers, and as what.
fn who(
    caller: Option<&Actor>,
    answer: &PersonsAnswer,
    row: &ActionRow,
) -> Result<(Principal, Vec<String>), GateError> {
    // A caller without a key is nobody in particular: it is not who proposed the action just because that one had
    // no key either. What it needs is the token, and that is shown to approvers only.
    let known = caller.filter(|caller| caller.principal != Principal::Anonymous);
    if known.is_some_and(|caller| caller.principal.is_same_person(&row.principal)) {
        return Err(GateError::SelfApproval);
    }
    if let Some(given) = &answer.token
        && row.status == Status::PendingApproval
    {
        let token = row.approval_secret.as_deref().unwrap_or_default();
        if token.is_empty() || !bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
            return Err(GateError::WrongToken);
        }
    }
    match known {
        Some(caller) if caller.role.may(Permission::Approve) => {
            Ok((caller.principal.clone(), caller.approver_roles.clone()))
        }
        _ => Ok((Principal::without_key(APPROVAL_LINK.to_owned()), Vec::new())),
    }
}

fn approval_field(answer: Option<&ApprovalRow>) -> Canonical {
    let null = || Canonical::of(&Value::Null);
    let Some(answer) = answer else { return null() };
    let text = |text: &str| Canonical::of(&Value::from(text));
    let or_null = |value: Option<&str>| value.map_or_else(null, text);
    let roles = answer.roles.iter().map(|role| Value::from(role.as_str())).collect();
    let (principal, via) = (&answer.principal, answer.principal.via());
    Canonical::object(&[
        ("approve", &Canonical::of(&Value::Bool(answer.approve))),
        ("claimed_by", &or_null(principal.claimed_by())),
        ("key_id", &or_null(principal.key_id())),
        ("principal", &text(principal.name())),
        ("reason", &or_null(answer.reason.as_deref())),
        ("roles", &Canonical::of(&Value::Array(roles))),
        ("via", &or_null(via.map(Via::as_str))),
    ])
}
