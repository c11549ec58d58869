//! Actions: submitting one, finding them, waiting for one, and how one reads.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use engine::decision::{Outcome, ReasonCode};
use engine::lifecycle::Status;
use engine::risk::RiskLevel;
use engine::time::rfc3339;
use serde::{Deserialize, Serialize};
use serde_json::json as object;
use serde_json::value::RawValue;
use store::time::parse_time;
use store::{ActionRow, Answered, ApprovalRow, Filter, Receipt};

use super::auth::Caller;
use super::compress::without_secrets;
use super::error::Problem;
use super::extract::{JsonBytes, Params, json, json_page, json_text};
use super::{App, Shared};
use crate::actor::{Actor, Permission};
use crate::events::closed;
use crate::gate::Answer;
use crate::gate::approval::Answerable;

/// The longest time that a request may wait.
/// Proxies give up after 60 seconds.
const MAX_WAIT: Duration = Duration::from_secs(50);
const DEFAULT_WAIT: Duration = Duration::from_secs(30);
/// The most actions of one list.
const MAX_LIMIT: u32 = store::LONGEST_PAGE;
const DEFAULT_LIMIT: u32 = 50;

/// The server's data about an action, apart from the action and its decision.
#[derive(Serialize)]
struct Standing<'a> {
    status: Status,
    policy_version: &'a str,
    /// The sender; shown to callers who see all actions.
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a str>,
    /// Shown to an approver whose approval would be enough, as long as the action waits for it.
    approval_token: Option<String>,
    approvals: Vec<Said<'a>>,
    /// Whether an answer of the caller would count; null when it answers nothing here.
    answerable: Option<Answerable>,
    /// Whether a caller waits for the answer; null when it does not wait for one.
    waiting: Option<bool>,
    /// Signed permits are not made in this version; the answer to `start` is the permission.
    permit: Option<()>,
    /// Whether the wrapper that brought it decided otherwise than this server does; then the decision is this server's.
    contradicted: bool,
    receipt: &'a Receipt,
    duration_us: u64,
    created_at: String,
    updated_at: String,
    expires_at: Option<String>,
    start_by: Option<String>,
    /// Absent until there is one, because published clients take the mere name for a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
}

/// One person's answer, and whether it counts.
#[derive(Serialize)]
struct Said<'a> {
    #[serde(flatten)]
    said: &'a ApprovalRow,
    /// Whether it counts toward the policy's requirements: not if its key was revoked, or a stream only claims it.
    /// Null for a rejection, and once the action no longer waits.
    counts: Option<bool>,
}

impl<'a> Standing<'a> {
    fn of(app: &App, row: &'a ActionRow, caller: Option<&Actor>) -> Self {
        let waits = row.status == Status::PendingApproval;
        let may_start = matches!(row.status, Status::Allowed | Status::Approved);
        let said = |said: &'a ApprovalRow| Said {
            said,
            counts: (waits && said.approve).then(|| app.gate.counts(said)),
        };
        Standing {
            status: row.status,
            policy_version: &row.policy_version,
            principal: caller.filter(|caller| caller.may(Permission::SeeAll)).map(|_| row.principal.name()),
            approval_token: caller.and_then(|caller| app.gate.token(row, caller)),
            approvals: row.approvals.iter().map(said).collect(),
            answerable: caller.and_then(|caller| app.gate.answerable(row, caller)),
            waiting: waits.then(|| app.presence.is_awaited(&row.id)),
            permit: None,
            contradicted: row.contradicted,
            receipt: &row.receipt,
            duration_us: row.duration_us,
            created_at: rfc3339(row.created_at_ms),
            updated_at: rfc3339(row.updated_at_ms),
            expires_at: row.expires_at_ms.map(rfc3339),
            start_by: row.start_by_ms.filter(|_| may_start).map(rfc3339),
            error: row.error.as_deref(),
            result: row.result.as_deref(),
        }
    }
}

/// The action as text, as `caller` sees it; no caller means a person with an approval link.
///
/// The members of the canonical action and of the decision are the engine's own bytes, put side by side without
/// reading them again: an action and a decision have no name in common, neither with each other nor with [`Standing`].
///
/// # Errors
/// When the stored action cannot be read.
pub fn render(app: &App, row: &ActionRow, caller: Option<&Actor>) -> Result<String, Problem> {
    written(app, row, Standing::of(app, row, caller)).map_err(|what| Problem::failed(&what))
}

fn written(app: &App, row: &ActionRow, standing: Standing<'_>) -> Result<String, String> {
    let failed = |what: &str| format!("a stored action cannot be read: {what}");
    let standing = serde_json::to_string(&standing).map_err(|error| failed(&error.to_string()))?;
    let (action, decision) = (row.action.get(), row.decision.json.get());
    let mut text = String::with_capacity(action.len() + decision.len() + standing.len() + 48);
    // An id is a UUID, which needs no escapes.
    text.push_str("{\"id\":\"");
    text.push_str(&row.id);
    text.push('"');
    for object in [action, decision, &standing] {
        let members = object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        text.push(',');
        text.push_str(
            members.filter(|members| !members.is_empty()).ok_or_else(|| failed("it is no object"))?,
        );
    }
    text.push('}');
    Ok(text)
}

/// The answer to a request that changed an action.
///
/// # Errors
/// When the stored action cannot be read.
pub fn answer(app: &App, answer: &Answer, caller: Option<&Actor>) -> Result<Response, Problem> {
    render(app, answer.row(), caller).map(json_text)
}

/// `POST /v1/actions`
pub async fn submit(State(app): State<Shared>, caller: Caller, body: JsonBytes) -> Result<Response, Problem> {
    let actor = caller.needs(Permission::Submit)?;
    let once = body.once(&actor.principal.scope())?;
    let _turn = app.load.turn_to_decide(&caller, body.bytes.len()).await?;
    answer(&app, &app.gate.submit(actor, &body.bytes, once).await?, Some(actor))
}

/// `POST /v1/gate/decide`: the decision as the engine printed it, and the policy set that made it.
pub async fn decide(State(app): State<Shared>, caller: Caller, body: JsonBytes) -> Result<Response, Problem> {
    let principal = caller.needs(Permission::SeeOwn)?;
    let _turn = app.load.turn_to_decide(&caller, body.bytes.len()).await?;
    let pass = app.gate.dry_run(principal, &body.bytes)?;
    let version =
        serde_json::to_string(pass.policy_version()).map_err(|error| Problem::failed(&error.to_string()))?;
    // In its place, so that the answer is canonical like the decision in it. Quotes inside of texts are escaped, so
    // this is found nowhere else.
    let decision = pass.row.json.get();
    let behind =
        decision.find(",\"provenance_id\":").ok_or_else(|| Problem::failed("a decision has no id"))?;
    let (before, behind) = decision.split_at(behind);
    Ok(json_text(format!("{before},\"policy_version\":{version}{behind}")))
}

/// Which actions to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    status: Option<String>,
    agent_id: Option<String>,
    tool: Option<String>,
    outcome: Option<Outcome>,
    first_outcome: Option<Outcome>,
    risk_level: Option<RiskLevel>,
    since: Option<String>,
    until: Option<String>,
    answer: Option<Answered>,
    answered_by: Option<String>,
    rule: Option<String>,
    reason_code: Option<ReasonCode>,
    provenance_id: Option<String>,
    q: Option<String>,
    limit: Option<u32>,
    offset: Option<u64>,
    cursor: Option<String>,
}

impl ListParams {
    fn filter(self) -> Result<Filter, Problem> {
        let bad = |detail: String| Problem::bad_request("invalid_query", detail);
        let time = |name: &str, text: Option<String>| match text {
            None => Ok(None),
            Some(text) => parse_time(&text)
                .map(Some)
                .ok_or_else(|| bad(format!("`{name}` must be an RFC 3339 time or Unix milliseconds"))),
        };
        let status = match self.status {
            None => None,
            Some(word) => {
                Some(Status::from_word(&word).ok_or_else(|| bad(format!("there is no status `{word}`")))?)
            }
        };
        let provenance_id = match self.provenance_id {
            None => None,
            Some(text) => {
                Some(text.parse().map_err(|_| bad("`provenance_id` must be a SHA-256".to_owned()))?)
            }
        };
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(bad(format!("`limit` must be 1 to {MAX_LIMIT}")));
        }
        Ok(Filter {
            status,
            agent_ids: self.agent_id.into_iter().collect(),
            tool: self.tool,
            outcome: self.outcome,
            first_outcome: self.first_outcome,
            risk_level: self.risk_level,
            since_ms: time("since", self.since)?,
            until_ms: time("until", self.until)?,
            answer: self.answer,
            answered_by: self.answered_by,
            rule: self.rule,
            reason_code: self.reason_code,
            provenance_id,
            q: self.q,
            limit,
            offset: self.offset.unwrap_or_default(),
            cursor: self.cursor,
        })
    }
}

/// `GET /v1/actions`: a page ends early, with a cursor, when it has as many bytes as one answer may have.
pub async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let principal = caller.needs(Permission::SeeOwn)?;
    let filter = params.filter()?;
    let room = app.load.room_for_a_page(&caller).await?;
    let _turn = match &filter.q {
        Some(_) => Some(app.load.turn_to_search(caller.counted_as()).await?),
        None => None,
    };
    let page = app.seen_by(principal).actions(filter).await?;
    // The pages answer with their session and have no use for tokens; without these, their lists can be compressed.
    let with_a_session = caller.session_secret().is_some();
    let mut text = "{\"actions\":[".to_owned();
    for (index, row) in page.actions.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        let mut standing = Standing::of(&app, &row, Some(principal));
        if with_a_session {
            standing.approval_token = None;
        }
        // Each row goes when its text is made, so that the page is not kept twice.
        text.push_str(&written(&app, &row, standing).map_err(|what| Problem::failed(&what))?);
    }
    let end = object!({ "next_cursor": page.next_cursor, "total": page.total }).to_string();
    text.push_str("],");
    text.push_str(end.trim_start_matches('{'));
    let page = json_page(text, room);
    Ok(if with_a_session { without_secrets(page).await } else { page })
}

/// `GET /v1/actions/{id}`
pub async fn one(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let row = app.gate.visible(&caller.actor, &id).await?;
    render(&app, &row, Some(&caller.actor)).map(json_text)
}

/// `GET /v1/actions/{id}/events`
pub async fn events(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let row = app.gate.visible(&caller.actor, &id).await?;
    let room = app.load.room_for_a_page(&caller).await?;
    super::records::render(app.store.records_of(row.id).await?, "events", room)
}

/// `GET /v1/actions/{id}/explain`
pub async fn explain(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let principal = caller.needs(Permission::SeeAll)?;
    let row = app.gate.visible(principal, &id).await?;
    let _turn = app.load.turn_to_compile(&caller).await?;
    json(&app.gate.explain(&row).await?)
}

/// `POST /v1/actions/{id}/replay`
pub async fn replay(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let principal = caller.needs(Permission::SeeAll)?;
    let super::extract::Nothing {} = body.parse()?;
    let row = app.gate.visible(principal, &id).await?;
    let _turn = app.load.turn_to_compile(&caller).await?;
    json(&app.gate.replay(&row).await?)
}

/// How long to wait.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitParams {
    timeout: Option<String>,
}

/// `GET /v1/actions/{id}/wait`: answers when the action has left `pending_approval`, or as it is when time is up.
pub async fn wait(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<WaitParams>,
) -> Result<Response, Problem> {
    let timeout = match params.timeout.as_deref() {
        None => DEFAULT_WAIT,
        Some(text) => crate::config::duration(text)
            .or_else(|| text.parse().ok().map(Duration::from_secs))
            .ok_or_else(|| Problem::bad_request("invalid_query", "`timeout` must be a time such as `30s`"))?,
    };
    let deadline = tokio::time::Instant::now() + timeout.min(MAX_WAIT);
    let row = app.gate.visible(&caller.actor, &id).await?;
    if row.status != Status::PendingApproval {
        return render(&app, &row, Some(&caller.actor)).map(json_text);
    }
    let _place = app.load.waits.take(caller.counted_as(), 1).await?;
    let _present = app.presence.begin(&row.id);
    let watch = app.waiting.action(&row.id);
    let mut closing = app.waiting.closing();
    let mut over = false;
    loop {
        let next = watch.next();
        tokio::pin!(next);
        next.as_mut().enable();
        if !caller.still_stands(&app) {
            return Err(Problem::unauthorized("wrong_key", "this key stopped working while it waited"));
        }
        // Read again when time is up: the answer is the current state of the action.
        let row = app.gate.visible(&caller.actor, &row.id).await?;
        if over || row.status != Status::PendingApproval {
            return render(&app, &row, Some(&caller.actor)).map(json_text);
        }
        over = tokio::select! {
            () = next => false,
            () = tokio::time::sleep_until(deadline) => true,
            () = closed(&mut closing) => true,
        };
    }
}
