//! Warnings about numbers: those that no rule speaks of, and rules whose bounds leave none.
//!
//! A policy that denies refunds over 50 and says nothing about smaller ones denies those too, by default. This module
//! looks at one parameter of one tool at a time and reports the numbers that no rule of any file can match. It does not
//! ask which rule decides where several match.

use super::condition::{Condition, ConditionKind, Match, Name, Part};
use super::operator::{Relation, Test};
use super::{Mode, Policy};
use crate::canonical::Canonical;
use crate::diagnostic::{self, Finding};
use crate::value::Value;

/// Some numbers: from `low` to `high`, each with or without the end itself.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Interval {
    low: f64,
    low_in: bool,
    high: f64,
    high_in: bool,
}

const ALL: Interval = Interval { low: f64::NEG_INFINITY, low_in: true, high: f64::INFINITY, high_in: true };

/// How many looks at a rule are taken in all, so that thousands of tools cost no more than some milliseconds. Beyond
/// it there are no warnings.
const MAX_LOOKS: usize = 200_000;

/// A warning and the file that it is about, by its place in `policies`.
pub(super) fn find(policies: &[Policy]) -> Vec<(usize, Finding)> {
    let mut findings = Vec::new();
    let mut told: Vec<(&str, &str)> = Vec::new();
    let enforced = || policies.iter().enumerate().filter(|(_, policy)| policy.mode == Mode::Enforce);
    let rules_in_all: usize = enforced().map(|(_, policy)| policy.rules.len()).sum();
    for (index, policy) in enforced() {
        // A rule that never matches says nothing about any number, and has a warning of its own.
        for rule in policy.rules.iter().filter(|rule| contradiction(&rule.matcher).is_none()) {
            for (tool, param) in compared(&rule.matcher) {
                if told.contains(&(tool, param)) {
                    continue;
                }
                told.push((tool, param));
                if told.len().saturating_mul(rules_in_all) > MAX_LOOKS {
                    return findings;
                }
                let rules = enforced().flat_map(|(_, policy)| &policy.rules);
                let covered: Vec<Interval> =
                    rules.filter_map(|rule| reach(&rule.matcher, tool, param)).collect();
                for gap in uncovered(declared(policy, tool, param), &covered) {
                    findings.push((index, diagnostic::numeric_gap(rule.span, tool, param, &described(gap))));
                }
            }
        }
    }
    findings
}

/// A warning for every rule whose bounds contradict each other, and the file that it is about.
pub(super) fn contradictions(policies: &[Policy]) -> Vec<(usize, Finding)> {
    let mut findings = Vec::new();
    for (index, policy) in policies.iter().enumerate() {
        let rules = policy.rules.iter().map(|rule| (rule.span, &rule.matcher));
        let risk_rules = policy.risk_rules.iter().map(|rule| (rule.span, &rule.when));
        for (span, matcher) in rules.chain(risk_rules) {
            if let Some(param) = contradiction(matcher) {
                findings.push((index, diagnostic::never_matches(span, param)));
            }
        }
    }
    findings
}

/// The parameter of which no number fulfils all conditions of a match, if there is one.
fn contradiction(matcher: &Match) -> Option<&str> {
    let mut reached: Vec<(&str, Interval)> = Vec::new();
    matcher.conditions.iter().find_map(|condition| {
        let interval = bound(condition).or_else(|| point(condition))?;
        let ConditionKind::Value { path, .. } = &condition.kind else { return None };
        let path = path.as_str();
        let before = reached.iter().filter(|(other, _)| *other == path);
        let reach = before.fold(interval, |reach, (_, other)| reach.and(*other));
        reached.push((path, interval));
        reach.is_empty().then_some(path)
    })
}

/// The one number that a condition on a parameter lets through; none when it lets through several.
fn point(condition: &Condition) -> Option<Interval> {
    match &condition.kind {
        ConditionKind::Value {
            source: Part::Params,
            path,
            test: Test::Eq(Value::Number(number)),
            negated: false,
            ..
        } if !path.visits_each() => {
            Some(Interval { low: *number, low_in: true, high: *number, high_in: true })
        }
        _ => None,
    }
}

/// The numeric parameters that a match compares, each with the tools that it names without a glob.
fn compared(matcher: &Match) -> Vec<(&str, &str)> {
    let tools = matcher.conditions.iter().find_map(|condition| match &condition.kind {
        ConditionKind::Name(Name::Tool, globs) if globs.iter().all(|glob| glob.is_exact()) => Some(globs),
        _ => None,
    });
    let params = matcher.conditions.iter().filter_map(|condition| {
        bound(condition).map(|_| match &condition.kind {
            ConditionKind::Value { path, .. } => path.as_str(),
            _ => "",
        })
    });
    let params: Vec<&str> = params.collect();
    let tools = tools.into_iter().flatten().map(|glob| glob.as_str());
    tools.flat_map(|tool| params.iter().map(move |param| (tool, *param))).collect()
}

/// The numbers that a condition on a parameter lets through; none when it does not compare a parameter with a
/// number.
fn bound(condition: &Condition) -> Option<Interval> {
    let ConditionKind::Value { source: Part::Params, path, test, negated, .. } = &condition.kind else {
        return None;
    };
    let Test::Number(relation, number) = test else { return None };
    if path.visits_each() {
        return None;
    }
    let relation = if *negated { relation.negation() } else { *relation };
    Some(match relation {
        Relation::Gt => Interval { low: *number, low_in: false, ..ALL },
        Relation::Gte => Interval { low: *number, low_in: true, ..ALL },
        Relation::Lt => Interval { high: *number, high_in: false, ..ALL },
        Relation::Lte => Interval { high: *number, high_in: true, ..ALL },
        Relation::Eq | Relation::Ne => return None,
    })
}

/// The numbers of `param` for which a match might hold for `tool`; none when it cannot hold for the tool at all.
/// Conditions on anything else might hold, so they take nothing away.
fn reach(matcher: &Match, tool: &str, param: &str) -> Option<Interval> {
    let mut reach = ALL;
    for condition in &matcher.conditions {
        match &condition.kind {
            ConditionKind::Name(Name::Tool, globs) if !globs.iter().any(|glob| glob.matches(tool)) => {
                return None;
            }
            ConditionKind::Value { path, .. } if path.as_str() == param => {
                if let Some(bound) = bound(condition) {
                    reach = reach.and(bound);
                }
            }
            _ => {}
        }
    }
    Some(reach)
}

/// The numbers that the parameter can have by its declaration.
fn declared(policy: &Policy, tool: &str, param: &str) -> Interval {
    let spec = policy.tools.get(tool).and_then(|tool| tool.params.get(param));
    let (low, high) = spec.map_or((None, None), |spec| (spec.min, spec.max));
    Interval { low: low.unwrap_or(ALL.low), high: high.unwrap_or(ALL.high), ..ALL }
}

impl Interval {
    fn and(self, other: Interval) -> Interval {
        let (low, low_in) = if self.low > other.low || (self.low == other.low && !self.low_in) {
            (self.low, self.low_in)
        } else {
            (other.low, other.low_in)
        };
        let (high, high_in) = if self.high < other.high || (self.high == other.high && !self.high_in) {
            (self.high, self.high_in)
        } else {
            (other.high, other.high_in)
        };
        Interval { low, low_in, high, high_in }
    }

    fn is_empty(self) -> bool {
        self.low > self.high || (self.low == self.high && !(self.low_in && self.high_in))
    }
}

/// What of `whole` none of `covered` has, from the lowest number on.
fn uncovered(whole: Interval, covered: &[Interval]) -> Vec<Interval> {
    let mut left = vec![whole];
    for taken in covered.iter().filter(|taken| !taken.is_empty()) {
        let below = Interval { high: taken.low, high_in: !taken.low_in, ..ALL };
        let above = Interval { low: taken.high, low_in: !taken.high_in, ..ALL };
        let rest = left.iter().flat_map(|part| [part.and(below), part.and(above)]);
        // Below minus infinity and above infinity there is nothing.
        left = rest
            .filter(|part| !part.is_empty() && part.low < f64::INFINITY && part.high > f64::NEG_INFINITY)
            .collect();
    }
    left
}

fn described(gap: Interval) -> String {
    let number = |number: f64| Canonical::of(&Value::Number(number)).into_string();
    if gap.low == gap.high {
        return format!("of exactly {}", number(gap.low));
    }
    let low = (gap.low > f64::NEG_INFINITY)
        .then(|| format!("{} {}", if gap.low_in { "from" } else { "over" }, number(gap.low)));
    let high = (gap.high < f64::INFINITY)
        .then(|| format!("{} {}", if gap.high_in { "up to" } else { "below" }, number(gap.high)));
    match (low, high) {
        (Some(low), Some(high)) => format!("{low} {high}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "of any size".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::PolicySet;

    fn gaps(files: &[&str]) -> Vec<String> {
        let names: Vec<String> = (0..files.len()).map(|index| format!("{index}.yaml")).collect();
        let given = names.iter().zip(files).map(|(name, text)| (name.as_str(), text.as_bytes()));
        let (set, found) = PolicySet::load(given);
        assert!(set.is_some(), "{found:?}");
        found.into_iter().map(|one| one.message).collect()
    }

    fn rules(matches: &[&str]) -> String {
        let rules: Vec<String> =
            matches.iter().map(|m| format!("- {{match: {{{m}}}, deny: true}}\n")).collect();
        format!("rules:\n{}", rules.concat())
    }

    #[test]
    fn numbers_without_a_rule_are_told() {
        let told = |matches: &[&str]| gaps(&[&rules(matches)]);
        let about = |gap: &str| vec![format!("no rule speaks of `pay` with `amount` {gap}")];
        assert_eq!(told(&["tool: pay, amount_gt: 50"]), about("up to 50"));
        assert_eq!(told(&["tool: pay, amount_gte: 50"]), about("below 50"));
        assert_eq!(told(&["tool: pay, amount_lt: 0", "tool: pay, amount_gt: 0"]), about("of exactly 0"));
        assert_eq!(
            told(&["tool: pay, amount_lte: 10", "tool: pay, amount_gt: 20"]),
            about("over 10 up to 20")
        );
        assert_eq!(told(&["tool: pay, amount_lte: 150", "tool: pay, amount_gt: 150"]), [""; 0]);
        assert_eq!(told(&["tool: pay, amount_gt: 50", "tool: pay"]), [""; 0]);
        assert_eq!(told(&["tool: pay, amount_gt: 50", "tool: \"p*\", memo_exists: true"]), [""; 0]);
        assert_eq!(told(&["tool: \"p*\", amount_gt: 50"]), [""; 0]);
    }

    #[test]
    fn a_rule_whose_bounds_leave_no_number_is_told() {
        let told = |matches: &[&str]| gaps(&[&rules(matches)]);
        let never = ["this rule never matches: no number is what it asks of `amount`"];
        for conditions in
            ["amount_gt: 5, amount_lt: 3", "amount_gt: 5, amount_lte: 5", "amount_eq: 1, amount_gt: 1"]
        {
            assert_eq!(told(&[&format!("tool: pay, {conditions}"), "tool: pay"]), never, "{conditions}");
            // The numbers that it seems to speak of are no gap either.
            assert_eq!(told(&[&format!("tool: pay, {conditions}")]), never, "{conditions}");
        }
        for conditions in
            ["amount_gt: 3, amount_lt: 5", "amount_gte: 5, amount_lte: 5", "amount_gt: 5, other_lt: 3"]
        {
            assert_eq!(told(&[&format!("tool: pay, {conditions}"), "tool: pay"]), [""; 0], "{conditions}");
        }
    }

    #[test]
    fn a_declaration_and_other_files_count() {
        let declared = format!(
            "tools: {{pay: {{params: {{amount: {{min: 50}}}}}}}}\n{}",
            rules(&["tool: pay, amount_gt: 50"])
        );
        assert_eq!(gaps(&[&declared]), ["no rule speaks of `pay` with `amount` of exactly 50"]);
        let (over, rest) = (rules(&["tool: pay, amount_gt: 50"]), rules(&["tool: pay"]));
        assert_eq!(gaps(&[&over, &rest]), [""; 0]);
        assert_eq!(
            gaps(&[&over, &format!("mode: shadow\n{rest}")]),
            ["no rule speaks of `pay` with `amount` up to 50"]
        );
    }
}
