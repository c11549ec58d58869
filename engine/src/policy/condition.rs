//! Conditions: a `match` or `when` against an action, in three truth values.
//!
//! Nothing here knows what a rule does with the answer.

use std::cell::OnceCell;

use super::glob::Glob;
use super::operator::{Pattern, Test, Why, truth};
use super::path::{Found, Path};
use super::window::Window;
use crate::action::Action;
use crate::canonical::Canonical;
use crate::truth::Truth;
use crate::value::Value;

/// What conditions look at: the action, and the time if the host gave one.
#[derive(Debug)]
pub struct Input<'a> {
    /// The action.
    pub action: &'a Action,
    /// Unix time in milliseconds.
    pub now: Option<i64>,
    /// The canonical `params`, made when the first condition asks for it.
    params_text: OnceCell<Canonical>,
}

impl<'a> Input<'a> {
    /// The input of one decision.
    pub fn new(action: &'a Action, now: Option<i64>) -> Self {
        Input { action, now, params_text: OnceCell::new() }
    }

    /// Whether `holds` for some text in `params`, some key, or its canonical form as a whole.
    pub(crate) fn anywhere(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        let params = self.action.params();
        somewhere(params, holds) || holds(self.params_text.get_or_init(|| Canonical::of(params)).as_str())
    }
}

fn somewhere(value: &Value, holds: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => holds(text),
        Value::Array(items) => items.iter().any(|item| somewhere(item, holds)),
        Value::Object(object) => object.iter().any(|(key, member)| holds(key) || somewhere(member, holds)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// All of these conditions.
#[derive(Debug, Clone)]
pub struct Match {
    /// In the order in which they are written.
    pub conditions: Vec<Condition>,
}

/// One key of a match and what it asks.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The key as it is written, with the path where it stands in a nested form: `amount_gt`, `params.total.lte`.
    pub key: String,
    /// The operand as it is written.
    pub operand: Value,
    /// What it asks.
    pub kind: ConditionKind,
}

/// What a condition asks.
#[derive(Debug, Clone)]
pub enum ConditionKind {
    /// A name of the action fits one of these globs.
    Name(Name, Vec<Glob>),
    /// A parameter, or a value of the context, passes a test.
    Value {
        /// Where to look.
        source: Source,
        /// What to look at.
        path: Path,
        /// What to ask.
        test: Test,
        /// For a path with `[]`: whether every element must pass, or one is enough.
        every: bool,
    },
    /// A text occurs anywhere in `params`.
    Contains(String),
    /// A pattern is found anywhere in `params`.
    Pattern(Pattern),
    /// It is this time of the week.
    Time(Window),
    /// One of these holds.
    Any(Vec<Match>),
    /// All of these hold.
    All(Vec<Match>),
    /// This does not hold.
    Not(Box<Match>),
}

/// A name of the action's envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// `tool`
    Tool,
    /// `operation`
    Operation,
    /// `agent_id`
    AgentId,
}

/// An object of the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `params`
    Params,
    /// `context`
    Context,
}

/// Why a match is undetermined: the first condition that cannot be told.
#[derive(Debug, Clone, Copy)]
pub struct Cause<'p> {
    /// The condition.
    pub condition: &'p Condition,
    /// Why.
    pub why: Why,
}

impl Cause<'_> {
    /// What cannot be told, as a clause: ``` `amount` is missing ```.
    pub fn clause(&self) -> String {
        match &self.condition.kind {
            ConditionKind::Value { source: Source::Params, path, .. } => {
                format!("`{}` {}", path.as_str(), self.why.sentence())
            }
            ConditionKind::Value { source: Source::Context, path, .. } => {
                format!("`context.{}` {}", path.as_str(), self.why.sentence())
            }
            ConditionKind::Time(_) => "the time is not known".to_owned(),
            ConditionKind::Name(..)
            | ConditionKind::Contains(_)
            | ConditionKind::Pattern(_)
            | ConditionKind::Any(_)
            | ConditionKind::All(_)
            | ConditionKind::Not(_) => format!("`{}` cannot be told", self.condition.key),
        }
    }
}

/// A truth, and the cause of an undetermined one.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'p> {
    /// The truth.
    pub truth: Truth,
    /// Set when the truth is undetermined.
    pub cause: Option<Cause<'p>>,
}

impl<'p> Evaluation<'p> {
    fn known(truth: Truth) -> Self {
        Evaluation { truth, cause: None }
    }

    /// Both together, by `and` or by `or`; the first cause stays.
    fn with(self, other: Evaluation<'p>, combine: fn(Truth, Truth) -> Truth) -> Self {
        let truth = combine(self.truth, other.truth);
        let cause = if truth == Truth::Undetermined { self.cause.or(other.cause) } else { None };
        Evaluation { truth, cause }
    }
}

impl Match {
    /// Whether all conditions hold. `exact` tells that an enclosing mapping names the action's tool without a glob.
    pub fn evaluate<'p>(&'p self, input: &Input<'_>, exact: bool) -> Evaluation<'p> {
        let exact = exact || self.names_tool_exactly(input.action.tool());
        let mut all = Evaluation::known(Truth::True);
        for condition in &self.conditions {
            all = all.with(condition.evaluate(input, exact), Truth::and);
            if all.truth == Truth::False {
                break;
            }
        }
        all
    }

    /// Calls `visit` with the name of every parameter that a condition looks at, in the order in which they are written.
    pub fn each_param<'p>(&'p self, visit: &mut dyn FnMut(&'p str)) {
        for condition in &self.conditions {
            match &condition.kind {
                ConditionKind::Value { source: Source::Params, path, .. } => visit(path.root()),
                ConditionKind::Any(matches) | ConditionKind::All(matches) => {
                    matches.iter().for_each(|one| one.each_param(visit));
                }
                ConditionKind::Not(inner) => inner.each_param(visit),
                ConditionKind::Value { source: Source::Context, .. }
                | ConditionKind::Name(..)
                | ConditionKind::Contains(_)
                | ConditionKind::Pattern(_)
                | ConditionKind::Time(_) => {}
            }
        }
    }

    /// Whether a `tool` condition of this mapping has `tool` itself in it, not only a glob over it.
    pub fn names_tool_exactly(&self, tool: &str) -> bool {
        self.conditions.iter().any(|condition| match &condition.kind {
            ConditionKind::Name(Name::Tool, globs) => {
                globs.iter().any(|glob| glob.is_exact() && glob.as_str() == tool)
            }
            _ => false,
        })
    }
}

impl Condition {
    /// Whether it holds.
    pub fn evaluate<'p>(&'p self, input: &Input<'_>, exact: bool) -> Evaluation<'p> {
        match &self.kind {
            ConditionKind::Name(name, globs) => {
                let value = name.of(input.action);
                Evaluation::known(Truth::known(globs.iter().any(|glob| glob.matches(value))))
            }
            ConditionKind::Value { source, path, test, every } => {
                let (truth, why) = value_truth(source.of(input.action), path, test, *every, exact);
                Evaluation { truth, cause: why.map(|why| Cause { condition: self, why }) }
            }
            ConditionKind::Contains(text) => {
                Evaluation::known(Truth::known(input.anywhere(&|found| found.contains(text.as_str()))))
            }
            ConditionKind::Pattern(pattern) => {
                Evaluation::known(Truth::known(input.anywhere(&|found| pattern.is_found_in(found))))
            }
            ConditionKind::Time(window) => match input.now {
                Some(now) => Evaluation::known(Truth::known(window.holds(now))),
                None => Evaluation {
                    truth: Truth::Undetermined,
                    cause: Some(Cause { condition: self, why: Why::NoTime }),
                },
            },
            ConditionKind::Any(matches) => {
                let each = matches.iter().map(|one| one.evaluate(input, exact));
                each.fold(Evaluation::known(Truth::False), |sum, one| sum.with(one, Truth::or))
            }
            ConditionKind::All(matches) => {
                let each = matches.iter().map(|one| one.evaluate(input, exact));
                each.fold(Evaluation::known(Truth::True), |sum, one| sum.with(one, Truth::and))
            }
            ConditionKind::Not(inner) => {
                let inner = inner.evaluate(input, exact);
                Evaluation { truth: !inner.truth, cause: inner.cause }
            }
        }
    }
}

impl Name {
    /// The name's value in `action`.
    pub fn of(self, action: &Action) -> &str {
        match self {
            Name::Tool => action.tool(),
            Name::Operation => action.operation(),
            Name::AgentId => action.agent_id(),
        }
    }
}

impl Source {
    /// The object in `action`.
    pub fn of(self, action: &Action) -> &Value {
        match self {
            Source::Params => action.params(),
            Source::Context => action.context(),
        }
    }
}

fn value_truth(root: &Value, path: &Path, test: &Test, every: bool, exact: bool) -> (Truth, Option<Why>) {
    let mut all: Option<Truth> = None;
    let mut cause = None;
    path.visit(root, &mut |found| {
        let (one, why) = found_truth(found, test, exact);
        all = Some(match all {
            None => one,
            Some(sum) if every => sum.and(one),
            Some(sum) => sum.or(one),
        });
        cause = cause.or(why);
    });
    // An empty list satisfies neither "every" nor "one".
    let all = all.unwrap_or(Truth::False);
    (all, if all == Truth::Undetermined { cause } else { None })
}

/// The truth of a test over what a path leads to.
pub(crate) fn found_truth(found: Found<'_>, test: &Test, exact: bool) -> (Truth, Option<Why>) {
    match (found, test) {
        (Found::Missing | Found::Blocked(_), Test::Exists(expected)) => (Truth::known(!expected), None),
        (Found::Missing, _) if exact => (Truth::Undetermined, Some(Why::Missing)),
        (Found::Missing, _) => (Truth::False, None),
        (Found::Blocked(kind), _) => (Truth::Undetermined, Some(Why::WrongType(kind))),
        (Found::Value(value), _) => truth(test.of(value)),
    }
}
