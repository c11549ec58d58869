//! Who must approve a held action, and whether they have.
//!
//! Which action is held, and for whom, the policies say; who approved is in the [state](crate::state).

use serde::{Deserialize, Serialize};

use crate::order;
use crate::state::Approver;

/// What people must do before a held action may run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct ApprovalRequirement {
    /// How long the approval may take, in milliseconds; null where no policy says (the host then has a default).
    pub expires_ms: Option<u64>,
    /// Every one of these must be met.
    pub requires: Vec<Quorum>,
}

/// So many people, each with one of these roles.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct Quorum {
    /// How many different people, at least one.
    pub approvers: u32,
    /// Who counts; empty means anybody who may approve.
    pub roles: Vec<String>,
}

impl ApprovalRequirement {
    /// One person, whoever may approve.
    pub(crate) fn anyone() -> Self {
        ApprovalRequirement { expires_ms: None, requires: vec![Quorum { approvers: 1, roles: Vec::new() }] }
    }

    /// What meets every one of them, so that a second file can only ask for more.
    pub(crate) fn of_all<'a>(wanted: impl Iterator<Item = &'a ApprovalRequirement>) -> Option<Self> {
        wanted.cloned().reduce(|mut sum, next| {
            for quorum in next.requires {
                if !sum.requires.contains(&quorum) {
                    sum.requires.push(quorum);
                }
            }
            sum.expires_ms = match (sum.expires_ms, next.expires_ms) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            sum
        })
    }

    /// Whether the approval of a person with these roles counts toward any of it.
    pub fn asks(&self, roles: &[String]) -> bool {
        self.requires.is_empty() || self.requires.iter().any(|quorum| quorum.asks(roles))
    }

    /// Whether so many different people with the right roles have said yes.
    pub fn met_by(&self, approvers: &[Approver]) -> bool {
        self.requires.iter().all(|quorum| {
            // INVARIANT: a person is a key and not a name. Names without a key are people of their own, one each.
            let mut people: Vec<(Option<&str>, &str)> = approvers
                .iter()
                .filter(|one| quorum.asks(&one.roles))
                .map(|one| one.key_id.as_deref().map_or((None, one.principal.as_str()), |id| (Some(id), "")))
                .collect();
            order::sort_by(&mut people, Ord::cmp);
            people.dedup();
            u32::try_from(people.len()).unwrap_or(u32::MAX) >= quorum.approvers
        })
    }
}

impl Quorum {
    /// Whether a person with these roles counts.
    pub fn asks(&self, roles: &[String]) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|role| roles.contains(role))
    }
}
