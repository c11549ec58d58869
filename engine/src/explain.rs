//! The trace of one decision: every rule that was looked at, each condition with its truth value, what it saw and
//! why.
//!
//! It asks the same conditions as [`mod@crate::decide`] and adds nothing to the answer. It costs time and space,
//! so it is made only when somebody asks.

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::canonical::Canonical;
use crate::decide::decide;
use crate::decision::{Decision, Effect};
use crate::json::{self, JsonError};
use crate::meter::LIMIT;
use crate::policy::condition::{Asked, Condition, ConditionKind, Input, Match, Scope};
use crate::policy::path::Found;
use crate::policy::{Mode, Policy, PolicySet};
use crate::risk::RiskScore;
use crate::state::State;
use crate::truth::Truth;
use crate::value::Value;

/// How long a value may be in a sentence; the whole of it stands beside in `saw`.
const SHOWN_CHARS: usize = 80;
/// The steps of each byte that is copied into a trace, so that the copies of all conditions have at most 16 MiB.
const COPY_STEPS: u64 = LIMIT >> 24;
/// What a value takes in memory beside its text.
const VALUE_BYTES: u64 = 32;

/// Why an action got its decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// Whether the trace ends early, because all of it would take more work or space than an explanation may.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "types", ts(optional, as = "Option<bool>"))]
    pub incomplete: bool,
    /// What each file says, in the order of their names.
    pub policies: Vec<PolicyTrace>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks in this way")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What one file says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct PolicyTrace {
    /// Whether the file takes part.
    pub mode: Mode,
    /// The file's name.
    pub policy: String,
    /// The risk rules, all of them.
    pub risk_rules: Vec<RiskTrace>,
    /// The rules up to the one that matched; all when none did.
    pub rules: Vec<RuleTrace>,
    /// Whether it speaks of the agent; when not, nothing of it was looked at.
    pub speaks_of_agent: bool,
    /// What is wrong with the arguments by the file's declaration of the tool.
    pub violations: Vec<String>,
}

/// One rule that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct RuleTrace {
    /// Its conditions.
    pub conditions: Vec<ConditionTrace>,
    /// What it says.
    pub effect: Effect,
    /// Its id.
    pub id: String,
    /// The line on which it starts.
    pub line: u32,
    /// Whether it matches.
    pub truth: Truth,
}

/// One risk rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct RiskTrace {
    /// Its conditions.
    pub conditions: Vec<ConditionTrace>,
    /// The line on which it starts.
    pub line: u32,
    /// Its name.
    pub name: String,
    /// How much it counts.
    pub score: RiskScore,
    /// Whether it holds; it counts unless this is `false`.
    pub truth: Truth,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct ConditionTrace {
    /// What it compares with, as it is written.
    #[cfg_attr(feature = "types", ts(type = "unknown"))]
    pub expected: Value,
    /// The key, as it is written.
    pub key: String,
    /// For `any`, `all` and `not`: the conditions of each match inside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "types", ts(optional, as = "Option<_>"))]
    pub matches: Vec<Vec<ConditionTrace>>,
    /// The values that it looked at; none where a parameter is missing.
    #[cfg_attr(feature = "types", ts(type = "unknown[]"))]
    pub saw: Vec<Value>,
    /// Whether it holds.
    pub truth: Truth,
    /// Why, as a clause.
    pub why: String,
}

/// Explains the action in `bytes`.
///
/// # Errors
/// What is wrong with the action. Such an action has a decision, but nothing was looked at.
pub fn explain_bytes(policies: &PolicySet, bytes: &[u8], state: &State) -> Result<Explanation, JsonError> {
    Action::parse(bytes, json::MAX_BYTES).map(|action| explain(policies, &action, state))
}

/// Explains an action from its canonical form, as it stands in a record.
///
/// # Errors
/// When the bytes are not the canonical form of an action.
pub fn explain_recorded(
    policies: &PolicySet,
    canonical: &[u8],
    state: &State,
) -> Result<Explanation, JsonError> {
    Action::parse_canonical(canonical).map(|action| explain(policies, &action, state))
}

/// Explains `action`.
pub fn explain(policies: &PolicySet, action: &Action, state: &State) -> Explanation {
    let decision = decide(policies, action, state);
    let input = Input::new(action, state.now.filter(|_| policies.reads_time()));
    let mut traces = Vec::new();
    for policy in policies.policies() {
        if !input.meter.is_spent() {
            traces.push(policy_trace(policy, &input));
        }
    }
    Explanation { decision, incomplete: input.meter.is_spent(), policies: traces }
}

fn policy_trace(policy: &Policy, input: &Input<'_>) -> PolicyTrace {
    let mut trace = PolicyTrace {
        mode: policy.mode,
        policy: policy.file.clone(),
        risk_rules: Vec::new(),
        rules: Vec::new(),
        speaks_of_agent: policy.speaks_of(input.action.agent_id(), &input.meter),
        violations: Vec::new(),
    };
    if !trace.speaks_of_agent {
        return trace;
    }
    if let (Some(tool), Some(params)) =
        (policy.tools.get(input.action.tool()), input.action.params().as_object())
    {
        trace.violations = tool.violations(params, &input.meter);
    }
    for rule in &policy.rules {
        if input.meter.is_spent() {
            return trace;
        }
        let scope = policy.scope(input.action, rule.effect == Effect::Allow);
        let truth = rule.matcher.evaluate(input, scope).truth;
        trace.rules.push(RuleTrace {
            conditions: match_trace(&rule.matcher, input, scope),
            effect: rule.effect,
            id: rule.id.clone(),
            line: rule.line,
            truth,
        });
        if truth == Truth::True {
            break;
        }
    }
    let scope = policy.scope(input.action, false);
    trace.risk_rules = policy
        .risk_rules
        .iter()
        .take_while(|_| !input.meter.is_spent())
        .map(|rule| RiskTrace {
            conditions: match_trace(&rule.when, input, scope),
            line: rule.line,
            name: rule.name.clone(),
            score: rule.score,
            truth: rule.when.evaluate(input, scope).truth,
        })
        .collect();
    trace
}

fn match_trace(matcher: &Match, input: &Input<'_>, scope: Scope<'_>) -> Vec<ConditionTrace> {
    let scope = matcher.scope(input, scope);
    matcher.conditions.iter().map(|condition| condition_trace(condition, input, scope)).collect()
}

fn condition_trace(condition: &Condition, input: &Input<'_>, scope: Scope<'_>) -> ConditionTrace {
    let evaluation = condition.evaluate(input, scope);
    let truth = evaluation.truth;
    let cause = evaluation.cause.map(|cause| cause.clause());
    let mut saw = Vec::new();
    let mut matches = Vec::new();
    let why = match &condition.kind {
        ConditionKind::Name(name, _) => {
            let value = Value::from(name.of(input.action));
            let why = format!("it is {}", shown(&value, input));
            saw.push(value);
            why
        }
        ConditionKind::Value { source, path, test, negated, permits } => {
            let asked = Asked::new(*source, path, test, *permits, scope);
            let mut parts = Vec::new();
            path.visit(source.of(input.action), &mut |found| {
                if condition.spends(input, test, found) {
                    parts.push((asked.of(found).0, found));
                }
            });
            let asked_for = if *negated { !truth } else { truth };
            saw.extend(parts.iter().filter_map(|(_, found)| match found {
                Found::Value(value) => may_copy(value, input).then(|| (*value).clone()),
                Found::Missing | Found::Blocked(_) | Found::NoList(_) => None,
            }));
            let decisive = parts.iter().find(|(one, _)| *one == asked_for).map(|(_, found)| *found);
            let seen = match decisive {
                Some(Found::Value(value)) => format!("`{}` is {}", path.as_str(), shown(value, input)),
                Some(Found::Missing) => format!("`{}` is missing", path.as_str()),
                Some(Found::Blocked(kind) | Found::NoList(kind)) => {
                    format!("`{}` leads through {}", path.as_str(), kind.described())
                }
                None => format!("a list of `{}` is empty", path.as_str()),
            };
            let seen = cause.unwrap_or(seen);
            match (path.visits_each(), permits != negated, parts.len()) {
                (true, true, count @ 1..) => format!("of {count} elements every one must hold: {seen}"),
                (true, false, count @ 1..) => format!("of {count} elements one is enough: {seen}"),
                _ => seen,
            }
        }
        ConditionKind::Contains(_) | ConditionKind::Pattern(_) => {
            let found = if truth == Truth::True { "it occurs" } else { "it does not occur" };
            format!("{found} in `params`")
        }
        ConditionKind::Time(_) => match input.now {
            Some(now) => {
                let time = crate::time::rfc3339(now);
                saw.push(Value::from(time.as_str()));
                format!("it is {time}")
            }
            None => "the time is not known".to_owned(),
        },
        ConditionKind::Any(inner) | ConditionKind::All(inner) => {
            matches.extend(inner.iter().map(|one| match_trace(one, input, scope)));
            cause.unwrap_or_else(|| {
                let holding =
                    inner.iter().filter(|one| one.evaluate(input, scope).truth == Truth::True).count();
                format!("{holding} of {} hold", inner.len())
            })
        }
        ConditionKind::Not(inner) => {
            matches.push(match_trace(inner, input, scope));
            cause.unwrap_or_else(|| {
                let holds = if truth == Truth::True { "does not hold" } else { "holds" };
                format!("what it negates {holds}")
            })
        }
    };
    ConditionTrace {
        expected: condition.operand.clone(),
        key: condition.key.clone(),
        matches,
        saw,
        truth,
        why,
    }
}

/// Whether a copy of `value` fits into what is left of the trace.
fn may_copy(value: &Value, input: &Input<'_>) -> bool {
    fn size(value: &Value) -> u64 {
        let inside = match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len() as u64,
            Value::Array(items) => items.iter().fold(0, |sum: u64, item| sum.saturating_add(size(item))),
            Value::Object(object) => object.iter().fold(0, |sum: u64, (key, member)| {
                sum.saturating_add(key.len() as u64).saturating_add(size(member))
            }),
        };
        inside.saturating_add(VALUE_BYTES)
    }
    input.meter.spend(size(value).saturating_mul(COPY_STEPS))
}

fn shown(value: &Value, input: &Input<'_>) -> String {
    // Printing all of a large value for its beginning would cost as much as copying it.
    if !may_copy(value, input) {
        return "…".to_owned();
    }
    let text = Canonical::of(value).into_string();
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
