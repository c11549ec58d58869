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
            let truth = all(&rule.conditions, tool, params, false, rule.effect == "allow");
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
    let counted =
        speaking.iter().flat_map(|f| &f.risk).filter(|r| all(&r.conditions, tool, params, false, false) > 0);
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

fn all(conditions: &[Cond], tool: &str, params: &Value, exact: bool, every: bool) -> Three {
    let exact = exact || conditions.iter().any(|c| matches!(c, Cond::Tool(name) if *name == tool));
    conditions.iter().map(|c| one(c, tool, params, exact, every)).min().unwrap()
}

fn one(condition: &Cond, tool: &str, params: &Value, exact: bool, every: bool) -> Three {
    let known = |holds: bool| if holds { 2 } else { 0 };
    let missing = if exact { 1 } else { 0 };
    let param = |name: &str| params.as_object().unwrap().get(name);
    let number = |name: &str, holds: &dyn Fn(f64) -> bool| match param(name) {
        None => missing,
        Some(Value::Number(n)) => known(holds(*n)),
        Some(_) => 1,
    };
    let same = |name: &str, operands: &[Value], negated: bool| match param(name) {
        None => missing,
        Some(v) if operands.iter().any(|o| o.kind() == v.kind()) => known(operands.contains(v) != negated),
        Some(_) => 1,
    };
    match condition {
        Cond::Tool(glob) => known(*glob == tool || *glob == "*" || *glob == "t*" && tool == "t"),
        Cond::Eq(p, v) => same(p, std::slice::from_ref(v), false),
        Cond::Ne(p, v) => same(p, std::slice::from_ref(v), true),
        Cond::In(p, vs) => same(p, vs, false),
        Cond::Gt(p, bound) => number(p, &|n| n > f64::from(*bound)),
        Cond::Lte(p, bound) => number(p, &|n| n <= f64::from(*bound)),
        Cond::Exists(p, there) => known(param(p).is_some() == *there),
        Cond::Each(p, bound) => match param(p) {
            None => missing,
            Some(Value::Array(items)) => {
                let each = items
                    .iter()
                    .map(|i| if let Value::Number(n) = i { known(*n > f64::from(*bound)) } else { 1 });
                (if every { each.min() } else { each.max() }).unwrap_or(0)
            }
            Some(_) => 1,
        },
        // Every text and key of the generated values stands in the canonical form as it is.
        Cond::Contains(text) => known(Canonical::of(params).as_str().contains(text)),
        Cond::Any(matches) => matches.iter().map(|m| all(m, tool, params, exact, every)).max().unwrap(),
        Cond::All(matches) => matches.iter().map(|m| all(m, tool, params, exact, every)).min().unwrap(),
        Cond::Not(inner) => 2 - all(inner, tool, params, exact, !every),
    }
}
