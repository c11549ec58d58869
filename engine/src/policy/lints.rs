//! Warnings about what a rule leaves out: negative numbers that it permits, a missing parameter or a list of texts
//! that it does not restrict.
//!
//! It looks at one rule at a time, and of the others only at those that take the negative numbers away. Which rule
//! decides is not its business.

use super::condition::{Condition, ConditionKind, Match, Name, Part};
use super::glob::Glob;
use super::operator::{Relation, Test};
use super::path::Path;
use super::tool::{ToolDecl, only_kind};
use super::{Mode, Policy, Rule};
use crate::decision::Effect;
use crate::diagnostic::{self, Finding};
use crate::span::Span;
use crate::value::Type;

/// How many looks from one rule at another are taken in all. Beyond it there are no warnings about numbers.
const MAX_LOOKS: usize = 200_000;

/// A warning and the file that it is about, by its place in `policies`.
pub(super) fn find(policies: &[Policy]) -> Vec<(usize, Finding)> {
    let mut findings = Vec::new();
    let mut looks = 0_usize;
    for (index, policy) in policies.iter().enumerate() {
        for (at, rule) in policy.rules.iter().enumerate() {
            if rule.effect != Effect::Allow {
                restricting(policy, &rule.matcher, None, rule.span, &mut |one| findings.push((index, one)));
                continue;
            }
            let mut open: Vec<&Path> = Vec::new();
            without_least(&rule.matcher, &[], &mut open);
            for path in open {
                let tools = tools_of(&rule.matcher);
                if declared(policy, tools, |tool| has_least(tool, path)) {
                    continue;
                }
                let earlier = policy.rules.iter().take(at);
                let elsewhere = policies.iter().enumerate().filter(|(other, policy)| {
                    *other != index && policy.mode == Mode::Enforce && policy.agents.is_empty()
                });
                let mut others = earlier.chain(elsewhere.flat_map(|(_, policy)| &policy.rules));
                let taken = others.any(|other| {
                    looks = looks.saturating_add(1);
                    looks > MAX_LOOKS || takes_the_least(other, tools, path)
                });
                if !taken {
                    findings.push((index, diagnostic::no_lower_bound(rule.span, path.as_str())));
                }
            }
        }
        for rule in &policy.risk_rules {
            restricting(policy, &rule.when, None, rule.span, &mut |one| findings.push((index, one)));
        }
    }
    findings
}

/// The globs of a match's own `tool`.
fn tools_of(matcher: &Match) -> Option<&[Glob]> {
    matcher.conditions.iter().find_map(|condition| match &condition.kind {
        ConditionKind::Name(Name::Tool, globs) => Some(globs.as_slice()),
        ConditionKind::All(matches) => matches.iter().find_map(tools_of),
        _ => None,
    })
}

/// Whether the file declares every tool that the globs stand for as `fits` wants; not so when it declares none.
fn declared(policy: &Policy, globs: Option<&[Glob]>, fits: impl Fn(&ToolDecl) -> bool) -> bool {
    let globs = globs.unwrap_or_default();
    !globs.is_empty()
        && globs.iter().all(|glob| {
            let mut tools = policy.tools.iter().filter(|(name, _)| glob.matches(name)).peekable();
            tools.peek().is_some() && tools.all(|(_, tool)| fits(tool))
        })
}

fn has_least(tool: &ToolDecl, path: &Path) -> bool {
    let spec = tool.params.get(path.root());
    let spec = if path.is_root() { spec } else { spec.and_then(|spec| spec.items.as_deref()) };
    (path.is_root() || path.starts_with_each() == (true, true)) && spec.is_some_and(|spec| spec.min.is_some())
}

/// The path of a parameter that a condition compares, and whether it leaves no number above (`Some(true)`) or below
/// (`Some(false)`) some bound. What fixes the value otherwise leaves nothing below.
fn bounded(condition: &Condition) -> Option<(&Path, bool)> {
    match &condition.kind {
        ConditionKind::Value { source: Part::Params, path, test, negated, .. } => match test {
            Test::Number(relation, _) => {
                let relation = if *negated { relation.negation() } else { *relation };
                Some((path, matches!(relation, Relation::Lt | Relation::Lte)))
            }
            Test::Eq(_) | Test::In(_) if !negated => Some((path, false)),
            _ => None,
        },
        ConditionKind::Not(inner) => match inner.conditions.as_slice() {
            [Condition { kind: ConditionKind::Value { test: Test::Number(..), .. }, .. }] => {
                inner.conditions.first().and_then(bounded).map(|(path, above)| (path, !above))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The paths that a match bounds above and, with the matches around it (`least`), not below.
fn without_least<'p>(matcher: &'p Match, least: &[&'p Path], open: &mut Vec<&'p Path>) {
    let mut least = least.to_vec();
    least_of(matcher, &mut least);
    for condition in &matcher.conditions {
        match (bounded(condition), &condition.kind) {
            (Some((path, true)), _) if !least.contains(&path) && !open.contains(&path) => open.push(path),
            (_, ConditionKind::Any(matches) | ConditionKind::All(matches)) => {
                matches.iter().for_each(|one| without_least(one, &least, open));
            }
            _ => {}
        }
    }
}

fn least_of<'p>(matcher: &'p Match, least: &mut Vec<&'p Path>) {
    for condition in &matcher.conditions {
        match (bounded(condition), &condition.kind) {
            (Some((path, false)), _) => least.push(path),
            (_, ConditionKind::All(matches)) => matches.iter().for_each(|one| least_of(one, least)),
            _ => {}
        }
    }
}

/// Whether a rule restricts all numbers below some bound for all these tools, whatever else the action is.
fn takes_the_least(rule: &Rule, tools: Option<&[Glob]>, path: &Path) -> bool {
    let below = |condition: &Condition| bounded(condition) == Some((path, true));
    rule.effect != Effect::Allow
        && rule.matcher.conditions.iter().any(below)
        && rule.matcher.conditions.iter().all(|condition| match &condition.kind {
            ConditionKind::Name(Name::Tool, globs) => tools.is_some_and(|tools| {
                tools.iter().all(|tool| globs.iter().any(|glob| glob == tool || glob.matches(tool.as_str())))
            }),
            _ => below(condition),
        })
}

/// What a match that restricts leaves out, with the `tool` of the matches around it.
fn restricting(
    policy: &Policy,
    matcher: &Match,
    around: Option<&[Glob]>,
    span: Span,
    report: &mut dyn FnMut(Finding),
) {
    let tools = tools_of(matcher).or(around);
    let named = tools.is_some_and(|globs| globs.iter().all(Glob::is_exact));
    for condition in &matcher.conditions {
        match &condition.kind {
            ConditionKind::Value { source, path, test, negated: false, permits: false } => {
                let exists = || {
                    matcher.conditions.iter().any(|other| {
                        matches!(&other.kind, ConditionKind::Value { test: Test::Exists(true), source: from, path: at, .. }
                            if from == source && at == path)
                    })
                };
                if let Test::Ne(_) | Test::NotIn(_) = test
                    && !named
                    && !exists()
                {
                    report(diagnostic::absent_under_glob(span, path.as_str(), matches!(test, Test::Ne(_))));
                }
            }
            ConditionKind::Any(matches) | ConditionKind::All(matches) => {
                matches.iter().for_each(|one| restricting(policy, one, tools, span, report));
            }
            ConditionKind::Not(inner) => restricting(policy, inner, tools, span, report),
            _ => {}
        }
        if let ConditionKind::Value { source, path, test: Test::Length(..), .. } = &condition.kind {
            let is_known =
                |tool: &ToolDecl| matches!(only_kind(tool, path), Some(Type::String | Type::Array));
            if *source == Part::Context || !declared(policy, tools, is_known) {
                report(diagnostic::undeclared_length(span, path.as_str()));
            }
        }
    }
}
