//! `faramesh actions hash`: the canonical form of an action and its `request_hash`, from the engine's own module.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::input::Actions;
use crate::cli::offline;
use crate::cli::screen::{Format, Screen};
use crate::cli::text;

/// Arguments of `actions hash`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 valid, 1 an action cannot be read")]
pub(crate) struct Hash {
    /// The action as JSON; one a line when the name ends in .jsonl; - for standard input
    file: String,
}

pub(crate) fn run(args: &Hash, screen: &Screen) -> Outcome {
    let actions = Actions::read(&args.file)?;
    let mut engine = offline::engine()?;
    let mut values = Vec::new();
    for (index, document) in actions.documents().iter().enumerate() {
        let answer = engine.canonicalize(document).map_err(|error| offline::engine_failure(&error))?;
        let (canonical, request_hash) = match (answer.canonical, answer.request_hash, answer.error) {
            (Some(canonical), Some(hash), None) => (canonical, hash.to_string()),
            (_, _, error) => {
                let place =
                    if actions.is_lines() { format!(" {}", index.saturating_add(1)) } else { String::new() };
                let error: Value = error.and_then(|error| serde_json::from_str(error.get()).ok()).unwrap_or_default();
                return Err(Failure::refused(format!("the action{place} cannot be read: {}", why(&error)))
                    .help("it would be decided as `HALT` with `invalid_action`"));
            }
        };
        match screen.format() {
            Format::Table => {
                screen.data(&text::visible_lines(&canonical))?;
                screen.data(&request_hash)?;
            }
            Format::Json | Format::Jsonl => {
                screen.json(&json!({ "canonical": canonical, "request_hash": request_hash }).to_string())?;
            }
            Format::Yaml => values.push(json!({ "canonical": canonical, "request_hash": request_hash })),
        }
    }
    match (screen.format(), values.as_slice()) {
        (Format::Yaml, [one]) if !actions.is_lines() => screen.value(one)?,
        (Format::Yaml, many) => screen.list(many)?,
        _ => {}
    }
    Ok(Exit::Done)
}

fn why(error: &Value) -> String {
    let place = match (error.get("line").and_then(Value::as_u64), error.get("column").and_then(Value::as_u64)) {
        (Some(line), Some(column)) => format!(" at line {line} column {column}"),
        _ => String::new(),
    };
    format!("{}{place}", text::at(error, "/message"))
}
