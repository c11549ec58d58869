//! `faramesh policy schema`: the policy language as a JSON Schema, for editors.
//!
//! It prints the file that `cargo xtask codegen` made from the engine's tables, and makes nothing itself.

use clap::Args;

use crate::exit::{Exit, Outcome};
use crate::screen::{Format, Screen};

/// The schema as the repository has it.
pub(crate) const SCHEMA: &str = include_str!("../../../../policies/policy.schema.json");

/// Arguments of `policy schema`.
#[derive(Debug, Args)]
#[command(after_help = "Example: faramesh policy schema > policies/policy.schema.json")]
pub(crate) struct Schema {}

pub(crate) fn run(screen: &Screen) -> Outcome {
    match screen.format() {
        // JSON on a screen too: it is made to be kept in a file.
        Format::Table | Format::Json => screen.data(SCHEMA)?,
        Format::Jsonl | Format::Yaml => screen.value(&serde_json::from_str(SCHEMA).unwrap_or_default())?,
    }
    Ok(Exit::Done)
}
