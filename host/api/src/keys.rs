//! API keys.

use serde::{Deserialize, Serialize};

use crate::session::Permission;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Submits actions and reports how they ended; sees only its own.
    Agent,
    /// Reads everything.
    Viewer,
    /// Reads everything and answers requests for approval.
    Approver,
    /// Reads everything and changes policies.
    Editor,
    /// All of it, and keys.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 5] = [Role::Agent, Role::Viewer, Role::Approver, Role::Editor, Role::Admin];

    /// The word in keys and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Viewer => "viewer",
            Role::Approver => "approver",
            Role::Editor => "editor",
            Role::Admin => "admin",
        }
    }

    /// The role for a word, if there is one.
    pub fn from_word(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// Whether this role may do `what`.
    pub fn may(self, what: Permission) -> bool {
        match what {
            Permission::SeeOwn => true,
            Permission::Submit => matches!(self, Role::Agent | Role::Admin),
            Permission::SeeAll => self != Role::Agent,
            Permission::Approve => matches!(self, Role::Approver | Role::Admin),
            Permission::EditPolicies => matches!(self, Role::Editor | Role::Admin),
            Permission::ManageKeys => self == Role::Admin,
        }
    }
}

/// An API key, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Key {
    /// Its id, part of the key itself.
    pub id: String,
    /// Its name: the principal of everything done with it.
    pub name: String,
    /// What it may do.
    #[cfg_attr(feature = "schema", schemars(with = "Role"))]
    // A text, so that a key whose row was edited into an unknown role is still listed and can be revoked.
    pub role: String,
    /// The agents it may speak for, as globs; none means all.
    pub agents: Vec<String>,
    /// What it may approve as.
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
    /// What it may do.
    pub role: Role,
    /// The agents that the key may speak for, as globs. A key with the role `agent` names at least one; `*` means all.
    #[serde(default)]
    pub agents: Vec<String>,
    /// What it may approve as.
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
