//! Derives the state of an action from its records: the row that a store must have, folded from nothing but records.
//!
//! This is the only place that says how a record changes the readable state of an action. Whether such a record may be
//! written was decided earlier.

use engine::canonical::Canonical;
use engine::decision::{Outcome, ReasonCode, RuleRef};
use engine::hash::{Digest, PolicyHash};
use engine::lifecycle::{Status, Transition};
use engine::principal::Principal;
use engine::record::{DecisionBody, Record, RecordBody, RecordRef, Ruling};
use engine::risk::{RiskLevel, RiskScore};
use engine::time::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::intake::is_local;
use crate::{ActionRow, ApprovalRow, DecisionRow, Receipt, StoredRecord};

/// An action according to its records.
#[derive(Debug, Clone)]
pub struct Life {
    /// The row it must have. Its `approval_secret` is in no record: see `secret_hash`.
    pub row: ActionRow,
    /// Its first decision, which statistics count.
    pub first: FirstDecision,
    /// The SHA-256 of the secret of approval links, as long as there must be one; none in records of earlier versions.
    pub secret_hash: Option<Digest>,
    /// Whether the records say until when it may be approved. Those of earlier versions do not.
    pub knows_expiry: bool,
    /// Whether it was decided again after it came.
    pub decided_again: bool,
    /// Which record says what.
    pub said_in: SaidIn,
}

/// The numbers of the records that say the parts of a row.
#[derive(Debug, Clone, Copy)]
pub struct SaidIn {
    /// Its content, its sender and its time.
    pub first: u64,
    /// The decision that holds.
    pub decision: u64,
    /// The last answer of a person.
    pub approval: u64,
    /// How it ended.
    pub result: u64,
}

/// The parts of a decision that rows store in addition to its bytes.
#[derive(Debug, Clone, Deserialize)]
pub struct FirstDecision {
    /// Its outcome.
    pub outcome: Outcome,
    /// Why.
    pub reason_code: ReasonCode,
    /// The risk level.
    pub risk_level: RiskLevel,
    /// The risk score.
    pub risk_score: RiskScore,
    /// The rule that decided, if one did.
    pub rule: Option<RuleRef>,
    /// The policies that decided.
    pub policy_hash: PolicyHash,
}

/// The facts about a local stream that only the store knows.
pub trait Local {
    /// The sender of the stream when the record at `place` arrived.
    fn owner(&self, stream: &str, place: u64) -> Option<Principal>;
    /// The id of the key that had this name at a time, for records of earlier versions, which have the name alone.
    fn key_named(&self, name: &str, at_ms: i64) -> Option<String>;
    /// The number of the policy set as it was when the record at `place` came.
    fn policy_version(&self, policy_hash: PolicyHash, place: u64) -> Option<String>;
}

/// The names in a canonical action.
#[derive(Deserialize)]
struct Names {
    agent_id: String,
    tool: String,
    operation: String,
}

/// Why records make no action.
pub type Why = String;

impl Life {
    /// The state that `records`, all those about one action and the oldest first, give.
    ///
    /// # Errors
    /// Why there is no such action, naming the record.
    pub fn of(records: &[StoredRecord], local: &dyn Local) -> Result<Life, Why> {
        let mut life: Option<Life> = None;
        for record in records {
            let (seq, place) = (record.seq, record.place);
            let cannot = |why: Why| format!("record {seq}: {why}");
            let told = Record::parse(record.body.as_bytes()).map_err(|error| cannot(error.message))?;
            life = Some(match life {
                None => Life::begin(&told, place, local).map_err(cannot)?,
                Some(life) => life.next(&told, place, local).map_err(cannot)?,
            });
        }
        life.ok_or_else(|| "there is no record about it".to_owned())
    }

    /// Whether a wrapper holds it, which makes it no action of a server.
    pub fn is_held_elsewhere(&self) -> bool {
        self.row.is_local() && self.row.status == Status::PendingApproval
    }

    fn begin(told: &Record, place: u64, local: &dyn Local) -> Result<Life, Why> {
        let RecordBody::Decision(body) = &told.body else {
            let kind = told.body.kind();
            return Err(format!("an action begins with a decision, not with a record of kind `{kind}`"));
        };
        let action = body.action.as_ref().ok_or("it holds no action")?;
        let id = told.action_id.clone().ok_or("it names no action")?;
        let names: Names = serde_json::from_str(action.as_str()).map_err(|error| error.to_string())?;
        let (decision, first) = decided(&body.ruling)?;
        let is_local = is_local(&told.stream);
        let created_at_ms = told.at.ms();
        let principal = if is_local {
            local.owner(&told.stream, place)
        } else {
            Some(sender(&body.principal, created_at_ms, local))
        };
        let held = first.outcome == Outcome::Abstain;
        Ok(Life {
            secret_hash: body.approval_secret_hash.filter(|_| held),
            knows_expiry: !held || is_local || body.expires_at.is_some(),
            decided_again: false,
            said_in: SaidIn { first: told.seq, decision: told.seq, approval: told.seq, result: told.seq },
            row: ActionRow {
                id,
                status: Status::submitted(first.outcome),
                version: 1,
                principal: principal.ok_or("it does not name the sender of the action")?,
                agent_id: names.agent_id,
                tool: names.tool,
                operation: names.operation,
                action: raw(action)?,
                decision,
                policy_version: version(told, &body.ruling, &first, place, local)?,
                approval_secret: None,
                expires_at_ms: body.expires_at.filter(|_| !is_local).map(Timestamp::ms),
                start_by_ms: start_by(told),
                approvals: Vec::new(),
                error: None,
                result: None,
                duration_us: body.ruling.duration_us,
                contradicted: false,
                receipt: receipt(told),
                created_at_ms,
                updated_at_ms: created_at_ms,
            },
            first,
        })
    }

    fn next(mut self, told: &Record, place: u64, local: &dyn Local) -> Result<Life, Why> {
        let row = &mut self.row;
        if told.action_id.as_deref() != Some(row.id.as_str()) {
            return Err("it is about another action".to_owned());
        }
        if let RecordBody::Decision(DecisionBody { contradicts: Some(contradicted), ruling, .. }) = &told.body
        {
            return self.contradicted(told, contradicted, ruling);
        }
        if told.stream != row.receipt.stream {
            return Err("it is of another stream".to_owned());
        }
        if row.contradicted {
            // It is kept, and moves nothing.
            return Ok(self);
        }
        if let RecordBody::Approval(body) = &told.body {
            self.said_in.approval = told.seq;
            let said = &body.approval;
            let claimed =
                || Principal::Claimed { stream: told.stream.clone(), name: said.principal.name().to_owned() };
            row.approvals.push(ApprovalRow {
                principal: if is_local(&told.stream) { claimed() } else { said.principal.clone() },
                roles: said.roles.clone(),
                approve: said.approve,
                reason: said.reason.clone(),
                at: told.at.to_string(),
            });
        }
        let ruling = told.body.ruling();
        // A wrapper records a person's answer first, and its own next decision second.
        let answered_elsewhere = ruling.is_none()
            && matches!(told.body, RecordBody::Approval(_) | RecordBody::Expiry(_))
            && is_local(&told.stream);
        if answered_elsewhere {
            return Ok(self);
        }
        if let Some(ruling) = ruling {
            let (decision, parts) = decided(ruling)?;
            row.policy_version = version(told, ruling, &parts, place, local)?;
            row.decision = decision;
            self.decided_again = true;
            self.said_in.decision = told.seq;
        }
        let resolved = Transition::Resolve(row.decision.outcome);
        let permitted = matches!(row.status, Status::Allowed | Status::Approved);
        let transition = match &told.body {
            // The no of a person that came too late is kept, and changes nothing.
            RecordBody::Approval(body) if body.ruling.is_none() => None,
            RecordBody::Expiry(_) if permitted => Some(Transition::Lapse),
            RecordBody::Decision(_) | RecordBody::Approval(_) | RecordBody::Expiry(_) => {
                ruling.ok_or("it holds no decision")?;
                Some(resolved)
            }
            RecordBody::Start(_) => Some(Transition::Start),
            RecordBody::Withdrawal(_) => Some(Transition::Withdraw),
            RecordBody::Result(body) => {
                self.said_in.result = told.seq;
                row.error = body.error.clone().or(row.error.take());
                row.result = body.result.as_ref().map(raw).transpose()?.or(row.result.take());
                Some(body.success.map_or(Transition::Lost, |success| Transition::Result { success }))
            }
            RecordBody::Policy(_) | RecordBody::Access(_) | RecordBody::Checkpoint => {
                return Err(format!("a record of kind `{}` is about no action", told.body.kind()));
            }
        };
        let status = transition.map_or(Some(row.status), |transition| row.status.after(transition));
        row.status = status.ok_or_else(|| format!("it cannot follow on `{}`", row.status.as_str()))?;
        if row.status != Status::PendingApproval {
            self.secret_hash = None;
        }
        // An action that a wrapper still holds has no row, so no row changes.
        if !is_local(&told.stream) || row.status != Status::PendingApproval {
            row.version = row.version.saturating_add(1);
        }
        row.receipt = receipt(told);
        row.updated_at_ms = told.at.ms();
        row.start_by_ms = start_by(told).or(row.start_by_ms);
        Ok(self)
    }

    /// This server decides otherwise than the stream said in the record before. Then its decision counts, and the action
    /// can never move.
    fn contradicted(mut self, told: &Record, contradicts: &RecordRef, ruling: &Ruling) -> Result<Life, Why> {
        let RecordRef { record_hash, seq, stream } = contradicts;
        let last = &self.row.receipt;
        let is_last = (&last.stream, last.seq, last.record_hash) == (stream, *seq, *record_hash);
        if is_local(&told.stream) || !is_last {
            return Err("it contradicts another record".to_owned());
        }
        let (decision, parts) = decided(ruling)?;
        if *seq == self.said_in.first {
            self.first = parts;
        }
        self.row.decision = decision;
        self.row.status = Status::Denied;
        self.row.contradicted = true;
        self.decided_again = true;
        Ok(self)
    }
}

/// The sender of an action, according to its first record.
fn sender(principal: &Principal, at_ms: i64, local: &dyn Local) -> Principal {
    match principal {
        Principal::Former { name } => match local.key_named(name, at_ms) {
            Some(id) => Principal::Key { id, name: name.clone() },
            None => principal.clone(),
        },
        _ => principal.clone(),
    }
}

/// Until when the action may start, as a server says.
fn start_by(told: &Record) -> Option<i64> {
    let start_by = match &told.body {
        RecordBody::Decision(body) => body.start_by,
        RecordBody::Approval(body) => body.start_by,
        _ => None,
    };
    start_by.filter(|_| !is_local(&told.stream)).map(Timestamp::ms)
}

fn decided(ruling: &Ruling) -> Result<(DecisionRow, FirstDecision), Why> {
    let parts: FirstDecision =
        serde_json::from_str(ruling.decision.as_str()).map_err(|error| error.to_string())?;
    let row = DecisionRow {
        json: raw(&ruling.decision)?,
        outcome: parts.outcome,
        reason_code: parts.reason_code,
        risk_level: parts.risk_level,
        state: raw(&ruling.state)?,
    };
    Ok((row, parts))
}

fn version(
    told: &Record,
    ruling: &Ruling,
    decided: &FirstDecision,
    place: u64,
    local: &dyn Local,
) -> Result<String, Why> {
    let version = if is_local(&told.stream) {
        local.policy_version(decided.policy_hash, place)
    } else {
        ruling.policy_version.clone()
    };
    version.ok_or_else(|| "its policies were never in force".to_owned())
}

fn receipt(told: &Record) -> Receipt {
    Receipt { stream: told.stream.clone(), seq: told.seq, record_hash: told.record_hash }
}

fn raw(json: &Canonical) -> Result<Box<RawValue>, Why> {
    RawValue::from_string(json.as_str().to_owned()).map_err(|error| error.to_string())
}
