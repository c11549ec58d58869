//! Prints one table of all hosts from what their runners wrote, and fails when one is missing or lost a case.
//!
//! It asks no host itself. `--clear` removes what earlier runs wrote, so that nothing old is taken for new.

use std::fs;
use std::process::ExitCode;

use conformance::hosts::{OTHERS, RUST, findings, table};
use conformance::repository;
use conformance::tally::Tally;

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|argument| argument == "--clear") {
        _ = fs::remove_dir_all(repository().join("target/hosts"));
        return ExitCode::SUCCESS;
    }
    let (mut tallies, mut found) = (Vec::new(), Vec::new());
    let engine_hash = engine_hash();
    for host in RUST.into_iter().chain(OTHERS) {
        let tally = match Tally::read(host) {
            Ok(tally) => tally,
            Err(error) => {
                found.push(format!("{host} has not run: {}: {error}", Tally::file(host).display()));
                continue;
            }
        };
        if tally.host != host {
            found.push(format!("the file of {host} holds what became of `{}`", tally.host));
        }
        if OTHERS.contains(&host) && tally.engine_hash != engine_hash {
            let (of, is) = (tally.engine_hash.as_deref(), engine_hash.as_deref());
            found.push(format!("{host} ran the engine {of:?}, and target/engine/engine.wasm is {is:?}"));
        }
        found.extend(findings(&tally));
        tallies.push(tally);
    }
    println!("{}", table(&tallies.iter().collect::<Vec<_>>()));
    for finding in &found {
        eprintln!("{finding}");
    }
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The hash of the module as it was built.
fn engine_hash() -> Option<String> {
    let digest = fs::read_to_string(repository().join("target/engine/engine.wasm.sha256")).ok()?;
    digest.split_whitespace().next().map(str::to_owned)
}
