//! `faramesh policy explain`: the engine's explanation as a tree of files, rules and conditions.

use std::fmt::Write as _;

use clap::Args;
use engine::canonical::Canonical;
use engine::explain::{ConditionTrace, Explanation};
use engine::truth::Truth;
use engine::value::Value;

use super::decide::{Source, describe};
use crate::exit::{Exit, Failure, Outcome};
use crate::offline;
use crate::screen::{Format, Screen};
use crate::text;

/// Arguments of `policy explain`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 EXECUTE, 3 ABSTAIN, 1 HALT; with many actions the strictest")]
pub(crate) struct Explain {
    #[command(flatten)]
    source: Source,
}

pub(crate) fn run(args: &Explain, screen: &Screen) -> Outcome {
    let mut question = args.source.question(screen)?;
    let mut strictest = None;
    let mut values = Vec::new();
    for action in question.actions.documents() {
        let printed = question.engine.explain(question.handle, action, &question.state);
        let printed = printed.map_err(|error| offline::engine_failure(&error))?;
        let explanation: Explanation =
            serde_json::from_str(printed.get()).map_err(|error| offline::unreadable_answer(&error))?;
        let outcome = explanation.decision.outcome;
        strictest = Some(strictest.map_or(outcome, |strictest| outcome.stricter(strictest)));
        match screen.format() {
            Format::Json | Format::Jsonl => screen.json(printed.get())?,
            Format::Yaml => values.push(serde_json::from_str(printed.get()).unwrap_or_default()),
            Format::Table => screen.data(&tree(screen, &explanation))?,
        }
    }
    match (screen.format(), values.as_slice()) {
        (Format::Yaml, [one]) if !question.actions.is_lines() => screen.value(one)?,
        (Format::Yaml, many) => screen.list(many)?,
        _ => {}
    }
    strictest.map(Exit::of).ok_or_else(|| Failure::usage("there is no action in the file"))
}

/// An explanation for people: the decision, then what each file says.
pub(crate) fn tree(screen: &Screen, explanation: &Explanation) -> String {
    let mut out = describe(screen, &explanation.decision);
    for policy in &explanation.policies {
        let name = screen.paint().bold(&text::visible(&policy.policy));
        let _ = writeln!(out, "\n{name} ({})", policy.mode.as_str());
        if !policy.speaks_of_agent {
            out.push_str("  does not speak of this agent\n");
            continue;
        }
        for violation in &policy.violations {
            let invalid = screen.paint().red("invalid params:");
            let _ = writeln!(out, "  {invalid} {}", text::visible(violation));
        }
        for rule in &policy.rules {
            let heading = format!("{}: {}", text::visible(&rule.id), rule.effect.as_str());
            node(&mut out, screen, rule.truth, &heading, rule.line, &rule.conditions);
        }
        for rule in &policy.risk_rules {
            let heading = format!("risk {}: score {}", text::visible(&rule.name), rule.score.get());
            node(&mut out, screen, rule.truth, &heading, rule.line, &rule.conditions);
        }
    }
    out
}

/// `✓ small-refunds: allow  line 20`, and its conditions under it.
fn node(
    out: &mut String,
    screen: &Screen,
    truth: Truth,
    heading: &str,
    line: u32,
    inside: &[ConditionTrace],
) {
    let line = screen.paint().dim(&format!("line {line}"));
    let _ = writeln!(out, "  {} {heading}  {line}", sign(screen, truth));
    conditions(out, screen, inside, 2);
}

fn conditions(out: &mut String, screen: &Screen, conditions: &[ConditionTrace], depth: usize) {
    let indent = "  ".repeat(depth);
    for condition in conditions {
        let expected = if condition.matches.is_empty() {
            let expected = match &condition.expected {
                Value::String(expected) => text::visible(expected),
                expected => text::visible(Canonical::of(expected).as_str()),
            };
            format!(": {expected}")
        } else {
            String::new()
        };
        let why = screen.paint().dim(&text::visible(&condition.why));
        let (sign, key) = (sign(screen, condition.truth), text::visible(&condition.key));
        let _ = writeln!(out, "{indent}{sign} {key}{expected}  {why}");
        for (index, inner) in condition.matches.iter().enumerate() {
            if condition.matches.len() > 1 {
                let _ = writeln!(out, "{indent}  {}.", index.saturating_add(1));
            }
            self::conditions(out, screen, inner, depth.saturating_add(2));
        }
    }
}

/// A word and a symbol for one of the three truth values.
fn sign(screen: &Screen, truth: Truth) -> String {
    let paint = screen.paint();
    match truth {
        Truth::True => paint.green(&format!("{} true ", screen.symbol("✓", "+"))),
        Truth::False => paint.dim(&format!("{} false", screen.symbol("·", "-"))),
        Truth::Undetermined => paint.yellow(&format!("{} undetermined", screen.symbol("?", "?"))),
    }
}
