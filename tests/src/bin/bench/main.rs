//! `cargo xtask bench`: how fast the engine decides and the server records, as a table and as JSON.
//!
//! Machines are shared and noisy, so everything that is compared is measured in turn in one run, and medians and
//! ratios are what to quote. Nothing here passes or fails.

mod engine_bench;
mod load;
mod server_bench;

use std::process::ExitCode;

use serde_json::{Value, json};

fn main() -> ExitCode {
    let quick = std::env::args().any(|argument| argument == "--quick");
    match run(quick) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(quick: bool) -> Result<(), String> {
    let engine = engine_bench::run(quick)?;
    let server = server_bench::run(quick)?;
    let mut all = json!({ "engine": engine, "server": server });
    all.as_object_mut().map(|members| members.insert("quick".into(), Value::Bool(quick)));
    let file = conformance::repository().join("target/bench.json");
    std::fs::write(&file, format!("{all:#}\n")).map_err(|error| format!("{}: {error}", file.display()))?;
    println!("\nwritten to target/bench.json");
    Ok(())
}

/// The value at `share` (0 to 1) of sorted `values`.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let at = (last as f64 * share).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}
