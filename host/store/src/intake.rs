//! Records of wrappers that decided locally, on their way into the store: their content, and the reasons to refuse
//! them.
//!
//! Reading and checking what needs no database is in [`crate::gate::intake`]; what does is in the store.

use engine::decision::RuleRef;
use engine::hash::{EngineHash, PolicyHash, RecordHash};
use engine::lifecycle::Status;
use engine::principal::Principal;
use engine::record::{Draft, Head, RecordKind};
use engine::risk::RiskScore;
use serde_json::value::RawValue;

use super::{ApprovalRow, DecisionRow};

/// The prefix of the name of every local stream, and of no other.
pub const LOCAL: &str = "local-";

/// The `event` of the `access` record that says who brings a local stream.
pub const STREAM_BEGUN: &str = "stream_begun";

/// Whether the stream is a wrapper's own.
pub fn is_local(stream: &str) -> bool {
    stream.starts_with(LOCAL)
}

/// Consecutive records of one local stream. Each is what its hash says and names the one before it.
#[derive(Debug, Clone)]
pub struct NewRecords {
    /// The stream.
    pub stream: String,
    /// Their sender.
    pub principal: Principal,
    /// At least one.
    pub records: Vec<NewRecord>,
    /// Before this time the caller cannot have recorded anything, in Unix milliseconds.
    pub not_before_ms: i64,
    /// How far the clocks of a wrapper and of this server may be apart.
    pub clock_skew_ms: i64,
    /// The record that says who brings the stream, if this is its beginning.
    pub begun: Draft,
}

/// A record that was sealed elsewhere.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// Its place.
    pub seq: u64,
    /// The hash of the record before it, as it says.
    pub prev_hash: RecordHash,
    /// Its hash.
    pub record_hash: RecordHash,
    /// When it was made, as it says, in Unix milliseconds.
    pub at_ms: i64,
    /// The action it is about.
    pub action_id: Option<String>,
    /// The whole record as canonical JSON.
    pub body: String,
    /// Its kind.
    pub what: What,
}

/// The content of a record from outside, as far as the store acts on it.
#[derive(Debug, Clone)]
pub enum What {
    /// These policies decide from here on.
    Policy(PolicyHash),
    /// An action was decided.
    Decision(Box<Decided>),
    /// A person answered for a held action.
    Approval(Box<ApprovalRow>),
    /// A held action got no answer in time.
    Expiry,
    /// It started.
    Start {
        /// The action's hash, as the record says.
        request_hash: Option<String>,
    },
    /// It ended.
    Result {
        /// The action's hash, as the record says.
        request_hash: Option<String>,
        /// Whether it succeeded; none if that is unknown.
        success: Option<bool>,
        /// The failure.
        error: Option<String>,
        /// The tool's result.
        result: Option<Box<RawValue>>,
    },
}

impl What {
    /// The kind of the record.
    pub fn kind(&self) -> RecordKind {
        match self {
            What::Policy(_) => RecordKind::Policy,
            What::Decision(_) => RecordKind::Decision,
            What::Approval(_) => RecordKind::Approval,
            What::Expiry => RecordKind::Expiry,
            What::Start { .. } => RecordKind::Start,
            What::Result { .. } => RecordKind::Result,
        }
    }
}

/// A decision that a wrapper made locally.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The decided action; none for unreadable bytes, which halt.
    pub action: Option<Named>,
    /// The decision, in the engine's own bytes.
    pub decision: DecisionRow,
    /// The risk score of the decision.
    pub risk_score: RiskScore,
    /// The rule that decided, if one did.
    pub rule: Option<RuleRef>,
    /// The policies that decided.
    pub policy_hash: PolicyHash,
    /// The action's hash; with an action, the hash of that.
    pub request_hash: Option<String>,
    /// The engine that decided.
    pub engine_hash: EngineHash,
    /// How long deciding took.
    pub duration_us: u64,
    /// This server's own decision, if it differs.
    pub contradiction: Option<Box<Contradiction>>,
}

/// The decision of this server from the policies, the action and the state that a record names, which says otherwise.
#[derive(Debug, Clone)]
pub struct Contradiction {
    /// The decision.
    pub decision: DecisionRow,
    /// Its risk score.
    pub risk_score: RiskScore,
    /// The rule that decided, if one did.
    pub rule: Option<RuleRef>,
    /// The `decision` record of this server's own stream. The store adds `policy_version`.
    pub draft: Draft,
}

/// An action, and the names in it.
#[derive(Debug, Clone)]
pub struct Named {
    /// The canonical action.
    pub json: Box<RawValue>,
    /// The agent that proposed it.
    pub agent_id: String,
    /// The tool's name.
    pub tool: String,
    /// The operation.
    pub operation: String,
}

/// The state of the store after it ingested the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Where the stream ends now.
    pub head: Head,
    /// How many of the records it holds: all of them, whether they came now or before.
    pub accepted: u64,
}

/// Why records were not taken in. Nothing of them was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// Another key began the stream.
    #[error("the stream `{0}` belongs to another caller")]
    ForeignStream(String),
    /// Records are missing between the stored ones and the new ones.
    #[error("the stream goes on with record {}, and record {first} came", .head.size)]
    Gap {
        /// Where the stream ends.
        head: Head,
        /// The first record that came.
        first: u64,
    },
    /// Another record is in that place already.
    #[error("record {seq} is here already, and it is another one")]
    Conflict {
        /// Where the stream ends.
        head: Head,
        /// The place.
        seq: u64,
    },
    /// The first record does not name its predecessor.
    #[error("record {seq} does not name the record before it in `prev_hash`")]
    Unlinked {
        /// The place.
        seq: u64,
    },
    /// No such policy set was ever in force here.
    #[error("the policy set {policy_hash} of record {seq} was never in force on this server")]
    UnknownPolicy {
        /// The place.
        seq: u64,
        /// The set.
        policy_hash: PolicyHash,
    },
    /// The record says that it was made before it can have been.
    #[error(
        "record {seq} says that it was made before the record before it, or before the key that brings it was made"
    )]
    TooEarly {
        /// The place.
        seq: u64,
    },
    /// The event in the record is impossible for that action.
    #[error("record {seq} cannot follow: {}", .why)]
    ImpossibleMove {
        /// The place.
        seq: u64,
        /// The action.
        action_id: String,
        /// Its status; none if the stream has no such action.
        status: Option<Status>,
        /// Why it cannot.
        why: String,
    },
}
