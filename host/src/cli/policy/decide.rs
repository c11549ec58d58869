//! `faramesh policy decide`: actions in, the engine's decisions out, byte for byte.

use std::path::PathBuf;

use clap::Args;
use host::runtime::Instance;
use serde_json::Value;

use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::offline::{self, PolicyFiles};
use crate::cli::screen::{Format, Screen};
use crate::cli::{input, table, text};

/// What `policy decide` and `policy explain` take.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// The folder of policies [default: FARAMESH_POLICIES, else `policies`]
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,

    /// The action as JSON; one a line when the name ends in .jsonl; - for standard input
    #[arg(long, value_name = "FILE")]
    action: String,

    /// The state as JSON, such as {"now": 1795348800000}
    #[arg(long, value_name = "FILE")]
    state: Option<String>,
}

/// Arguments of `policy decide`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 EXECUTE, 3 ABSTAIN, 1 HALT; with many actions the strictest")]
pub(crate) struct Decide {
    #[command(flatten)]
    source: Source,
}

/// A question to the engine, ready to be asked.
pub(crate) struct Question {
    pub(crate) engine: Instance,
    pub(crate) handle: u32,
    pub(crate) actions: input::Actions,
    pub(crate) state: Vec<u8>,
}

impl Source {
    /// Reads everything and loads the policies.
    ///
    /// # Errors
    /// When a file cannot be read, or the policies have errors.
    pub(crate) fn question(&self, screen: &Screen) -> Result<Question, Failure> {
        let actions = input::Actions::read(&self.action)?;
        let state = self.state.as_deref().map(input::read).transpose()?.unwrap_or_default();
        engine::state::State::parse(state.trim_ascii())
            .map_err(|error| Failure::usage(format!("the state cannot be read: {error}")))?;
        let dir = self.policies.clone().unwrap_or_else(offline::policies_setting);
        let files = PolicyFiles::of_folder(&dir)?;
        let mut engine = offline::engine()?;
        let handle = files.load(&mut engine, screen)?;
        Ok(Question { engine, handle, actions, state: state.trim_ascii().to_vec() })
    }
}

pub(crate) fn run(args: &Decide, screen: &Screen) -> Outcome {
    let mut question = args.source.question(screen)?;
    let mut strictest = None;
    let mut values = Vec::new();
    for action in question.actions.documents() {
        let verdict = question.engine.decide(question.handle, action, &question.state);
        let verdict = verdict.map_err(|error| offline::engine_failure(&error))?;
        let printed = verdict.decision.get();
        let decision: Value = serde_json::from_str(printed).unwrap_or_default();
        let outcome = text::outcome(decision.get("outcome").and_then(Value::as_str));
        strictest = Some(strictest.map_or(outcome, |strictest| outcome.stricter(strictest)));
        match screen.format() {
            Format::Json | Format::Jsonl => screen.json(printed)?,
            Format::Yaml => values.push(decision),
            Format::Table => {
                if question.actions.is_lines() {
                    screen.data(&line(screen, &decision))?;
                } else {
                    screen.data(&describe(screen, &decision))?;
                }
            }
        }
    }
    if let (Format::Yaml, [one]) = (screen.format(), values.as_slice())
        && !question.actions.is_lines()
    {
        screen.value(one)?;
    } else if screen.format() == Format::Yaml {
        screen.list(&values)?;
    }
    // No action at all permits nothing.
    strictest.map(Exit::of).ok_or_else(|| Failure::usage("there is no action in the file"))
}

/// A decision on one line.
fn line(screen: &Screen, decision: &Value) -> String {
    let outcome = text::outcome(decision.get("outcome").and_then(Value::as_str));
    let badge = screen.paint().outcome(outcome, &format!("{:9}", screen.badge(outcome)));
    format!(
        "{badge}  {}  {} {}  {}",
        rule(decision),
        text::at(decision, "/risk_level"),
        text::at(decision, "/risk_score"),
        text::at(decision, "/reason"),
    )
}

/// The rule's id, or the reason code where no rule decided.
pub(crate) fn rule(decision: &Value) -> String {
    let rule = decision.pointer("/rule/id").and_then(Value::as_str);
    rule.map_or_else(|| text::at(decision, "/reason_code"), text::visible)
}

/// A decision in full, for people.
pub(crate) fn describe(screen: &Screen, decision: &Value) -> String {
    let outcome = text::outcome(decision.get("outcome").and_then(Value::as_str));
    let badge = screen.paint().outcome(outcome, &screen.badge(outcome));
    let mut facts = vec![
        ("outcome", badge),
        ("reason", text::at(decision, "/reason")),
        ("reason_code", text::at(decision, "/reason_code")),
        ("rule", rule_place(decision)),
        ("risk", risk(decision)),
    ];
    if let Some(shadow) = decision.get("shadow").and_then(Value::as_array) {
        facts.extend(shadow.iter().map(|opinion| ("shadow", shadow_line(opinion))));
    }
    facts.push(("request_hash", text::at(decision, "/request_hash")));
    if decision.get("raw_hash").is_some() {
        facts.push(("raw_hash", text::at(decision, "/raw_hash")));
    }
    facts.push(("policy_hash", text::at(decision, "/policy_hash")));
    facts.push(("provenance_id", text::at(decision, "/provenance_id")));
    table::facts(screen, &facts)
}

/// `small-refunds (support-agent.yaml:15)`.
pub(crate) fn rule_place(decision: &Value) -> String {
    if decision.pointer("/rule/id").is_none() {
        return "-".to_owned();
    }
    let at = |pointer| text::at(decision, pointer);
    format!("{} ({}:{})", at("/rule/id"), at("/rule/policy"), at("/rule/line"))
}

/// `high, score 70 (large-financial-action)`.
pub(crate) fn risk(decision: &Value) -> String {
    let names: Vec<_> = decision
        .get("risk_rules")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).map(text::visible).collect())
        .unwrap_or_default();
    let (level, score) = (text::at(decision, "/risk_level"), text::at(decision, "/risk_score"));
    if names.is_empty() {
        format!("{level}, score {score}")
    } else {
        format!("{level}, score {score} ({})", names.join(", "))
    }
}

/// `HALT by new.yaml (policy_deny)`.
fn shadow_line(opinion: &Value) -> String {
    let outcome = match opinion.get("outcome") {
        None | Some(Value::Null) => "no opinion",
        Some(word) => text::outcome(word.as_str()).as_str(),
    };
    format!("{outcome} by {} ({})", text::at(opinion, "/policy"), text::at(opinion, "/reason_code"))
}
