//! The roles of keys, and the permissions of each.

use serde::{Deserialize, Serialize};

/// The purpose of a key.
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

/// The right that a request needs.
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
