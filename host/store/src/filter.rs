//! Lists of actions: which ones are wanted, and one page of them.

use engine::decision::{Outcome, ReasonCode};
use engine::hash::ProvenanceId;
use engine::lifecycle::Status;
use engine::risk::RiskLevel;
use serde::Deserialize;

use super::ActionRow;

/// Which actions to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this status.
    pub status: Option<Status>,
    /// Only these agents; empty means all. An agent key's bound agents come in here too.
    pub agent_ids: Vec<String>,
    /// Only this tool.
    pub tool: Option<String>,
    /// Only this outcome, as it is now.
    pub outcome: Option<Outcome>,
    /// Only this outcome of the first decision, which is what statistics count.
    pub first_outcome: Option<Outcome>,
    /// Only this risk level.
    pub risk_level: Option<RiskLevel>,
    /// Created at or after, Unix milliseconds.
    pub since_ms: Option<i64>,
    /// Created before.
    pub until_ms: Option<i64>,
    /// Only actions that a person answered in this way.
    pub answer: Option<Answered>,
    /// Only actions that the person of this name answered.
    pub answered_by: Option<String>,
    /// Only actions whose first decision rests on the rule with this id.
    pub rule: Option<String>,
    /// Only actions whose decision has this reason code.
    pub reason_code: Option<ReasonCode>,
    /// Only actions with a decision of this `provenance_id`.
    pub provenance_id: Option<ProvenanceId>,
    /// Text that occurs in the canonical action or the id.
    pub q: Option<String>,
    /// At most so many, 1 to [`LONGEST_PAGE`](super::LONGEST_PAGE).
    pub limit: u32,
    /// Leave out so many.
    pub offset: u64,
    /// Continue behind the page that gave this cursor.
    pub cursor: Option<String>,
}

/// How people answered for an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// At least one person approved it.
    Approved,
    /// At least one person rejected it.
    Rejected,
    /// At least one person approved or rejected it.
    Any,
}

/// A page of actions.
#[derive(Debug, Clone)]
pub struct Page {
    /// Newest first.
    pub actions: Vec<ActionRow>,
    /// How many fit the filter in all.
    pub total: u64,
    /// To go on with; none at the end.
    pub next_cursor: Option<String>,
}
