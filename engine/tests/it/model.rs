//! The reference: the contract once more, in plain lines that share nothing with the engine but the values.

use engine::canonical::Canonical;
use engine::value::Value;

use crate::generate::{Cond, FileSpec};

/// 0 false, 1 undetermined, 2 true; outcomes 0 EXECUTE, 1 ABSTAIN, 2 HALT.
type Three = u8;

/// The outcome and the risk score of `tool` with `params` under `files`.
pub(crate) fn decide(files: &[FileSpec], tool: &str, params: &Value) -> (u8, u8) {
    let speaking: Vec<&FileSpec> =
        files.iter().filter(|f| matches!(f.agents, None | Some("agent" | "ag*"))).collect();
    let (mut outcome, mut any_matched, mut own) = (0, false, 0);
    for file in &speaking {
        for rule in &file.rules {
            let allow = rule.effect == "allow";
            let truth = all(&rule.conditions, tool, params, Place { allow, named: false, permits: allow });
            if truth > 0 {
                outcome = outcome.max(
                    ["allow", "require_approval", "deny"].iter().position(|e| *e == rule.effect).unwrap()
                        as u8,
                );
                own = own.max(rule.risk.map_or(0, |level| [10, 40, 70, 90][rank(level)]));
            }
            if truth == 2 {
                any_matched = true;
                break;
            }
        }
    }
    let place = Place { allow: false, named: false, permits: false };
    let counted =
        speaking.iter().flat_map(|f| &f.risk).filter(|r| all(&r.conditions, tool, params, place) > 0);
    let score = own.max(counted.map(|r| u32::from(r.score)).sum::<u32>().min(100) as u8);
    let level = [40, 70, 90].iter().filter(|least| score >= **least).count();
    let reached = |at: fn(&FileSpec) -> Option<&str>, standard: &'static str| {
        speaking.iter().map(|f| at(f).unwrap_or(standard)).any(|from| from != "never" && level >= rank(from))
    };
    if reached(|f| f.require_approval_at, "high") {
        outcome = outcome.max(1);
    }
    if !any_matched || reached(|f| f.deny_at, "critical") {
        outcome = 2;
    }
    (outcome, score)
}

fn rank(level: &str) -> usize {
    ["low", "medium", "high", "critical"].iter().position(|known| *known == level).unwrap()
}

/// The context of a condition: in an `allow`; in a match that names the tool; where a true condition permits.
#[derive(Clone, Copy)]
struct Place {
    allow: bool,
    named: bool,
    permits: bool,
}

fn known(holds: bool) -> Three {
    if holds { 2 } else { 0 }
}

fn fits(glob: &str, tool: &str) -> bool {
    glob == tool || glob == "*" || glob == "t*" && tool == "t"
}

/// The truth with everything open but the tool.
fn of_tool(conditions: &[Cond], tool: &str) -> Three {
    let one = |condition: &Cond| match condition {
        Cond::Tool(glob) => known(fits(glob, tool)),
        Cond::Any(matches) => matches.iter().map(|m| of_tool(m, tool)).max().unwrap(),
        Cond::All(matches) => matches.iter().map(|m| of_tool(m, tool)).min().unwrap(),
        Cond::Not(inner) => 2 - of_tool(inner, tool),
        _ => 1,
    };
    conditions.iter().map(one).min().unwrap()
}

/// Whether every way in which the conditions can hold names the tool; a list of globs has one way for each.
fn names(conditions: &[Cond], tool: &str) -> bool {
    conditions.iter().any(|condition| match condition {
        Cond::Tool(name) => *name == tool,
        Cond::All(matches) => matches.iter().any(|m| names(m, tool)),
        Cond::Any(matches) => {
            let possible: Vec<_> = matches.iter().filter(|m| of_tool(m, tool) > 0).collect();
            let named: Vec<_> = possible.iter().filter(|m| names(m, tool)).collect();
            !named.is_empty() && named.len() == possible.len() || named.iter().any(|m| of_tool(m, tool) == 2)
        }
        _ => false,
    })
}

fn all(conditions: &[Cond], tool: &str, params: &Value, place: Place) -> Three {
    let place = Place { named: place.named || names(conditions, tool), ..place };
    conditions.iter().map(|c| one(c, tool, params, place)).min().unwrap()
}

/// All of no elements is not all of them, on any level.
fn each(levels: u8, value: &Value, permits: bool, holds: &dyn Fn(f64) -> bool) -> Three {
    match (levels, value) {
        (0, Value::Number(n)) => known(holds(*n)),
        (0, _) => 1,
        (_, Value::Array(items)) => {
            let truths = items.iter().map(|item| each(levels - 1, item, permits, holds));
            (if permits { truths.min() } else { truths.max() }).unwrap_or(0)
        }
        _ => 1,
    }
}

/// The lengths that a value may be meant to have.
fn lengths(value: &Value, both: bool) -> Vec<usize> {
    fn inside(value: &Value) -> Vec<usize> {
        match value {
            Value::String(text) => vec![text.chars().count()],
            Value::Array(items) => [vec![items.len()], items.iter().flat_map(inside).collect()].concat(),
            Value::Object(members) => members.iter().flat_map(|(_, member)| inside(member)).collect(),
            _ => Vec::new(),
        }
    }
    match (value, both) {
        (Value::String(text), true) => vec![text.chars().count(), 1],
        (Value::String(text), false) => vec![text.chars().count()],
        (Value::Array(_), true) => inside(value),
        (Value::Array(items), false) => vec![items.len()],
        _ => Vec::new(),
    }
}

fn one(condition: &Cond, tool: &str, params: &Value, place: Place) -> Three {
    let missing = if place.allow || place.named { 1 } else { 0 };
    let param = |name: &str| params.as_object().unwrap().get(name);
    let number = |name: &str, holds: &dyn Fn(f64) -> bool| match param(name) {
        None => missing,
        Some(value) => each(0, value, place.permits, holds),
    };
    let same = |name: &str, operands: &[Value], negated: bool| match param(name) {
        None => missing,
        Some(v) if operands.iter().any(|o| o.kind() == v.kind()) => known(operands.contains(v) != negated),
        Some(_) => 1,
    };
    let turned = Place { permits: !place.permits, ..place };
    match condition {
        Cond::Tool(glob) => known(fits(glob, tool)),
        Cond::Eq(p, v) => same(p, std::slice::from_ref(v), false),
        Cond::Ne(p, v) => same(p, std::slice::from_ref(v), true),
        Cond::In(p, vs) => same(p, vs, false),
        Cond::NotIn(p, vs) => same(p, vs, true),
        Cond::Gt(p, bound) => number(p, &|n| n > f64::from(*bound)),
        Cond::Lte(p, bound) => number(p, &|n| n <= f64::from(*bound)),
        Cond::Exists(p, there) => known(param(p).is_some() == *there),
        Cond::Each(p, levels, bound) => match param(p) {
            None => missing,
            Some(value) => each(*levels, value, place.permits, &|n| n > f64::from(*bound)),
        },
        Cond::Length(p, op, bound) => match param(p).map(|value| lengths(value, place.allow)) {
            None => missing,
            Some(lengths) if lengths.is_empty() => 1,
            Some(lengths) => {
                let bound = *bound as usize;
                let holds = |n: &&usize| match *op {
                    "eq" => **n == bound,
                    "ne" => **n != bound,
                    "gte" => **n >= bound,
                    _ => **n < bound,
                };
                let holding = lengths.iter().filter(holds).count();
                if holding == lengths.len() { 2 } else { u8::from(holding > 0) }
            }
        },
        Cond::Has(p, texts) => {
            let part = |v: &Value| v.as_str().is_some_and(|text| texts.iter().any(|t| text.contains(t)));
            let element = |v: &Value| v.as_str().is_some_and(|text| texts.contains(&text));
            match param(p) {
                None => missing,
                Some(v @ Value::String(_)) => known(part(v)),
                Some(Value::Array(items)) if items.iter().any(element) => 2,
                Some(Value::Array(items)) if !place.permits && items.iter().any(part) => 2,
                Some(Value::Array(items)) => u8::from(items.iter().any(|item| item.as_str().is_none())),
                Some(_) => 1,
            }
        }
        // Every text and key of the generated values appears in the canonical form unchanged.
        Cond::Contains(text) => known(Canonical::of(params).as_str().contains(text)),
        Cond::Any(matches) => matches.iter().map(|m| all(m, tool, params, place)).max().unwrap(),
        Cond::All(matches) => matches.iter().map(|m| all(m, tool, params, place)).min().unwrap(),
        Cond::Not(inner) => 2 - all(inner, tool, params, turned),
        Cond::Negated(inner) => 2 - one(inner, tool, params, turned),
    }
}
