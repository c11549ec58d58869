//! Identifies the caller: by the key in `Authorization: Bearer`, by the session in a browser's cookie, or as anonymous.
//!
//! A wrong key is refused even where no key is needed, because its sender claims an identity. The same holds for a
//! cookie of an ended session.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use subtle::ConstantTimeEq as _;

use super::cookie::cookie;
use super::error::Problem;
use super::origin::is_from_own_page;
use super::{App, Shared};
use crate::actor::{Actor, Permission};
use crate::keys::Holder;
use crate::sessions::{Standing, csrf_token};

/// A caller who may ask something: one with a key, or without one where none is needed.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Its identity and permissions.
    pub actor: Actor,
    credential: Credential,
}

/// The credential of a caller.
#[derive(Debug, Clone)]
enum Credential {
    Nothing,
    Key { text: String, holder: Holder },
    Session { secret: String, standing: Standing },
}

impl Caller {
    /// Goes on only if the caller may do this.
    ///
    /// # Errors
    /// 403 if not.
    pub fn needs(&self, permission: Permission) -> Result<&Actor, Problem> {
        if self.actor.may(permission) { Ok(&self.actor) } else { Err(Problem::forbidden(permission)) }
    }

    /// Whether the caller is still who it was when its request came: a key can be revoked, and a session end, while an
    /// answer streams.
    pub fn still_stands(&self, app: &App) -> bool {
        let now = match &self.credential {
            Credential::Nothing => return app.welcomes_anybody(),
            Credential::Key { text, .. } => app.keys.authenticate(text).ok(),
            Credential::Session { secret, .. } => {
                let standing = app.sessions.peek(secret, &app.keys, app.clock.now_ms());
                standing.map(|standing| standing.holder)
            }
        };
        now.is_some_and(|now| now.actor == self.actor)
    }

    /// The id of the key that the caller showed or logged in with.
    pub fn key_id(&self) -> Option<&str> {
        match &self.credential {
            Credential::Nothing => None,
            Credential::Key { holder, .. }
            | Credential::Session { standing: Standing { holder, .. }, .. } => Some(&holder.key_id),
        }
    }

    /// The name under which the caller's requests are counted: each key separately, and all callers without one
    /// together.
    pub fn counted_as(&self) -> &str {
        self.key_id().unwrap_or("")
    }

    /// When the caller's credential expires, Unix milliseconds.
    pub fn ends_ms(&self) -> Option<i64> {
        match &self.credential {
            Credential::Nothing => None,
            Credential::Key { holder, .. } => holder.expires_at_ms,
            Credential::Session { standing, .. } => Some(standing.ends_ms),
        }
    }

    /// The secret of the session, for a caller that has one.
    pub fn session_secret(&self) -> Option<&str> {
        match &self.credential {
            Credential::Session { secret, .. } => Some(secret),
            Credential::Nothing | Credential::Key { .. } => None,
        }
    }

    /// The token that a caller with a session sends with every request that changes something.
    pub fn csrf_token(&self) -> Option<String> {
        self.session_secret().map(csrf_token)
    }
}

impl App {
    /// Whether a caller without a key may submit actions: only on the machine itself, and only until the first key
    /// for an agent is made.
    pub fn welcomes_anybody(&self) -> bool {
        self.listening.loopback && !self.keys.agents_need_keys()
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let MaybeCaller(caller) = MaybeCaller::from_request_parts(parts, app).await?;
        caller.ok_or_else(Problem::key_required)
    }
}

/// A caller, or a request without a key although this server requires one.
#[derive(Debug, Clone)]
pub struct MaybeCaller(pub Option<Caller>);

impl FromRequestParts<Shared> for MaybeCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        if let Some(known) = parts.extensions.get::<MaybeCaller>() {
            // The guard has asked already, before it took in the body.
            return Ok(known.clone());
        }
        let mut shown = parts.headers.get_all(header::AUTHORIZATION).iter();
        let (first, second) = (shown.next(), shown.next());
        let Some(first) = first else {
            if let Some(secret) = cookie(&parts.headers, app.listening.port) {
                return with_session(parts, app, secret).map(|caller| MaybeCaller(Some(caller)));
            }
            let anybody = || Caller { actor: Actor::anonymous(), credential: Credential::Nothing };
            return Ok(MaybeCaller(app.welcomes_anybody().then(anybody)));
        };
        let text = first.to_str().ok().filter(|_| second.is_none());
        let key = text.and_then(|text| {
            let (scheme, key) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
        });
        match key.map(|key| (key, app.keys.authenticate(key))) {
            Some((key, Ok(holder))) => {
                let actor = holder.actor.clone();
                let credential = Credential::Key { text: key.to_owned(), holder };
                Ok(MaybeCaller(Some(Caller { actor, credential })))
            }
            _ => {
                app.keys.login_failed(source(parts)).await;
                Err(Problem::unauthorized(
                    "wrong_key",
                    "this key is not one of this server's, or not any more",
                ))
            }
        }
    }
}

/// The caller with this session. A browser sends the cookie automatically, whatever page asks; so a request that
/// changes something must come from a page of this server that knows the token of the session.
fn with_session(parts: &Parts, app: &App, secret: &str) -> Result<Caller, Problem> {
    let standing = app
        .sessions
        .see(secret, &app.keys, app.clock.now_ms())
        .ok_or_else(|| Problem::unauthorized("session_expired", "this session has ended, so log in again"))?;
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        let forbidden = |code, detail| Err(Problem::new(StatusCode::FORBIDDEN, code, detail));
        if !is_from_own_page(app, &parts.headers) {
            return forbidden(
                "origin_not_allowed",
                "with a session, `Origin` must name a page of this server",
            );
        }
        let right = csrf_token(secret);
        let given = parts.headers.get("x-csrf-token").map_or(&b""[..], |given| given.as_bytes());
        if !bool::from(right.as_bytes().ct_eq(given)) {
            return forbidden(
                "csrf_required",
                "with a session, `X-CSRF-Token` must be the token of the session",
            );
        }
    }
    let actor = standing.holder.actor.clone();
    Ok(Caller { actor, credential: Credential::Session { secret: secret.to_owned(), standing } })
}

/// From which address a request comes.
#[derive(Debug, Clone, Copy)]
pub struct Source(pub Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Source(source(parts)))
    }
}

/// The address from which a request comes.
pub fn source(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip())
}
