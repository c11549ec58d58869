//! API keys over HTTP. A key's text is in the answer that made it, and nowhere after that.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use engine::time::rfc3339;
use serde::{Deserialize, Serialize};
use store::KeyRow;
use store::time::parse_time;

use super::Shared;
use super::auth::Caller;
use super::error::Problem;
use super::extract::{JsonBytes, json};
use crate::actor::{Permission, Role};
use crate::keys::NewKey;

/// A key as admins see it.
#[derive(Serialize)]
struct KeyView<'a> {
    id: &'a str,
    name: &'a str,
    role: &'a str,
    agents: &'a [String],
    approver_roles: &'a [String],
    created_at: &'a str,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    /// The text, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

impl<'a> KeyView<'a> {
    fn of(row: &'a KeyRow, key: Option<&'a str>) -> Self {
        KeyView {
            id: &row.id,
            name: &row.name,
            role: &row.role,
            agents: &row.agents,
            approver_roles: &row.approver_roles,
            created_at: &row.created_at,
            expires_at: row.expires_at_ms.map(rfc3339),
            revoked_at: row.revoked_at_ms.map(rfc3339),
            key,
        }
    }
}

#[derive(Serialize)]
struct List<'a> {
    keys: Vec<KeyView<'a>>,
}

/// `GET /v1/keys`
pub async fn list(State(app): State<Shared>, caller: Caller) -> Result<Response, Problem> {
    caller.needs(Permission::ManageKeys)?;
    let rows = app.keys.list();
    json(&List { keys: rows.iter().map(|row| KeyView::of(row, None)).collect() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateBody {
    name: String,
    role: Role,
    #[serde(default)]
    agents: Vec<String>,
    #[serde(default)]
    approver_roles: Vec<String>,
    expires_in: Option<String>,
    expires_at: Option<String>,
}

/// `POST /v1/keys`
pub async fn create(State(app): State<Shared>, caller: Caller, body: JsonBytes) -> Result<Response, Problem> {
    let actor = caller.needs(Permission::ManageKeys)?;
    let CreateBody { name, role, agents, approver_roles, expires_in, expires_at } = body.parse()?;
    let now_ms = app.clock.now_ms();
    let expires_at_ms = match (expires_in, expires_at) {
        (None, None) => None,
        (Some(text), None) => Some(from_now(now_ms, &text).ok_or_else(bad_expiry)?),
        (None, Some(text)) => Some(parse_time(&text).filter(|at| *at > now_ms).ok_or_else(bad_expiry)?),
        (Some(_), Some(_)) => return Err(bad_expiry()),
    };
    let requested = body.idempotency_key()?.map(|key| format!("{} {key}", actor.principal.scope()));
    if requested.as_ref().is_some_and(|requested| app.created.contains(requested)) {
        let detail = "this request has made a key already, and its text is shown only once";
        return Err(Problem::new(StatusCode::CONFLICT, "key_already_created", detail));
    }
    let new = NewKey { name, role, agents, approver_roles, expires_at_ms };
    let (row, text) = app.keys.create(new, &actor.principal).await?;
    if let Some(requested) = requested {
        app.created.add(requested);
    }
    let mut response = json(&KeyView::of(&row, Some(&text)))?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// `DELETE /v1/keys/{id}`: by its id or its name.
pub async fn revoke(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let actor = caller.needs(Permission::ManageKeys)?;
    json(&KeyView::of(&app.keys.revoke(&id, &actor.principal).await?, None))
}

fn from_now(now_ms: i64, text: &str) -> Option<i64> {
    let ttl = crate::config::duration(text).filter(|ttl| !ttl.is_zero())?;
    now_ms.checked_add(i64::try_from(ttl.as_millis()).ok()?)
}

fn bad_expiry() -> Problem {
    let detail =
        "a key has either `expires_in`, such as `30d`, or `expires_at`, an RFC 3339 time in the future";
    Problem::bad_request("invalid_key", detail)
}

/// Which requests with an `Idempotency-Key` have made a key lately. It need not outlive the server: the names of
/// keys are unique, so that a request that comes again makes no second key in any case.
#[derive(Debug, Default)]
pub struct Created(Mutex<VecDeque<String>>);

/// How many of them are remembered.
const REMEMBERED: usize = 1000;

impl Created {
    fn contains(&self, requested: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|known| known == requested)
    }

    fn add(&self, requested: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.pop_front();
        }
        known.push_back(requested);
    }
}
