//! API keys.

use serde::{Deserialize, Serialize};

use crate::roles::Role;

/// An API key, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Key {
    /// Its id, part of the key itself.
    pub id: String,
    /// Its name: the principal of everything done with it.
    pub name: String,
    /// Its role.
    #[cfg_attr(feature = "schema", schemars(with = "Role"))]
    // A text, so that a key whose row was edited into an unknown role is still listed and can be revoked.
    pub role: String,
    /// The agents it may speak for, as globs; none means all.
    pub agents: Vec<String>,
    /// Its approver roles.
    pub approver_roles: Vec<String>,
    /// When it was made.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub created_at: String,
    /// Until when it works.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub expires_at: Option<String>,
    /// Since when it does not work.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub revoked_at: Option<String>,
    /// The text of the key, only in the answer that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub key: Option<String>,
}

/// All API keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyList {
    /// Revoked ones too.
    pub keys: Vec<Key>,
}

/// An API key to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Its name, which no other key has.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// The agents that the key may speak for, as globs. A key with the role `agent` names at least one; `*` means all.
    #[serde(default)]
    pub agents: Vec<String>,
    /// Its approver roles.
    #[serde(default)]
    pub approver_roles: Vec<String>,
    /// How long it works, such as `30d`; not together with `expires_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("examples" = ["30d"])))]
    pub expires_in: Option<String>,
    /// Until when it works, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub expires_at: Option<String>,
}
