//! Problem documents, RFC 9457: the only place where an error of the domain becomes HTTP.
//!
//! A problem tells its caller what the caller can use. Details for the operator go to the log.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::decision::{Outcome, ReasonCode};
use engine::record::Head;
use serde_json::{Map, Value, json};
use store::intake::Refusal;
use store::{ActionRow, StoreError};

use crate::actor::Permission;
use crate::gate::GateError;
use crate::gate::intake::IntakeError;
use crate::keys::KeyError;
use crate::policies::PolicyError;

/// A request that was not done, and why.
///
/// ```json
/// {"type":"about:blank","title":"Conflict","status":409,"code":"wrong_status",
///  "detail":"the action is `denied`","id":"…","action_status":"denied"}
/// ```
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    more: Map<String, Value>,
    /// After how many seconds it may be tried again.
    retry_after: Option<u32>,
}

impl Problem {
    /// A problem. `code` is stable; `detail` is a sentence for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Problem { status, code, detail: detail.into(), more: Map::new(), retry_after: None }
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.more.insert(field.to_owned(), value.into());
        self
    }

    /// Saying that nothing may run, for callers that ask what may.
    #[must_use]
    pub fn halting(self, reason_code: ReasonCode) -> Self {
        self.with("outcome", Outcome::Halt.as_str()).with("reason_code", reason_code.as_str())
    }

    /// Something about the request cannot be read.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// There is no such thing, or not for this caller.
    pub fn not_found() -> Self {
        Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such thing here")
    }

    /// The caller has no key, or a wrong one.
    pub fn unauthorized(code: &'static str, detail: &str) -> Self {
        Problem::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// The caller has no key, and needs one here.
    pub fn key_required() -> Self {
        Problem::unauthorized("key_required", "this server answers only to callers with a key")
    }

    /// The caller's role does not do this.
    pub fn forbidden(needs: Permission) -> Self {
        let detail = match needs {
            Permission::SeeOwn => "this role may not read this",
            Permission::Submit => "only agents may do this",
            Permission::SeeAll => "an agent sees only its own actions",
            Permission::Approve => "only approvers may do this",
            Permission::EditPolicies => "only editors may do this",
            Permission::ManageKeys => "only admins may do this",
        };
        Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// The caller has as many requests of a kind open as one caller may have.
    pub fn too_many_requests() -> Self {
        let detail = "this caller has too many requests of this kind open at once";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).again_after(1)
    }

    /// All callers together have as many requests of a kind open as this server takes. Nothing was decided.
    pub fn busy() -> Self {
        let detail = "the server has too many requests of this kind open at once";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
            .with("outcome", Outcome::Halt.as_str())
            .again_after(1)
    }

    /// Saying after how many seconds the request may come again.
    #[must_use]
    fn again_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Something that cannot be helped; `internal` goes to the log only.
    pub fn failed(internal: &str) -> Self {
        tracing::error!(internal, "a request failed");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "engine_failure", "the server could not decide this")
            .halting(ReasonCode::EngineFailure)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        body.insert("type".to_owned(), "about:blank".into());
        body.insert("title".to_owned(), self.status.canonical_reason().unwrap_or("Error").into());
        body.insert("status".to_owned(), self.status.as_u16().into());
        body.insert("code".to_owned(), self.code.into());
        body.insert("detail".to_owned(), self.detail.into());
        body.extend(self.more);
        let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut response = (self.status, [content_type], Value::Object(body).to_string()).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Problem::not_found(),
            StoreError::Ambiguous => {
                Problem::bad_request("ambiguous_id", "the prefix fits more than one action")
            }
            StoreError::Conflict(row) => wrong_status(&row),
            StoreError::KeyReused => Problem::new(
                StatusCode::CONFLICT,
                "idempotency_key_reused",
                "this `Idempotency-Key` was used with another body",
            ),
            StoreError::NameTaken => {
                Problem::new(StatusCode::CONFLICT, "name_taken", "there is a key of this name")
            }
            StoreError::BadCursor => {
                Problem::bad_request("bad_cursor", "`cursor` is not one that this server gave")
            }
            StoreError::Refused(refusal) => (*refusal).into(),
            StoreError::TooNew { .. }
            | StoreError::InUse(_)
            | StoreError::StreamTaken(_)
            | StoreError::Outdated
            | StoreError::KeyRevoked
            | StoreError::Failed(_) => {
                tracing::error!(%error, "the store failed");
                let detail = "the server could not read or record this, so nothing may run";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_failure", detail)
                    .halting(ReasonCode::StoreFailure)
            }
        }
    }
}

impl From<GateError> for Problem {
    fn from(error: GateError) -> Self {
        let detail = error.to_string();
        let forbidden = |code| Problem::new(StatusCode::FORBIDDEN, code, detail.clone());
        match error {
            GateError::Unreadable(unreadable) => {
                let decision = unreadable.decision;
                let (status, code) = match decision.reason_code {
                    ReasonCode::EngineFailure => (StatusCode::SERVICE_UNAVAILABLE, "engine_failure"),
                    _ => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_action"),
                };
                let found = unreadable.error.and_then(|error| serde_json::from_str(error.get()).ok());
                Problem::new(status, code, decision.reason)
                    .halting(decision.reason_code)
                    .with("error", found.unwrap_or(Value::Null))
                    .with("raw_hash", decision.raw_hash.map(|hash| hash.to_hex()))
                    .with("policy_hash", decision.policy_hash.to_hex())
                    .with("receipt", json!(unreadable.receipt))
            }
            GateError::AgentNotAllowed(agent_id) => {
                forbidden("agent_not_allowed").with("agent_id", agent_id).with("outcome", "HALT")
            }
            GateError::NotAnApprover => forbidden("not_an_approver"),
            GateError::WrongToken => forbidden("wrong_token"),
            GateError::SelfApproval => forbidden("self_approval"),
            GateError::TokenNotEnough => forbidden("token_not_enough"),
            GateError::RoleNotAsked => forbidden("role_not_asked"),
            GateError::AlreadyApproved => Problem::new(StatusCode::CONFLICT, "already_approved", detail),
            GateError::Lapsed(code, row) => Problem::new(StatusCode::CONFLICT, code.as_str(), detail)
                .halting(code)
                .with("id", row.id.as_str())
                .with("action_status", row.status.as_str())
                .with("reason", reason(&row)),
            GateError::Restless => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_decided", detail)
                .halting(ReasonCode::PolicyChanged),
            GateError::WrongStatus(row) => wrong_status(&row),
            GateError::LocalAction(row) => Problem::new(StatusCode::CONFLICT, "local_action", detail)
                .with("id", row.id.as_str())
                .with("action_status", row.status.as_str())
                .with("stream", row.receipt.stream.as_str()),
            GateError::Intake(error) => error.into(),
            GateError::UnknownEngine(_) => Problem::new(StatusCode::CONFLICT, "unknown_engine", detail),
            GateError::UnreadableResult(error) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_result", detail)
                    .with("error", json!(error))
            }
            GateError::Failed(internal) => Problem::failed(&internal),
            GateError::Store(error) => error.into(),
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        let detail = error.to_string();
        match error {
            IntakeError::BadStream => Problem::bad_request("invalid_stream", detail),
            IntakeError::BadCount(_) => Problem::bad_request("invalid_body", detail),
            IntakeError::Broken(found) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "chain_broken", detail).with("seq", found.seq)
            }
            IntakeError::Invalid { seq, .. } => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_record", detail).with("seq", seq)
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let conflict = |code| Problem::new(StatusCode::CONFLICT, code, detail.clone());
        let broken = |code| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail.clone());
        let head = |problem: Problem, head: Head| {
            problem
                .with("stream", head.stream)
                .with("size", head.size)
                .with("record_hash", head.record_hash.to_hex())
        };
        match refusal {
            Refusal::ForeignStream(stream) => {
                Problem::new(StatusCode::FORBIDDEN, "foreign_stream", detail).with("stream", stream)
            }
            Refusal::Gap { head: known, .. } => head(conflict("chain_gap"), known),
            Refusal::Conflict { head: known, seq } => {
                head(conflict("chain_conflict"), known).with("seq", seq)
            }
            Refusal::Unlinked { seq } => broken("chain_broken").with("seq", seq),
            Refusal::UnknownPolicy { seq, policy_hash } => {
                conflict("unknown_policy").with("seq", seq).with("policy_hash", policy_hash.to_hex())
            }
            Refusal::TooEarly { seq } => broken("too_early").with("seq", seq),
            Refusal::ImpossibleMove { seq, action_id, status, .. } => {
                let problem = broken("impossible_move").with("seq", seq).with("id", action_id);
                match status {
                    Some(status) => problem.with("action_status", status.as_str()),
                    None => problem,
                }
            }
        }
    }
}

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        let detail = error.to_string();
        match error {
            PolicyError::Invalid(loaded) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "policy_invalid", detail)
                    .with("policy_hash", loaded.policy_hash.to_hex())
                    .with("diagnostics", json!(loaded.diagnostics))
            }
            PolicyError::BadName(_) => Problem::bad_request("bad_policy_name", detail),
            PolicyError::InvalidTests(found) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "policy_tests_invalid", detail)
                    .with("diagnostics", json!([found]))
            }
            PolicyError::NotFound(_) | PolicyError::NoTests(_) => {
                Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
            }
            PolicyError::PreconditionRequired => {
                Problem::new(StatusCode::PRECONDITION_REQUIRED, "precondition_required", detail).with(
                    "help",
                    "send `If-Match` with the file's hash, or `If-None-Match: *` for a new file",
                )
            }
            PolicyError::PreconditionFailed(hash) => {
                Problem::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
                    .with("hash", hash.map(|hash| hash.to_hex()))
            }
            PolicyError::Folder(internal) => {
                tracing::error!(internal, "the policy folder failed");
                let detail = "the policy folder cannot be read or written";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "policy_folder_failure", detail)
            }
            PolicyError::NotChanged { .. } => {
                tracing::error!(detail, "the policy folder failed");
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "policy_folder_failure", detail)
            }
            PolicyError::NotRead(mistakes) => Problem::new(StatusCode::CONFLICT, "policies_not_read", detail)
                .with("diagnostics", json!(mistakes))
                .with("help", "rename these files, or move them out of the policy folder"),
            PolicyError::Unsettled => Problem::new(StatusCode::CONFLICT, "policies_pending", detail)
                .with("help", "send it again in a second"),
            PolicyError::Engine(internal) => Problem::failed(&internal),
            PolicyError::Store(error) => error.into(),
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Invalid(detail) => Problem::bad_request("invalid_key", detail),
            KeyError::LastAdmin(name) => Problem::new(
                StatusCode::CONFLICT,
                "last_admin",
                format!("`{name}` is the last admin key that does not expire"),
            )
            .with("help", "make another admin key without an expiry first, then revoke this one with it"),
            KeyError::Failed(internal) => Problem::failed(&internal),
            KeyError::Store(error) => error.into(),
        }
    }
}

/// Why the action is where it is, as its decision says.
fn reason(row: &ActionRow) -> Value {
    let decision: Value = serde_json::from_str(row.decision.json.get()).unwrap_or_default();
    decision.get("reason").cloned().unwrap_or_default()
}

fn wrong_status(row: &ActionRow) -> Problem {
    let status = row.status.as_str();
    Problem::new(StatusCode::CONFLICT, "wrong_status", format!("the action is `{status}`"))
        .with("id", row.id.as_str())
        .with("action_status", status)
}
