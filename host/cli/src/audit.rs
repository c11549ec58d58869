//! `faramesh audit`: the records, verified and exported. Verifying needs nothing but the records and SHA-256.

mod export;
mod receipts;
mod source;
mod verify;

use clap::Subcommand;

use super::exit::Outcome;
use super::screen::Screen;

/// The verbs of `audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check that no record was changed, removed, inserted or reordered
    Verify(verify::Verify),
    /// Write all records, one per line
    Export(export::Export),
}

pub(crate) fn run(command: &Command, screen: &Screen) -> Outcome {
    match command {
        Command::Verify(args) => verify::run(args, screen),
        Command::Export(args) => export::run(args, screen),
    }
}
