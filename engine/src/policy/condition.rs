//! Conditions: a `match` or `when` against an action, in three truth values.
//!
//! Nothing here knows what a rule does with the answer.

use std::cell::OnceCell;

use super::glob::Glob;
use super::operator::{Pattern, Reading, Test, Why, truth};
use super::path::{Found, Path};
use super::tool::{ToolDecl, only_kind};
use super::window::Window;
use crate::action::{Action, MAX_NAME_BYTES};
use crate::canonical::Canonical;
use crate::meter::{Meter, bytes, whole};
use crate::truth::Truth;
use crate::value::{Type, Value};

/// What conditions look at: the action, and the time if the host gave one.
#[derive(Debug)]
pub struct Input<'a> {
    /// The action.
    pub action: &'a Action,
    /// Unix time in milliseconds.
    pub now: Option<i64>,
    /// What is left of the work of this decision.
    pub meter: Meter,
    /// The canonical `params`, made when the first condition asks for it.
    params_text: OnceCell<Canonical>,
    /// How many values the action holds, counted when the first condition asks for it.
    values: OnceCell<u64>,
}

impl<'a> Input<'a> {
    /// The input of one decision.
    pub fn new(action: &'a Action, now: Option<i64>) -> Self {
        Input { action, now, meter: Meter::full(), params_text: OnceCell::new(), values: OnceCell::new() }
    }

    /// The steps of passing by every value of the action.
    fn all_values(&self) -> u64 {
        *self.values.get_or_init(|| {
            whole(self.action.params()).saturating_add(whole(self.action.context())).saturating_mul(2)
        })
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
    /// The steps of finding out whether it names a tool, at all its depths.
    naming: u64,
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
    /// The steps of looking at the operand and the path once.
    steps: u64,
}

/// What a condition asks.
#[derive(Debug, Clone)]
pub enum ConditionKind {
    /// A name of the action fits one of these globs.
    Name(Name, Vec<Glob>),
    /// A parameter, or a value of the context, passes a test.
    Value {
        /// Where to look.
        source: Part,
        /// What to look at.
        path: Path,
        /// What to ask.
        test: Test,
        /// Whether `not` stands around the test.
        negated: bool,
        /// Whether a true test opens something: in an `allow` rule, and on the other side of each `not`. For a
        /// path with `[]` every element must pass then, and elsewhere one is enough.
        permits: bool,
    },
    /// One of these texts occurs anywhere in `params`.
    Contains(Vec<String>),
    /// One of these patterns is found anywhere in `params`.
    Pattern(Vec<Pattern>),
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

/// The object of an action that a condition looks into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `params`
    Params,
    /// `context`
    Context,
}

/// What a condition needs to know of the rule around it.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'p> {
    /// Whether the rule permits.
    pub allows: bool,
    /// Whether a match around the condition names the action's tool without a glob.
    pub names_tool: bool,
    /// How the file declares the action's tool.
    pub tool: Option<&'p ToolDecl>,
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
            ConditionKind::Value { source: Part::Params, path, .. } => {
                format!("`{}` {}", path.as_str(), self.why.sentence())
            }
            ConditionKind::Value { source: Part::Context, path, .. } => {
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
    /// Whether the conditions on the name of the tool hold for `tool`; without one they do.
    pub(crate) fn speaks_of(&self, tool: &str) -> bool {
        self.conditions.iter().all(|condition| match &condition.kind {
            ConditionKind::Name(Name::Tool, globs) => globs.iter().any(|glob| glob.matches(tool)),
            _ => true,
        })
    }

    /// A match of these conditions.
    pub fn of(conditions: Vec<Condition>) -> Self {
        let naming = conditions.iter().map(|condition| match &condition.kind {
            ConditionKind::Name(Name::Tool, globs) => {
                let longest = "*".repeat(MAX_NAME_BYTES);
                globs.iter().fold(1, |sum: u64, glob| sum.saturating_add(glob.steps(&longest)))
            }
            ConditionKind::Any(matches) | ConditionKind::All(matches) => {
                // `any` asks each of its matches thrice.
                matches.iter().fold(1, |sum: u64, one| sum.saturating_add(one.naming.saturating_mul(3)))
            }
            ConditionKind::Not(inner) => inner.naming,
            ConditionKind::Name(..)
            | ConditionKind::Value { .. }
            | ConditionKind::Contains(_)
            | ConditionKind::Pattern(_)
            | ConditionKind::Time(_) => 1,
        });
        let naming = naming.fold(1, u64::saturating_add);
        Match { conditions, naming }
    }

    /// Whether all conditions hold.
    pub fn evaluate<'p>(&'p self, input: &Input<'_>, scope: Scope<'_>) -> Evaluation<'p> {
        if !input.meter.spend(self.naming) {
            return Evaluation::known(Truth::Undetermined);
        }
        let scope = self.scope(input, scope);
        let mut all = Evaluation::known(Truth::True);
        for condition in &self.conditions {
            all = all.with(condition.evaluate(input, scope), Truth::and);
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
                ConditionKind::Value { source: Part::Params, path, .. } => visit(path.root()),
                ConditionKind::Any(matches) | ConditionKind::All(matches) => {
                    matches.iter().for_each(|one| one.each_param(visit));
                }
                ConditionKind::Not(inner) => inner.each_param(visit),
                ConditionKind::Value { source: Part::Context, .. }
                | ConditionKind::Name(..)
                | ConditionKind::Contains(_)
                | ConditionKind::Pattern(_)
                | ConditionKind::Time(_) => {}
            }
        }
    }

    /// The scope of the conditions of this match, inside of `around`.
    pub fn scope<'p>(&self, input: &Input<'_>, around: Scope<'p>) -> Scope<'p> {
        Scope { names_tool: around.names_tool || self.names(input.action.tool()), ..around }
    }

    /// Whether every way in which this match can hold for `tool` names it, and not only a glob over it.
    fn names(&self, tool: &str) -> bool {
        self.conditions.iter().any(|condition| match &condition.kind {
            ConditionKind::Name(Name::Tool, globs) => {
                globs.iter().any(|glob| glob.is_exact() && glob.as_str() == tool)
            }
            ConditionKind::All(matches) => matches.iter().any(|one| one.names(tool)),
            ConditionKind::Any(matches) => {
                let mut possible = matches.iter().filter(|one| one.of_tool(tool) != Truth::False).peekable();
                let always = matches.iter().any(|one| one.of_tool(tool) == Truth::True && one.names(tool));
                always || (possible.peek().is_some() && possible.all(|one| one.names(tool)))
            }
            ConditionKind::Not(_)
            | ConditionKind::Name(..)
            | ConditionKind::Value { .. }
            | ConditionKind::Contains(_)
            | ConditionKind::Pattern(_)
            | ConditionKind::Time(_) => false,
        })
    }

    /// Whether this match holds for `tool` whatever else the action is: what is not about the tool is left open.
    fn of_tool(&self, tool: &str) -> Truth {
        let each = self.conditions.iter().map(|condition| match &condition.kind {
            ConditionKind::Name(Name::Tool, globs) => {
                Truth::known(globs.iter().any(|glob| glob.matches(tool)))
            }
            ConditionKind::All(matches) => {
                matches.iter().map(|one| one.of_tool(tool)).fold(Truth::True, Truth::and)
            }
            ConditionKind::Any(matches) => {
                matches.iter().map(|one| one.of_tool(tool)).fold(Truth::False, Truth::or)
            }
            ConditionKind::Not(inner) => !inner.of_tool(tool),
            ConditionKind::Name(..)
            | ConditionKind::Value { .. }
            | ConditionKind::Contains(_)
            | ConditionKind::Pattern(_)
            | ConditionKind::Time(_) => Truth::Undetermined,
        });
        each.fold(Truth::True, Truth::and)
    }
}

impl Condition {
    /// A condition as it is written, and what it asks.
    pub fn of(key: String, operand: Value, kind: ConditionKind) -> Self {
        let steps = whole(&operand).saturating_add(bytes(key.len())).saturating_add(2);
        Condition { key, operand, kind, steps }
    }

    /// Takes the steps of asking `test` of what a path leads to; whether there were as many left.
    pub(crate) fn spends(&self, input: &Input<'_>, test: &Test, found: Found<'_>) -> bool {
        let steps = if let Found::Value(value) = found { test.steps(value) } else { 1 };
        input.meter.spend(steps.saturating_add(self.steps))
    }

    /// Whether it holds.
    pub fn evaluate<'p>(&'p self, input: &Input<'_>, scope: Scope<'_>) -> Evaluation<'p> {
        // Where a path visits every element, lists without any cost as well.
        let around = match &self.kind {
            ConditionKind::Value { path, .. } if path.visits_each() => input.all_values(),
            ConditionKind::Contains(_) | ConditionKind::Pattern(_) => input.all_values(),
            ConditionKind::Name(name, globs) => {
                let value = name.of(input.action);
                globs.iter().fold(0, |sum: u64, glob| sum.saturating_add(glob.steps(value)))
            }
            _ => 0,
        };
        if !input.meter.spend(self.steps.saturating_add(around)) {
            return Evaluation::known(Truth::Undetermined);
        }
        match &self.kind {
            ConditionKind::Name(name, globs) => {
                let value = name.of(input.action);
                Evaluation::known(Truth::known(globs.iter().any(|glob| glob.matches(value))))
            }
            ConditionKind::Value { source, path, test, negated, permits } => {
                let asked = Asked::new(*source, path, test, *permits, scope);
                let mut cause = None;
                let truth = path.truth(source.of(input.action), *permits, &mut |found| {
                    if !self.spends(input, test, found) {
                        return Truth::Undetermined;
                    }
                    let (one, why) = asked.of(found);
                    cause = cause.or(why);
                    one
                });
                let cause = cause.filter(|_| truth == Truth::Undetermined);
                let truth = if *negated { !truth } else { truth };
                Evaluation { truth, cause: cause.map(|why| Cause { condition: self, why }) }
            }
            ConditionKind::Contains(texts) => {
                let holds = input.anywhere(&|found| {
                    texts.iter().any(|text| {
                        let steps = (found.len() as u64).saturating_add(bytes(text.len())).saturating_add(2);
                        input.meter.spend(steps) && found.contains(text.as_str())
                    })
                });
                Evaluation::known(Truth::known(holds))
            }
            ConditionKind::Pattern(patterns) => {
                let holds = input.anywhere(&|found| {
                    patterns.iter().any(|one| input.meter.spend(one.steps(found)) && one.is_found_in(found))
                });
                Evaluation::known(Truth::known(holds))
            }
            ConditionKind::Time(window) => match input.now {
                Some(now) => Evaluation::known(Truth::known(window.holds(now))),
                None => Evaluation {
                    truth: Truth::Undetermined,
                    cause: Some(Cause { condition: self, why: Why::NoTime }),
                },
            },
            ConditionKind::Any(matches) => {
                let each = matches.iter().map(|one| one.evaluate(input, scope));
                each.fold(Evaluation::known(Truth::False), |sum, one| sum.with(one, Truth::or))
            }
            ConditionKind::All(matches) => {
                let each = matches.iter().map(|one| one.evaluate(input, scope));
                each.fold(Evaluation::known(Truth::True), |sum, one| sum.with(one, Truth::and))
            }
            ConditionKind::Not(inner) => {
                let inner = inner.evaluate(input, scope);
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

impl Part {
    /// The object in `action`.
    pub fn of(self, action: &Action) -> &Value {
        match self {
            Part::Params => action.params(),
            Part::Context => action.context(),
        }
    }
}

/// A test with all that its answer depends on beside the value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'p> {
    test: &'p Test,
    reading: Reading,
    /// Whether a parameter that is not there leaves the test open: in an `allow`, and where the tool is named.
    absence_is_open: bool,
}

impl<'p> Asked<'p> {
    /// The test of a condition in a scope.
    pub(crate) fn new(source: Part, path: &Path, test: &'p Test, permits: bool, scope: Scope<'_>) -> Self {
        let declared = scope.tool.filter(|_| source == Part::Params).and_then(|tool| only_kind(tool, path));
        let kind_is_known = matches!(declared, Some(Type::String | Type::Array));
        Asked {
            test,
            reading: Reading { permits, both_lengths: scope.allows && !kind_is_known },
            absence_is_open: scope.allows || scope.names_tool,
        }
    }

    /// The answer for what a path leads to, and why there is none.
    pub(crate) fn of(&self, found: Found<'_>) -> (Truth, Option<Why>) {
        match (found, self.test) {
            (Found::Missing | Found::Blocked(_), Test::Exists(expected)) => (Truth::known(!expected), None),
            // Elements that might be somewhere else in it are neither there nor absent where that opens something.
            (Found::NoList(_), Test::Exists(_)) => (Truth::known(!self.reading.permits), None),
            (Found::Missing, _) if self.absence_is_open => (Truth::Undetermined, Some(Why::Missing)),
            (Found::Missing, _) => (Truth::False, None),
            (Found::Blocked(kind) | Found::NoList(kind), _) => {
                (Truth::Undetermined, Some(Why::WrongType(kind)))
            }
            (Found::Value(value), test) => truth(test.of(value, self.reading)),
        }
    }
}
