//! `faramesh actions`: what agents proposed and what became of it; proposing, answering, hashing.

mod answer;
mod explain;
mod get;
mod hash;
mod list;
mod replay;
mod submit;

pub(crate) use get::{tool_of, who};
pub(crate) use list::{outcomes, risk_levels};

use clap::{Args, Subcommand};

use super::client::Connection;
use super::exit::Outcome;
use super::screen::Screen;

/// The verbs of `actions`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List actions, the newest first
    List(list::List),
    /// Show one action in full
    #[command(visible_alias = "show")]
    Get(Id),
    /// Submit an action, as an agent does
    Submit(submit::Submit),
    /// Approve a held action
    Approve(answer::Answer),
    /// Reject a held action
    #[command(visible_alias = "reject")]
    Deny(answer::Answer),
    /// Show how every rule was evaluated for an action
    Explain(Id),
    /// Decide a recorded action again, and compare both decisions
    Replay(Id),
    /// Print the canonical form of an action and its hash, without a server
    Hash(hash::Hash),
}

/// An action that exists.
#[derive(Debug, Args)]
pub(crate) struct Id {
    /// The action's id, or at least its first 8 characters
    id: String,

    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(command: &Command, screen: &Screen) -> Outcome {
    match command {
        Command::List(args) => list::run(args, screen),
        Command::Get(args) => get::run(args, screen),
        Command::Submit(args) => submit::run(args, screen),
        Command::Approve(args) => answer::run(args, true, screen),
        Command::Deny(args) => answer::run(args, false, screen),
        Command::Explain(args) => explain::run(args, screen),
        Command::Replay(args) => replay::run(args, screen),
        Command::Hash(args) => hash::run(args, screen),
    }
}
