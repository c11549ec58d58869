//! The host's memory: actions, the chain of records, policy sets by their hash, keys.
//!
//! The store offers few verbs. Each is one whole transaction that appends its record and makes the dependent changes,
//! or does neither. A verb that writes answers only after its transaction is on stable storage. Decisions and
//! permissions are settled before the store is called.

pub mod audit;
mod error;
mod filter;
pub mod intake;
pub mod sqlite;
pub mod stats;
pub mod time;
mod visible;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod fixtures;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use engine::decision::{Outcome, ReasonCode, RuleRef};
use engine::hash::{EngineHash, FileHash, PolicyHash, RecordHash};
use engine::lifecycle::Status;
use engine::policy::PolicySource;
use engine::principal::Principal;
use engine::record::{Draft, Head, RecordKind};
use engine::risk::{RiskLevel, RiskScore};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::broadcast;

use crate::audit::Audit;

pub use error::{Cause, Failure, StoreError};
pub use filter::{Answered, Filter, Page};
use intake::{NewRecords, Taken};
use stats::{Span, Stats};
pub use visible::{Sight, Visible};

/// The answer of a verb.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The host's requirements on a database.
pub trait Store: Send + Sync {
    /// Appends the `decision` record of a new action and keeps the action.
    ///
    /// # Errors
    /// [`StoreError::Outdated`] when another policy set is in force than the one that decided. [`StoreError::Failed`]
    /// also when the record does not hold the action as it is given here: what it holds is what is read back.
    fn submit(&self, action: NewAction, request: Option<IdempotentRequest>) -> Answer<'_, Written>;

    /// Appends a record and updates the action, if it has not changed since `change.version` was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with the new state of the action; [`StoreError::Outdated`] and
    /// [`StoreError::KeyRevoked`] if a condition of the change no longer holds.
    fn advance(&self, change: Change, request: Option<IdempotentRequest>) -> Answer<'_, Written>;

    /// The action as the same request left it, if it came before; none if the request is new. Read before a request is
    /// refused because of the current status of its action.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] when the body was another one.
    fn answered(&self, request: IdempotentRequest, now_ms: i64) -> Answer<'_, Option<ActionRow>>;

    /// Appends a record that no action hangs on.
    fn append(&self, draft: Draft) -> Answer<'_, Receipt>;

    /// Stores a policy set by its hash and appends the record of its activation.
    /// Its number counts the sets that were activated on this database, from 1.
    fn activate(&self, set: NewPolicySet) -> Answer<'_, PolicyVersion>;

    /// Keeps a new key and appends its `access` record.
    fn create_key(&self, key: KeyRow, draft: Draft) -> Answer<'_, Receipt>;

    /// Revokes a key, found by its id or name, and appends its `access` record.
    fn revoke_key(&self, id_or_name: String, at_ms: i64, draft: Draft) -> Answer<'_, KeyRow>;

    /// Appends sealed records of a wrapper to their local stream, and creates and updates the actions in them: all of
    /// it, or nothing. Records that are stored already are left unchanged.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if they do not fit the stored ones.
    fn take_in(&self, new: NewRecords) -> Answer<'_, Taken>;

    /// Writes and reads back, to show that the store can.
    fn probe(&self) -> Answer<'_, ()>;

    /// One action by its id, or by the first 8 or more characters of it when they fit only one.
    fn action(&self, id_or_prefix: String) -> Answer<'_, ActionRow>;

    /// Actions, newest first; none behind the one with which they reach [`PAGE_BYTES`].
    fn actions(&self, filter: Filter, sight: Sight) -> Answer<'_, Page>;

    /// Actions that wait for approval past `now_ms`, ones that may start and did not until then, and ones that
    /// started before `started_before_ms` and have no result: of each kind at most a hundred at once. Not those of
    /// local streams, of which only their own records say what becomes.
    fn overdue(&self, now_ms: i64, started_before_ms: i64) -> Answer<'_, Vec<ActionRow>>;

    /// Records of one stream from `from` on, in order, at most `limit`, and none behind the one with which they reach
    /// [`PAGE_BYTES`]. Only behind the last there are none at all.
    fn records(&self, stream: String, from: u64, limit: u32) -> Answer<'_, Vec<StoredRecord>>;

    /// The records about one action, oldest first.
    fn records_of(&self, action_id: String) -> Answer<'_, Vec<StoredRecord>>;

    /// The records of all streams behind the place `after`, in the order in which they came, as many as
    /// [`Store::records`] would give.
    fn records_after(&self, after: u64, limit: u32) -> Answer<'_, Vec<StoredRecord>>;

    /// The newest records of decisions in all streams, newest first: at most `limit`, and none behind the one with
    /// which they reach `most_bytes`.
    fn decisions(&self, limit: u32, most_bytes: usize) -> Answer<'_, Vec<DecisionRecord>>;

    /// The place of a record, given by its stream and number, in the order in which all came; without one, of the
    /// last of all. 0 is before the first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such record.
    fn place(&self, of: Option<(String, u64)>) -> Answer<'_, u64>;

    /// The head of a stream and, of a local one, who brings it; none when there is no such stream.
    fn head(&self, stream: String) -> Answer<'_, Option<(Head, Option<Principal>)>>;

    /// The heads of all streams.
    fn heads(&self) -> Answer<'_, Vec<Head>>;

    /// The files of a policy set that was in force once.
    fn policy_set(&self, hash: PolicyHash) -> Answer<'_, Vec<PolicySource>>;

    /// The engine module that decided once.
    fn engine_module(&self, hash: EngineHash) -> Answer<'_, Vec<u8>>;

    /// The activations of policy sets, newest first.
    fn policy_history(&self, limit: u32) -> Answer<'_, Vec<PolicyVersion>>;

    /// All keys, revoked ones too.
    fn keys(&self) -> Answer<'_, Vec<KeyRow>>;

    /// How many actions there are in each status that any action is in.
    fn counts(&self) -> Answer<'_, Vec<(Status, u64)>>;

    /// The first decisions of the actions of a period, and their current status.
    fn stats(&self, span: Span) -> Answer<'_, Stats>;

    /// Checks the chain of every stream, derives every row from the records again, and compares: over one snapshot,
    /// so also while records are written.
    fn audit(&self) -> Answer<'_, Audit>;

    /// Every record whose commit is not over yet, in order, as soon as it is on stable storage. A caller that
    /// subscribes first and reads the store then misses no record: it finds it in one of the two, or in both.
    ///
    /// A receiver that falls behind is told how many it missed and finds them with [`Store::records_after`].
    fn subscribe(&self) -> broadcast::Receiver<Event>;
}

/// The bytes with which a page of actions or records ends, whatever its limit: a single one may have more than a
/// mebibyte. A page that is not empty has at least one entry.
pub const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// The most actions of one page. Published clients ask for so many.
pub const LONGEST_PAGE: u32 = 1000;

/// The largest record that an event carries, in bytes. Events wait in memory for slow receivers, thousands of them;
/// a larger record waits in the store.
pub const MAX_EVENT_BYTES: usize = 16 * 1024;

/// A record that was just committed.
#[derive(Debug, Clone)]
pub struct Event {
    /// The record; none when it is larger than [`MAX_EVENT_BYTES`] and has to be read from the store.
    pub record: Option<Arc<StoredRecord>>,
    /// The action it is about; none for a record that no action hangs on.
    pub about: Option<About>,
}

/// Which action a record is about, and who may hear of it. Made for every record, so it holds nothing large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The action.
    pub action_id: String,
    /// The sender of the action.
    pub principal: Principal,
    /// Where the record left the action.
    pub status: Status,
}

/// An action and its first decision.
#[derive(Debug, Clone)]
pub struct NewAction {
    /// A UUID. Ids whose fifth to last bytes go up with the time are the cheapest to keep.
    pub id: String,
    /// Its sender.
    pub principal: Principal,
    /// `agent_id`, `tool` and `operation` of the action.
    pub agent_id: String,
    /// The tool's name.
    pub tool: String,
    /// The operation of the tool.
    pub operation: String,
    /// The canonical action.
    pub action: Box<RawValue>,
    /// The decision, as the engine printed it.
    pub decision: DecisionRow,
    /// The risk score of the decision.
    pub risk_score: RiskScore,
    /// The rule that decided, if one did.
    pub rule: Option<RuleRef>,
    /// Which policy set decided.
    pub policy_version: String,
    /// For a held action: the secret that the tokens of approval links are derived from.
    pub approval_secret: Option<String>,
    /// For a held action: until when it may be approved, in Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    /// For one that may run: until when it may start, in Unix milliseconds.
    pub start_by_ms: Option<i64>,
    /// How long deciding took.
    pub duration_us: u64,
    /// The `decision` record; its `at_ms` is the time of creation and its `action_id` is `id`. Its fields `action`,
    /// `decision` and `state` are the same bytes as here, and no field comes before `action` in order.
    pub draft: Draft,
}

/// A decision as it is stored: the engine's bytes, and the searchable parts of them.
#[derive(Debug, Clone)]
pub struct DecisionRow {
    /// The decision, as the engine printed it.
    pub json: Box<RawValue>,
    /// Its outcome.
    pub outcome: Outcome,
    /// Its reason code.
    pub reason_code: ReasonCode,
    /// Its risk level.
    pub risk_level: RiskLevel,
    /// The consulted state, as the engine printed it.
    pub state: Box<RawValue>,
}

/// A change of an action.
#[derive(Debug, Clone)]
pub struct Change {
    /// The action.
    pub id: String,
    /// [`ActionRow::version`] as it was read; the change happens only if it still holds.
    pub version: u64,
    /// The status after it.
    pub status: Status,
    /// The new decision, after a new pass.
    pub decision: Option<DecisionRow>,
    /// The policy set of the new decision.
    pub policy_version: Option<String>,
    /// The answer of a person, added to the action's list.
    pub approval: Option<ApprovalRow>,
    /// Until when it may start, where it may from now on.
    pub start_by_ms: Option<i64>,
    /// The conditions of the change.
    pub premise: Premise,
    /// The caller's description of a failure.
    pub error: Option<String>,
    /// The result from the caller.
    pub result: Option<Box<RawValue>>,
    /// The record that says so; its `at_ms` is the time of the change.
    pub draft: Draft,
}

/// The conditions of a change in addition to the version of the action. It happens only while all of them hold.
#[derive(Debug, Clone, Default)]
pub struct Premise {
    /// The number of the policy set in force; none where no policies were asked.
    pub policy_version: Option<String>,
    /// The ids of keys that were not revoked.
    pub keys: Vec<String>,
}

impl Change {
    /// The change that moves `row` to `status` and does nothing else.
    pub fn to(row: &ActionRow, status: Status, draft: Draft) -> Self {
        Change {
            id: row.id.clone(),
            version: row.version,
            status,
            decision: None,
            policy_version: None,
            approval: None,
            start_by_ms: None,
            premise: Premise::default(),
            error: None,
            result: None,
            draft,
        }
    }
}

/// One person's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApprovalRow {
    /// Who.
    #[serde(flatten)]
    pub principal: Principal,
    /// Their approver roles.
    pub roles: Vec<String>,
    /// Yes or no.
    pub approve: bool,
    /// Their comment.
    pub reason: Option<String>,
    /// When, RFC 3339.
    pub at: String,
}

/// An action in its current state.
#[derive(Debug, Clone)]
pub struct ActionRow {
    /// Its id.
    pub id: String,
    /// Its status.
    pub status: Status,
    /// Goes up with every change.
    pub version: u64,
    /// Its sender.
    pub principal: Principal,
    /// The agent that proposed it.
    pub agent_id: String,
    /// The tool's name.
    pub tool: String,
    /// The operation.
    pub operation: String,
    /// The canonical action.
    pub action: Box<RawValue>,
    /// The decision that holds now.
    pub decision: DecisionRow,
    /// Which policy set decided.
    pub policy_version: String,
    /// The secret that the tokens of approval links are derived from; none once the action left
    /// `pending_approval`.
    pub approval_secret: Option<String>,
    /// Until when it may be approved.
    pub expires_at_ms: Option<i64>,
    /// Until when it may start, once it may. None where its wrapper starts it.
    pub start_by_ms: Option<i64>,
    /// The answers of people so far.
    pub approvals: Vec<ApprovalRow>,
    /// The caller's description of a failure.
    pub error: Option<String>,
    /// The result from the caller.
    pub result: Option<Box<RawValue>>,
    /// How long the first decision took.
    pub duration_us: u64,
    /// Whether the stream that brought it decided otherwise than this server does: then `decision` is this server's,
    /// and the action can never move.
    pub contradicted: bool,
    /// The last record about it.
    pub receipt: Receipt,
    /// When it came, Unix milliseconds.
    pub created_at_ms: i64,
    /// When it last changed.
    pub updated_at_ms: i64,
}

/// The position of a record: proof that it was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The stream.
    pub stream: String,
    /// The place in it.
    pub seq: u64,
    /// The hash of the record.
    pub record_hash: RecordHash,
}

/// A request that may be sent twice and must count once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// The caller and the kind of its request: an idempotency key is only meaningful together with these.
    pub scope: String,
    /// The `Idempotency-Key`.
    pub key: String,
    /// The SHA-256 of the body, in hex.
    pub body_hash: String,
}

/// What a write led to.
#[derive(Debug, Clone)]
pub enum Written {
    /// It happened now.
    Fresh(Box<ActionRow>),
    /// It happened before, under the same key: the action as it stood then.
    Replayed(Box<ActionRow>),
}

/// A record as it is kept.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// The stream.
    pub stream: String,
    /// The place in it.
    pub seq: u64,
    /// The place among all records of all streams, in the order in which they came. It has gaps.
    pub place: u64,
    /// Its kind.
    pub kind: RecordKind,
    /// The canonical JSON, `record_hash` included. As it is in the database, whether or not it still fits its hash.
    pub body: String,
}

/// The record of a decision, and what came of it.
#[derive(Debug, Clone)]
pub struct DecisionRecord {
    /// The record.
    pub record: StoredRecord,
    /// The current status of its action; none if there is no such action here.
    pub status: Option<Status>,
}

impl ActionRow {
    /// Whether its wrapper decides, starts and ends it locally.
    pub fn is_local(&self) -> bool {
        intake::is_local(&self.receipt.stream)
    }
}

/// A policy set to activate.
#[derive(Debug, Clone)]
pub struct NewPolicySet {
    /// The hash of the set.
    pub policy_hash: PolicyHash,
    /// Its files, kept by their hash and never overwritten.
    pub files: Vec<PolicySource>,
    /// The engine module that decides under it, kept by its hash and never overwritten.
    pub engine_module: &'static [u8],
    /// The `policy` record. The store adds nothing to it.
    pub draft: Draft,
}

/// A policy set that is or was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyVersion {
    /// The number, as text; part of every action's answer.
    pub policy_version: String,
    /// The hash of the set.
    pub policy_hash: PolicyHash,
    /// When it was activated, RFC 3339.
    pub at: String,
    /// The principal that activated it, according to the record; none if that cannot be read.
    pub principal: Option<String>,
    /// The files' names and hashes, by name.
    pub files: Vec<(String, FileHash)>,
    /// The record that says so.
    pub receipt: Receipt,
}

/// An API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    /// Its public id, part of the key itself.
    pub id: String,
    /// Its name: the principal of the actions done with it.
    pub name: String,
    /// Its role: `agent`, `viewer`, `approver`, `editor` or `admin`.
    pub role: String,
    /// The agents it may speak for, as globs; empty means all.
    pub agents: Vec<String>,
    /// Its approver roles (`require_approval: { roles: [...] }`).
    pub approver_roles: Vec<String>,
    /// The SHA-256 of the secret, in hex. Never leaves the host.
    #[serde(skip)]
    pub secret_hash: String,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// Until when it works, Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    /// Since when it works no more, Unix milliseconds.
    pub revoked_at_ms: Option<i64>,
}
