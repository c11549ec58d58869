//! `faramesh policy`: check, decide, explain and test, all offline and all through the engine's own module; and the
//! schema of the language.

mod check;
mod decide;
mod explain;
mod schema;
mod test;

pub(crate) use decide::{risk, rule, rule_place};
pub(crate) use explain::tree;
pub(crate) use schema::SCHEMA;

use clap::Subcommand;

use super::exit::Outcome;
use super::screen::Screen;

/// The verbs of `policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Report errors and likely mistakes in policies
    #[command(alias = "lint", alias = "validate")]
    Check(check::Check),
    /// Decide actions without recording them
    Decide(decide::Decide),
    /// Decide an action, and show how every rule was evaluated
    Explain(explain::Explain),
    /// Run the tests of policies
    Test(test::Test),
    /// Print the JSON Schema of the policy language, for editors
    Schema(schema::Schema),
}

pub(crate) fn run(command: &Command, screen: &Screen) -> Outcome {
    match command {
        Command::Check(args) => check::run(args, screen),
        Command::Decide(args) => decide::run(args, screen),
        Command::Explain(args) => explain::run(args, screen),
        Command::Test(args) => test::run(args, screen),
        Command::Schema(schema::Schema {}) => schema::run(screen),
    }
}
