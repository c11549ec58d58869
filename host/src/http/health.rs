//! Whether the server is alive, whether it can do its work, and what Prometheus is told.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::lifecycle::Status;
use serde_json::{Value, json};
use store::intake::is_local;
use tokio::sync::Mutex;

use super::auth::{Caller, MaybeCaller};
use super::error::Problem;
use super::extract::json;
use super::{App, Shared};
use crate::actor::Permission;

/// `GET /health`: alive.
pub async fn health() -> Result<Response, Problem> {
    json(&json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// Whether the store could write at the last check: the check is a write, and any caller may ask for readiness.
#[derive(Debug, Default)]
pub struct Probe(Mutex<Option<(Instant, bool)>>);

/// How long an answer of the store counts.
const FRESH: Duration = Duration::from_secs(1);

impl Probe {
    async fn store_writes(&self, app: &App) -> bool {
        let mut last = self.0.lock().await;
        if let Some((at, writes)) = *last
            && at.elapsed() < FRESH
        {
            return writes;
        }
        let probed = app.store.probe().await;
        if let Err(error) = &probed {
            tracing::error!(%error, "the store cannot write");
        }
        *last = Some((Instant::now(), probed.is_ok()));
        probed.is_ok()
    }
}

/// `GET /ready`: a policy is in force, the store writes and the engine answers. `degraded` means that all of it
/// works, but the content of the policy folder was refused. `pending` is an unfinished change of the folder.
pub async fn ready(State(app): State<Shared>, MaybeCaller(caller): MaybeCaller) -> Result<Response, Problem> {
    let set = app.policies.in_force();
    let store = app.probe.store_writes(&app).await;
    // The bytes do not form an action, so any working engine says so.
    let engine = set.pool.decide(b"", b"").is_ok();
    let policy = !set.sources.is_empty();
    let trouble = app.policies.trouble();
    let status = match (policy && store && engine, &trouble) {
        (false, _) => "unavailable",
        (true, Some(_)) => "degraded",
        (true, None) => "ready",
    };
    let details = caller.is_some_and(|caller| caller.actor.may(Permission::SeeAll));
    let trouble = trouble.map(|trouble| match details {
        true => json!(trouble),
        false => json!({ "reason": trouble.reason }),
    });
    let pending = app.policies.pending().map(|pending| match details {
        true => json!(pending),
        false => json!({ "reason": pending.reason }),
    });
    let word = |well: bool| if well { "ok" } else { "failed" };
    let mut response = json(&json!({
        "status": status,
        "store": word(store),
        "engine": word(engine),
        "policy": if policy { "in_force" } else { "none" },
        "policy_hash": set.policy_hash(),
        "policy_version": set.policy_version,
        "trouble": trouble.unwrap_or(Value::Null),
        "pending": pending.unwrap_or(Value::Null),
    }))?;
    if status == "unavailable" {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

/// `GET /metrics`: for callers who may see everything; for every caller on this machine until a key is made.
pub async fn metrics(
    State(app): State<Shared>,
    MaybeCaller(caller): MaybeCaller,
) -> Result<Response, Problem> {
    let anybody = app.listening.loopback && !app.keys.configured();
    if !anybody {
        let required = || Problem::unauthorized("key_required", "metrics need the key of a viewer");
        caller.as_ref().ok_or_else(required).and_then(|caller: &Caller| caller.needs(Permission::SeeAll))?;
    }
    let counts = app.store.counts().await?;
    let pending = counts.iter().find(|(status, _)| *status == Status::PendingApproval);
    // The names of local streams are made by their callers, and there may be any number of them.
    let mut heads = app.store.heads().await?;
    heads.retain(|head| !is_local(&head.stream));
    let text = app.metrics.text(pending.map_or(0, |(_, count)| *count), &heads);
    let text = text.map_err(|error| Problem::failed(&error.to_string()))?;
    let content_type = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}
