//! `faramesh actions`: what agents proposed and what became of it; proposing, answering, hashing.

mod answer;
mod explain;
mod get;
mod hash;
mod list;
mod replay;
mod submit;

pub(crate) use get::who;
pub(crate) use list::{OutcomeWord, Risk, tool, word};

use clap::{Args, Subcommand};

use super::Global;
use super::exit::Outcome;
use super::screen::Screen;

/// The verbs of `actions`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List actions, newest first
    List(list::List),
    /// Show one action in full
    Get(Id),
    /// Submit an action, as an agent does
    Submit(submit::Submit),
    /// Approve an action that is held
    Approve(answer::Answer),
    /// Reject an action that is held
    Deny(answer::Answer),
    /// Show every rule that was looked at for an action
    Explain(Id),
    /// Decide a recorded action again and compare
    Replay(Id),
    /// Print the canonical form of an action and its hash, without a server
    Hash(hash::Hash),
}

/// An action that exists.
#[derive(Debug, Args)]
pub(crate) struct Id {
    /// The action's id, or its first 8 or more characters
    id: String,
}

pub(crate) fn run(command: &Command, global: &Global, screen: &Screen) -> Outcome {
    match command {
        Command::List(args) => list::run(args, global, screen),
        Command::Get(args) => get::run(&args.id, global, screen),
        Command::Submit(args) => submit::run(args, global, screen),
        Command::Approve(args) => answer::run(args, true, global, screen),
        Command::Deny(args) => answer::run(args, false, global, screen),
        Command::Explain(args) => explain::run(&args.id, global, screen),
        Command::Replay(args) => replay::run(&args.id, global, screen),
        Command::Hash(args) => hash::run(args, screen),
    }
}
