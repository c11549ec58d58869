//! The steps after a decision: people answer, the action starts, it ends.

use axum::extract::{Path, State};
use axum::response::Response;
use engine::principal::APPROVAL_LINK;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Shared;
use super::actions::answer;
use super::auth::{Caller, MaybeCaller};
use super::error::Problem;
use super::extract::{JsonBytes, Nothing};
use crate::actor::Permission;
use crate::gate::approval::PersonsAnswer;
use crate::gate::execution::Report;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApprovalBody {
    approve: bool,
    reason: Option<String>,
    token: Option<String>,
}

/// `POST /v1/actions/{id}/approval`: with the key of an approver, or with the action's token and no key at all.
pub async fn approval(
    State(app): State<Shared>,
    MaybeCaller(caller): MaybeCaller,
    Path(id): Path<String>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let ApprovalBody { approve, reason, token } = body.parse()?;
    if caller.is_none() && token.is_none() {
        let detail = "an approval needs the key of an approver, or the action's `token`";
        return Err(Problem::unauthorized("key_required", detail));
    }
    let actor = caller.as_ref().map(|caller| &caller.actor);
    // A caller with the token but without the approver's role sees the same as the holder of a link.
    let approver = actor.filter(|actor| actor.may(Permission::Approve));
    let scope = approver.map_or_else(|| APPROVAL_LINK.to_owned(), |approver| approver.principal.scope());
    let once = body.once(&scope)?;
    let answered = app.gate.answer(actor, &id, PersonsAnswer { approve, reason, token }, once).await?;
    answer(&app, &answered, approver)
}

/// `POST /v1/actions/{id}/start`
pub async fn start(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let actor = caller.needs(Permission::Submit)?;
    let Nothing {} = body.parse()?;
    let once = body.once(&actor.principal.scope())?;
    answer(&app, &app.gate.start(actor, &id, once).await?, Some(actor))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithdrawBody {
    reason: Option<String>,
}

/// `POST /v1/actions/{id}/withdraw`
pub async fn withdraw(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let actor = caller.needs(Permission::Submit)?;
    let WithdrawBody { reason } = body.parse()?;
    let once = body.once(&actor.principal.scope())?;
    answer(&app, &app.gate.withdraw(actor, &id, reason, once).await?, Some(actor))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResultBody {
    success: bool,
    error: Option<String>,
    result: Option<Box<RawValue>>,
}

/// `POST /v1/actions/{id}/result`
pub async fn result(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let actor = caller.needs(Permission::Submit)?;
    let ResultBody { success, error, result } = body.parse()?;
    let once = body.once(&actor.principal.scope())?;
    let report = Report { success, error, result };
    answer(&app, &app.gate.report(actor, &id, report, once).await?, Some(actor))
}
