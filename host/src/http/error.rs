//! Problem documents, RFC 9457: the only place where an error of the domain becomes HTTP.
//!
//! A problem tells its caller what the caller can use. Details for the operator go to the log.

use api::ProblemCode;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::decision::{Decision, Outcome, ReasonCode};
use engine::record::Head;
use store::intake::Refusal;
use store::{ActionRow, StoreError};

use crate::actor::Permission;
use crate::gate::intake::IntakeError;
use crate::gate::{GateError, Unreadable};
use crate::keys::KeyError;
use crate::policies::PolicyError;

/// A request that was refused, and why.
///
/// ```json
/// {"type":"about:blank","title":"Conflict","status":409,"code":"wrong_status",
///  "detail":"the action is `denied`","id":"…","action_status":"denied"}
/// ```
#[derive(Debug)]
pub struct Problem {
    body: Box<api::Problem>,
    /// After how many seconds it may be tried again.
    retry_after: Option<u32>,
}

impl Problem {
    /// A problem. `code` is stable and says the status; `detail` is a sentence for people.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        let title = status(code).canonical_reason().unwrap_or("Error");
        Problem { body: Box::new(api::Problem::new(code, title, detail)), retry_after: None }
    }

    /// With more members.
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut api::Problem)) -> Self {
        set(&mut self.body);
        self
    }

    /// With advice.
    #[must_use]
    pub fn help(self, help: &str) -> Self {
        self.with(|body| body.help = Some(help.to_owned()))
    }

    /// Saying that nothing may run, for callers that ask what may.
    #[must_use]
    pub fn halting(self, reason_code: ReasonCode) -> Self {
        self.with(|body| {
            body.outcome = Some(Outcome::Halt);
            body.reason_code = Some(reason_code);
        })
    }

    /// There is no such thing, or not for this caller.
    pub fn not_found() -> Self {
        Problem::new(ProblemCode::NotFound, "there is no such thing here")
    }

    /// The caller has no key, and needs one here.
    pub fn key_required() -> Self {
        Problem::new(ProblemCode::KeyRequired, "this server answers only to callers with a key")
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
        Problem::new(ProblemCode::Forbidden, detail)
    }

    /// The caller has as many requests of a kind open as one caller may have.
    pub fn too_many_requests() -> Self {
        let detail = "this caller has too many requests of this kind open at once";
        Problem::new(ProblemCode::TooManyRequests, detail).again_after(1)
    }

    /// All callers together have as many requests of a kind open as this server takes. Nothing was decided.
    pub fn busy() -> Self {
        let detail = "the server has too many requests of this kind open at once";
        Problem::new(ProblemCode::Busy, detail).with(|body| body.outcome = Some(Outcome::Halt)).again_after(1)
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
        Problem::new(ProblemCode::EngineFailure, "the server could not decide this")
            .halting(ReasonCode::EngineFailure)
    }
}

fn status(code: ProblemCode) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = status(self.body.code);
        // All its members have a JSON form.
        let text = serde_json::to_string(&self.body).unwrap_or_default();
        let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut response = (status, [content_type], text).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
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
                Problem::new(ProblemCode::AmbiguousId, "the prefix fits more than one action")
            }
            StoreError::Conflict(row) => wrong_status(*row),
            StoreError::KeyReused => Problem::new(
                ProblemCode::IdempotencyKeyReused,
                "this `Idempotency-Key` was used with another body",
            ),
            StoreError::NameTaken => Problem::new(ProblemCode::NameTaken, "there is a key of this name"),
            StoreError::BadCursor => {
                Problem::new(ProblemCode::BadCursor, "`cursor` is not one that this server gave")
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
                Problem::new(ProblemCode::StoreFailure, detail).halting(ReasonCode::StoreFailure)
            }
        }
    }
}

impl From<GateError> for Problem {
    fn from(error: GateError) -> Self {
        let detail = error.to_string();
        let problem = |code| Problem::new(code, detail.clone());
        match error {
            GateError::Unreadable(unreadable) => {
                let Unreadable { decision, error, receipt } = *unreadable;
                let code = match decision.reason_code {
                    ReasonCode::EngineFailure => ProblemCode::EngineFailure,
                    _ => ProblemCode::InvalidAction,
                };
                let error = error.and_then(|error| serde_json::from_str(error.get()).ok());
                Problem::new(code, decision.reason).halting(decision.reason_code).with(|body| {
                    body.error = error;
                    body.raw_hash = decision.raw_hash;
                    body.policy_hash = Some(decision.policy_hash);
                    body.receipt = Some(receipt);
                })
            }
            GateError::AgentNotAllowed(agent_id) => problem(ProblemCode::AgentNotAllowed).with(|body| {
                body.agent_id = Some(agent_id);
                body.outcome = Some(Outcome::Halt);
            }),
            GateError::NotAnApprover => problem(ProblemCode::NotAnApprover),
            GateError::WrongToken => problem(ProblemCode::WrongToken),
            GateError::SelfApproval => problem(ProblemCode::SelfApproval),
            GateError::TokenNotEnough => problem(ProblemCode::TokenNotEnough),
            GateError::RoleNotAsked => problem(ProblemCode::RoleNotAsked),
            GateError::AlreadyApproved => problem(ProblemCode::AlreadyApproved),
            GateError::Lapsed(reason_code, row) => {
                let code = match reason_code {
                    ReasonCode::PolicyChanged => ProblemCode::PolicyChanged,
                    _ => ProblemCode::PermitExpired,
                };
                problem(code).halting(reason_code).with(|body| {
                    body.reason = reason(&row);
                    body.action_status = Some(row.status);
                    body.id = Some(row.id);
                })
            }
            GateError::Restless => problem(ProblemCode::NotDecided).halting(ReasonCode::PolicyChanged),
            GateError::WrongStatus(row) => wrong_status(*row),
            GateError::LocalAction(row) => problem(ProblemCode::LocalAction).with(|body| {
                body.action_status = Some(row.status);
                body.stream = Some(row.receipt.stream);
                body.id = Some(row.id);
            }),
            GateError::Intake(error) => error.into(),
            GateError::UnknownEngine(_) => problem(ProblemCode::UnknownEngine),
            GateError::UnreadableResult(error) => {
                problem(ProblemCode::InvalidResult).with(|body| body.error = Some(error))
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
            IntakeError::BadStream => Problem::new(ProblemCode::InvalidStream, detail),
            IntakeError::BadCount(_) => Problem::new(ProblemCode::InvalidBody, detail),
            IntakeError::Broken(found) => {
                Problem::new(ProblemCode::ChainBroken, detail).with(|body| body.seq = Some(found.seq))
            }
            IntakeError::Invalid { seq, .. } => {
                Problem::new(ProblemCode::InvalidRecord, detail).with(|body| body.seq = Some(seq))
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let problem = |code| Problem::new(code, detail.clone());
        let at = |code, seq| problem(code).with(|body| body.seq = Some(seq));
        let behind = |problem: Problem, head: Head| {
            problem.with(|body| {
                body.stream = Some(head.stream);
                body.size = Some(head.size);
                body.record_hash = Some(head.record_hash);
            })
        };
        match refusal {
            Refusal::ForeignStream(stream) => {
                problem(ProblemCode::ForeignStream).with(|body| body.stream = Some(stream))
            }
            Refusal::Gap { head, .. } => behind(problem(ProblemCode::ChainGap), head),
            Refusal::Conflict { head, seq } => behind(at(ProblemCode::ChainConflict, seq), head),
            Refusal::Unlinked { seq } => at(ProblemCode::ChainBroken, seq),
            Refusal::UnknownPolicy { seq, policy_hash } => {
                at(ProblemCode::UnknownPolicy, seq).with(|body| body.policy_hash = Some(policy_hash))
            }
            Refusal::TooEarly { seq } => at(ProblemCode::TooEarly, seq),
            Refusal::ImpossibleMove { seq, action_id, status, .. } => at(ProblemCode::ImpossibleMove, seq)
                .with(|body| {
                    body.id = Some(action_id);
                    body.action_status = status;
                }),
        }
    }
}

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        let detail = error.to_string();
        let problem = |code| Problem::new(code, detail.clone());
        match error {
            PolicyError::Invalid(loaded) => problem(ProblemCode::PolicyInvalid).with(|body| {
                body.policy_hash = Some(loaded.policy_hash);
                body.diagnostics = Some(loaded.diagnostics);
            }),
            PolicyError::BadName(_) => problem(ProblemCode::BadPolicyName),
            PolicyError::InvalidTests(found) => {
                problem(ProblemCode::PolicyTestsInvalid).with(|body| body.diagnostics = Some(vec![*found]))
            }
            PolicyError::NotFound(_) | PolicyError::NoTests(_) => problem(ProblemCode::NotFound),
            PolicyError::PreconditionRequired => problem(ProblemCode::PreconditionRequired)
                .help("send `If-Match` with the file's hash, or `If-None-Match: *` for a new file"),
            PolicyError::PreconditionFailed(hash) => {
                problem(ProblemCode::PreconditionFailed).with(|body| body.hash = Some(hash))
            }
            PolicyError::Folder(internal) => {
                tracing::error!(internal, "the policy folder failed");
                Problem::new(ProblemCode::PolicyFolderFailure, "the policy folder cannot be read or written")
            }
            PolicyError::NotChanged { .. } => {
                tracing::error!(detail, "the policy folder failed");
                problem(ProblemCode::PolicyFolderFailure)
            }
            PolicyError::NotRead(mistakes) => problem(ProblemCode::PoliciesNotRead)
                .with(|body| body.diagnostics = Some(mistakes))
                .help("rename these files, or move them out of the policy folder"),
            PolicyError::Unsettled => problem(ProblemCode::PoliciesPending).help("send it again in a second"),
            PolicyError::Engine(internal) => Problem::failed(&internal),
            PolicyError::Store(error) => error.into(),
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Invalid(detail) => Problem::new(ProblemCode::InvalidKey, detail),
            KeyError::LastAdmin(name) => {
                let detail = format!("`{name}` is the last admin key that does not expire");
                Problem::new(ProblemCode::LastAdmin, detail)
                    .help("make another admin key without an expiry first, then revoke this one with it")
            }
            KeyError::Failed(internal) => Problem::failed(&internal),
            KeyError::Store(error) => error.into(),
        }
    }
}

/// The reason that the action's decision gives.
fn reason(row: &ActionRow) -> Option<String> {
    serde_json::from_str::<Decision>(row.decision.json.get()).ok().map(|decision| decision.reason)
}

fn wrong_status(row: ActionRow) -> Problem {
    let detail = format!("the action is `{}`", row.status.as_str());
    Problem::new(ProblemCode::WrongStatus, detail).with(|body| {
        body.action_status = Some(row.status);
        body.id = Some(row.id);
    })
}
