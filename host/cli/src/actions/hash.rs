//! `faramesh actions hash`: the canonical form of an action and its `request_hash`, from the engine's own module.

use clap::Args;
use runtime::RuntimeError;
use serde_json::{Value, json};

use crate::described::Described;
use crate::exit::{Exit, Failure, Outcome};
use crate::offline;
use crate::screen::{Format, Screen};
use crate::text;

/// Arguments of `actions hash`.
#[derive(Debug, Args)]
#[command(after_help = "\
The hash is the SHA-256 of the canonical form, RFC 8785, so `sha256sum` over the first line without its line break
gives the same.

Exit codes: 0 valid, 1 an action cannot be read")]
pub(crate) struct Hash {
    /// The action as JSON, or one per line if the name ends in `.jsonl`; `-` reads standard input
    #[arg(conflicts_with_all = Described::IDS)]
    file: Option<String>,

    #[command(flatten)]
    described: Described,
}

pub(crate) fn run(args: &Hash, screen: &Screen) -> Outcome {
    let actions = args.described.or_read(args.file.as_deref(), "give a file")?;
    let mut engine = offline::engine()?;
    let mut values = Vec::new();
    let mut exit = Exit::Done;
    for (index, document) in actions.documents().iter().enumerate() {
        let value = match engine.canonicalize(document) {
            Ok(answer) if screen.format() == Format::Table => {
                screen.json(answer.canonical.get())?;
                screen.data(&answer.request_hash.to_string())?;
                continue;
            }
            // As a text, so that its bytes are the ones that were hashed whatever reads this line.
            Ok(answer) => json!({ "canonical": answer.canonical.get(), "request_hash": answer.request_hash }),
            Err(RuntimeError::Refused(refusal)) => {
                let error = refusal.error.and_then(|error| serde_json::from_str::<Value>(error.get()).ok());
                let machine = actions.is_lines() && screen.format() != Format::Table;
                match error {
                    // Of many, the others still have their hash.
                    Some(error) if machine => {
                        exit = Exit::No;
                        json!({ "canonical": null, "error": error, "request_hash": null })
                    }
                    error => {
                        let place = if actions.is_lines() {
                            format!(" {}", index.saturating_add(1))
                        } else {
                            String::new()
                        };
                        let why = error.as_ref().map_or(refusal.message, why);
                        return Err(Failure::refused(format!("the action{place} cannot be read: {why}"))
                            .help("it would be decided as `HALT` with `invalid_action`"));
                    }
                }
            }
            Err(error) => return Err(offline::engine_failure(&error)),
        };
        match screen.format() {
            Format::Json | Format::Jsonl => screen.json(&value.to_string())?,
            Format::Table | Format::Yaml => values.push(value),
        }
    }
    match (screen.format(), values.as_slice()) {
        (Format::Yaml, [one]) if !actions.is_lines() => screen.value(one)?,
        (Format::Yaml, many) => screen.list(many)?,
        _ => {}
    }
    Ok(exit)
}

fn why(error: &Value) -> String {
    let place = match (error.get("line").and_then(Value::as_u64), error.get("column").and_then(Value::as_u64))
    {
        (Some(line), Some(column)) => format!(" at line {line} column {column}"),
        _ => String::new(),
    };
    format!("{}{place}", text::at(error, "/message"))
}
