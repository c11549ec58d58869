//! Who is asking: the key in `Authorization: Bearer`, or nobody.
//!
//! A wrong key is refused even where no key is needed: who sends one means to be somebody.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;

use super::error::Problem;
use super::{App, Shared};
use crate::principal::{Permission, Principal};

/// A caller who may ask something: one with a key, or without one where none is needed.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    credential: Credential,
}

/// What a caller showed.
#[derive(Debug, Clone)]
enum Credential {
    Nothing,
    Key(String),
}

impl Caller {
    /// Goes on only if the caller may do this.
    ///
    /// # Errors
    /// 403 if not.
    pub fn needs(&self, permission: Permission) -> Result<&Principal, Problem> {
        if self.principal.role.may(permission) {
            Ok(&self.principal)
        } else {
            Err(Problem::forbidden(permission))
        }
    }

    /// Whether the caller is still who it was when its request came: a key can be revoked while an answer streams.
    pub fn still_stands(&self, app: &App) -> bool {
        match &self.credential {
            Credential::Nothing => app.welcomes_anybody(),
            Credential::Key(key) => app.keys.authenticate(key).is_ok_and(|now| now == self.principal),
        }
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
        caller.ok_or_else(|| {
            Problem::unauthorized("key_required", "this server answers only to callers with a key")
        })
    }
}

/// A caller, or somebody who showed no key although this server wants one.
#[derive(Debug, Clone)]
pub struct MaybeCaller(pub Option<Caller>);

impl FromRequestParts<Shared> for MaybeCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let mut shown = parts.headers.get_all(header::AUTHORIZATION).iter();
        let (first, second) = (shown.next(), shown.next());
        let Some(first) = first else {
            let anybody = || Caller { principal: Principal::anonymous(), credential: Credential::Nothing };
            return Ok(MaybeCaller(app.welcomes_anybody().then(anybody)));
        };
        let text = first.to_str().ok().filter(|_| second.is_none());
        let key = text.and_then(|text| {
            let (scheme, key) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
        });
        match key.map(|key| (key, app.keys.authenticate(key))) {
            Some((key, Ok(principal))) => {
                Ok(MaybeCaller(Some(Caller { principal, credential: Credential::Key(key.to_owned()) })))
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

fn source(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip())
}
