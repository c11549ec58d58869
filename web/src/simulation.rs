//! The decisions on actions under the text that is being edited, and under the policies in force.
//!
//! The engine decides, linked into the page. Nothing here touches the page or the server, and nothing it computes is
//! ever recorded.

pub mod samples;

use std::collections::{BTreeMap, BTreeSet};

use engine::action::Action;
use engine::decide::{decide, decide_bytes};
use engine::decision::{Decision, Outcome};
use engine::diagnostic::{Diagnostic, Severity};
use engine::lifecycle::Status;
use engine::order::sort_by;
use engine::policy::{Mode, PolicySet};
use engine::state::State;
use engine::suite::{Expect, Mismatch};
use engine::value::Value;

use crate::format::amount;
use crate::wording::outcome;

/// Policies as they would be with the edited file among them.
#[derive(Debug)]
pub struct Compiled {
    /// All files together; none while one of them has an error.
    pub set: Option<PolicySet>,
    /// The edited file alone, which tells what reaches its rules; none for a file in shadow mode.
    pub alone: Option<PolicySet>,
    /// The findings about the edited file.
    pub diagnostics: Vec<Diagnostic>,
}

impl Compiled {
    /// Compiles the file `name` with this text, together with the others.
    pub fn of(name: &str, text: &str, others: &[(String, String)]) -> Self {
        let files = others.iter().filter(|(other, _)| other != name);
        let files = files.map(|(other, text)| (other.as_str(), text.as_bytes()));
        let (set, diagnostics) = PolicySet::load(files.chain([(name, text.as_bytes())]));
        let (alone, _) = PolicySet::load([(name, text.as_bytes())]);
        let enforces = |set: &PolicySet| set.policies().iter().all(|policy| policy.mode == Mode::Enforce);
        Compiled {
            set,
            alone: alone.filter(enforces),
            diagnostics: diagnostics.into_iter().filter(|finding| finding.file == name).collect(),
        }
    }

    /// Whether the file can be activated.
    pub fn is_valid(&self) -> bool {
        self.set.is_some() && !self.diagnostics.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// The rules of the edited file: id and line.
    pub fn rules(&self, name: &str) -> Vec<(String, u32)> {
        let policies = self.set.iter().flat_map(PolicySet::policies);
        let rules = policies.filter(|policy| policy.file == name).flat_map(|policy| &policy.rules);
        rules.map(|rule| (rule.id.clone(), rule.line)).collect()
    }
}

/// Where a row comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A sample, by its number on this page.
    Sample(u64),
    /// A recorded action, by the hash of the record of its decision.
    Recorded(String),
}

/// An action to try.
#[derive(Debug, Clone)]
pub struct Row {
    /// Where it comes from.
    pub origin: Origin,
    /// Its label: a sample's name, or the id of a recorded action.
    pub title: String,
    /// The agent that proposes it.
    pub agent_id: String,
    /// The tool.
    pub tool: String,
    /// The arguments in short.
    pub arguments: String,
    /// When it was recorded.
    pub at: Option<String>,
    /// The current status of the recorded action.
    pub status: Option<Status>,
    /// The expected decision, of a sample.
    pub expect: Option<Expect>,
    /// The numbers among its arguments.
    pub amounts: Vec<(String, f64)>,
    input: Input,
    state: State,
}

#[derive(Debug, Clone)]
enum Input {
    /// An action that was read already.
    Action(Box<Action>),
    /// Bytes that may form an action or not; a sample can be about unreadable ones.
    Bytes(Vec<u8>),
}

impl Row {
    /// A recorded action, from its canonical form.
    ///
    /// # Errors
    /// Why it is not an action for this engine.
    pub fn recorded(
        record_hash: String,
        action_id: String,
        canonical: &str,
        at: (String, i64),
        status: Option<Status>,
    ) -> Result<Self, String> {
        let action = Action::parse_canonical(canonical.as_bytes()).map_err(|error| error.to_string())?;
        let (at, at_ms) = at;
        Ok(Row {
            origin: Origin::Recorded(record_hash),
            title: action_id,
            agent_id: action.agent_id().to_owned(),
            tool: action.tool().to_owned(),
            arguments: crate::format::arguments_of(action.params(), &[]),
            at: Some(at),
            status,
            expect: None,
            amounts: amounts(action.params()),
            state: State { now: Some(at_ms), approval: None },
            input: Input::Action(Box::new(action)),
        })
    }

    fn decide(&self, policies: &PolicySet) -> Decision {
        match &self.input {
            Input::Action(action) => decide(policies, action, &self.state),
            Input::Bytes(bytes) => decide_bytes(policies, bytes, &self.state).decision,
        }
    }

    /// The decision on the row under these policies; under a set without files too, which halts everything.
    pub fn under(&self, policies: Option<&PolicySet>) -> Decision {
        match policies {
            Some(policies) => self.decide(policies),
            None => self.decide(&PolicySet::empty()),
        }
    }
}

fn amounts(params: &Value) -> Vec<(String, f64)> {
    let members = params.as_object().into_iter().flat_map(|object| object.iter());
    members
        .filter_map(|(name, value)| match value {
            Value::Number(number) => Some((name.to_owned(), *number)),
            _ => None,
        })
        .collect()
}

/// The decisions on one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// Under the policies in force.
    pub before: Decision,
    /// Under the edited text.
    pub after: Decision,
    /// The differences between a sample's decision and its expectation; none for one that passes.
    pub differences: Vec<Mismatch>,
}

impl Outlook {
    /// Whether the outcome would change.
    pub fn changed(&self) -> bool {
        self.before.outcome != self.after.outcome
    }
}

/// The decisions on all rows under `after`, compared with those in force.
pub fn outlooks(rows: &[Row], before: &[Decision], after: &PolicySet) -> Vec<Outlook> {
    let pairs = rows.iter().zip(before);
    pairs
        .map(|(row, before)| {
            let after = row.decide(after);
            let differences =
                row.expect.as_ref().map(|expect| expect.differences(&after)).unwrap_or_default();
            Outlook { before: before.clone(), after, differences }
        })
        .collect()
}

/// The rules of the edited file that rows reach, by id: whether samples do, and whether recorded actions do.
pub fn reached(rows: &[Row], name: &str, compiled: &Compiled) -> BTreeMap<String, (bool, bool)> {
    let mut reached: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for row in rows {
        let rule = match (&compiled.alone, &compiled.set) {
            // With other files, a rule can match and another file's be stricter; alone, its own rule is named.
            (Some(alone), _) => row.decide(alone).rule,
            (None, Some(set)) => {
                let opinion = row.decide(set).shadow.into_iter().find(|opinion| opinion.policy == name);
                opinion.and_then(|opinion| opinion.rule)
            }
            (None, None) => None,
        };
        let Some(rule) = rule.filter(|rule| rule.policy == name) else { continue };
        let (samples, recorded) = reached.entry(rule.id).or_default();
        match row.origin {
            Origin::Sample(_) => *samples = true,
            Origin::Recorded(_) => *recorded = true,
        }
    }
    reached
}

/// One field of the matrix: what goes from one outcome to another.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    /// How many recorded actions.
    pub count: u64,
    /// The sum of each numeric argument that the policy compares.
    pub amounts: BTreeMap<String, f64>,
}

/// The changes of the recorded actions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// How many were tried.
    pub tried: u64,
    /// How many would get another outcome.
    pub changed: u64,
    /// From the outcome in force to the one under the edited text.
    pub matrix: BTreeMap<(Outcome, Outcome), Cell>,
    /// The agents of the changed ones, each with how many.
    pub agents: BTreeMap<String, u64>,
    /// The actions that wait for a person now and would not be held under the edited text: id and outcome.
    pub pending: Vec<(String, Outcome)>,
}

impl Summary {
    /// Counts what becomes of the recorded rows. `amounts` are the arguments to add up.
    pub fn of(rows: &[Row], outlooks: &[Outlook], amounts: &BTreeSet<String>) -> Self {
        let mut summary = Summary::default();
        for (row, outlook) in rows.iter().zip(outlooks) {
            if matches!(row.origin, Origin::Sample(_)) {
                continue;
            }
            summary.tried += 1;
            let (from, to) = (outlook.before.outcome, outlook.after.outcome);
            let cell = summary.matrix.entry((from, to)).or_default();
            cell.count += 1;
            for (name, amount) in row.amounts.iter().filter(|(name, _)| amounts.contains(name)) {
                *cell.amounts.entry(name.clone()).or_default() += amount;
            }
            if from != to {
                summary.changed += 1;
                *summary.agents.entry(row.agent_id.clone()).or_default() += 1;
            }
            if row.status == Some(Status::PendingApproval) && to != Outcome::Abstain {
                summary.pending.push((row.title.clone(), to));
            }
        }
        summary
    }

    /// The transitions in words: `9 Allowed → Denied, 3 Needs approval → Allowed`.
    pub fn transitions(&self) -> String {
        let mut changes: Vec<_> = self.matrix.iter().filter(|((from, to), _)| from != to).collect();
        sort_by(&mut changes, |(_, one), (_, other)| other.count.cmp(&one.count));
        let words = changes
            .iter()
            .map(|((from, to), cell)| format!("{} {} → {}", cell.count, outcome(*from), outcome(*to)));
        words.collect::<Vec<_>>().join(", ")
    }
}

impl Summary {
    /// The sums of the amounts that change, in words: `amount 7,698.34: Allowed → Denied`.
    pub fn sums(&self) -> String {
        let changes = self.matrix.iter().filter(|((from, to), _)| from != to);
        let sums = changes.flat_map(|((from, to), cell)| {
            cell.amounts.iter().map(move |(name, sum)| {
                format!("{name} {}: {} → {}", amount(*sum), outcome(*from), outcome(*to))
            })
        });
        sums.collect::<Vec<_>>().join(", ")
    }
}

/// The names of numeric arguments that a policy compares with something: `amount` where it has a key like `amount_gt`.
pub fn amounts_in(text: &str, rows: &[Row]) -> BTreeSet<String> {
    let names: BTreeSet<&String> =
        rows.iter().flat_map(|row| row.amounts.iter().map(|(name, _)| name)).collect();
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    let compares = |name: &str| {
        text.match_indices(name).any(|(at, _)| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let after = text.get(at + name.len()..).unwrap_or_default();
            let operator = after.split(|char| !is_part(char)).next().unwrap_or_default();
            let then = after.get(operator.len()..).and_then(|rest| rest.chars().next());
            !before.is_some_and(is_part)
                && operator.starts_with('_')
                && matches!(then, Some(':' | '"' | '\''))
        })
    };
    names.into_iter().filter(|name| compares(name)).cloned().collect()
}

/// The last line of the rule that starts on `first`, both from 1: up to the next text as far left as its dash.
pub fn last_line(text: &str, first: u32) -> u32 {
    let start = first.saturating_sub(1) as usize;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip(start);
    let dash = match lines.next() {
        Some(line) if line.trim_start().starts_with("- ") => indent(line),
        // The dash is before the line of the first key: lines of the rule are indented deeper than the dash.
        Some(line) => indent(line).saturating_sub(1),
        None => return first,
    };
    let mut last = first;
    for (index, line) in lines.enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        if indent(line) <= dash || line.trim_start().starts_with('#') && indent(line) <= dash + 1 {
            break;
        }
        last = first.saturating_add(u32::try_from(index).unwrap_or(u32::MAX)).saturating_add(1);
    }
    last
}

/// Byte offsets of `text` as offsets in UTF-16, which is how a browser counts. One pass, whatever the number of
/// offsets.
pub fn utf16_offsets(text: &str, bytes: &[usize]) -> BTreeMap<usize, usize> {
    let wanted: BTreeSet<usize> = bytes.iter().copied().collect();
    let mut found = BTreeMap::new();
    let mut wanted = wanted.into_iter().peekable();
    let mut units = 0;
    for (at, char) in text.char_indices() {
        while let Some(offset) = wanted.next_if(|offset| *offset <= at) {
            found.insert(offset, units);
        }
        units += char.len_utf16();
    }
    for offset in wanted {
        found.insert(offset, units);
    }
    found
}
