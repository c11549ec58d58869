//! Problem documents, RFC 9457, and every code that one can have.

use engine::decision::{Outcome, ReasonCode};
use engine::diagnostic::Diagnostic;
use engine::hash::{FileHash, PolicyHash, RawHash, RecordHash};
use engine::json::JsonError;
use engine::lifecycle::Status;
use serde::{Deserialize, Serialize};

use crate::Receipt;

macro_rules! codes {
    ($($status:literal { $($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+ })+) => {
        /// The kind of a problem, stable for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum ProblemCode {
            $($($(#[doc = $doc])+ #[serde(rename = $word)] $variant,)+)+
        }

        impl ProblemCode {
            /// All codes, by their status.
            pub const ALL: &'static [ProblemCode] = &[$($(ProblemCode::$variant,)+)+];

            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $($(ProblemCode::$variant => $word,)+)+ }
            }

            /// The HTTP status that comes with it.
            pub fn status(self) -> u16 {
                match self { $($(ProblemCode::$variant)|+ => $status,)+ }
            }
        }
    };
}

codes! {
    400 {
        /// The prefix fits more than one action.
        AmbiguousId = "ambiguous_id",
        /// `cursor` is not one that this server gave.
        BadCursor = "bad_cursor",
        /// `Last-Event-ID` is not one that this server gave.
        BadEventId = "bad_event_id",
        /// The name cannot be that of a policy file.
        BadPolicyName = "bad_policy_name",
        /// The body could not be read to its end.
        IncompleteBody = "incomplete_body",
        /// The body is not the one that is described.
        InvalidBody = "invalid_body",
        /// The request has more than one `Host`.
        InvalidHost = "invalid_host",
        /// `Idempotency-Key` cannot be one.
        InvalidIdempotencyKey = "invalid_idempotency_key",
        /// The API key cannot be made as it is described.
        InvalidKey = "invalid_key",
        /// `If-Match` or `If-None-Match` is not one that the resource has.
        InvalidPrecondition = "invalid_precondition",
        /// The query is not the one that is described.
        InvalidQuery = "invalid_query",
        /// The stream cannot be a local one.
        InvalidStream = "invalid_stream",
    }
    401 {
        /// The request needs a key.
        KeyRequired = "key_required",
        /// The link was used, has expired, or is unknown.
        LinkUsed = "link_used",
        /// The session has ended.
        SessionExpired = "session_expired",
        /// Nobody is logged in.
        SessionRequired = "session_required",
        /// The key is unknown, revoked or expired.
        WrongKey = "wrong_key",
    }
    403 {
        /// The key may not speak for the agent.
        AgentNotAllowed = "agent_not_allowed",
        /// `X-CSRF-Token` is not the token of the session.
        CsrfRequired = "csrf_required",
        /// The role may not do this.
        Forbidden = "forbidden",
        /// The stream belongs to another principal.
        ForeignStream = "foreign_stream",
        /// `Host` names another server.
        HostNotAllowed = "host_not_allowed",
        /// The caller may not approve.
        NotAnApprover = "not_an_approver",
        /// The request comes from a page of another origin.
        OriginNotAllowed = "origin_not_allowed",
        /// The policy asks for roles that the caller does not have.
        RoleNotAsked = "role_not_asked",
        /// The caller proposed the action.
        SelfApproval = "self_approval",
        /// One answer is not enough, so a link cannot give it.
        TokenNotEnough = "token_not_enough",
        /// The approval token does not match this action.
        WrongToken = "wrong_token",
    }
    404 {
        /// There is no such thing, or not for this caller.
        NotFound = "not_found",
    }
    405 {
        /// The resource does not have that method.
        MethodNotAllowed = "method_not_allowed",
    }
    408 {
        /// The body did not arrive in time.
        RequestTimeout = "request_timeout",
    }
    409 {
        /// The caller has approved the action already.
        AlreadyApproved = "already_approved",
        /// The records differ from those that are stored.
        ChainConflict = "chain_conflict",
        /// Records are missing between those stored and these.
        ChainGap = "chain_gap",
        /// The `Idempotency-Key` was used with another body.
        IdempotencyKeyReused = "idempotency_key_reused",
        /// The same request has made the key already.
        KeyAlreadyCreated = "key_already_created",
        /// The key is the last admin key that does not expire.
        LastAdmin = "last_admin",
        /// Only the local stream can say more of its action.
        LocalAction = "local_action",
        /// There is a key of this name.
        NameTaken = "name_taken",
        /// The action was permitted and did not start in time.
        PermitExpired = "permit_expired",
        /// Files in the policy folder that were meant to be read are not.
        PoliciesNotRead = "policies_not_read",
        /// The policy folder is being changed.
        PoliciesPending = "policies_pending",
        /// The action was permitted, and the policies in force no longer permit it.
        PolicyChanged = "policy_changed",
        /// The engine that decided is not kept here.
        UnknownEngine = "unknown_engine",
        /// The policy set that decided was never in force here.
        UnknownPolicy = "unknown_policy",
        /// The action's status does not allow this.
        WrongStatus = "wrong_status",
    }
    412 {
        /// The file is not the one that the request names.
        PreconditionFailed = "precondition_failed",
    }
    413 {
        /// The body is too large.
        BodyTooLarge = "body_too_large",
    }
    415 {
        /// The body is not JSON.
        UnsupportedMediaType = "unsupported_media_type",
    }
    422 {
        /// A record does not continue the chain.
        ChainBroken = "chain_broken",
        /// A record moves an action where it cannot go.
        ImpossibleMove = "impossible_move",
        /// The action cannot be read.
        InvalidAction = "invalid_action",
        /// A record cannot be read.
        InvalidRecord = "invalid_record",
        /// The result cannot be read.
        InvalidResult = "invalid_result",
        /// The policy set has errors.
        PolicyInvalid = "policy_invalid",
        /// The tests cannot be read.
        PolicyTestsInvalid = "policy_tests_invalid",
        /// A record is from before the server's own records.
        TooEarly = "too_early",
    }
    428 {
        /// The request does not say which version of the file it changes.
        PreconditionRequired = "precondition_required",
    }
    429 {
        /// The caller has too many requests of this kind open.
        TooManyRequests = "too_many_requests",
    }
    503 {
        /// The server has too many requests of this kind open.
        Busy = "busy",
        /// The engine failed, so nothing was decided.
        EngineFailure = "engine_failure",
        /// No policy is in force.
        NoPolicy = "no_policy",
        /// The policies changed again and again while the request was decided.
        NotDecided = "not_decided",
        /// The policy folder cannot be read or written.
        PolicyFolderFailure = "policy_folder_failure",
        /// The store failed, so nothing may run.
        StoreFailure = "store_failure",
    }
}

/// A request that was refused, and why: RFC 9457.
///
/// `code` is stable. `outcome` is present where the caller asked what may run. The other members come with the codes
/// that need them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// Always `about:blank`: `code` says more.
    pub r#type: String,
    /// The reason phrase of the status.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The kind.
    pub code: ProblemCode,
    /// A sentence for people.
    pub detail: String,
    /// Advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub help: Option<String>,
    /// Always `HALT`: nothing may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("const" = "HALT")))]
    pub outcome: Option<Outcome>,
    /// Why nothing may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "ReasonCode"))]
    pub reason_code: Option<ReasonCode>,
    /// The action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub id: Option<String>,
    /// Where the action stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Status"))]
    pub action_status: Option<Status>,
    /// The reason of the action's decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub reason: Option<String>,
    /// The agent that the caller may not speak for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub agent_id: Option<String>,
    /// The error in the action or the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "JsonError"))]
    pub error: Option<JsonError>,
    /// The hash of an action that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "RawHash"))]
    pub raw_hash: Option<RawHash>,
    /// The policy set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "PolicyHash"))]
    pub policy_hash: Option<PolicyHash>,
    /// The record of an action that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Receipt"))]
    pub receipt: Option<Receipt>,
    /// With `precondition_failed`: the hash of the file, null where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<FileHash>"))]
    pub hash: Option<Option<FileHash>>,
    /// The findings about policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Diagnostic>"))]
    pub diagnostics: Option<Vec<Diagnostic>>,
    /// The line of the error in the body, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "usize"))]
    pub line: Option<usize>,
    /// The column of the error in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "usize"))]
    pub column: Option<usize>,
    /// The stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub stream: Option<String>,
    /// The place of the record that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub seq: Option<u64>,
    /// The number of records of the stream that are stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub size: Option<u64>,
    /// The hash of the last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "RecordHash"))]
    pub record_hash: Option<RecordHash>,
}

impl Problem {
    /// A problem with nothing but what every problem has.
    pub fn new(code: ProblemCode, title: impl Into<String>, detail: impl Into<String>) -> Self {
        Problem {
            r#type: "about:blank".to_owned(),
            title: title.into(),
            status: code.status(),
            code,
            detail: detail.into(),
            help: None,
            outcome: None,
            reason_code: None,
            id: None,
            action_status: None,
            reason: None,
            agent_id: None,
            error: None,
            raw_hash: None,
            policy_hash: None,
            receipt: None,
            hash: None,
            diagnostics: None,
            line: None,
            column: None,
            stream: None,
            seq: None,
            size: None,
            record_hash: None,
        }
    }
}

/// A member whose null differs from its absence.
mod present {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        member: &Option<Option<T>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        member.as_ref().and_then(Option::as_ref).serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<T>>, D::Error> {
        Option::deserialize(deserializer).map(Some)
    }
}
