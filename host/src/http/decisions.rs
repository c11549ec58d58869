//! The newest recorded decisions, on which the policy editor tries its policies.

use api::{DecisionQuery, ProblemCode, RecentDecision, RecentDecisions};
use axum::extract::State;
use axum::response::Response;

use super::Shared;
use super::auth::Caller;
use super::error::Problem;
use super::extract::{Params, json};
use crate::actor::Permission;
use crate::gate::recent::Recent;

const MAX_LIMIT: u32 = 1000;
const DEFAULT_LIMIT: u32 = 500;

fn shown(recent: Recent) -> Result<RecentDecision, Problem> {
    let Recent { decision, why } = recent;
    let record = super::records::shown(&decision.record.body)?;
    Ok(RecentDecision { record, status: decision.status, replayable: why.is_none(), why })
}

/// `GET /v1/decisions`
pub async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Params(DecisionQuery { limit }): Params<DecisionQuery>,
) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::new(ProblemCode::InvalidQuery, format!("`limit` must be 1 to {MAX_LIMIT}")));
    }
    let recent = app.gate.recent(limit).await?;
    json(&RecentDecisions { decisions: recent.into_iter().map(shown).collect::<Result<_, _>>()? })
}
