//! `faramesh policy`: check, decide, explain and test, all offline and all through the engine's own module; and the
//! schema of the language.

mod check;
mod decide;
mod explain;
mod schema;
mod test;

pub(crate) use decide::{risk, rule, rule_place};

use clap::Subcommand;

use super::exit::Outcome;
use super::screen::Screen;

/// The verbs of `policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what is wrong with policies
    Check(check::Check),
    /// Decide actions under policies, and record nothing
    Decide(decide::Decide),
    /// Decide an action and show every rule that was looked at
    Explain(explain::Explain),
    /// Run the tests beside the policies
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

/// An explanation from a server, for people: what stands under `explanation`, or the answer itself.
pub(crate) fn explanation(screen: &Screen, answer: &serde_json::Value) -> String {
    explain::tree(screen, answer.get("explanation").unwrap_or(answer))
}
