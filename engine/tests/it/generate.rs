//! Random policies and actions, small enough that their parts meet.

use engine::value::{Object, Value};
use proptest::prelude::*;

/// A condition, as the model sees it and as YAML writes it.
#[derive(Debug, Clone)]
pub(crate) enum Cond {
    Tool(&'static str),
    Eq(&'static str, Value),
    Ne(&'static str, Value),
    Gt(&'static str, i32),
    Lte(&'static str, i32),
    In(&'static str, Vec<Value>),
    NotIn(&'static str, Vec<Value>),
    Exists(&'static str, bool),
    /// Over the elements of a list, or of the lists in it: the number of `[]`.
    Each(&'static str, u8, i32),
    /// `len_` and the rest of the operator.
    Length(&'static str, &'static str, u8),
    /// `contains` of a parameter.
    Has(&'static str, Vec<&'static str>),
    /// A condition on a parameter with `not_` before its operator.
    Negated(Box<Cond>),
    Contains(&'static str),
    Any(Vec<Vec<Cond>>),
    All(Vec<Vec<Cond>>),
    Not(Vec<Cond>),
}

#[derive(Debug, Clone)]
pub(crate) struct RuleSpec {
    pub(crate) conditions: Vec<Cond>,
    pub(crate) effect: &'static str,
    pub(crate) risk: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(crate) struct RiskSpec {
    pub(crate) conditions: Vec<Cond>,
    pub(crate) score: u8,
}

#[derive(Debug, Clone)]
pub(crate) struct FileSpec {
    pub(crate) agents: Option<&'static str>,
    pub(crate) rules: Vec<RuleSpec>,
    pub(crate) risk: Vec<RiskSpec>,
    pub(crate) require_approval_at: Option<&'static str>,
    pub(crate) deny_at: Option<&'static str>,
}

const PARAMS: [&str; 3] = ["a", "b", "c"];
const LEVELS: [&str; 4] = ["low", "medium", "high", "critical"];

pub(crate) fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-2..4_i32).prop_map(|n| Value::Number(f64::from(n))),
        prop_oneof![Just("x"), Just("y"), Just("1")].prop_map(Value::from),
    ]
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => scalar(),
        1 => prop::collection::vec(scalar(), 0..3).prop_map(Value::Array),
        1 => prop::collection::vec(prop::collection::vec(scalar(), 0..2).prop_map(Value::Array), 0..3)
            .prop_map(Value::Array),
        1 => prop::collection::vec(text(), 1..3).prop_map(|texts| {
            Value::Array(texts.into_iter().map(Value::from).collect())
        }),
        1 => scalar().prop_map(|inner| object(vec![("k", inner)])),
    ]
}

pub(crate) fn object(members: Vec<(&str, Value)>) -> Value {
    let members = members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Value::Object(Object::from_members(members).unwrap())
}

/// `params`: each of three parameters is there or not.
pub(crate) fn params() -> impl Strategy<Value = Value> {
    prop::collection::vec(prop::option::weighted(0.7, value()), 3).prop_map(|values| {
        let there = PARAMS.iter().zip(values).filter_map(|(name, value)| value.map(|value| (*name, value)));
        object(there.collect())
    })
}

fn param() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&PARAMS[..])
}

fn text() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["x", "y", "xy", "1"][..])
}

fn leaf() -> impl Strategy<Value = Cond> {
    prop_oneof![
        2 => prop::sample::select(&["t", "u", "t*", "*"][..]).prop_map(Cond::Tool),
        9 => of_param(),
        3 => of_param().prop_map(|condition| match condition {
            // The word is taken by an operator of its own.
            Cond::In(p, vs) => Cond::NotIn(p, vs),
            other => Cond::Negated(Box::new(other)),
        }),
        1 => prop::sample::select(&["x", "a", "["][..]).prop_map(Cond::Contains),
    ]
}

fn of_param() -> impl Strategy<Value = Cond> {
    prop_oneof![
        2 => (param(), scalar()).prop_map(|(p, v)| Cond::Eq(p, v)),
        1 => (param(), scalar()).prop_map(|(p, v)| Cond::Ne(p, v)),
        3 => (param(), -2..4_i32).prop_map(|(p, n)| Cond::Gt(p, n)),
        3 => (param(), -2..4_i32).prop_map(|(p, n)| Cond::Lte(p, n)),
        1 => (param(), prop::collection::vec(scalar(), 1..3)).prop_map(|(p, vs)| Cond::In(p, vs)),
        1 => (param(), prop::collection::vec(scalar(), 1..3)).prop_map(|(p, vs)| Cond::NotIn(p, vs)),
        1 => (param(), any::<bool>()).prop_map(|(p, there)| Cond::Exists(p, there)),
        2 => (param(), 1..3_u8, -2..4_i32).prop_map(|(p, levels, n)| Cond::Each(p, levels, n)),
        2 => (param(), prop::sample::select(&["eq", "ne", "gte", "lt"][..]), 0..3_u8)
            .prop_map(|(p, op, n)| Cond::Length(p, op, n)),
        2 => (param(), prop::collection::vec(text(), 1..3)).prop_map(|(p, texts)| Cond::Has(p, texts)),
    ]
}

/// Conditions that have a different key each, since a YAML mapping cannot hold one twice.
fn conditions(inner: impl Strategy<Value = Cond>) -> impl Strategy<Value = Vec<Cond>> {
    prop::collection::vec(inner, 1..4).prop_map(|conditions| {
        let mut kept: Vec<Cond> = Vec::new();
        for condition in conditions {
            if !kept.iter().any(|other| other.key() == condition.key()) {
                kept.push(condition);
            }
        }
        kept
    })
}

pub(crate) fn matcher() -> impl Strategy<Value = Vec<Cond>> {
    let nested = leaf().prop_recursive(2, 12, 3, |inner| {
        let list = prop::collection::vec(conditions(inner.clone()), 1..3).boxed();
        prop_oneof![
            list.clone().prop_map(Cond::Any),
            list.prop_map(Cond::All),
            inner.prop_map(|one| Cond::Not(vec![one])),
        ]
    });
    conditions(nested)
}

fn level() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&LEVELS[..])
}

pub(crate) fn rule() -> impl Strategy<Value = RuleSpec> {
    let effect = prop::sample::select(&["allow", "allow", "require_approval", "deny"][..]);
    (matcher(), effect, prop::option::weighted(0.2, level()))
        .prop_map(|(conditions, effect, risk)| RuleSpec { conditions, effect, risk })
}

pub(crate) fn file() -> impl Strategy<Value = FileSpec> {
    let threshold = || prop::option::weighted(0.2, prop_oneof![level().boxed(), Just("never").boxed()]);
    let risk = (matcher(), 1..=100_u8).prop_map(|(conditions, score)| RiskSpec { conditions, score });
    (
        prop::option::weighted(0.2, prop::sample::select(&["agent", "other", "ag*"][..])),
        prop::collection::vec(rule(), 0..5),
        prop::collection::vec(risk, 0..3),
        threshold(),
        threshold(),
    )
        .prop_map(|(agents, rules, risk, require_approval_at, deny_at)| FileSpec {
            agents,
            rules,
            risk,
            require_approval_at,
            deny_at,
        })
}

pub(crate) fn files() -> impl Strategy<Value = Vec<FileSpec>> {
    prop::collection::vec(file(), 1..4)
}

/// A change of a set of files, of which some tighten and some do not.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    AddRule(usize, usize, RuleSpec),
    RemoveRule(usize, usize),
    Effect(usize, usize, &'static str),
    AddRisk(usize, RiskSpec),
    RemoveRisk(usize),
    AddFile(FileSpec),
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let at = || 0..4_usize;
    let effect = prop::sample::select(&["allow", "require_approval", "deny", "deny"][..]);
    let risk = (matcher(), 1..=100_u8).prop_map(|(conditions, score)| RiskSpec { conditions, score });
    let denying = (at(), at(), matcher()).prop_map(|(file, at, conditions)| {
        Step::AddRule(file, at, RuleSpec { conditions, effect: "deny", risk: None })
    });
    prop_oneof![
        (at(), at(), rule()).prop_map(|(file, at, rule)| Step::AddRule(file, at, rule)),
        denying,
        (at(), at()).prop_map(|(file, at)| Step::RemoveRule(file, at)),
        (at(), at(), effect).prop_map(|(file, at, effect)| Step::Effect(file, at, effect)),
        (at(), risk).prop_map(|(file, risk)| Step::AddRisk(file, risk)),
        at().prop_map(Step::RemoveRisk),
        file().prop_map(Step::AddFile),
    ]
}

impl Step {
    /// The files it was built from. Its indices wrap around, so that every step has something to change.
    pub(crate) fn taken(&self, mut files: Vec<FileSpec>) -> Vec<FileSpec> {
        let count = files.len().max(1);
        let file = match self {
            Step::AddRule(file, ..)
            | Step::RemoveRule(file, _)
            | Step::Effect(file, ..)
            | Step::AddRisk(file, _)
            | Step::RemoveRisk(file) => files.get_mut(file % count),
            Step::AddFile(file) => {
                files.push(file.clone());
                None
            }
        };
        let Some(FileSpec { rules, risk, .. }) = file else { return files };
        let place = |at: &usize, count: usize| at % count.max(1);
        match self {
            Step::AddRule(_, at, rule) => rules.insert(place(at, rules.len() + 1), rule.clone()),
            Step::RemoveRule(_, at) if !rules.is_empty() => _ = rules.remove(place(at, rules.len())),
            Step::Effect(_, at, effect) => {
                let at = place(at, rules.len());
                if let Some(rule) = rules.get_mut(at) {
                    rule.effect = effect;
                }
            }
            Step::AddRisk(_, one) => risk.push(one.clone()),
            Step::RemoveRisk(_) => _ = risk.pop(),
            Step::RemoveRule(..) | Step::AddFile(_) => {}
        }
        files
    }
}

/// The bytes of an action of `tool` with `params`, in a spelling that is not canonical.
pub(crate) fn action(tool: &str, params: &Value) -> Vec<u8> {
    let params = engine::canonical::Canonical::of(params);
    format!("{{ \"tool\": \"{tool}\", \"params\": {params}, \"agent_id\": \"agent\" }}").into_bytes()
}

impl Cond {
    fn key(&self) -> String {
        match self {
            Cond::Tool(_) => "tool".into(),
            Cond::Eq(p, _) => format!("{p}_eq"),
            Cond::Ne(p, _) => format!("{p}_ne"),
            Cond::Gt(p, _) => format!("{p}_gt"),
            Cond::Lte(p, _) => format!("{p}_lte"),
            Cond::In(p, _) => format!("{p}_in"),
            Cond::Exists(p, _) => format!("{p}_exists"),
            Cond::NotIn(p, _) => format!("{p}_not_in"),
            Cond::Each(p, levels, _) => format!("\"{p}{}_gt\"", "[]".repeat(usize::from(*levels))),
            Cond::Length(p, op, _) => format!("{p}_len_{op}"),
            Cond::Has(p, _) => format!("{p}_contains"),
            // Behind the name, which has no underscore.
            Cond::Negated(inner) => inner.key().replacen('_', "_not_", 1),
            Cond::Contains(_) => "contains".into(),
            Cond::Any(_) => "any".into(),
            Cond::All(_) => "all".into(),
            Cond::Not(_) => "not".into(),
        }
    }

    fn yaml(&self) -> String {
        format!("{}: {}", self.key(), self.operand())
    }

    fn operand(&self) -> String {
        let json = |value: &Value| engine::canonical::Canonical::of(value).into_string();
        let list = |matches: &[Vec<Cond>]| {
            let each: Vec<String> = matches.iter().map(|one| flow(one)).collect();
            format!("[{}]", each.join(", "))
        };
        match self {
            Cond::Tool(glob) => format!("{glob:?}"),
            Cond::Eq(_, v) | Cond::Ne(_, v) => json(v),
            Cond::Gt(_, n) | Cond::Lte(_, n) | Cond::Each(_, _, n) => n.to_string(),
            Cond::Length(_, _, n) => n.to_string(),
            Cond::Has(_, texts) => format!("{texts:?}"),
            Cond::Negated(inner) => inner.operand(),
            Cond::In(_, vs) | Cond::NotIn(_, vs) => json(&Value::Array(vs.clone())),
            Cond::Exists(_, there) => there.to_string(),
            Cond::Contains(text) => format!("{text:?}"),
            Cond::Any(matches) | Cond::All(matches) => list(matches),
            Cond::Not(inner) => flow(inner),
        }
    }
}

fn flow(conditions: &[Cond]) -> String {
    let each: Vec<String> = conditions.iter().map(Cond::yaml).collect();
    format!("{{{}}}", each.join(", "))
}

/// The conditions but for `exists` and `contains`; one that names the tool when nothing is left.
fn determinable(conditions: Vec<Cond>) -> Vec<Cond> {
    let kept = conditions.into_iter().filter_map(|condition| match condition {
        Cond::Exists(..) | Cond::Contains(_) => None,
        Cond::Negated(inner) if matches!(*inner, Cond::Exists(..)) => None,
        Cond::Any(matches) => Some(Cond::Any(matches.into_iter().map(determinable).collect())),
        Cond::All(matches) => Some(Cond::All(matches.into_iter().map(determinable).collect())),
        Cond::Not(inner) => Some(Cond::Not(determinable(inner))),
        other => Some(other),
    });
    let kept: Vec<Cond> = kept.collect();
    if kept.is_empty() { vec![Cond::Tool("t")] } else { kept }
}

impl FileSpec {
    pub(crate) fn without_the_never_undetermined(mut self) -> Self {
        for rule in &mut self.rules {
            rule.conditions = determinable(std::mem::take(&mut rule.conditions));
        }
        for rule in &mut self.risk {
            rule.conditions = determinable(std::mem::take(&mut rule.conditions));
        }
        self
    }

    pub(crate) fn yaml(&self) -> String {
        let mut out = String::new();
        if let Some(agents) = self.agents {
            out += &format!("agents: [{agents:?}]\n");
        }
        out += "rules:\n";
        if self.rules.is_empty() {
            out = out.replace("rules:\n", "rules: []\n");
        }
        for rule in &self.rules {
            out += &format!("  - match: {}\n    {}: true\n", flow(&rule.conditions), rule.effect);
            if let Some(risk) = rule.risk {
                out += &format!("    risk: {risk}\n");
            }
        }
        let mut risk = String::new();
        if let Some(level) = self.require_approval_at {
            risk += &format!("  require_approval_at: {level}\n");
        }
        if let Some(level) = self.deny_at {
            risk += &format!("  deny_at: {level}\n");
        }
        if !self.risk.is_empty() {
            risk += "  rules:\n";
            for (index, rule) in self.risk.iter().enumerate() {
                let when = flow(&rule.conditions);
                risk += &format!("    - {{name: r{index}, when: {when}, score: {}}}\n", rule.score);
            }
        }
        if !risk.is_empty() {
            out += "risk:\n";
            out += &risk;
        }
        out
    }
}
