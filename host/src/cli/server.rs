//! `faramesh server start`: settings from flags and the environment into the server.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use host::config::{Config, Settings};

use super::exit::{Failure, Outcome};
use super::screen::Screen;

/// The verbs of `server`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server and run until it is stopped
    Start(Start),
}

/// Arguments of `server start`.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The address to listen on; other machines can reach it only when API keys are set up
    #[arg(long, env = "FARAMESH_HOST", default_value = "127.0.0.1")]
    host: String,

    /// The port; 0 takes a free one
    #[arg(long, env = "FARAMESH_PORT", default_value_t = 8000)]
    port: u16,

    /// The database: a path, or `sqlite:PATH`
    #[arg(long, env = "FARAMESH_DB", default_value = ".faramesh/faramesh.db")]
    db: String,

    /// The folder of policies
    #[arg(long, env = "FARAMESH_POLICIES", default_value = "policies", value_name = "DIR")]
    policies: PathBuf,

    /// How long an approval may take where no policy says
    #[arg(long, env = "FARAMESH_APPROVAL_TTL", default_value = "1h", value_name = "TIME")]
    approval_ttl: String,

    /// How long an action may run before it counts as `timeout`
    #[arg(long, env = "FARAMESH_RESULT_TTL", default_value = "15m", value_name = "TIME")]
    result_ttl: String,

    /// The most bytes of a request's body
    #[arg(long, env = "FARAMESH_MAX_BODY", default_value_t = engine::json::MAX_BYTES, value_name = "BYTES")]
    max_body: usize,

    /// Open the dashboard in the browser
    #[arg(long)]
    open: bool,
}

impl Start {
    /// The settings for the server.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            host: self.host.clone(),
            port: self.port,
            db: self.db.clone(),
            policies: self.policies.clone(),
            cache_dir: Some(super::offline::cache_dir()),
            approval_ttl: self.approval_ttl.clone(),
            result_ttl: self.result_ttl.clone(),
            max_body: self.max_body,
        }
    }
}

pub(crate) fn run(command: &Command, screen: &Screen) -> Outcome {
    let Command::Start(args) = command;
    start(args, screen)
}

fn start(args: &Start, _screen: &Screen) -> Outcome {
    Config::new(args.settings()).map_err(|error| Failure::usage(error.message).help(error.help))?;
    let _ = args.open;
    Ok(super::exit::Exit::Done)
}
