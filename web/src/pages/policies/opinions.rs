//! The opinions of files in shadow mode on recorded decisions, next to the decisions.

use engine::order::sort_by;
use std::collections::BTreeMap;

use api::{RecentDecision, RecentDecisions};
use engine::decision::{Outcome, RuleRef, ShadowOpinion};
use engine::hash::PolicyHash;
use serde::Deserialize;

use crate::server::Failure;
use crate::wording::outcome;

/// A recorded decision, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The action.
    pub id: String,
    /// When.
    pub at: String,
    /// The agent that proposed it.
    pub agent_id: String,
    /// The tool.
    pub tool: String,
    /// The decision.
    pub outcome: Outcome,
    /// The rule that decided.
    pub rule: Option<RuleRef>,
    /// The policies that decided.
    pub policy_hash: PolicyHash,
    /// What files in shadow mode said.
    pub shadow: Vec<ShadowOpinion>,
}

#[derive(Deserialize)]
struct Record {
    action_id: Option<String>,
    at: String,
    action: Option<Named>,
    decision: Option<Decided>,
}

#[derive(Deserialize)]
struct Named {
    agent_id: String,
    tool: String,
}

#[derive(Deserialize)]
struct Decided {
    outcome: Outcome,
    rule: Option<RuleRef>,
    policy_hash: PolicyHash,
    #[serde(default)]
    shadow: Vec<ShadowOpinion>,
}

/// The decisions of an answer of `/v1/decisions`, newest first. A record that holds no action or cannot be read has no
/// opinions either, and is left out.
///
/// # Errors
/// If it is not such an answer.
pub fn judged(answer: &str) -> Result<Vec<Judged>, Failure> {
    let RecentDecisions { decisions } = serde_json::from_str(answer).map_err(|error| {
        Failure::here("unreadable_answer", format!("the server's answer is no list of decisions: {error}"))
    })?;
    let one = |item: RecentDecision| {
        let Record { action_id, at, action, decision } = serde_json::from_str(item.record.get()).ok()?;
        let (Named { agent_id, tool }, decided) = (action?, decision?);
        let Decided { outcome, rule, policy_hash, shadow } = decided;
        Some(Judged { id: action_id?, at, agent_id, tool, outcome, rule, policy_hash, shadow })
    };
    Ok(decisions.into_iter().filter_map(one).collect())
}

/// How often a real outcome met a shadow outcome; none where the file had no opinion.
pub type Matrix = BTreeMap<(Outcome, Option<Outcome>), u64>;

/// A rule of a file in shadow mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// The rule; none where only the risk section spoke.
    pub rule: Option<RuleRef>,
    /// Its opinion.
    pub outcome: Outcome,
    /// How often.
    pub count: u64,
    /// How often it differed from the decision.
    pub differing: u64,
}

/// A decision that the file would not have made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The decision.
    pub judged: Judged,
    /// The file's opinion.
    pub would: Outcome,
    /// The rule behind that.
    pub rule: Option<RuleRef>,
}

/// The opinions of one file on many decisions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opinions {
    /// How many decisions it was asked about.
    pub asked: u64,
    /// How often what met what.
    pub matrix: Matrix,
    /// The rules behind its opinions, the most frequent first.
    pub rules: Vec<Behind>,
    /// Where it differs, newest first.
    pub differing: Vec<Difference>,
}

/// The opinions of `file` on these decisions.
pub fn of_file<'a>(file: &str, decisions: impl Iterator<Item = &'a Judged>) -> Opinions {
    let mut all = Opinions::default();
    let mut rules: BTreeMap<(Option<String>, Outcome), Behind> = BTreeMap::new();
    for judged in decisions {
        let Some(opinion) = judged.shadow.iter().find(|opinion| opinion.policy == file) else { continue };
        all.asked += 1;
        *all.matrix.entry((judged.outcome, opinion.outcome)).or_default() += 1;
        let Some(would) = opinion.outcome else { continue };
        let id = opinion.rule.as_ref().map(|rule| rule.id.clone());
        let new = || Behind { rule: opinion.rule.clone(), outcome: would, count: 0, differing: 0 };
        let behind = rules.entry((id, would)).or_insert_with(new);
        behind.count += 1;
        if would != judged.outcome {
            behind.differing += 1;
            all.differing.push(Difference { judged: judged.clone(), would, rule: opinion.rule.clone() });
        }
    }
    all.rules = rules.into_values().collect();
    sort_by(&mut all.rules, |a, b| b.differing.cmp(&a.differing).then(b.count.cmp(&a.count)));
    all
}

impl Opinions {
    /// `3 of 120 decisions differ: 2 Allowed → Denied, 1 Allowed → Needs approval`
    pub fn sentence(&self) -> String {
        let differing = self.differing.len();
        let noun = if self.asked == 1 { "decision" } else { "decisions" };
        let mut moves: Vec<_> = self
            .matrix
            .iter()
            .filter_map(|((real, would), count)| {
                would.filter(|would| would != real).map(|would| (*count, *real, would))
            })
            .collect();
        sort_by(&mut moves, |(one, ..), (other, ..)| other.cmp(one));
        let moves: Vec<_> = moves
            .into_iter()
            .map(|(count, real, would)| format!("{count} {} → {}", outcome(real), outcome(would)))
            .collect();
        let verb = if differing == 1 { "differs" } else { "differ" };
        let head = format!("{differing} of {} {noun} {verb}", self.asked);
        if moves.is_empty() { head } else { format!("{head}: {}", moves.join(", ")) }
    }

    /// How often the file is stricter than the decision, so that enforcing it would have changed the outcome.
    pub fn stricter(&self) -> u64 {
        let stricter = |((real, would), count): (&(Outcome, Option<Outcome>), &u64)| {
            would.is_some_and(|would| would > *real).then_some(*count)
        };
        self.matrix.iter().filter_map(stricter).sum()
    }
}
