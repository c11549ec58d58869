//! Derives the state of an action from its records: the row that a store must have, folded from nothing but records.
//!
//! This is the only place that says how a record changes the readable state of an action. Whether such a record may be
//! written was decided earlier.

use engine::decision::{Outcome, ReasonCode, RuleRef};
use engine::hash::{PolicyHash, RecordHash};
use engine::lifecycle::{Status, Transition};
use engine::principal::Principal;
use engine::record::RecordKind;
use engine::risk::{RiskLevel, RiskScore};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::intake::is_local;
use crate::time::parse_time;
use crate::{ActionRow, ApprovalRow, DecisionRow, Receipt, StoredRecord};

/// An action according to its records.
#[derive(Debug, Clone)]
pub struct Life {
    /// The row it must have. Its `approval_secret` is in no record: see `secret_hash`.
    pub row: ActionRow,
    /// Its first decision, which statistics count.
    pub first: FirstDecision,
    /// The SHA-256 of the secret of approval links, as long as there must be one; none in records of earlier versions.
    pub secret_hash: Option<String>,
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

/// A record that is about an action, as far as rows follow from it.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    action: Option<&'a RawValue>,
    action_id: Option<String>,
    /// The record of a local stream that this one of the server's own contradicts.
    contradicts: Option<Receipt>,
    approval: Option<Said>,
    at: String,
    #[serde(borrow)]
    decision: Option<&'a RawValue>,
    duration_us: Option<u64>,
    error: Option<String>,
    expires_at: Option<String>,
    kind: RecordKind,
    policy_version: Option<String>,
    start_by: Option<String>,
    record_hash: RecordHash,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    seq: u64,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    stream: String,
    success: Option<bool>,
    approval_secret_hash: Option<String>,
}

/// One person's answer.
#[derive(Deserialize)]
struct Said {
    approve: bool,
    #[serde(flatten)]
    principal: Principal,
    reason: Option<String>,
    roles: Vec<String>,
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
            let seq = record.seq;
            let cannot = |why: Why| format!("record {seq}: {why}");
            let told: Told<'_> =
                serde_json::from_str(&record.body).map_err(|error| cannot(error.to_string()))?;
            life = Some(match life {
                None => Life::begin(&told, &record.body, record.place, local).map_err(cannot)?,
                Some(life) => life.next(&told, record.place, local).map_err(cannot)?,
            });
        }
        life.ok_or_else(|| "there is no record about it".to_owned())
    }

    /// Whether a wrapper holds it, which makes it no action of a server.
    pub fn is_held_elsewhere(&self) -> bool {
        self.row.is_local() && self.row.status == Status::PendingApproval
    }

    fn begin(told: &Told<'_>, body: &str, place: u64, local: &dyn Local) -> Result<Life, Why> {
        if told.kind != RecordKind::Decision {
            return Err(format!(
                "an action begins with a decision, not with a record of kind `{}`",
                told.kind
            ));
        }
        let action = told.action.ok_or("it holds no action")?;
        let id = told.action_id.clone().ok_or("it names no action")?;
        let names: Names = serde_json::from_str(action.get()).map_err(|error| error.to_string())?;
        let (decision, first) = decided(told)?;
        let is_local = is_local(&told.stream);
        let created_at_ms = time(&told.at)?;
        let principal =
            if is_local { local.owner(&told.stream, place) } else { sender(body, created_at_ms, local) };
        let held = first.outcome == Outcome::Abstain;
        Ok(Life {
            secret_hash: told.approval_secret_hash.clone().filter(|_| held),
            knows_expiry: !held || is_local || told.expires_at.is_some(),
            decided_again: false,
            said_in: SaidIn { first: told.seq, decision: told.seq, approval: told.seq, result: told.seq },
            row: ActionRow {
                id,
                status: Status::submitted(first.outcome),
                version: 1,
                principal: principal.ok_or("it does not say who sent the action")?,
                agent_id: names.agent_id,
                tool: names.tool,
                operation: names.operation,
                action: action.to_owned(),
                decision,
                policy_version: version(told, &first, place, local)?,
                approval_secret: None,
                expires_at_ms: told.expires_at.as_deref().filter(|_| !is_local).map(time).transpose()?,
                start_by_ms: start_by(told)?,
                approvals: Vec::new(),
                error: None,
                result: None,
                duration_us: told.duration_us.ok_or("it has no `duration_us`")?,
                contradicted: false,
                receipt: receipt(told),
                created_at_ms,
                updated_at_ms: created_at_ms,
            },
            first,
        })
    }

    fn next(mut self, told: &Told<'_>, place: u64, local: &dyn Local) -> Result<Life, Why> {
        let row = &mut self.row;
        if told.action_id.as_deref() != Some(row.id.as_str()) {
            return Err("it is about another action".to_owned());
        }
        if let Some(contradicted) = &told.contradicts {
            return self.contradicted(told, contradicted);
        }
        if told.stream != row.receipt.stream {
            return Err("it is of another stream".to_owned());
        }
        if row.contradicted {
            // It is kept, and moves nothing.
            return Ok(self);
        }
        if let Some(said) = &told.approval {
            self.said_in.approval = told.seq;
            let claimed =
                || Principal::Claimed { stream: told.stream.clone(), name: said.principal.name().to_owned() };
            row.approvals.push(ApprovalRow {
                principal: if is_local(&told.stream) { claimed() } else { said.principal.clone() },
                roles: said.roles.clone(),
                approve: said.approve,
                reason: said.reason.clone(),
                at: told.at.clone(),
            });
        }
        // A wrapper records a person's answer first, and its own next decision second.
        let answered_elsewhere = told.decision.is_none()
            && matches!(told.kind, RecordKind::Approval | RecordKind::Expiry)
            && is_local(&told.stream);
        if answered_elsewhere {
            return Ok(self);
        }
        if told.decision.is_some() {
            let (decision, parts) = decided(told)?;
            row.policy_version = version(told, &parts, place, local)?;
            row.decision = decision;
            self.decided_again = true;
            self.said_in.decision = told.seq;
        }
        let resolved = Transition::Resolve(row.decision.outcome);
        let permitted = matches!(row.status, Status::Allowed | Status::Approved);
        let event = match told.kind {
            // The no of a person that came too late is kept, and changes nothing.
            RecordKind::Approval if told.decision.is_none() => None,
            RecordKind::Expiry if permitted => Some(Transition::Lapse),
            RecordKind::Decision | RecordKind::Approval | RecordKind::Expiry => {
                told.decision.ok_or("it holds no decision")?;
                Some(resolved)
            }
            RecordKind::Start => Some(Transition::Start),
            RecordKind::Withdrawal => Some(Transition::Withdraw),
            RecordKind::Result => {
                self.said_in.result = told.seq;
                row.error = told.error.clone().or(row.error.take());
                row.result = told.result.map(ToOwned::to_owned).or(row.result.take());
                Some(told.success.map_or(Transition::Lost, |success| Transition::Result { success }))
            }
            RecordKind::Policy | RecordKind::Access | RecordKind::Checkpoint => {
                return Err(format!("a record of kind `{}` is about no action", told.kind));
            }
        };
        let status = event.map_or(Some(row.status), |event| row.status.after(event));
        row.status = status.ok_or_else(|| format!("it cannot follow on `{}`", row.status.as_str()))?;
        if row.status != Status::PendingApproval {
            self.secret_hash = None;
        }
        // An action that a wrapper still holds has no row, so no row changes.
        if !is_local(&told.stream) || row.status != Status::PendingApproval {
            row.version = row.version.saturating_add(1);
        }
        row.receipt = receipt(told);
        row.updated_at_ms = time(&told.at)?;
        row.start_by_ms = start_by(told)?.or(row.start_by_ms);
        Ok(self)
    }
}

impl Life {
    /// This server decides otherwise than the stream said in the record before. Then its decision counts, and the
    /// action can never move.
    fn contradicted(mut self, told: &Told<'_>, record: &Receipt) -> Result<Life, Why> {
        if is_local(&told.stream) || *record != self.row.receipt {
            return Err("it contradicts another record".to_owned());
        }
        let (decision, parts) = decided(told)?;
        if record.seq == self.said_in.first {
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
fn sender(body: &str, at_ms: i64, local: &dyn Local) -> Option<Principal> {
    match serde_json::from_str(body).ok()? {
        Principal::Former { name } => Some(match local.key_named(&name, at_ms) {
            Some(id) => Principal::Key { id, name },
            None => Principal::Former { name },
        }),
        principal => Some(principal),
    }
}

fn start_by(told: &Told<'_>) -> Result<Option<i64>, Why> {
    told.start_by.as_deref().filter(|_| !is_local(&told.stream)).map(time).transpose()
}

fn decided(told: &Told<'_>) -> Result<(DecisionRow, FirstDecision), Why> {
    let json = told.decision.ok_or("it holds no decision")?;
    let state = told.state.ok_or("it holds no state")?;
    let parts: FirstDecision = serde_json::from_str(json.get()).map_err(|error| error.to_string())?;
    let row = DecisionRow {
        json: json.to_owned(),
        outcome: parts.outcome,
        reason_code: parts.reason_code,
        risk_level: parts.risk_level,
        state: state.to_owned(),
    };
    Ok((row, parts))
}

fn version(told: &Told<'_>, decided: &FirstDecision, place: u64, local: &dyn Local) -> Result<String, Why> {
    let version = if is_local(&told.stream) {
        local.policy_version(decided.policy_hash, place)
    } else {
        told.policy_version.clone()
    };
    version.ok_or_else(|| "its policies were never in force".to_owned())
}

fn receipt(told: &Told<'_>) -> Receipt {
    Receipt { stream: told.stream.clone(), seq: told.seq, record_hash: told.record_hash }
}

fn time(text: &str) -> Result<i64, Why> {
    parse_time(text).ok_or_else(|| format!("`{text}` is no time"))
}
