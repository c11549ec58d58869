//! Statistics of actions: their first decisions, counted over a period.
//!
//! A store goes through the actions of the period and passes each to a [`Tally`]; the counts are defined here and are
//! the same for every store.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use engine::decision::{Outcome, ReasonCode};
use engine::lifecycle::Status;
use engine::risk::{RiskLevel, RiskScore};
use engine::time::rfc3339;
use serde::Serialize;

/// The most tools and agents that are named.
const MOST_NAMES: usize = 20;
/// The most rules that are named.
const MOST_RULES: usize = 10;
/// How long answers take, in milliseconds: where one bin ends and the next begins. The last one has no end.
const WAITS_MS: [i64; 7] = [10_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000, 86_400_000];

/// Which span to count, in how many parts.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Created at or after, Unix milliseconds.
    pub since_ms: i64,
    /// Created before. After `since_ms`.
    pub until_ms: i64,
    /// In how many parts, at least 1.
    pub buckets: u32,
}

/// An action, as it is counted.
#[derive(Debug)]
pub struct Fact<'a> {
    /// When it came.
    pub created_at_ms: i64,
    /// The outcome of its first decision.
    pub outcome: Outcome,
    /// The risk score of its first decision; none where it cannot be told any more.
    pub risk_score: Option<RiskScore>,
    /// The reason code of the decision that holds now.
    pub reason_code: ReasonCode,
    /// The file and the id of the rule that decided first.
    pub rule: Option<(&'a str, &'a str)>,
    /// The tool's name.
    pub tool: &'a str,
    /// The agent that proposed it.
    pub agent_id: &'a str,
    /// Its current status.
    pub status: Status,
    /// For one that was held: when the last person answered.
    pub answered_at_ms: Option<i64>,
}

/// How many actions got each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Outcomes {
    /// May run.
    pub execute: u64,
    /// Held.
    pub abstain: u64,
    /// Denied.
    pub halt: u64,
}

/// The statistics of a span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// From when, RFC 3339.
    pub since: String,
    /// Until when.
    pub until: String,
    /// How long a bucket is.
    pub bucket_ms: u64,
    /// How many actions came.
    pub total: u64,
    /// Their first outcomes, by the time of arrival.
    pub buckets: Vec<Bucket>,
    /// The most frequent tools.
    pub tools: Vec<OfTool>,
    /// The most frequent agents.
    pub agents: Vec<OfAgent>,
    /// The rules and reasons that halted most actions.
    pub rules: Vec<Halted>,
    /// How many had each risk level.
    pub risk: Vec<OfLevel>,
    /// How many had which risk score.
    pub scores: Vec<OfScores>,
    /// The number of actions in each status.
    pub statuses: BTreeMap<Status, u64>,
    /// People's answers.
    pub approvals: Approvals,
}

/// A part of the span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// When it begins.
    pub at: String,
    /// The actions that arrived in it.
    #[serde(flatten)]
    pub outcomes: Outcomes,
}

/// The outcomes of one tool's actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfTool {
    /// The tool.
    pub tool: String,
    /// The outcomes.
    #[serde(flatten)]
    pub outcomes: Outcomes,
}

/// The outcomes of one agent's actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfAgent {
    /// The agent.
    pub agent_id: String,
    /// The outcomes.
    #[serde(flatten)]
    pub outcomes: Outcomes,
}

/// How many actions were denied for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Halted {
    /// The file of the rule; none where no rule decided.
    pub policy: Option<String>,
    /// The rule.
    pub id: Option<String>,
    /// The reason.
    pub reason_code: ReasonCode,
    /// How many.
    pub count: u64,
}

/// How many actions had a risk level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfLevel {
    /// The level.
    pub level: RiskLevel,
    /// How many.
    pub count: u64,
}

/// How many actions had a score of `from` and more, and less than `to`; the last bin has 100 too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfScores {
    /// The lowest.
    pub from: u8,
    /// The values above the highest.
    pub to: u8,
    /// How many.
    pub count: u64,
}

/// People's answers, and the time they took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approvals {
    /// How many wait.
    pub pending: u64,
    /// How many were decided by people.
    pub answered: u64,
    /// Half of the answers came in this time or less.
    pub median_ms: Option<i64>,
    /// Nine of ten answers came in this time or less.
    pub p90_ms: Option<i64>,
    /// How many took how long.
    pub bins: Vec<Waited>,
}

/// How many answers took less than `to_ms`, and no less than the bin before says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waited {
    /// The upper bound; none for the last bin.
    pub to_ms: Option<i64>,
    /// How many.
    pub count: u64,
}

impl Outcomes {
    fn add(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Execute => &mut self.execute,
            Outcome::Abstain => &mut self.abstain,
            Outcome::Halt => &mut self.halt,
        };
        *count = count.saturating_add(1);
    }

    fn total(self) -> u64 {
        self.execute.saturating_add(self.abstain).saturating_add(self.halt)
    }
}

/// The cause of a halt: the rule, if there was one, and the reason.
type Reason = (Option<(String, String)>, ReasonCode);

/// The counting of a span.
#[derive(Debug)]
pub struct Tally {
    span: Span,
    bucket_ms: i64,
    buckets: Vec<Outcomes>,
    tools: HashMap<String, Outcomes>,
    agents: HashMap<String, Outcomes>,
    rules: HashMap<Reason, u64>,
    scores: [u64; 10],
    levels: [u64; RiskLevel::ALL.len()],
    statuses: BTreeMap<Status, u64>,
    waits_ms: Vec<i64>,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(span: Span) -> Self {
        let parts = i64::from(span.buckets.max(1));
        // Whole milliseconds, rounded up, so that the buckets reach to the end.
        let length = span.until_ms.saturating_sub(span.since_ms).max(1);
        let bucket_ms = length.saturating_add(parts - 1).checked_div(parts).unwrap_or(1).max(1);
        let count = length.saturating_add(bucket_ms - 1).checked_div(bucket_ms).unwrap_or(1);
        let buckets = vec![Outcomes::default(); usize::try_from(count).unwrap_or(1)];
        Tally {
            span,
            bucket_ms,
            buckets,
            tools: HashMap::new(),
            agents: HashMap::new(),
            rules: HashMap::new(),
            scores: [0; 10],
            levels: [0; RiskLevel::ALL.len()],
            statuses: Status::ALL.into_iter().map(|status| (status, 0)).collect(),
            waits_ms: Vec::new(),
        }
    }

    /// Counts an action. One that came outside of the span is left out.
    pub fn add(&mut self, fact: &Fact<'_>) {
        if !(self.span.since_ms..self.span.until_ms).contains(&fact.created_at_ms) {
            return;
        }
        let bucket = fact.created_at_ms.saturating_sub(self.span.since_ms).checked_div(self.bucket_ms);
        let bucket = bucket.and_then(|bucket| usize::try_from(bucket).ok());
        if let Some(bucket) = bucket.and_then(|bucket| self.buckets.get_mut(bucket)) {
            bucket.add(fact.outcome);
        }
        count_for(&mut self.tools, fact.tool, fact.outcome);
        count_for(&mut self.agents, fact.agent_id, fact.outcome);
        // An action denied at first is never decided again, so its reason is still that of the first decision.
        if fact.outcome == Outcome::Halt {
            let rule = fact.rule.map(|(policy, id)| (policy.to_owned(), id.to_owned()));
            one_more(self.rules.entry((rule, fact.reason_code)).or_default());
        }
        if let Some(score) = fact.risk_score {
            let bin = usize::from(score.get() / 10).min(9);
            self.scores.get_mut(bin).map(one_more);
            let level = RiskLevel::ALL.iter().position(|level| *level == score.level());
            level.and_then(|level| self.levels.get_mut(level)).map(one_more);
        }
        one_more(self.statuses.entry(fact.status).or_default());
        let decided =
            fact.status != Status::PendingApproval && fact.reason_code != ReasonCode::ApprovalExpired;
        if let Some(answered_at_ms) = fact.answered_at_ms.filter(|_| decided) {
            self.waits_ms.push(answered_at_ms.saturating_sub(fact.created_at_ms).max(0));
        }
    }

    /// The counts.
    pub fn finish(mut self) -> Stats {
        let begins = |index: usize| {
            let offset = self.bucket_ms.saturating_mul(i64::try_from(index).unwrap_or(i64::MAX));
            rfc3339(self.span.since_ms.saturating_add(offset))
        };
        let buckets = self.buckets.iter().enumerate();
        let buckets: Vec<_> =
            buckets.map(|(index, outcomes)| Bucket { at: begins(index), outcomes: *outcomes }).collect();
        let mut rules: Vec<_> = self
            .rules
            .into_iter()
            .map(|((rule, reason_code), count)| {
                let (policy, id) = rule.unzip();
                Halted { policy, id, reason_code, count }
            })
            .collect();
        rules.sort_by(|a, b| {
            let key =
                |halted: &Halted| (halted.policy.clone(), halted.id.clone(), halted.reason_code.as_str());
            b.count.cmp(&a.count).then_with(|| key(a).cmp(&key(b)))
        });
        rules.truncate(MOST_RULES);
        self.waits_ms.sort_unstable();
        let pending = self.statuses.get(&Status::PendingApproval).copied().unwrap_or_default();
        Stats {
            since: rfc3339(self.span.since_ms),
            until: rfc3339(self.span.until_ms),
            bucket_ms: u64::try_from(self.bucket_ms).unwrap_or(1),
            total: self.statuses.values().fold(0, |sum: u64, count| sum.saturating_add(*count)),
            buckets,
            tools: most_frequent(self.tools).map(|(tool, outcomes)| OfTool { tool, outcomes }).collect(),
            agents: most_frequent(self.agents)
                .map(|(agent_id, outcomes)| OfAgent { agent_id, outcomes })
                .collect(),
            rules,
            risk: RiskLevel::ALL
                .into_iter()
                .zip(self.levels)
                .map(|(level, count)| OfLevel { level, count })
                .collect(),
            scores: (0_u8..)
                .step_by(10)
                .zip(self.scores)
                .map(|(from, count)| OfScores { from, to: from.saturating_add(10), count })
                .collect(),
            statuses: self.statuses,
            approvals: Approvals {
                pending,
                answered: u64::try_from(self.waits_ms.len()).unwrap_or(u64::MAX),
                median_ms: percentile(&self.waits_ms, 50),
                p90_ms: percentile(&self.waits_ms, 90),
                bins: bins(&self.waits_ms),
            },
        }
    }
}

fn one_more(count: &mut u64) {
    *count = count.saturating_add(1);
}

fn count_for(counts: &mut HashMap<String, Outcomes>, name: &str, outcome: Outcome) {
    match counts.get_mut(name) {
        Some(outcomes) => outcomes.add(outcome),
        None => counts.entry(name.to_owned()).or_default().add(outcome),
    }
}

fn most_frequent(counts: HashMap<String, Outcomes>) -> impl Iterator<Item = (String, Outcomes)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(name, outcomes), (other, others)| {
        (Reverse(outcomes.total()), name).cmp(&(Reverse(others.total()), other))
    });
    counts.into_iter().take(MOST_NAMES)
}

/// The smallest of `sorted` that is at least as large as this percentage of them: an actual waiting time.
fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn bins(sorted: &[i64]) -> Vec<Waited> {
    let mut before = 0;
    let ends = WAITS_MS.into_iter().map(Some).chain([None]);
    ends.map(|to_ms| {
        let behind = to_ms.map_or(sorted.len(), |to_ms| sorted.partition_point(|wait| *wait < to_ms));
        let count = u64::try_from(behind.saturating_sub(before)).unwrap_or(u64::MAX);
        before = behind;
        Waited { to_ms, count }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(created_at_ms: i64, outcome: Outcome) -> Fact<'static> {
        Fact {
            created_at_ms,
            outcome,
            risk_score: RiskScore::new(0),
            reason_code: ReasonCode::PolicyDeny,
            rule: None,
            tool: "t",
            agent_id: "a",
            status: Status::submitted(outcome),
            answered_at_ms: None,
        }
    }

    fn counted(span: Span, facts: impl IntoIterator<Item = Fact<'static>>) -> Stats {
        let mut tally = Tally::new(span);
        facts.into_iter().for_each(|fact| tally.add(&fact));
        tally.finish()
    }

    #[test]
    fn buckets_cover_the_span_and_nothing_else() {
        let span = Span { since_ms: 1000, until_ms: 1010, buckets: 4 };
        let stats = counted(span, (999..=1010).map(|at| fact(at, Outcome::Execute)));
        let counts: Vec<_> = stats.buckets.iter().map(|bucket| bucket.outcomes.execute).collect();
        assert_eq!((stats.bucket_ms, counts), (3, vec![3, 3, 3, 1]));
        assert_eq!(stats.total, 10);
        let begins: Vec<_> = stats.buckets.iter().map(|bucket| bucket.at.as_str()).collect();
        assert_eq!(begins[0], "1970-01-01T00:00:01.000Z");
        assert_eq!(begins[3], "1970-01-01T00:00:01.009Z");
        // Fewer milliseconds than buckets make fewer buckets, and no span is too long.
        assert_eq!(counted(Span { since_ms: 0, until_ms: 3, buckets: 10 }, []).buckets.len(), 3);
        let whole = counted(Span { since_ms: 0, until_ms: i64::MAX, buckets: 2 }, [fact(5, Outcome::Halt)]);
        assert_eq!((whole.buckets.len(), whole.buckets[0].outcomes.halt), (2, 1));
    }

    #[test]
    fn the_most_frequent_come_first_and_the_rest_is_left_out() {
        let span = Span { since_ms: 0, until_ms: 10, buckets: 1 };
        let names: Vec<String> = (0..25).map(|n| format!("tool-{n:02}")).collect();
        let names: &'static [String] = names.leak();
        let facts = names.iter().enumerate().flat_map(|(n, name)| {
            (0..=n % 5).map(move |_| Fact {
                tool: name,
                rule: Some(("p.yaml", name)),
                ..fact(1, Outcome::Halt)
            })
        });
        let stats = counted(span, facts);
        let tools: Vec<_> = stats.tools.iter().map(|of| (of.tool.as_str(), of.outcomes.halt)).collect();
        assert_eq!(
            (tools.len(), tools[0], tools[4], tools[5]),
            (20, ("tool-04", 5), ("tool-24", 5), ("tool-03", 4))
        );
        let rules: Vec<_> = stats.rules.iter().map(|of| (of.id.as_deref().unwrap(), of.count)).collect();
        assert_eq!((rules.len(), rules[0], rules[9]), (10, ("tool-04", 5), ("tool-23", 4)));
        assert_eq!(stats.agents.len(), 1);
    }

    #[test]
    fn scores_fall_into_ten_bins_and_four_levels() {
        let span = Span { since_ms: 0, until_ms: 10, buckets: 1 };
        let scores = [0, 9, 10, 39, 40, 69, 70, 89, 90, 100]
            .map(|score| Fact { risk_score: RiskScore::new(score), ..fact(1, Outcome::Execute) });
        let unknown = Fact { risk_score: None, ..fact(1, Outcome::Execute) };
        let stats = counted(span, scores.into_iter().chain([unknown]));
        let bins: Vec<_> = stats.scores.iter().map(|bin| (bin.from, bin.to, bin.count)).collect();
        assert_eq!(bins[0], (0, 10, 2));
        assert_eq!(bins[9], (90, 100, 2));
        assert_eq!(bins.iter().map(|(_, _, count)| count).sum::<u64>(), 10);
        let levels: Vec<_> = stats.risk.iter().map(|of| of.count).collect();
        assert_eq!(levels, [4, 2, 2, 2]);
    }

    #[test]
    fn only_what_people_decided_is_answered() {
        let span = Span { since_ms: 0, until_ms: 10, buckets: 1 };
        let held = |wait_ms: i64, status, reason_code| Fact {
            status,
            reason_code,
            answered_at_ms: Some(1 + wait_ms),
            ..fact(1, Outcome::Abstain)
        };
        let mut facts: Vec<_> =
            (1..=10).map(|n| held(n * 6000, Status::Approved, ReasonCode::ApprovalGranted)).collect();
        facts.push(held(1, Status::PendingApproval, ReasonCode::PolicyRequireApproval));
        facts.push(held(1, Status::Denied, ReasonCode::ApprovalExpired));
        facts.push(fact(1, Outcome::Abstain));
        let approvals = counted(span, facts).approvals;
        assert_eq!((approvals.pending, approvals.answered), (2, 10));
        assert_eq!((approvals.median_ms, approvals.p90_ms), (Some(30_000), Some(54_000)));
        let bins: Vec<_> = approvals.bins.iter().map(|bin| bin.count).collect();
        assert_eq!(bins, [1, 8, 1, 0, 0, 0, 0, 0], "a bin ends before its `to_ms`");
        let none = counted(span, []).approvals;
        assert_eq!((none.median_ms, none.p90_ms), (None, None));
    }
}
