//! Sessions of browsers, and what callers may do.

use engine::hash::EngineHash;
use serde::{Deserialize, Serialize};

use crate::keys::Role;

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// See what one has sent oneself, and which policy files are in force.
    SeeOwn,
    /// See all actions, all records and the policies' text.
    SeeAll,
    /// Answer a request for approval.
    Approve,
    /// Change policy files.
    EditPolicies,
    /// Create and revoke keys.
    ManageKeys,
    /// Submit actions, start them, report results.
    Submit,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Permission; 6] = [
        Permission::SeeOwn,
        Permission::SeeAll,
        Permission::Approve,
        Permission::EditPolicies,
        Permission::ManageKeys,
        Permission::Submit,
    ];
}

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

/// Who is logged in, or who holds the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Session {
    /// The name of the key.
    pub principal: String,
    /// The role of the key.
    pub role: Role,
    /// The agents that the key speaks for, as globs; none means all.
    pub agents: Vec<String>,
    /// What the key may approve as.
    pub approver_roles: Vec<String>,
    /// What the role may do; `see_own`, which every role may, is left out.
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
