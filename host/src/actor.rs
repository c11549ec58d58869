//! The caller of a request, and its permissions.
//!
//! An [`Actor`] asks for something now; a [`Principal`] did something, as records keep it. [`crate::keys`] proves who a
//! caller is; here that is known already.

use engine::principal::Principal;
use serde::{Deserialize, Serialize};
use store::Sight;

/// The purpose of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Submits actions and says how they ended; sees only its own.
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

/// The permission that a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// See what one has sent oneself, and which policy files are in force.
    SeeOwn,
    /// Submit actions, start them, report results.
    Submit,
    /// See all agents' actions, all records and the policies' text.
    SeeAll,
    /// Answer a request for approval.
    Approve,
    /// Change policy files.
    EditPolicies,
    /// Create and revoke keys.
    ManageKeys,
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

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::SeeOwn => "see_own",
            Permission::Submit => "submit",
            Permission::SeeAll => "see_all",
            Permission::Approve => "approve",
            Permission::EditPolicies => "edit_policies",
            Permission::ManageKeys => "manage_keys",
        }
    }
}

/// The caller and its permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Its identity.
    pub principal: Principal,
    /// Its permissions.
    pub role: Role,
    /// The agents it may speak for.
    pub agents: Agents,
    /// Its approver roles.
    pub approver_roles: Vec<String>,
}

/// Which agents an actor may speak for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agents {
    /// Every agent: callers without a key on the machine itself, admins, and keys from before `*` had to be said.
    All,
    /// Those that one of the globs fits.
    Matching(Vec<String>),
}

impl Agents {
    /// The globs; none for all.
    pub fn globs(&self) -> &[String] {
        match self {
            Agents::All => &[],
            Agents::Matching(globs) => globs,
        }
    }
}

impl Actor {
    /// A caller without a key.
    pub fn anonymous() -> Self {
        Actor {
            principal: Principal::Anonymous,
            role: Role::Agent,
            agents: Agents::All,
            approver_roles: Vec::new(),
        }
    }

    /// The name, for people.
    pub fn name(&self) -> &str {
        self.principal.name()
    }

    /// Whether its role may do `what`.
    pub fn may(&self, what: Permission) -> bool {
        self.role.may(what)
    }

    /// Whether it may submit actions of this agent.
    pub fn speaks_for(&self, agent_id: &str) -> bool {
        match &self.agents {
            Agents::All => true,
            Agents::Matching(globs) => globs.iter().any(|glob| glob_matches(glob, agent_id)),
        }
    }

    /// How much of the store it may see.
    pub fn sight(&self) -> Sight {
        match self.may(Permission::SeeAll) {
            true => Sight::Everything,
            false => Sight::SentBy(self.principal.clone()),
        }
    }
}

/// Whether `glob` matches the whole of `text`; `*` matches any characters, `?` one.
fn glob_matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut at_glob, mut at_text) = (0, 0);
    // Where to go on when what follows the last `*` does not fit: the star takes one more character.
    let mut star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match glob.get(at_glob) {
            Some('*') => {
                star = Some((at_glob, at_text));
                at_glob += 1;
            }
            Some('?') => (at_glob, at_text) = (at_glob + 1, at_text + 1),
            Some(char) if text.get(at_text) == Some(char) => (at_glob, at_text) = (at_glob + 1, at_text + 1),
            _ => {
                let Some((star_glob, star_text)) = star else { return false };
                star = Some((star_glob, star_text + 1));
                (at_glob, at_text) = (star_glob + 1, star_text + 1);
            }
        }
    }
    glob.get(at_glob..).is_some_and(|rest| rest.iter().all(|char| *char == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_speaks_for_the_agents_it_is_bound_to() {
        let agents = Agents::Matching(vec!["support-*".into(), "bot-?".into()]);
        let bound = Actor { agents, ..Actor::anonymous() };
        for agent in ["support-", "support-agent-prod", "bot-1"] {
            assert!(bound.speaks_for(agent), "{agent}");
        }
        for agent in ["support", "bot-", "bot-12", "my-support-agent", "", "SUPPORT-1"] {
            assert!(!bound.speaks_for(agent), "{agent}");
        }
        assert!(Actor::anonymous().speaks_for("anybody"));
        assert!(!Actor { agents: Agents::Matching(Vec::new()), ..bound }.speaks_for("anybody"));
    }

    #[test]
    fn globs_backtrack() {
        assert!(glob_matches("*a*b", "xxaxxabxb"));
        assert!(!glob_matches("*a*b", "xxaxxabxbc"));
        assert!(glob_matches("**", ""));
    }

    #[test]
    fn every_word_reads_back() {
        for role in Role::ALL {
            assert_eq!(Role::from_word(role.as_str()), Some(role));
        }
        assert_eq!(Role::from_word("root"), None);
    }
}
