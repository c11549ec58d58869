//! People answer for a held action, or time runs out: a new pass along the same road, with the answer in the state.
//!
//! How many people it takes is counted by the engine. Here it is made sure that they are who they must be.

pub mod token;

use std::time::Duration;

use engine::canonical::Canonical;
use engine::decision::{Outcome, ReasonCode};
use engine::lifecycle::{Status, Transition};
use engine::principal::{Principal, Via};
use engine::quorum::ApprovalRequirement;
use engine::record::{Draft, RecordKind};
use engine::state::{Approval, Approver, State, Verdict};
use engine::time::rfc3339;
use engine::value::Value;
use serde::{Deserialize, Serialize};
use store::{ActionRow, ApprovalRow, Change, IdempotentRequest, Premise, StoreError, Written};

use super::pass::{Essentials, Pass};
use super::{Answer, Gate, GateError, TURNS};
use crate::actor::{Actor, Permission};
use crate::keys::Keys;

/// A person's answer to a held action.
#[derive(Debug, Clone)]
pub struct PersonsAnswer {
    /// Yes or no.
    pub approve: bool,
    /// Why.
    pub reason: Option<String>,
    /// The token of an approval link.
    pub token: Option<String>,
}

/// Whether an answer of one caller would count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Answerable {
    /// Whether a yes would.
    pub approve: bool,
    /// Whether a no would.
    pub reject: bool,
    /// Why not; none when both would.
    pub why_not: Option<WhyNot>,
}

/// Why an answer would not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyNot {
    /// The caller proposed the action.
    SelfApproval,
    /// The caller has approved it already.
    AlreadyApproved,
    /// The policy asks for roles that the caller has not.
    RoleNotAsked,
}

/// The person who answers, and in which capacity.
struct Answerer {
    principal: Principal,
    roles: Vec<String>,
}

impl Answerer {
    fn approver(&self) -> Approver {
        approver(&self.principal, &self.roles)
    }
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
        request: Option<IdempotentRequest>,
    ) -> Result<Answer, GateError> {
        let known = caller.filter(|caller| caller.principal != Principal::Anonymous);
        if known.is_some_and(|caller| !caller.may(Permission::Approve))
            || (known.is_none() && answer.token.is_none())
        {
            return Err(GateError::NotAnApprover);
        }
        if let Some(answered) = self.answered(request.as_ref()).await? {
            return Ok(answered);
        }
        // Approvers of a quorum may answer at the same moment, policies may change and keys be revoked; the second of
        // them is counted in a pass of its own.
        for _ in 0..TURNS {
            let row = match self.store.action(id.to_owned()).await {
                // INVARIANT: a caller without a key learns of no action but the one that its token is for.
                Err(StoreError::NotFound | StoreError::Ambiguous) if known.is_none() => {
                    return Err(GateError::WrongToken);
                }
                row => row?,
            };
            let answerer = self.answerer(known, answer.token.as_deref(), &row)?;
            let now_ms = self.clock.now_ms();
            let said = ApprovalRow {
                principal: answerer.principal.clone(),
                roles: answerer.roles.clone(),
                approve: answer.approve,
                reason: answer.reason.clone(),
                at: rfc3339(now_ms),
            };
            let waits = row.status == Status::PendingApproval;
            if !waits || row.expires_at_ms.is_some_and(|expires_at_ms| now_ms >= expires_at_ms) {
                let row = if waits { self.expire(row).await? } else { row };
                let row = self.keep_late_no(row, said, now_ms).await?;
                return Err(GateError::WrongStatus(Box::new(row)));
            }
            if answer.approve && has_approved(&row, &answerer.principal) {
                return Err(GateError::AlreadyApproved);
            }
            let set = self.policies.in_force();
            let (change, duration) =
                self.resolve(&set, &row, Resolution::Answered(&answerer, said), now_ms)?;
            match self.store.advance(change, request.clone()).await {
                Ok(written) => {
                    if let Written::Fresh(row) = &written {
                        self.decided(&row.decision, duration, &row.id);
                    }
                    return Ok(written.into());
                }
                // Where it does not wait any more, the next turn says so, and keeps a no.
                Err(StoreError::Conflict(_) | StoreError::KeyRevoked) => {}
                Err(StoreError::Outdated) => self.policies.moved_on_from(&set.policy_version).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(GateError::Restless)
    }

    /// Denies a held action whose time has run out. Returns its new state, also if another request was faster.
    ///
    /// # Errors
    /// When the store cannot.
    pub async fn expire(&self, row: ActionRow) -> Result<ActionRow, GateError> {
        for _ in 0..TURNS {
            let set = self.policies.in_force();
            let (change, duration) = self.resolve(&set, &row, Resolution::Expired, self.clock.now_ms())?;
            match self.store.advance(change, None).await {
                Ok(Written::Fresh(row)) => {
                    self.decided(&row.decision, duration, &row.id);
                    return Ok(*row);
                }
                Err(StoreError::Conflict(row)) => return Ok(*row),
                Err(StoreError::KeyRevoked) => {}
                Err(StoreError::Outdated) => self.policies.moved_on_from(&set.policy_version).await,
                Ok(Written::Replayed(_)) => return Ok(self.store.action(row.id).await?),
                Err(error) => return Err(error.into()),
            }
        }
        Err(GateError::Restless)
    }

    /// Whether an answer of `caller` to the action would count; none when it does not wait for one here, or the caller
    /// answers nothing.
    pub fn answerable(&self, row: &ActionRow, caller: &Actor) -> Option<Answerable> {
        if row.status != Status::PendingApproval || row.is_local() || !caller.may(Permission::Approve) {
            return None;
        }
        let requirement = requirement(row);
        let (reject, why_not) = if caller.principal.is_same_person(&row.principal) {
            (false, Some(WhyNot::SelfApproval))
        } else if has_approved(row, &caller.principal) {
            (true, Some(WhyNot::AlreadyApproved))
        } else if requirement.is_some_and(|wanted| !wanted.asks(&caller.approver_roles)) {
            (true, Some(WhyNot::RoleNotAsked))
        } else {
            (true, None)
        };
        Some(Answerable { approve: why_not.is_none(), reject, why_not })
    }

    /// The approval token that was made for `caller`; none when it could not approve with one.
    pub fn token(&self, row: &ActionRow, caller: &Actor) -> Option<String> {
        // INVARIANT: a token never goes to who proposed the action, nor to anyone who may not approve.
        self.answerable(row, caller).filter(|answerable| answerable.approve)?;
        let alone = approver(&caller.principal, &caller.approver_roles);
        if requirement(row).is_some_and(|wanted| !wanted.met_by(&[alone])) {
            return None;
        }
        token::token(row, caller.principal.key_id()?)
    }

    /// Whether this answer counts toward a quorum: a yes of a person whose key was not revoked since.
    pub fn counts(&self, said: &ApprovalRow) -> bool {
        counts(&self.keys, said)
    }

    /// The person who answers. A caller with a key is the holder of the key, also with a token, which must then be
    /// its own; without a key, it is the person the token was made for.
    fn answerer(
        &self,
        known: Option<&Actor>,
        given: Option<&str>,
        row: &ActionRow,
    ) -> Result<Answerer, GateError> {
        let answerer = match known {
            Some(actor) => {
                // A key may have been revoked since its request came.
                let live = actor.principal.key_id().and_then(|id| self.keys.holder(id));
                live.ok_or(GateError::NotAnApprover)?;
                if row.is_local() {
                    return Err(GateError::LocalAction(Box::new(row.clone())));
                }
                if actor.principal.is_same_person(&row.principal) {
                    return Err(GateError::SelfApproval);
                }
                let waits = row.status == Status::PendingApproval;
                let own = |given| token::made_for(row, given) == actor.principal.key_id();
                if waits && given.is_some_and(|given| !own(given)) {
                    return Err(GateError::WrongToken);
                }
                Answerer { principal: actor.principal.clone(), roles: actor.approver_roles.clone() }
            }
            None => {
                // The secret is gone as soon as the action does not wait, and with it every token.
                let key_id = given.and_then(|given| token::made_for(row, given));
                let holder = key_id.and_then(|key_id| self.keys.holder(key_id));
                let holder = holder.filter(|holder| holder.actor.may(Permission::Approve));
                let holder = holder.ok_or(GateError::WrongToken)?;
                let name = holder.actor.name().to_owned();
                Answerer {
                    principal: Principal::Link { key_id: holder.key_id, name },
                    roles: holder.actor.approver_roles,
                }
            }
        };
        if answerer.principal.is_same_person(&row.principal) {
            return Err(GateError::SelfApproval);
        }
        Ok(answerer)
    }

    /// Keeps the no of a person for an action that ran out before: it changes nothing, and is not lost. The answer is
    /// the action as it is then.
    async fn keep_late_no(
        &self,
        row: ActionRow,
        said: ApprovalRow,
        now_ms: i64,
    ) -> Result<ActionRow, GateError> {
        let ran_out = match row.status {
            Status::Denied => row.decision.reason_code == ReasonCode::ApprovalExpired,
            Status::Withdrawn | Status::Lapsed => true,
            Status::Allowed
            | Status::PendingApproval
            | Status::Approved
            | Status::Executing
            | Status::Succeeded
            | Status::Failed
            | Status::Timeout => false,
        };
        let known =
            row.approvals.iter().any(|one| !one.approve && one.principal.is_same_person(&said.principal));
        if said.approve || !ran_out || known {
            return Ok(row);
        }
        let mut fields = vec![
            ("approval", approval_field(Some(&said))),
            ("late", Canonical::of(&Value::Bool(true))),
            ("request_hash", super::execution::request_hash(&row)),
        ];
        fields.extend(said.principal.fields());
        let draft =
            Draft { kind: RecordKind::Approval, at_ms: now_ms, action_id: Some(row.id.clone()), fields };
        let change = Change { approval: Some(said), ..Change::to(&row, row.status, draft) };
        match self.store.advance(change, None).await {
            Ok(Written::Fresh(row)) | Err(StoreError::Conflict(row)) => Ok(*row),
            Ok(Written::Replayed(_)) => Ok(row),
            Err(error) => Err(error.into()),
        }
    }

    /// The change that a new pass leads to, and how long the pass took.
    fn resolve(
        &self,
        set: &crate::policies::InForce,
        row: &ActionRow,
        resolution: Resolution<'_>,
        now_ms: i64,
    ) -> Result<(Change, Duration), GateError> {
        // Gather.
        let granted = self.granted(row);
        let (verdict, answer) = match &resolution {
            Resolution::Answered(_, said) if said.approve => (Verdict::Granted, Some(said)),
            Resolution::Answered(_, said) => (Verdict::Rejected, Some(said)),
            Resolution::Expired => (Verdict::Expired, None),
        };
        let approvers = match &resolution {
            Resolution::Answered(answerer, said) if said.approve => {
                granted.iter().cloned().chain([answerer.approver()]).collect()
            }
            Resolution::Answered(answerer, _) => vec![answerer.approver()],
            Resolution::Expired => granted.clone(),
        };
        let keys = approvers.iter().filter_map(|one: &Approver| one.key_id.clone()).collect();
        let reason = answer.and_then(|answer| answer.reason.clone());
        let state = |approvers| State {
            now: Some(now_ms),
            approval: Some(Approval { approvers, reason: reason.clone(), verdict }),
        };

        // Call.
        let module = self.policies.module();
        if let Resolution::Answered(answerer, said) = &resolution
            && let (true, Principal::Link { .. }) = (said.approve, &answerer.principal)
        {
            // INVARIANT: a link never adds a person to a quorum: its approval is enough alone, or does not count.
            let alone = Pass::over_recorded(set, module, &row.action, &state(vec![answerer.approver()]));
            let wanted = requirement(row);
            let enough = alone.essentials.outcome != Outcome::Abstain
                && wanted.is_none_or(|wanted| wanted.met_by(&[answerer.approver()]));
            if !enough {
                return Err(GateError::TokenNotEnough);
            }
        }
        let pass = Pass::over_recorded(set, module, &row.action, &state(approvers));

        // Act.
        let Essentials { outcome, approval: wanted, .. } = &pass.essentials;
        let outcome = *outcome;
        if verdict != Verdict::Granted && outcome != Outcome::Halt {
            // INVARIANT: only a granted approval opens the gate, whatever the engine says.
            return Err(GateError::Failed("the engine does not halt what no one granted".to_owned()));
        }
        if let Resolution::Answered(answerer, _) = &resolution
            && outcome == Outcome::Abstain
            && wanted.as_ref().is_some_and(|wanted| !wanted.asks(&answerer.roles))
        {
            return Err(GateError::RoleNotAsked);
        }
        let status = row
            .status
            .after(Transition::Resolve(outcome))
            .ok_or_else(|| GateError::WrongStatus(Box::new(row.clone())))?;
        let principal = answer.map_or(&Principal::System, |answer| &answer.principal);
        let kind = if answer.is_some() { RecordKind::Approval } else { RecordKind::Expiry };
        let mut fields = pass.fields(principal);
        fields.push(("approval", approval_field(answer)));
        fields.push(("request_hash", super::execution::request_hash(row)));
        let start_by_ms = (status == Status::Approved).then(|| self.start_by_ms(now_ms));
        if let Some(start_by_ms) = start_by_ms {
            fields.push(("start_by", Canonical::text(&rfc3339(start_by_ms))));
        }
        let draft = Draft { kind, at_ms: now_ms, action_id: Some(row.id.clone()), fields };
        let change = Change {
            policy_version: Some(pass.policy_version().to_owned()),
            premise: Premise { policy_version: Some(set.policy_version.clone()), keys },
            decision: Some(pass.row),
            approval: answer.cloned(),
            start_by_ms,
            ..Change::to(row, status, draft)
        };
        Ok((change, pass.duration))
    }

    /// The people whose yes counts.
    pub(super) fn granted(&self, row: &ActionRow) -> Vec<Approver> {
        let counted = row.approvals.iter().filter(|said| self.counts(said));
        counted.map(|said| approver(&said.principal, &said.roles)).collect()
    }
}

/// The event that ends the waiting.
enum Resolution<'a> {
    Answered(&'a Answerer, ApprovalRow),
    Expired,
}

fn counts(keys: &Keys, said: &ApprovalRow) -> bool {
    said.approve
        && match &said.principal {
            Principal::Key { id, .. } | Principal::Link { key_id: id, .. } => keys.is_unrevoked(id),
            // INVARIANT: an approver without a key of this server is not a person here.
            Principal::Anonymous
            | Principal::System
            | Principal::Claimed { .. }
            | Principal::Former { .. } => false,
        }
}

fn approver(principal: &Principal, roles: &[String]) -> Approver {
    Approver {
        key_id: principal.key_id().map(str::to_owned),
        principal: principal.name().to_owned(),
        roles: roles.to_vec(),
    }
}

fn has_approved(row: &ActionRow, principal: &Principal) -> bool {
    row.approvals.iter().any(|said| said.approve && said.principal.is_same_person(principal))
}

/// The requirements in the decision about a held action.
fn requirement(row: &ActionRow) -> Option<ApprovalRequirement> {
    #[derive(Deserialize)]
    struct Asks {
        approval: Option<ApprovalRequirement>,
    }
    serde_json::from_str::<Asks>(row.decision.json.get()).ok()?.approval
}

fn approval_field(answer: Option<&ApprovalRow>) -> Canonical {
    let null = || Canonical::of(&Value::Null);
    let Some(answer) = answer else { return null() };
    let or_null = |value: Option<&str>| value.map_or_else(null, Canonical::text);
    let roles = answer.roles.iter().map(|role| Value::from(role.as_str())).collect();
    let (principal, via) = (&answer.principal, answer.principal.via());
    Canonical::object(&[
        ("approve", &Canonical::of(&Value::Bool(answer.approve))),
        ("claimed_by", &or_null(principal.claimed_by())),
        ("key_id", &or_null(principal.key_id())),
        ("principal", &Canonical::text(principal.name())),
        ("reason", &or_null(answer.reason.as_deref())),
        ("roles", &Canonical::of(&Value::Array(roles))),
        ("via", &or_null(via.map(Via::as_str))),
    ])
}
