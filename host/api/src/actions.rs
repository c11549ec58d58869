//! Actions: submitting one, finding them, answering for one, and how one reads.

use engine::decision::{Decision, Outcome, ReasonCode};
use engine::explain::Explanation;
use engine::hash::{EngineHash, PolicyHash, ProvenanceId, RecordHash};
use engine::lifecycle::Status;
use engine::record::RecordKind;
use engine::risk::RiskLevel;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[cfg(feature = "schema")]
use crate::schema::{AnyObject, RecordOrText};

/// An action that an agent proposes.
///
/// The engine reads it from the request's own bytes, more strictly than JSON libraries do: a key that occurs twice,
/// for example, makes it invalid.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewAction {
    /// The agent that proposes it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub agent_id: String,
    /// The tool.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub tool: String,
    /// The operation of the tool; `call` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String", length(max = 256)))]
    pub operation: Option<String>,
    /// The arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "AnyObject"))]
    pub params: Option<Box<RawValue>>,
    /// Further facts to record and to match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "AnyObject"))]
    pub context: Option<Box<RawValue>>,
}

/// An action as it stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Action {
    /// Its id, a UUID.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "uuid")))]
    pub id: String,
    /// The agent that proposed it.
    pub agent_id: String,
    /// The tool.
    pub tool: String,
    /// The operation of the tool.
    pub operation: String,
    /// The arguments, in canonical form.
    #[cfg_attr(feature = "schema", schemars(with = "AnyObject"))]
    pub params: Box<RawValue>,
    /// Further facts, in canonical form.
    #[cfg_attr(feature = "schema", schemars(with = "AnyObject"))]
    pub context: Box<RawValue>,
    /// The decision that holds now.
    #[serde(flatten)]
    pub decision: Decision,
    /// What the server adds to the action and its decision.
    #[serde(flatten)]
    pub standing: Standing,
    /// The tool's result, as the caller reported it; absent until there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub result: Option<Box<RawValue>>,
}

/// What the server adds to an action and its decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Standing {
    /// Where the action stands.
    pub status: Status,
    /// The number of the policy set that decided.
    pub policy_version: String,
    /// The name of the key that sent the action; only for callers that see all actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub principal: Option<String>,
    /// A one-time token for an approval link, made for the approver who asks and shown to no one else.
    /// It is present only while one answer of theirs would be enough; any answer to the action spends it.
    #[serde(default)]
    pub approval_token: Option<String>,
    /// The answers of people so far.
    pub approvals: Vec<PersonsAnswer>,
    /// Whether an answer of the caller would count; null when the action is not waiting for one, or the caller may not
    /// answer.
    #[serde(default)]
    pub answerable: Option<Answerable>,
    /// Whether a caller is waiting for the answer, or was within the last 60 seconds; null unless the status is
    /// `pending_approval`.
    #[serde(default)]
    pub waiting: Option<bool>,
    /// Signed permits are not part of this version; the answer to `start` is the permission.
    #[serde(default)]
    pub permit: Option<()>,
    /// Whether the local stream that brought the action decided otherwise than this server's engine does.
    /// Then the decision is this server's, the status is `denied`, and nothing the stream says changes it.
    #[serde(default)]
    pub contradicted: bool,
    /// The last record about the action.
    pub receipt: Receipt,
    /// How long the decision took, in microseconds.
    pub duration_us: u64,
    /// When the action was created.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub created_at: String,
    /// When it last changed.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub updated_at: String,
    /// Until when people may answer.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub expires_at: Option<String>,
    /// Until when `start` is accepted; null when the action may not start.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub start_by: Option<String>,
    /// The tool's error, as the caller reported it; absent until there is one.
    // Absent and not null: published clients take the mere name for a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub error: Option<String>,
}

/// Where a record is in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Receipt {
    /// The stream.
    pub stream: String,
    /// The place in the stream, from 0.
    pub seq: u64,
    /// The hash of the record.
    pub record_hash: RecordHash,
}

/// One person's answer to a held action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PersonsAnswer {
    /// The person's name. Names are for reading; `key_id` is what tells people apart.
    pub principal: String,
    /// How the person is known.
    #[serde(default)]
    pub via: Option<Via>,
    /// The id of the person's key.
    #[serde(default)]
    pub key_id: Option<String>,
    /// The local stream that claims the answer. The server has not checked it.
    #[serde(default)]
    pub claimed_by: Option<String>,
    /// The roles that the person may approve as.
    pub roles: Vec<String>,
    /// Yes or no.
    pub approve: bool,
    /// The person's reason.
    pub reason: Option<String>,
    /// When.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub at: String,
    /// Whether this yes counts toward the policy's requirement: not when its key was revoked, or when a stream only
    /// claims it. Null for a no, and when the action is no longer waiting.
    #[serde(default)]
    pub counts: Option<bool>,
}

/// How an identity is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// By an API key.
    Key,
    /// By an approval link that was made for the holder of a key.
    Link,
    /// By the claim of a local stream.
    Claimed,
}

impl Via {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Via::Key => "key",
            Via::Link => "link",
            Via::Claimed => "claimed",
        }
    }
}

/// Whether an answer of the caller would count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Answerable {
    /// Whether a yes would.
    pub approve: bool,
    /// Whether a no would.
    pub reject: bool,
    /// Why not; null when both would.
    pub why_not: Option<WhyNot>,
}

/// Why an answer would not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WhyNot {
    /// The caller proposed the action.
    SelfApproval,
    /// The caller has approved it already.
    AlreadyApproved,
    /// The policy asks for roles that the caller does not have.
    RoleNotAsked,
}

/// Which actions to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ActionQuery {
    /// Only this status.
    pub status: Option<Status>,
    /// Only this agent.
    pub agent_id: Option<String>,
    /// Only this tool.
    pub tool: Option<String>,
    /// Only this outcome, as it is now: that of an action which a person approved is `EXECUTE`.
    pub outcome: Option<Outcome>,
    /// Only this outcome of the first decision, which is what `/v1/stats` counts.
    pub first_outcome: Option<Outcome>,
    /// Only this risk level.
    pub risk_level: Option<RiskLevel>,
    /// Created at or after: RFC 3339 or Unix milliseconds.
    pub since: Option<String>,
    /// Created before: RFC 3339 or Unix milliseconds.
    pub until: Option<String>,
    /// Only actions that a person answered in this way, whatever their status is now.
    pub answer: Option<Answered>,
    /// Only actions that the person of this name answered.
    pub answered_by: Option<String>,
    /// Only actions whose first decision rests on the rule with this id.
    pub rule: Option<String>,
    /// Only actions whose decision has this reason code.
    pub reason_code: Option<ReasonCode>,
    /// Only actions with a decision of this `provenance_id`.
    pub provenance_id: Option<ProvenanceId>,
    /// Text that occurs in the action or its id.
    pub q: Option<String>,
    /// At most this many. A page may end earlier; `next_cursor` continues it.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000), extend("default" = 50)))]
    pub limit: Option<u32>,
    /// Skip this many.
    pub offset: Option<u64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// How people answered an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// At least one person approved it.
    Approved,
    /// At least one person rejected it.
    Rejected,
    /// At least one person approved or rejected it.
    Any,
}

/// A page of actions, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionPage {
    /// The actions.
    pub actions: Vec<Action>,
    /// The `cursor` of the next page; null on the last.
    pub next_cursor: Option<String>,
    /// How many actions fit the filter in all.
    pub total: u64,
}

/// How long to wait for an answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WaitQuery {
    /// A duration such as `30s`, at most 50 seconds. When it is over, the answer is the action as it stands.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "30s")))]
    pub timeout: Option<String>,
}

/// A person's answer to a held action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// Yes or no.
    pub approve: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The token of an approval link, instead of a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// Why a caller gives up an action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WithdrawRequest {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How an action ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResultReport {
    /// Whether the tool succeeded.
    pub success: bool,
    /// The tool's error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The tool's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub result: Option<Box<RawValue>>,
}

/// The body of a request whose path says everything: an empty object, or no body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// The records of an action.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionRecords {
    /// Oldest first, each byte for byte as it is stored.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<RecordOrText>"))]
    pub events: Vec<Box<RawValue>>,
}

/// Why the decision on an action is as it is. The server sends the engine's own bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Explained"))]
pub struct Explained<E = Explanation> {
    /// The action.
    pub id: String,
    /// The policy set that decided.
    pub policy_hash: PolicyHash,
    /// The number of that set.
    pub policy_version: String,
    /// The trace of the decision.
    pub explanation: E,
}

/// The decision that an action would get; nothing is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DryRun {
    /// The decision.
    #[serde(flatten)]
    pub decision: Decision,
    /// The number of the policy set that decided.
    pub policy_version: String,
}

/// A recorded action, decided again. The server sends the engine's own bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Replay"))]
pub struct Replay<D = Decision> {
    /// The action.
    pub id: String,
    /// Whether every pass gave the recorded bytes.
    #[serde(rename = "match")]
    pub matches: bool,
    /// Whether every pass was decided by the engine that this server runs.
    pub same_engine: bool,
    /// One for each time the action was decided, oldest first.
    pub passes: Vec<ReplayedPass<D>>,
}

/// One recorded decision, made again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ReplayedPass"))]
pub struct ReplayedPass<D = Decision> {
    /// The kind of the record.
    pub kind: RecordKind,
    /// The stream of the record.
    pub stream: String,
    /// The place of the record in its stream.
    pub seq: u64,
    /// The policy set that decided.
    pub policy_hash: PolicyHash,
    /// The engine that decided.
    pub engine_hash: EngineHash,
    /// Whether this server runs the same engine.
    pub same_engine: bool,
    /// Whether the bytes are the recorded ones.
    #[serde(rename = "match")]
    pub matches: bool,
    /// The fields that differ.
    pub differences: Vec<Difference>,
    /// The decision as it is recorded.
    pub recorded: D,
    /// The decision as it is now.
    pub replayed: D,
}

/// A field of a decision that differs from the record; null where the field is missing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Difference {
    /// The name of the field.
    pub field: String,
    /// The recorded value.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub recorded: Box<RawValue>,
    /// The value now.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub replayed: Box<RawValue>,
}
