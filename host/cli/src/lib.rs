//! The command line: the grammar (a noun, then a verb), and one call into the file of the noun.
//!
//! Commands talk to a server over HTTP, except those that need none: `policy`, `actions hash`, `audit verify` over a
//! file or a database, `init`, `completions`. Nothing is decided here: outcomes come from the engine or the server.

mod actions;
mod audit;
mod bundle;
mod client;
mod completions;
mod described;
mod diagnostics;
mod doctor;
mod exit;
mod init;
mod input;
mod keys;
mod offline;
mod policy;
mod screen;
mod server;
mod settings;
mod sse;
mod table;
mod text;
mod time;
mod tips;
mod version;
mod watch;
mod yaml;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::exit::{Exit, Outcome};
use self::screen::{ColorChoice, Format, Screen};

const EXIT_CODES: &str = "\
Exit codes:
  0  executed, valid, done
  1  denied, invalid, refused
  2  wrong usage, or a file that cannot be read
  3  held for approval
  4  no server, or it could not answer

Data goes to standard output, messages to standard error.
Settings are read from flags, then the environment, then `.env` in the working directory.";

/// The boundary between an agent's decision and its effect
#[derive(Debug, Parser)]
#[command(name = "faramesh", disable_version_flag = true, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    output: Output,

    /// Print the version and the hash of the engine
    #[arg(short = 'V', long)]
    version: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

/// How a command prints; every command takes these.
#[derive(Debug, Args)]
struct Output {
    /// How to print
    #[arg(
        short = 'o',
        long = "output",
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = "Output"
    )]
    format: Format,

    /// When to print colours; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    color: ColorChoice,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server, and open its dashboard
    #[command(subcommand)]
    Server(server::Command),
    /// Set up a folder: a starter policy with tests, and an example of `.env`
    Init(init::Init),
    /// Print every action as it happens
    Watch(watch::Watch),
    /// List, submit, approve and explain actions
    #[command(subcommand)]
    Actions(actions::Command),
    /// Check, try and test policies without a server
    #[command(subcommand)]
    Policy(policy::Command),
    /// Verify and export records
    #[command(subcommand)]
    Audit(audit::Command),
    /// Create and verify signed policy bundles for clients that decide offline
    #[command(subcommand)]
    Bundle(bundle::Command),
    /// Create, list and revoke API keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Check the local setup
    // The options that the environment sets are not part of the usage.
    #[command(override_usage = "faramesh doctor [OPTIONS]")]
    Doctor(Box<doctor::Doctor>),
    /// Print completions for a shell
    Completions(completions::Completions),
    /// Print the version and the hash of the engine
    Version,
}

/// The grammar of the command line, from which the reference of `docs/CLI.md` is made.
pub fn grammar() -> clap::Command {
    Cli::command()
}

/// Runs the program: reads `.env`, then the arguments, and calls one command.
pub fn main() -> ExitCode {
    // `.env` comes first, because flags take their defaults from the environment.
    let warnings = settings::load(Path::new(".env"));
    let parsed = settings::without_empty(Cli::command()).try_get_matches();
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => match settings::wrong_variable(&error) {
            Some(failure) => {
                return failure.report(&Screen::new(Format::default(), ColorChoice::default())).into();
            }
            None => tips::with_tip(error).exit(),
        },
    };
    let screen = Screen::new(cli.output.format, cli.output.color);
    let ran = warnings.and_then(|warnings| {
        for warning in warnings {
            screen.message(&format!("{}: {warning}", screen.message_paint().yellow("warning")));
        }
        run(&cli, &screen)
    });
    let exit = match ran {
        Ok(exit) => exit,
        Err(failure) => failure.report(&screen),
    };
    exit.into()
}

fn run(cli: &Cli, screen: &Screen) -> Outcome {
    let Some(command) = &cli.command else {
        if cli.version {
            return version::run(screen);
        }
        let help = Cli::command().render_help();
        screen.message(&help.to_string());
        return Ok(Exit::Usage);
    };
    match command {
        Command::Server(command) => server::run(command, screen),
        Command::Init(args) => init::run(args, screen),
        Command::Watch(args) => watch::run(args, screen),
        Command::Actions(command) => actions::run(command, screen),
        Command::Policy(command) => policy::run(command, screen),
        Command::Audit(command) => audit::run(command, screen),
        Command::Bundle(command) => bundle::run(command, screen),
        Command::Keys(command) => keys::run(command, screen),
        Command::Doctor(args) => doctor::run(args, screen),
        Command::Completions(args) => completions::run(args, screen),
        Command::Version => version::run(screen),
    }
}
