//! A warning for rules that take more work than a decision may, over an action of the largest size.
//!
//! It measures with ordinary text, since for most expressions some text can be made up that takes many times as long.

use std::collections::BTreeMap;

use super::condition::{ConditionKind, Match, Name, Source};
use super::glob::Glob;
use super::operator::{Pattern, Test};
use super::{Mode, Policy};
use crate::diagnostic::{self, Finding};
use crate::json::MAX_BYTES;
use crate::meter::LIMIT;
use crate::span::Span;

const ORDINARY: &str = "The quick brown fox jumps over the lazy dog, see note 12-34.\n";

/// A warning and the file that it is about, by its place in `policies`. At most one: the first rule that is too much
/// together with the patterns of those before it.
pub(super) fn find(policies: &[Policy]) -> Option<(usize, Finding)> {
    // The steps of all rules so far over all parameters: of rules for any tool, and of rules for each named tool.
    let (mut of_any, mut of_tool) = (0_u64, BTreeMap::<&str, u64>::new());
    for (index, policy) in policies.iter().enumerate().filter(|(_, policy)| policy.mode == Mode::Enforce) {
        let rules = policy.rules.iter().map(|rule| (rule.span, &rule.matcher));
        let risk_rules = policy.risk_rules.iter().map(|rule| (rule.span, &rule.when));
        let each: Vec<(Span, &Match)> = rules.chain(risk_rules).collect();
        for (span, matcher) in each {
            let (anywhere, in_one) = steps(matcher, &|param| longest(policy, matcher, param));
            let tools = tools(matcher).filter(|globs| globs.iter().all(Glob::is_exact));
            let named = match tools {
                Some(globs) => {
                    for glob in globs {
                        let sum = of_tool.entry(glob.as_str()).or_default();
                        *sum = sum.saturating_add(anywhere);
                    }
                    globs.iter().filter_map(|glob| of_tool.get(glob.as_str())).max().copied()
                }
                None => {
                    of_any = of_any.saturating_add(anywhere);
                    of_tool.values().max().copied()
                }
            };
            let sum = of_any.saturating_add(named.unwrap_or(0)).saturating_add(in_one);
            if sum > LIMIT {
                return Some((index, diagnostic::expensive_rule(span)));
            }
        }
    }
    None
}

/// The tools that the match asks for before anything else; a rule of another tool is over before its patterns are tried.
fn tools(matcher: &Match) -> Option<&[Glob]> {
    let first = matcher.conditions.iter().take_while(|one| matches!(one.kind, ConditionKind::Name(..)));
    first.into_iter().find_map(|condition| match &condition.kind {
        ConditionKind::Name(Name::Tool, globs) => Some(globs.as_slice()),
        _ => None,
    })
}

/// The steps of the patterns over all parameters, and of those over one.
fn steps(matcher: &Match, longest: &dyn Fn(&str) -> usize) -> (u64, u64) {
    let mut sum = (0_u64, 0_u64);
    for condition in &matcher.conditions {
        let (anywhere, in_one) = match &condition.kind {
            // Every text is looked at by itself, and again in the canonical form.
            ConditionKind::Pattern(patterns) => (over(patterns, MAX_BYTES).saturating_mul(2), 0),
            ConditionKind::Value { test: Test::Matches(patterns), source, path, .. } => {
                let bytes = if *source == Source::Params { longest(path.root()) } else { MAX_BYTES };
                (0, over(patterns, bytes))
            }
            ConditionKind::Any(matches) | ConditionKind::All(matches) => {
                matches.iter().map(|one| steps(one, longest)).fold((0, 0), added)
            }
            ConditionKind::Not(inner) => steps(inner, longest),
            ConditionKind::Name(..)
            | ConditionKind::Value { .. }
            | ConditionKind::Contains(_)
            | ConditionKind::Time(_) => (0, 0),
        };
        sum = added(sum, (anywhere, in_one));
    }
    sum
}

/// The most bytes of a parameter in an action that the rule may permit: as many as its tool's declaration has room for.
/// What breaks the declaration halts, whatever the rule would say.
fn longest(policy: &Policy, matcher: &Match, param: &str) -> usize {
    let declared = |glob: &Glob| {
        let most = policy.tools.get(glob.as_str())?.params.get(param)?.max_length?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is a length, and bounded here"
        )]
        let chars = most.clamp(0.0, MAX_BYTES as f64) as usize;
        Some(chars.saturating_mul(4).min(MAX_BYTES))
    };
    let each = tools(matcher).into_iter().flatten().map(|glob| declared(glob).unwrap_or(MAX_BYTES));
    each.max().unwrap_or(MAX_BYTES)
}

fn over(patterns: &[Pattern], bytes: usize) -> u64 {
    let times = bytes.checked_div(ORDINARY.len()).unwrap_or(0) as u64;
    patterns.iter().fold(0, |sum, pattern| sum.saturating_add(pattern.steps(ORDINARY).saturating_mul(times)))
}

fn added(one: (u64, u64), other: (u64, u64)) -> (u64, u64) {
    (one.0.saturating_add(other.0), one.1.saturating_add(other.1))
}
