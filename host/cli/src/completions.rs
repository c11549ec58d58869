//! `faramesh completions`: a script that makes a shell complete commands and flags.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;
use super::exit::{Exit, Outcome};
use super::screen::Screen;

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: faramesh completions bash > ~/.local/share/bash-completion/completions/faramesh"
)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Completions, screen: &Screen) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "faramesh", &mut script);
    screen.data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
