//! The people whose answers a local stream counts, and whether each of them is another one.

use std::collections::HashSet;

use engine::shown::is_hidden;
use engine::state::Approver;
use serde::Deserialize;

use crate::store::ApprovalRow;

/// Those that a decision counts as approvers.
pub(super) fn counted(state: &str) -> Vec<Approver> {
    #[derive(Deserialize)]
    struct State {
        approval: Option<Approval>,
    }
    #[derive(Deserialize)]
    struct Approval {
        approvers: Vec<Approver>,
    }
    let approval = serde_json::from_str::<State>(state).ok().and_then(|state| state.approval);
    approval.map(|approval| approval.approvers).unwrap_or_default()
}

/// Whether each of those that are counted is another person of the stream, who said yes, has those roles and did not
/// propose the action. A stream tells people apart by their names alone: it knows no keys of this server.
pub(super) fn are_answers(counted: &[Approver], answers: &[ApprovalRow], proposer: Option<&str>) -> bool {
    let mut people: HashSet<String> = proposer.map(person).into_iter().collect();
    counted.iter().all(|one| {
        let is_answer = |said: &ApprovalRow| {
            said.approve && said.principal.name() == one.principal && said.roles == one.roles
        };
        let is_name = !one.principal.chars().any(is_hidden);
        let is_another = one.key_id.is_none() && is_name && people.insert(person(&one.principal));
        is_another && answers.iter().any(is_answer)
    })
}

/// The name without the differences that people overlook: case, and white space around it.
fn person(name: &str) -> String {
    name.trim().to_uppercase().to_lowercase()
}
