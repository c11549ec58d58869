//! Sessions of browsers over HTTP: logging in with a key or a one-time link, and out again.
//!
//! The secret of a session is in a cookie that no script can read. Every request that changes something also names
//! the page's `Origin` and the session's CSRF token, which [`super::auth`] asks for.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::time::rfc3339;
use serde::{Deserialize, Serialize};

use super::auth::{Caller, MaybeCaller, Source};
use super::cookie::{cookie, set_cookie};
use super::error::Problem;
use super::extract::{JsonBytes, json};
use super::origin::reached_at;
use super::{App, Shared};
use crate::actor::{Actor, Permission, Role};
use crate::sessions::{LONGEST, NoRandomness, csrf_token};

/// The session, for the pages.
#[derive(Serialize)]
struct SessionView<'a> {
    principal: &'a str,
    role: &'a str,
    agents: &'a [String],
    approver_roles: &'a [String],
    permissions: Vec<&'static str>,
    csrf_token: Option<String>,
    expires_at: Option<String>,
    server: ServerView,
}

#[derive(Serialize)]
struct ServerView {
    version: &'static str,
    engine_hash: String,
}

fn view(
    app: &App,
    actor: &Actor,
    csrf_token: Option<String>,
    ends_ms: Option<i64>,
) -> Result<Response, Problem> {
    // Every key may see its own, so nothing on a page depends on it.
    let permissions = Permission::ALL.into_iter().filter(|permission| *permission != Permission::SeeOwn);
    json(&SessionView {
        principal: actor.name(),
        role: actor.role.as_str(),
        agents: actor.agents.globs(),
        approver_roles: &actor.approver_roles,
        permissions: permissions.filter(|what| actor.may(*what)).map(Permission::as_str).collect(),
        csrf_token,
        expires_at: ends_ms.map(rfc3339),
        server: ServerView {
            version: env!("CARGO_PKG_VERSION"),
            engine_hash: app.policies.module().hash().to_hex(),
        },
    })
}

/// The credential for a login: exactly one of the two.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Login {
    /// An API key.
    Key(String),
    /// The token of a one-time link.
    Link(String),
}

/// `POST /v1/session`
pub async fn begin(
    State(app): State<Shared>,
    Source(source): Source,
    headers: HeaderMap,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let login: Login = body.parse()?;
    let now_ms = app.clock.now_ms();
    let (holder, code, detail) = match login {
        Login::Key(text) => {
            let holder = app.keys.authenticate(text.trim()).ok();
            (holder, "wrong_key", "this key is not one of this server's, or not any more")
        }
        Login::Link(token) => {
            let holder = app.sessions.redeem(&token, now_ms).and_then(|key_id| app.keys.holder(&key_id));
            (holder, "link_used", "this link was used already, has expired, or is not one of this server's")
        }
    };
    let Some(holder) = holder else {
        app.keys.login_failed(source).await;
        return Err(Problem::unauthorized(code, detail));
    };
    if holder.actor.role == Role::Agent {
        let detail = "the key of an agent does not log a person in";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    // A new login leaves no old session behind.
    if let Some(before) = cookie(&headers, app.listening.port) {
        app.sessions.end(before);
    }
    let secret = app.sessions.begin(&holder.key_id, now_ms).map_err(no_randomness)?;
    let standing = app.sessions.peek(&secret, &app.keys, now_ms);
    let standing =
        standing.ok_or_else(|| Problem::unauthorized("wrong_key", "this key has just stopped working"))?;
    let csrf_token = Some(csrf_token(&secret));
    let mut response = view(&app, &standing.holder.actor, csrf_token, Some(standing.ends_ms))?;
    set_cookie(&mut response, &app, &headers, &secret, LONGEST.as_secs())?;
    Ok(response)
}

/// `GET /v1/session`
pub async fn current(
    State(app): State<Shared>,
    MaybeCaller(caller): MaybeCaller,
) -> Result<Response, Problem> {
    let caller = caller.filter(|caller| caller.key_id().is_some()).ok_or_else(required)?;
    view(&app, &caller.actor, caller.csrf_token(), caller.ends_ms())
}

/// `DELETE /v1/session`
pub async fn end(
    State(app): State<Shared>,
    MaybeCaller(caller): MaybeCaller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = caller.ok_or_else(required)?;
    app.sessions.end(caller.session_secret().ok_or_else(required)?);
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, &app, &headers, "", 0)?;
    Ok(response)
}

#[derive(Serialize)]
struct LinkView {
    url: String,
    expires_at: String,
}

/// `POST /v1/session/links`: a person who opens the link is logged in as its maker.
pub async fn link(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBytes,
) -> Result<Response, Problem> {
    caller.needs(Permission::ManageKeys)?;
    let super::extract::Nothing {} = body.parse()?;
    let key_id = caller.key_id().ok_or_else(required)?;
    let (token, expires_at_ms) = app.sessions.link(key_id, app.clock.now_ms()).map_err(no_randomness)?;
    let mut response = json(&LinkView {
        url: login_url(&reached_at(&app, &headers), &token),
        expires_at: rfc3339(expires_at_ms),
    })?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// The address that logs in with a one-time token. The part after the `#` stays in the browser: it is in no log, and a
/// program that only previews the address does not use it up.
pub fn login_url(server: &str, token: &str) -> String {
    format!("{server}/ui/login#{token}")
}

fn required() -> Problem {
    Problem::unauthorized("session_required", "nobody is logged in")
}

fn no_randomness(error: NoRandomness) -> Problem {
    Problem::failed(&format!("the machine gives no random bytes: {error}"))
}
