//! The texts of the queue: the requirements of an action, its possible approvers, its end, and the reasons of refusals.
//!
//! Plain functions of the server's data. The texts are for reading; only the server counts approvals.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use engine::decision::ReasonCode;
use engine::lifecycle::Status;
use engine::quorum::ApprovalRequirement;
use engine::risk::RiskLevel;
use engine::shown;

use crate::format::{counted, parse_time, visible};
use crate::server::Failure;
use crate::wording;
use api::{Action, Answerable, PersonsAnswer, Via, WhyNot};

/// The most bytes of arguments and context that a person takes in at a glance.
const GLANCE_BYTES: usize = 4000;
/// When little time is left.
const SOON_MS: f64 = 300_000.0;
/// Up to this many, each action that leaves has a note of its own.
const FEW_NOTES: usize = 3;
/// The prefix of the names of streams that a wrapper recorded locally.
const LOCAL: &str = "local-";

/// How much time is left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Left {
    /// As long as it takes.
    Always,
    /// Enough, in milliseconds.
    Enough(f64),
    /// Little, in milliseconds.
    Soon(f64),
    /// None.
    Over,
}

/// How much time is left for an action that expires at `expires_at`.
pub fn left(expires_at: Option<&str>, now_ms: f64) -> Left {
    match expires_at.and_then(parse_time).map(|at| at - now_ms) {
        None => Left::Always,
        Some(ms) if ms <= 0.0 => Left::Over,
        Some(ms) if ms < SOON_MS => Left::Soon(ms),
        Some(ms) => Left::Enough(ms),
    }
}

/// The order of the queue: what expires first is first, what never expires is last, and among equals the oldest.
pub fn order(left: &Action, right: &Action) -> Ordering {
    let due =
        |action: &Action| action.standing.expires_at.as_deref().and_then(parse_time).unwrap_or(f64::INFINITY);
    due(left)
        .total_cmp(&due(right))
        .then_with(|| left.standing.created_at.cmp(&right.standing.created_at))
        .then_with(|| left.id.cmp(&right.id))
}

/// Which answers the person who is logged in may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Both.
    MayAnswer,
    /// A rejection: they have approved it already.
    Approved,
    /// A rejection: their approval would not count, because they have none of the roles that are asked for.
    NotAsked,
    /// None: their key is not for that.
    MayRead,
    /// None: they proposed it.
    Own,
    /// None here: it waits in another process.
    Elsewhere,
}

impl Standing {
    /// What the server says of the action to a person whose key may approve or not.
    pub fn of(action: &Action, may_approve: bool) -> Self {
        if !may_approve {
            return Standing::MayRead;
        }
        if action.standing.receipt.stream.starts_with(LOCAL) {
            return Standing::Elsewhere;
        }
        match &action.standing.answerable {
            Some(Answerable { approve: true, reject: true, .. }) => Standing::MayAnswer,
            Some(Answerable { reject: true, why_not: Some(WhyNot::AlreadyApproved), .. }) => {
                Standing::Approved
            }
            Some(Answerable { reject: true, .. }) => Standing::NotAsked,
            Some(Answerable { why_not: Some(WhyNot::SelfApproval), .. }) => Standing::Own,
            Some(_) | None => Standing::MayRead,
        }
    }

    /// Whether this answer may be given.
    pub fn may(self, approve: bool) -> bool {
        match self {
            Standing::MayAnswer => true,
            Standing::Approved | Standing::NotAsked => !approve,
            Standing::MayRead | Standing::Own | Standing::Elsewhere => false,
        }
    }

    /// Why not everything is offered.
    pub fn why(self) -> Option<&'static str> {
        match self {
            Standing::MayAnswer | Standing::MayRead => None,
            Standing::Approved => {
                Some("You have approved this; it waits for another person. You can still reject it.")
            }
            Standing::NotAsked => Some(
                "Your key has none of the roles that are asked for, so your approval would not count. You can still reject it.",
            ),
            Standing::Own => Some("You proposed this action, so another person has to answer."),
            Standing::Elsewhere => Some(
                "This was decided in another process, which asks its own people; it cannot be answered here.",
            ),
        }
    }
}

/// Whether the action is of high or critical risk.
pub fn is_dangerous(action: &Action) -> bool {
    action.decision.risk_level >= RiskLevel::High
}

/// Whether the arguments and the context are too long to be taken in at a glance.
pub fn is_long(action: &Action) -> bool {
    action.params.get().len() + action.context.get().len() > GLANCE_BYTES
}

/// One group of people that has to approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// How many have approved.
    pub have: usize,
    /// How many must.
    pub of: u32,
    /// With which roles; any, when empty.
    pub roles: Vec<String>,
}

impl Need {
    /// `1 of 2 approvals, from people with the role finance or legal`.
    pub fn text(&self) -> String {
        let word = if self.of == 1 { "approval" } else { "approvals" };
        let from = match (self.roles.as_slice(), self.of) {
            ([], _) => String::new(),
            (roles, 1) => format!(", from a person with the role {}", listed(roles, "or")),
            (roles, _) => format!(", from people with the role {}", listed(roles, "or")),
        };
        format!("{} of {} {word}{from}", self.have, self.of)
    }

    /// Whether an approver with these roles would count.
    pub fn counts(&self, roles: &[String]) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|role| roles.contains(role))
    }
}

/// What an action needs, and how far that is.
pub fn needs(requirement: Option<&ApprovalRequirement>, approvals: &[PersonsAnswer]) -> Vec<Need> {
    let quorums = requirement.map(|requirement| requirement.requires.as_slice()).unwrap_or_default();
    quorums
        .iter()
        .map(|quorum| {
            let mut need = Need { have: 0, of: quorum.approvers, roles: quorum.roles.clone() };
            let people: BTreeSet<&str> = approvals
                .iter()
                .filter(|approval| {
                    approval.approve && approval.claimed_by.is_none() && need.counts(&approval.roles)
                })
                .map(|approval| approval.key_id.as_deref().unwrap_or(&approval.principal))
                .collect();
            need.have = people.len();
            need
        })
        .collect()
}

/// How an action left the queue: `rejected by bob: “not this month”`.
pub fn ended(action: &Action) -> String {
    let said = |approval: &PersonsAnswer| match approval.reason.as_deref().map(str::trim) {
        Some(reason) if !reason.is_empty() => format!(": “{}”", visible(reason)),
        _ => String::new(),
    };
    if action.decision.reason_code == ReasonCode::ApprovalExpired {
        return "expired, because nobody answered in time".to_owned();
    }
    match action.standing.approvals.last() {
        _ if action.standing.status == Status::Withdrawn => {
            "withdrawn by the agent, which no longer waits for it".to_owned()
        }
        _ if action.standing.status == Status::Lapsed => {
            format!("lapsed: {}", visible(&action.decision.reason))
        }
        None => wording::status(action.standing.status).to_lowercase(),
        Some(last) if !last.approve => format!("rejected by {}{}", approver(last), said(last)),
        Some(last) => {
            let people: BTreeSet<String> =
                action.standing.approvals.iter().filter(|approval| approval.approve).map(approver).collect();
            let people: Vec<String> = people.into_iter().collect();
            let people = listed(&people, "and");
            if action.standing.status == Status::Denied {
                format!(
                    "approved by {people}, but denied by the policies in force now: {}",
                    visible(&action.decision.reason)
                )
            } else {
                format!("approved by {people}{}", said(last))
            }
        }
    }
}

/// The notes on actions that left the queue at one moment: one for each, or one for those that ended alike if there are
/// many.
pub fn departures(actions: &[Action]) -> Vec<String> {
    if actions.len() <= FEW_NOTES {
        return actions.iter().map(|action| format!("{}: {}", name(action), ended(action))).collect();
    }
    let mut alike: BTreeMap<String, u64> = BTreeMap::new();
    for action in actions {
        *alike.entry(ended(action)).or_default() += 1;
    }
    alike.into_iter().map(|(how, number)| format!("{}: {how}", counted(number, "action"))).collect()
}

/// Why an answer was refused, for its author. [`ended`] describes actions that are gone for good.
pub fn refusal(failure: &Failure) -> String {
    match failure.code.as_str() {
        "self_approval" => "you proposed this action, so another person has to answer".to_owned(),
        "role_not_asked" => {
            "your key has none of the roles that are asked for, so your approval would not count".to_owned()
        }
        "not_an_approver" | "forbidden" => "your key may not answer; an approver has to".to_owned(),
        "already_approved" => "you have approved this already; it waits for another person".to_owned(),
        "local_action" => "this waits in another process and cannot be answered here".to_owned(),
        "unreachable" => {
            "the server cannot be reached, so it is not known whether the answer was recorded; check it when the connection is back"
                .to_owned()
        }
        _ => format!("not recorded: {}", failure.detail),
    }
}

/// The name of an action for people: `process_refund of support-agent-prod`.
pub fn name(action: &Action) -> String {
    format!("{} of {}", shown::name(&action.tool), shown::name(&action.agent_id))
}

/// Who gave an answer; a claim of a wrapper's own stream says so.
pub fn approver(approval: &PersonsAnswer) -> String {
    let name = visible(&person(&approval.principal));
    match (&approval.claimed_by, approval.via) {
        (Some(stream), _) => format!("{name} (claimed by {})", visible(stream)),
        (None, Some(Via::Link)) => format!("{name} (by an approval link)"),
        (None, _) => name,
    }
}

/// A principal as people read it.
pub fn person(principal: &str) -> String {
    match principal {
        "anonymous" => "a caller without a key".to_owned(),
        other => other.to_owned(),
    }
}

/// `a`, `a or b`, `a, b or c`.
pub fn listed(names: &[String], word: &str) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} {word} {last}", rest.join(", ")),
    }
}
