//! The body of a record: its members in addition to those of every record, a type for each kind.
//!
//! A body is written and read through [`RecordBody`] and in no other way. Reading is strict about what a member holds: a hash is a hash, a
//! time has one spelling, a word is a known one. It is tolerant of what changed over time:
//!
//! - members that are not named here are ignored, so that a record of a later version can be read;
//! - a member that may be null may be missing;
//! - records of earlier versions have a `principal` without `via` and `key_id`, which is read as [`Principal::Former`]
//!   unless it is the server or a caller without a key; no `approval_secret_hash`, `expires_at` and `start_by`; and keys
//!   without `secret_commitment`.
//!
//! Whether a body fits what came before is not checked here.

use super::action::{ApprovalBody, DecisionBody, ExpiryBody, ResultBody, Ruling, StartBody, WithdrawalBody};
use super::kind::RecordKind;
use super::member::Members;
use super::server::{AccessBody, PolicyBody};
use crate::json::JsonError;
use crate::principal::Principal;
use crate::value::Object;

/// The body of a record, by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordBody {
    /// An action was decided.
    Decision(DecisionBody),
    /// A person granted or rejected.
    Approval(ApprovalBody),
    /// An approval ran out, or a permitted action did not start.
    Expiry(ExpiryBody),
    /// The caller gave the action up before it started.
    Withdrawal(WithdrawalBody),
    /// A permitted action started.
    Start(StartBody),
    /// An action ended, or no result came in time.
    Result(ResultBody),
    /// A policy set was activated, or refused.
    Policy(PolicyBody),
    /// A key was created or revoked, a login failed, a local stream began.
    Access(AccessBody),
    /// Reserved; no version writes one.
    Checkpoint,
}

impl RecordBody {
    /// The kind of the record.
    pub fn kind(&self) -> RecordKind {
        match self {
            RecordBody::Decision(_) => RecordKind::Decision,
            RecordBody::Approval(_) => RecordKind::Approval,
            RecordBody::Expiry(_) => RecordKind::Expiry,
            RecordBody::Withdrawal(_) => RecordKind::Withdrawal,
            RecordBody::Start(_) => RecordKind::Start,
            RecordBody::Result(_) => RecordKind::Result,
            RecordBody::Policy(_) => RecordKind::Policy,
            RecordBody::Access(_) => RecordKind::Access,
            RecordBody::Checkpoint => RecordKind::Checkpoint,
        }
    }

    /// The principal of the event; none if the record does not name one.
    pub fn principal(&self) -> Option<&Principal> {
        match self {
            RecordBody::Decision(body) => Some(&body.principal),
            RecordBody::Approval(body) => body.principal.as_ref(),
            RecordBody::Expiry(body) => body.principal.as_ref(),
            RecordBody::Withdrawal(body) => Some(&body.principal),
            RecordBody::Start(body) => body.principal.as_ref(),
            RecordBody::Result(body) => body.principal.as_ref(),
            RecordBody::Policy(body) => body.principal(),
            RecordBody::Access(body) => Some(body.principal()),
            RecordBody::Checkpoint => None,
        }
    }

    /// The decision that the record holds, if it holds one.
    pub fn ruling(&self) -> Option<&Ruling> {
        match self {
            RecordBody::Decision(body) => Some(&body.ruling),
            RecordBody::Approval(body) => body.ruling.as_ref(),
            RecordBody::Expiry(body) => body.ruling.as_ref(),
            RecordBody::Start(body) => body.ruling.as_ref(),
            RecordBody::Withdrawal(_)
            | RecordBody::Result(_)
            | RecordBody::Policy(_)
            | RecordBody::Access(_)
            | RecordBody::Checkpoint => None,
        }
    }

    /// About how many bytes its printed form takes.
    pub fn size(&self) -> usize {
        match self {
            RecordBody::Decision(body) => body.size(),
            RecordBody::Approval(body) => body.size(),
            RecordBody::Expiry(body) => body.size(),
            RecordBody::Withdrawal(body) => body.size(),
            RecordBody::Start(body) => body.size(),
            RecordBody::Result(body) => body.size(),
            RecordBody::Policy(body) => body.size(),
            RecordBody::Access(body) => body.size(),
            RecordBody::Checkpoint => 0,
        }
    }

    /// The members of the record in addition to those of every record.
    pub(super) fn members(&self) -> Members {
        let mut out = Members::new();
        match self {
            RecordBody::Decision(body) => body.write(&mut out),
            RecordBody::Approval(body) => body.write(&mut out),
            RecordBody::Expiry(body) => body.write(&mut out),
            RecordBody::Withdrawal(body) => body.write(&mut out),
            RecordBody::Start(body) => body.write(&mut out),
            RecordBody::Result(body) => body.write(&mut out),
            RecordBody::Policy(body) => body.write(&mut out),
            RecordBody::Access(body) => body.write(&mut out),
            RecordBody::Checkpoint => {}
        }
        out
    }

    /// The body of a record of this kind.
    ///
    /// # Errors
    /// The first member that the kind must have and that is missing or of another shape.
    pub(super) fn read(kind: RecordKind, record: &Object) -> Result<Self, JsonError> {
        match kind {
            RecordKind::Decision => DecisionBody::read(record).map(RecordBody::Decision),
            RecordKind::Approval => ApprovalBody::read(record).map(RecordBody::Approval),
            RecordKind::Expiry => ExpiryBody::read(record).map(RecordBody::Expiry),
            RecordKind::Withdrawal => WithdrawalBody::read(record).map(RecordBody::Withdrawal),
            RecordKind::Start => StartBody::read(record).map(RecordBody::Start),
            RecordKind::Result => ResultBody::read(record).map(RecordBody::Result),
            RecordKind::Policy => PolicyBody::read(record).map(RecordBody::Policy),
            RecordKind::Access => AccessBody::read(record).map(RecordBody::Access),
            RecordKind::Checkpoint => Ok(RecordBody::Checkpoint),
        }
    }
}
