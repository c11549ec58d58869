//! The newest recorded decisions, on which the policy editor tries its policies.

use axum::extract::State;
use axum::response::Response;
use engine::lifecycle::Status;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Shared;
use super::auth::Caller;
use super::error::Problem;
use super::extract::{Params, json};
use crate::actor::Permission;
use crate::gate::recent::Recent;

const MAX_LIMIT: u32 = 1000;
const DEFAULT_LIMIT: u32 = 500;

/// How many decisions to give.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionParams {
    limit: Option<u32>,
}

#[derive(Serialize)]
struct DecisionView {
    /// Byte for byte as it is stored; as text if it is not JSON.
    record: Box<RawValue>,
    status: Option<Status>,
    replayable: bool,
    why: Option<String>,
}

impl DecisionView {
    fn of(recent: Recent) -> Result<Self, Problem> {
        let Recent { decision, why } = recent;
        let record = super::records::shown(&decision.record.body)?;
        Ok(DecisionView { record, status: decision.status, replayable: why.is_none(), why })
    }
}

#[derive(Serialize)]
struct Decisions {
    decisions: Vec<DecisionView>,
}

/// `GET /v1/decisions`
pub async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Params(params): Params<DecisionParams>,
) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request("invalid_query", format!("`limit` must be 1 to {MAX_LIMIT}")));
    }
    let recent = app.gate.recent(limit).await?;
    json(&Decisions { decisions: recent.into_iter().map(DecisionView::of).collect::<Result<_, _>>()? })
}
