//! `faramesh policy explain`: the engine's explanation as a tree of files, rules and conditions.

use std::fmt::Write as _;

use clap::Args;
use serde_json::Value;

use super::decide::{Source, describe};
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::offline;
use crate::cli::screen::{Format, Screen};
use crate::cli::text;

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
        let explanation: Value = serde_json::from_str(printed.get()).unwrap_or_default();
        let outcome = text::outcome(explanation.pointer("/decision/outcome").and_then(Value::as_str));
        strictest = Some(strictest.map_or(outcome, |strictest| outcome.stricter(strictest)));
        match screen.format() {
            Format::Json | Format::Jsonl => screen.json(printed.get())?,
            Format::Yaml => values.push(explanation),
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
pub(crate) fn tree(screen: &Screen, explanation: &Value) -> String {
    let mut out = describe(screen, explanation.get("decision").unwrap_or(&Value::Null));
    for policy in items(explanation, "policies") {
        let mode = text::at(policy, "/mode");
        let _ = writeln!(out, "\n{} ({mode})", screen.paint().bold(&text::at(policy, "/policy")));
        if policy.get("speaks_of_agent") == Some(&Value::Bool(false)) {
            out.push_str("  does not speak of this agent\n");
            continue;
        }
        for violation in items(policy, "violations") {
            let _ =
                writeln!(out, "  {} {}", screen.paint().red("invalid params:"), text::scalar_text(violation));
        }
        for rule in items(policy, "rules") {
            let heading = format!("{}: {}", text::at(rule, "/id"), text::at(rule, "/effect"));
            node(&mut out, screen, rule, &heading, 1);
        }
        for rule in items(policy, "risk_rules") {
            let heading = format!("risk {}: score {}", text::at(rule, "/name"), text::at(rule, "/score"));
            node(&mut out, screen, rule, &heading, 1);
        }
    }
    out
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// `✓ small-refunds: allow  line 20`, and its conditions under it.
fn node(out: &mut String, screen: &Screen, rule: &Value, heading: &str, depth: usize) {
    let line = screen.paint().dim(&format!("line {}", text::at(rule, "/line")));
    let _ = writeln!(out, "{}{} {heading}  {line}", "  ".repeat(depth), truth(screen, rule));
    conditions(out, screen, items(rule, "conditions"), depth.saturating_add(1));
}

fn conditions(out: &mut String, screen: &Screen, conditions: &[Value], depth: usize) {
    for condition in conditions {
        let indent = "  ".repeat(depth);
        let inside = items(condition, "matches");
        let expected = match condition.get("expected") {
            Some(expected) if inside.is_empty() => format!(": {}", text::scalar_text(expected)),
            _ => String::new(),
        };
        let why = screen.paint().dim(&text::at(condition, "/why"));
        let key = text::at(condition, "/key");
        let _ = writeln!(out, "{indent}{} {key}{expected}  {why}", truth(screen, condition));
        for (index, inner) in inside.iter().enumerate() {
            if inside.len() > 1 {
                let _ = writeln!(out, "{indent}  {}.", index.saturating_add(1));
            }
            let inner = inner.as_array().map_or(&[][..], Vec::as_slice);
            self::conditions(out, screen, inner, depth.saturating_add(2));
        }
    }
}

/// A word and a symbol for one of the three truth values; what is not known is not true.
fn truth(screen: &Screen, value: &Value) -> String {
    let paint = screen.paint();
    match value.get("truth").and_then(Value::as_str) {
        Some("true") => paint.green(&format!("{} true ", screen.symbol("✓", "+"))),
        Some("false") => paint.dim(&format!("{} false", screen.symbol("·", "-"))),
        _ => paint.yellow(&format!("{} undetermined", screen.symbol("?", "?"))),
    }
}
