//! Writes the corpus with the answers of the engine as it is linked in, for hosts that are not written in Rust.
//!
//! `target/corpus.json` is a list of `{folder, name, policies: [{name, base64}], action_base64, state_base64,
//! expected}`. `expected` holds texts exactly as the engine prints them. It does not check the expectations of the
//! cases: `tests/it/native.rs` does.

use std::process::ExitCode;

use conformance::{cases, native, repository, tally};
use serde_json::Value;

fn main() -> ExitCode {
    let all: Value = tally::FOLDERS
        .into_iter()
        .flat_map(|folder| cases(folder).into_iter().map(move |case| native::exported(folder, &case)))
        .collect();
    let file = repository().join("target/corpus.json");
    if let Err(error) = std::fs::write(&file, format!("{all}\n")) {
        eprintln!("corpus: {}: {error}", file.display());
        return ExitCode::FAILURE;
    }
    println!("{} cases in target/corpus.json", all.as_array().map_or(0, Vec::len));
    ExitCode::SUCCESS
}
