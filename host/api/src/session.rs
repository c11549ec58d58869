//! Sessions of browsers, and what callers may do.

use engine::hash::EngineHash;
use serde::{Deserialize, Serialize};

use crate::roles::{Permission, Role};

/// The credential with which a browser logs in: exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// An API key.
    Key(String),
    /// The token of a one-time link.
    Link(String),
}

/// The principal that is logged in, or that holds the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Session {
    /// The name of the key.
    pub principal: String,
    /// The role of the key.
    pub role: Role,
    /// The agents that the key speaks for, as globs; none means all.
    pub agents: Vec<String>,
    /// The approver roles of the key.
    pub approver_roles: Vec<String>,
    /// The permissions of the role; `see_own`, which every role has, is left out.
    pub permissions: Vec<Permission>,
    /// The `X-CSRF-Token` of every request of the session that is not GET or HEAD; null for a caller with a key.
    pub csrf_token: Option<String>,
    /// When the session ends if no further request comes; for a caller with a key, when the key expires.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub expires_at: Option<String>,
    /// The server.
    pub server: ServerInfo,
}

/// The server that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServerInfo {
    /// Its version.
    pub version: String,
    /// The engine that it runs.
    pub engine_hash: EngineHash,
}

/// A link that logs a browser in once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionLink {
    /// Its address. The part behind `#` is the token for `POST /v1/session`.
    pub url: String,
    /// Until when it works.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub expires_at: String,
}
