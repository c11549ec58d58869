//! From statistics to the numbers of each picture and the sentence that says the same. Plain functions; nothing is
//! drawn here.

use engine::decision::{Outcome, ReasonCode};
use engine::risk::RiskLevel;

use crate::components::chart::data::{Data, Group, Series, share};
use crate::format::{clock, count, counted, day, parse_time, span};
use crate::url::encoded;
use crate::wording;
use api::{Outcomes, Stats};

const HOUR_MS: f64 = 3_600_000.0;
/// About how many labels the axis of time has.
const LABELS: usize = 6;
const OUTCOMES: [Series; 3] = [
    Series { class: "execute", name: "Allowed" },
    Series { class: "abstain", name: "Needs approval" },
    Series { class: "halt", name: "Denied" },
];
const ACTIONS: [Series; 1] = [Series { class: "single", name: "actions" }];
const ANSWERS: [Series; 1] = [Series { class: "single", name: "answers" }];

/// How far back the overview looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// An hour, minute by minute.
    Hour,
    /// A day, in half hours.
    Day,
    /// A week, in two hours.
    Week,
    /// Thirty days, in half days.
    Month,
}

impl Range {
    /// All of them.
    pub const ALL: [Range; 4] = [Range::Hour, Range::Day, Range::Week, Range::Month];

    /// The word in the URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Range::Hour => "1h",
            Range::Day => "24h",
            Range::Week => "7d",
            Range::Month => "30d",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Range::Hour => "hour",
            Range::Day => "24 hours",
            Range::Week => "7 days",
            Range::Month => "30 days",
        }
    }

    /// The range for a word; a day for any other.
    pub fn from_word(word: Option<&str>) -> Self {
        Range::ALL.into_iter().find(|range| Some(range.as_str()) == word).unwrap_or(Range::Day)
    }

    /// How many parts, and how long each is.
    fn parts(self) -> (u32, f64) {
        match self {
            Range::Hour => (60, HOUR_MS / 60.0),
            Range::Day => (48, HOUR_MS / 2.0),
            Range::Week => (84, HOUR_MS * 2.0),
            Range::Month => (60, HOUR_MS * 12.0),
        }
    }

    /// The request to the server. Parts begin at round times, and the last one is the current one.
    pub fn path(self, now_ms: f64) -> String {
        let (parts, part_ms) = self.parts();
        let until = (now_ms / part_ms).floor() * part_ms + part_ms;
        let since = until - part_ms * f64::from(parts);
        format!("/v1/stats?since={since:.0}&until={until:.0}&buckets={parts}")
    }
}

fn values(outcomes: &Outcomes) -> Vec<u64> {
    vec![outcomes.execute, outcomes.abstain, outcomes.halt]
}

fn totals(stats: &Stats) -> [(Outcome, u64); 3] {
    let sum = |part: fn(&Outcomes) -> u64| stats.buckets.iter().map(|bucket| part(&bucket.outcomes)).sum();
    [
        (Outcome::Execute, sum(|outcomes| outcomes.execute)),
        (Outcome::Abstain, sum(|outcomes| outcomes.abstain)),
        (Outcome::Halt, sum(|outcomes| outcomes.halt)),
    ]
}

/// A number on top of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// The counted quantity.
    pub name: String,
    /// How many.
    pub number: u64,
    /// Which part of all that is.
    pub share: Option<String>,
    /// Where they are listed.
    pub href: String,
}

/// The numbers on top of the page.
pub fn tiles(stats: &Stats) -> Vec<Tile> {
    let since = encoded(&stats.since);
    let tile = |name: &str, number, share, href| Tile { name: name.to_owned(), number, share, href };
    let mut tiles = vec![tile("Actions", stats.total, None, format!("/actions?since={since}"))];
    for (outcome, number) in totals(stats) {
        let href = format!("/actions?first_outcome={}&since={since}", outcome.as_str());
        tiles.push(tile(wording::outcome(outcome), number, Some(share(number, stats.total)), href));
    }
    tiles.push(tile("Waiting now", stats.approvals.pending, None, "/approvals".to_owned()));
    tiles
}

/// Outcomes over time.
pub fn times(stats: &Stats) -> Data {
    let bucket_ms = stats.bucket_ms as f64;
    let every = stats.buckets.len().div_ceil(LABELS).max(1);
    let is_long = bucket_ms * stats.buckets.len() as f64 > 48.0 * HOUR_MS;
    let groups = stats
        .buckets
        .iter()
        .enumerate()
        .map(|(index, bucket)| {
            let at = parse_time(&bucket.at).unwrap_or_default();
            let short = if is_long { day(at) } else { clock(at) };
            Group {
                label: format!("{} {} to {}", day(at), clock(at), clock(at + bucket_ms)),
                // The middle of each stretch has its label, so that none sticks out at the edges.
                tick: (index % every == every / 2).then_some(short),
                href: None,
                values: values(&bucket.outcomes),
            }
        })
        .collect();
    Data { what: "time", series: OUTCOMES.to_vec(), groups }
}

/// What [`times`] shows.
pub fn say_times(stats: &Stats) -> String {
    let parts: Vec<String> = totals(stats)
        .into_iter()
        .map(|(outcome, number)| {
            format!(
                "{} {} ({})",
                count(number),
                wording::outcome(outcome).to_lowercase(),
                share(number, stats.total)
            )
        })
        .collect();
    let data = times(stats);
    let busiest = data.groups.iter().max_by_key(|group| group.total());
    let busiest = busiest
        .map(|group| format!(" The busiest time was {}: {}.", group.label, count(group.total())))
        .unwrap_or_default();
    format!("{}: {}.{busiest}", counted(stats.total, "action"), parts.join(", "))
}

/// Outcomes by tool.
pub fn tools(stats: &Stats) -> Data {
    let since = encoded(&stats.since);
    let group = |name: &str, outcomes: &Outcomes| Group {
        label: name.to_owned(),
        tick: None,
        href: Some(format!("/actions?tool={}&since={since}", encoded(name))),
        values: values(outcomes),
    };
    let groups = stats.tools.iter().map(|one| group(&one.tool, &one.outcomes)).collect();
    Data { what: "tool", series: OUTCOMES.to_vec(), groups }
}

/// What [`tools`] shows.
pub fn say_tools(stats: &Stats) -> String {
    most(&tools(stats), stats.total)
}

/// Outcomes by agent.
pub fn agents(stats: &Stats) -> Data {
    let since = encoded(&stats.since);
    let group = |name: &str, outcomes: &Outcomes| Group {
        label: name.to_owned(),
        tick: None,
        href: Some(format!("/actions?agent_id={}&since={since}", encoded(name))),
        values: values(outcomes),
    };
    let groups = stats.agents.iter().map(|one| group(&one.agent_id, &one.outcomes)).collect();
    Data { what: "agent", series: OUTCOMES.to_vec(), groups }
}

/// What [`agents`] shows.
pub fn say_agents(stats: &Stats) -> String {
    most(&agents(stats), stats.total)
}

fn most(data: &Data, whole: u64) -> String {
    match data.groups.iter().max_by_key(|group| group.total()) {
        None => format!("No {} yet.", data.what),
        Some(first) => {
            let verb = if data.what == "tool" { "was asked for most" } else { "sent most" };
            let (number, all) = (count(first.total()), counted(whole, "action"));
            format!("{} {verb}: {number} of {all} ({}).", first.label, share(first.total(), whole))
        }
    }
}

/// Which rules denied most.
pub fn rules(stats: &Stats) -> Data {
    let since = encoded(&stats.since);
    let groups = stats
        .rules
        .iter()
        .map(|rule| match (&rule.policy, &rule.id) {
            (Some(policy), Some(id)) => Group {
                label: format!("{id} ({policy})"),
                href: Some(format!("/policies/{}?rule={}", encoded(policy), encoded(id))),
                tick: None,
                values: vec![rule.count],
            },
            _ => Group {
                label: match rule.reason_code {
                    ReasonCode::DefaultDeny => "no rule".to_owned(),
                    code => format!("no rule ({})", wording::reason(code).to_lowercase()),
                },
                href: Some(format!(
                    "/actions?first_outcome=HALT&reason_code={}&since={since}",
                    rule.reason_code.as_str()
                )),
                tick: None,
                values: vec![rule.count],
            },
        })
        .collect();
    Data { what: "rule", series: ACTIONS.to_vec(), groups }
}

/// What [`rules`] shows.
pub fn say_rules(stats: &Stats) -> String {
    let data = rules(stats);
    match data.groups.first() {
        None => "Nothing was denied.".to_owned(),
        Some(first) => format!("Most were denied by {}: {}.", first.label, count(first.total())),
    }
}

/// How long people took to answer.
pub fn waits(stats: &Stats) -> Data {
    let mut from = 0.0;
    let groups = stats
        .approvals
        .bins
        .iter()
        .map(|bin| {
            let start = span(from);
            let (label, tick) = match bin.to_ms {
                Some(to) => {
                    let to = to as f64;
                    from = to;
                    (format!("{start} to {}", round(to)), format!("< {}", round(to)))
                }
                None => (format!("{} and more", round(from)), "more".to_owned()),
            };
            Group { label, tick: Some(tick), href: None, values: vec![bin.count] }
        })
        .collect();
    Data { what: "time", series: ANSWERS.to_vec(), groups }
}

/// A round time in short: `10 s`, `5 min`, `4 h`.
fn round(ms: f64) -> String {
    if ms < HOUR_MS { span(ms) } else { format!("{:.0} h", ms / HOUR_MS) }
}

/// What [`waits`] shows.
pub fn say_waits(stats: &Stats) -> String {
    let approvals = &stats.approvals;
    let waiting = match approvals.pending {
        0 => "None is waiting now.".to_owned(),
        1 => "1 is waiting now.".to_owned(),
        number => format!("{} are waiting now.", count(number)),
    };
    match (approvals.median_ms, approvals.p90_ms) {
        (Some(median), Some(p90)) => format!(
            "{}: half of them within {}, nine of ten within {}. {waiting}",
            counted(approvals.answered, "answer"),
            span(median as f64),
            span(p90 as f64)
        ),
        _ => format!("No answers yet. {waiting}"),
    }
}

/// Risk levels.
pub fn levels(stats: &Stats) -> Data {
    let since = encoded(&stats.since);
    let group = |level: RiskLevel, number| Group {
        label: level.as_str().to_owned(),
        tick: None,
        href: Some(format!("/actions?risk_level={}&since={since}", level.as_str())),
        values: vec![number],
    };
    let groups = stats.risk.iter().map(|one| group(one.level, one.count)).collect();
    Data { what: "risk level", series: ACTIONS.to_vec(), groups }
}

/// What [`levels`] shows.
pub fn say_levels(stats: &Stats) -> String {
    let risky: u64 = stats.risk.iter().filter(|one| one.level >= RiskLevel::High).map(|one| one.count).sum();
    format!(
        "{} of {} of high or critical risk ({}).",
        count(risky),
        counted(stats.total, "action"),
        share(risky, stats.total)
    )
}

/// Risk scores.
pub fn scores(stats: &Stats) -> Data {
    let groups = stats
        .scores
        .iter()
        .map(|one| {
            let last = if one.to >= 100 { 100 } else { one.to.saturating_sub(1) };
            Group {
                label: format!("{} to {last}", one.from),
                tick: Some(one.from.to_string()),
                href: None,
                values: vec![one.count],
            }
        })
        .collect();
    Data { what: "risk score", series: ACTIONS.to_vec(), groups }
}

/// What [`scores`] shows.
pub fn say_scores(stats: &Stats) -> String {
    let data = scores(stats);
    match data.groups.iter().max_by_key(|group| group.total()) {
        Some(group) if group.total() > 0 => {
            format!("Most have a score of {}: {}.", group.label, count(group.total()))
        }
        _ => "No scores yet.".to_owned(),
    }
}
