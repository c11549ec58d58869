//! The bodies of records that are about an action.

use super::declare::{bodies, objects};
use super::member::{self, Member, Members, Part, null};
use crate::canonical::Canonical;
use crate::decision::ReasonCode;
use crate::hash::{Digest, EngineHash, RecordHash, RequestHash};
use crate::json::JsonError;
use crate::lifecycle::Status;
use crate::principal::Principal;
use crate::time::Timestamp;
use crate::value::{Object, Value};

bodies! {
    /// The decision of the engine and everything that it was made of.
    pub struct Ruling {
        /// The decision, as the engine printed it: a [`crate::decision::Decision`].
        pub decision: Canonical,
        /// How long the engine took, in microseconds.
        pub duration_us: u64,
        /// The module that decided.
        pub engine_hash: EngineHash,
        /// The number of the policy set at the server; null in a local stream.
        pub policy_version: Option<String>,
        /// The part of the state that was consulted, as the engine printed it: a [`crate::state::State`].
        pub state: Canonical,
    }

    /// A place in a stream, with the hash of the record there.
    pub struct RecordRef {
        /// The hash of the record.
        pub record_hash: RecordHash,
        /// The place of the record.
        pub seq: u64,
        /// The stream.
        pub stream: String,
    }

    /// The body of a `decision`: an action was decided.
    pub struct DecisionBody {
        /// The canonical action; null when it could not be read.
        pub action: Option<Canonical>,
        /// The SHA-256 of the secret behind approval links, for a held action.
        pub approval_secret_hash: Option<Digest> [omitted],
        /// The record of a local stream with which this decision of the server disagrees.
        pub contradicts: Option<RecordRef> [omitted],
        /// Until when a held action may be approved.
        pub expires_at: Option<Timestamp> [omitted],
        /// The decision.
        pub ruling: Ruling [flat],
        /// The principal that submitted the action.
        pub principal: Principal [flat],
        /// Until when a permitted action may start.
        pub start_by: Option<Timestamp> [omitted],
    }

    /// The answer of one person to a held action.
    pub struct Vote {
        /// Whether the person approves.
        pub approve: bool,
        /// The person.
        pub principal: Principal [full],
        /// Why, in the person's own words.
        pub reason: Option<String>,
        /// The roles of the approver.
        pub roles: Vec<String>,
    }

    /// The body of an `approval`: a person granted or rejected.
    pub struct ApprovalBody {
        /// The answer.
        pub approval: Vote,
        /// `true` for a no that came after the action had run out; it changes nothing.
        pub late: Option<bool> [omitted],
        /// The person again; a local stream may leave it out.
        pub principal: Option<Principal> [flat],
        /// The action.
        pub request_hash: Option<RequestHash>,
        /// The new decision. A local stream has it in a `decision` of its own, and a late no has none.
        pub ruling: Option<Ruling> [flat],
        /// Until when the action may start, where it was approved.
        pub start_by: Option<Timestamp> [omitted],
    }

    /// The body of an `expiry`: an approval ran out, or a permitted action did not start.
    pub struct ExpiryBody {
        /// The author of the end: the server, or the wrapper that holds the stream, which may leave it out.
        pub principal: Option<Principal> [flat],
        /// The action.
        pub request_hash: Option<RequestHash>,
        /// The new decision. A local stream has it in a `decision` of its own.
        pub ruling: Option<Ruling> [flat],
        /// The time limit that ran out.
        pub what: RanOut [flat],
    }

    /// The body of a `withdrawal`: the caller gave the action up before it started.
    pub struct WithdrawalBody {
        /// The caller.
        pub principal: Principal [flat],
        /// Why, as the caller says.
        pub reason: Option<String>,
        /// The action.
        pub request_hash: Option<RequestHash>,
    }

    /// The body of a `start`: a permitted action started.
    pub struct StartBody {
        /// The caller; a local stream may leave it out.
        pub principal: Option<Principal> [flat],
        /// The action.
        pub request_hash: Option<RequestHash>,
        /// The new decision, where the policies or an approver's key had changed since the one that permitted it.
        pub ruling: Option<Ruling> [flat],
    }

    /// The body of a `result`: an action ended, or no result came in time.
    pub struct ResultBody {
        /// The error, as the caller reports it.
        pub error: Option<String>,
        /// The caller, or the server when no result came in time; a local stream may leave it out.
        pub principal: Option<Principal> [flat],
        /// The action.
        pub request_hash: Option<RequestHash>,
        /// The result, in canonical form; null where there is none or it is not kept.
        pub result: Option<Canonical>,
        /// The SHA-256 of the result.
        pub result_hash: Option<Digest>,
        /// The status of the action from here on.
        pub status: Option<Status>,
        /// Whether it succeeded; null when no result came in time.
        pub success: Option<bool>,
    }
}

objects! {
    RecordRef: "a place in a stream";
    Vote: "an answer of a person";
}

impl Member for Option<Ruling> {
    fn write(&self, _: &'static str, out: &mut Members) {
        if let Some(ruling) = self {
            Ruling::write(ruling, out);
        }
    }

    fn read(_: &'static str, record: &Object) -> Result<Self, JsonError> {
        record.get("decision").map(|_| Ruling::read(record)).transpose()
    }

    fn size(&self) -> usize {
        self.as_ref().map_or(0, Ruling::size)
    }
}

impl Member for Ruling {
    fn write(&self, _: &'static str, out: &mut Members) {
        Ruling::write(self, out);
    }

    fn read(_: &'static str, record: &Object) -> Result<Self, JsonError> {
        Ruling::read(record)
    }

    fn size(&self) -> usize {
        Ruling::size(self)
    }
}

/// The kinds of time limit that an `expiry` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RanOut {
    /// The time to approve a held action. Its record says `"approval":null`.
    Approval {
        /// Always null.
        approval: (),
    },
    /// A permission: it was not started in time, or the policies changed.
    Permission {
        /// Why.
        reason_code: ReasonCode,
    },
}

impl RanOut {
    /// The time to approve a held action.
    pub const APPROVAL: RanOut = RanOut::Approval { approval: () };
}

impl Member for RanOut {
    fn write(&self, _: &'static str, out: &mut Members) {
        out.push(match self {
            RanOut::Approval { .. } => ("approval", null()),
            RanOut::Permission { reason_code } => ("reason_code", reason_code.print()),
        });
    }

    fn read(_: &'static str, record: &Object) -> Result<Self, JsonError> {
        let reason_code: Option<ReasonCode> = Member::read("reason_code", record)?;
        Ok(reason_code.map_or(RanOut::APPROVAL, |reason_code| RanOut::Permission { reason_code }))
    }

    fn size(&self) -> usize {
        0
    }
}
