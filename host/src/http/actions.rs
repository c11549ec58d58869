//! Actions: submitting one, finding them, waiting for one, and how one reads.

use std::time::Duration;

use api::{ActionQuery, Empty, PersonsAnswer, ProblemCode, Standing, WaitQuery};
use axum::extract::{Path, State};
use axum::response::Response;
use engine::lifecycle::Status;
use engine::time::rfc3339;
use store::time::parse_time;
use store::{ActionRow, ApprovalRow, Filter};

use super::auth::Caller;
use super::error::Problem;
use super::extract::{JsonBytes, Params, json, json_page, json_text};
use super::{App, Shared};
use crate::actor::{Actor, Permission};
use crate::events::closed;
use crate::gate::Answer;

/// The longest time that a request may wait.
/// Proxies give up after 60 seconds.
const MAX_WAIT: Duration = Duration::from_secs(50);
const DEFAULT_WAIT: Duration = Duration::from_secs(30);
/// The most actions of one list.
const MAX_LIMIT: u32 = store::LONGEST_PAGE;
const DEFAULT_LIMIT: u32 = 50;

/// The server's data about an action, in addition to the action and its decision.
fn standing(app: &App, row: &ActionRow, caller: Option<&Actor>) -> Standing {
    let waits = row.status == Status::PendingApproval;
    let may_start = matches!(row.status, Status::Allowed | Status::Approved);
    let answer = |said: &ApprovalRow| PersonsAnswer {
        principal: said.principal.name().to_owned(),
        via: said.principal.via(),
        key_id: said.principal.key_id().map(str::to_owned),
        claimed_by: said.principal.claimed_by().map(str::to_owned),
        roles: said.roles.clone(),
        approve: said.approve,
        reason: said.reason.clone(),
        at: said.at.clone(),
        counts: (waits && said.approve).then(|| app.gate.counts(said)),
    };
    let sees_all = caller.is_some_and(|caller| caller.may(Permission::SeeAll));
    Standing {
        status: row.status,
        policy_version: row.policy_version.clone(),
        principal: sees_all.then(|| row.principal.name().to_owned()),
        approval_token: caller.and_then(|caller| app.gate.token(row, caller)),
        approvals: row.approvals.iter().map(answer).collect(),
        answerable: caller.and_then(|caller| app.gate.answerable(row, caller)),
        waiting: waits.then(|| app.presence.is_awaited(&row.id)),
        permit: None,
        contradicted: row.contradicted,
        receipt: row.receipt.clone(),
        duration_us: row.duration_us,
        created_at: rfc3339(row.created_at_ms),
        updated_at: rfc3339(row.updated_at_ms),
        expires_at: row.expires_at_ms.map(rfc3339),
        start_by: row.start_by_ms.filter(|_| may_start).map(rfc3339),
        error: row.error.clone(),
    }
}

/// The action as text, as `caller` sees it; no caller means a person with an approval link.
///
/// The members of the canonical action and of the decision are the engine's own bytes, put side by side without
/// reading them again: an action and a decision have no name in common, neither with each other nor with [`Standing`].
/// Together they are an [`api::Action`].
///
/// # Errors
/// When the stored action cannot be read.
pub fn render(app: &App, row: &ActionRow, caller: Option<&Actor>) -> Result<String, Problem> {
    written(app, row, caller).map_err(|what| Problem::failed(&what))
}

fn written(app: &App, row: &ActionRow, caller: Option<&Actor>) -> Result<String, String> {
    let failed = |what: &str| format!("a stored action cannot be read: {what}");
    let standing =
        serde_json::to_string(&standing(app, row, caller)).map_err(|error| failed(&error.to_string()))?;
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
            members.filter(|members| !members.is_empty()).ok_or_else(|| failed("it is not an object"))?,
        );
    }
    if let Some(result) = &row.result {
        text.push_str(",\"result\":");
        text.push_str(result.get());
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
    let version = printed(pass.policy_version())?;
    // In its place, so that the answer is canonical like the decision in it. Quotes inside of texts are escaped, so
    // this is found nowhere else.
    let decision = pass.row.json.get();
    let behind =
        decision.find(",\"provenance_id\":").ok_or_else(|| Problem::failed("a decision has no id"))?;
    let (before, behind) = decision.split_at(behind);
    Ok(json_text(format!("{before},\"policy_version\":{version}{behind}")))
}

fn filter(query: ActionQuery) -> Result<Filter, Problem> {
    let bad = |detail: String| Problem::new(ProblemCode::InvalidQuery, detail);
    let time = |name: &str, text: Option<String>| match text {
        None => Ok(None),
        Some(text) => parse_time(&text)
            .map(Some)
            .ok_or_else(|| bad(format!("`{name}` must be an RFC 3339 time or Unix milliseconds"))),
    };
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(bad(format!("`limit` must be 1 to {MAX_LIMIT}")));
    }
    Ok(Filter {
        status: query.status,
        agent_ids: query.agent_id.into_iter().collect(),
        tool: query.tool,
        outcome: query.outcome,
        risk_level: query.risk_level,
        since_ms: time("since", query.since)?,
        until_ms: time("until", query.until)?,
        answer: query.answer,
        answered_by: query.answered_by,
        rule: query.rule,
        reason_code: query.reason_code,
        provenance_id: query.provenance_id,
        q: query.q,
        limit,
        offset: query.offset.unwrap_or_default(),
        cursor: query.cursor,
    })
}

/// `GET /v1/actions`: a page ends early, with a cursor, when it has as many bytes as one answer may have.
pub async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Params(query): Params<ActionQuery>,
) -> Result<Response, Problem> {
    let principal = caller.needs(Permission::SeeOwn)?;
    let filter = filter(query)?;
    let room = app.load.room_for_a_page(&caller).await?;
    let _turn = match &filter.q {
        Some(_) => Some(app.load.turn_to_search(caller.counted_as()).await?),
        None => None,
    };
    let page = app.seen_by(principal).actions(filter).await?;
    let mut text = "{\"actions\":[".to_owned();
    for (index, row) in page.actions.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        // Each row goes when its text is made, so that the page is not kept twice.
        text.push_str(&render(&app, &row, Some(principal))?);
    }
    text.push_str("],\"next_cursor\":");
    text.push_str(&printed(&page.next_cursor)?);
    text.push_str(",\"total\":");
    text.push_str(&printed(&page.total)?);
    text.push('}');
    Ok(json_page(text, room))
}

fn printed<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| Problem::failed(&error.to_string()))
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
    let Empty {} = body.parse()?;
    let row = app.gate.visible(principal, &id).await?;
    let _turn = app.load.turn_to_compile(&caller).await?;
    json(&app.gate.replay(&row).await?)
}

/// `GET /v1/actions/{id}/wait`: answers when the action has left `pending_approval`, or as it is when time is up.
pub async fn wait(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Params(WaitQuery { timeout }): Params<WaitQuery>,
) -> Result<Response, Problem> {
    let timeout = match timeout.as_deref() {
        None => DEFAULT_WAIT,
        Some(text) => {
            crate::config::duration(text).or_else(|| text.parse().ok().map(Duration::from_secs)).ok_or_else(
                || Problem::new(ProblemCode::InvalidQuery, "`timeout` must be a time such as `30s`"),
            )?
        }
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
            return Err(Problem::new(ProblemCode::WrongKey, "this key stopped working while it waited"));
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
