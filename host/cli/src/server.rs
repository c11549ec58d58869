//! `faramesh server`: settings from flags and the environment into the server, and links to the dashboard of one
//! that runs.

use std::path::PathBuf;
use std::process::{Command as Process, Stdio};

use api::SessionLink;
use clap::{Args, Subcommand};
use host::config::{Config, ConfigError, Settings};
use host::http::session::login_url;
use host::server::Server;
use tracing_subscriber::EnvFilter;

use super::client::{Client, Connection, KeyUse, quoted};
use super::exit::{Exit, Failure, Outcome};
use super::screen::{Format, Screen};
use super::settings::{Source, cache_dir, settings};
use super::{text, time};

/// The verbs of `server`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server and run until it is stopped
    #[command(override_usage = "faramesh server start [OPTIONS]")]
    Start(Box<Start>),
    /// Create a link that logs a browser in to the dashboard once, within an hour
    Link(Connection),
}

/// Arguments of `server start`.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The address to listen on; other machines can reach it only when API keys are set up
    #[arg(long, env = "FARAMESH_HOST", hide_env_values = true, default_value = Settings::HOST)]
    host: String,

    /// The port; 0 picks a free one
    #[arg(long, env = "FARAMESH_PORT", hide_env_values = true, default_value_t = Settings::PORT)]
    port: u16,

    /// The database: a path, or `sqlite:PATH`
    #[arg(long, env = "FARAMESH_DB", hide_env_values = true, default_value = Settings::DB)]
    db: String,

    /// The folder of policies
    #[arg(
        long,
        env = "FARAMESH_POLICIES",
        hide_env_values = true,
        default_value = Settings::POLICIES,
        value_name = "DIR"
    )]
    policies: PathBuf,

    /// How long a held action waits for an answer, unless its policy says
    #[arg(
        long,
        env = "FARAMESH_APPROVAL_TTL",
        hide_env_values = true,
        default_value = Settings::APPROVAL_TTL,
        value_name = "TIME"
    )]
    approval_ttl: String,

    /// How far the times in records of wrappers may be off: before their key was created, or in the future
    #[arg(
        long,
        env = "FARAMESH_RECORD_SKEW",
        hide_env_values = true,
        default_value = Settings::RECORD_SKEW,
        value_name = "TIME"
    )]
    record_skew: String,

    /// How long a permitted action has to start before it lapses
    #[arg(
        long,
        env = "FARAMESH_START_TTL",
        hide_env_values = true,
        default_value = Settings::START_TTL,
        value_name = "TIME"
    )]
    start_ttl: String,

    /// How long an action may run before it counts as `timeout`
    #[arg(
        long,
        env = "FARAMESH_RESULT_TTL",
        hide_env_values = true,
        default_value = Settings::RESULT_TTL,
        value_name = "TIME"
    )]
    result_ttl: String,

    /// The size limit of a request's body
    #[arg(long, env = "FARAMESH_MAX_BODY", hide_env_values = true, default_value_t = Settings::MAX_BODY, value_name = "BYTES")]
    max_body: usize,

    /// How many connections may be open at once; every held call keeps one
    #[arg(long, env = "FARAMESH_MAX_CONNECTIONS", hide_env_values = true, default_value_t = Settings::MAX_CONNECTIONS, value_name = "NUMBER")]
    max_connections: usize,

    /// How long a signed bundle of the policies may be relied on
    #[arg(
        long,
        env = "FARAMESH_BUNDLE_MAX_AGE",
        hide_env_values = true,
        default_value = Settings::BUNDLE_MAX_AGE,
        value_name = "TIME"
    )]
    bundle_max_age: String,

    /// Another origin whose pages may change things as the dashboard's do, such as that of a proxy; can be repeated
    #[arg(
        long = "allow-origin",
        env = "FARAMESH_ALLOW_ORIGIN",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "URL"
    )]
    allow_origins: Vec<String>,

    /// Open the dashboard in the browser
    #[arg(long)]
    open: bool,
}

impl From<&Start> for Settings {
    fn from(start: &Start) -> Self {
        Settings {
            host: start.host.clone(),
            port: start.port,
            db: start.db.clone(),
            policies: start.policies.clone(),
            cache_dir: cache_dir(),
            approval_ttl: start.approval_ttl.clone(),
            start_ttl: start.start_ttl.clone(),
            result_ttl: start.result_ttl.clone(),
            record_skew: start.record_skew.clone(),
            max_body: start.max_body,
            max_connections: start.max_connections,
            bundle_max_age: start.bundle_max_age.clone(),
            // A variable that is set to nothing names no origin.
            allow_origins: start.allow_origins.iter().filter(|text| !text.is_empty()).cloned().collect(),
        }
    }
}

pub(crate) fn run(command: &Command, screen: &Screen) -> Outcome {
    match command {
        Command::Start(args) => start(args, screen),
        Command::Link(connection) => link(connection, screen),
    }
}

fn link(connection: &Connection, screen: &Screen) -> Outcome {
    let client = Client::new(connection, KeyUse::Found)?;
    let mut answer = client.post("/v1/session/links", b"{}")?;
    let SessionLink { url, expires_at } = client.read(&answer)?;
    let Some((_, token)) = url.split_once('#') else {
        return Err(Failure::unreachable("the server created a link and did not send it"));
    };
    // The server does not know whether it is reached through something that speaks TLS; the address that was just used
    // works.
    let url = login_url(client.url(), token);
    match screen.format() {
        Format::Table => {
            screen.message(&format!("this link logs in once, until {}", time::date_and_clock(&expires_at)));
            screen.data(&text::visible(&url))?;
        }
        Format::Json | Format::Jsonl | Format::Yaml => {
            if let Some(shown) = answer.get_mut("url") {
                *shown = url.into();
            }
            screen.value(&answer)?;
        }
    }
    Ok(Exit::Done)
}

fn start(args: &Start, screen: &Screen) -> Outcome {
    let config = Config::new(args.into()).map_err(|error| wrong_setting(&error))?;
    if settings().get("FARAMESH_PORT").is_some_and(|(port, _)| port == args.port.to_string()) {
        // Started on another port than the one that its own folder's commands ask, it would seem not to be there.
        [Source::Environment, Source::EnvFile].into_iter().try_for_each(|source| settings().agree(source))?;
    }
    log_to_standard_error(screen)?;
    let open = args.open;
    let ready = |server: &Server| {
        if open {
            // Others on this machine can see for a moment which address is opened. Where they are not to be trusted
            // the server has a user of its own, and no browser.
            open_browser(&server.dashboard_link(), screen);
        }
    };
    match host::server::run(config, ready) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Err(Failure::refused(error.to_string()).help(error.help())),
    }
}

/// The fault in a setting, and its source.
pub(super) fn wrong_setting(error: &ConfigError) -> Failure {
    let words =
        |text: &str| text.split('`').filter(|word| word.starts_with("FARAMESH_")).map(str::to_owned).next();
    let name = words(&error.message).or_else(|| words(&error.help));
    let set =
        name.and_then(|name| settings().get(&name).map(|(_, source)| format!("`{name}` is set in {source}")));
    let help = match set {
        Some(set) => format!("{}; {set}", error.help),
        None => error.help.clone(),
    };
    Failure::usage(error.message.clone()).help(help)
}

/// The server's log, as filtered by FARAMESH_LOG.
fn log_to_standard_error(screen: &Screen) -> Result<(), Failure> {
    let wanted = std::env::var("FARAMESH_LOG").ok().filter(|wanted| !wanted.is_empty());
    let wanted = wanted.unwrap_or_else(|| "info".to_owned());
    let wrong = |why: String| {
        Failure::usage(format!("`FARAMESH_LOG` cannot be {}{why}", quoted(&wanted))).help(
            "set it to `error`, `warn`, `info`, `debug`, `trace` or `off`, or to such a word for each module",
        )
    };
    // A word that is not a level would be taken for the name of a module, and everything else would be silent.
    let is_level = |word: &str| word.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
    if let Some(word) =
        wanted.split(',').map(str::trim).find(|part| !part.contains(['=', ':', '[']) && !is_level(part))
    {
        return Err(wrong(format!(": {} is not a level", quoted(word))));
    }
    let filter = EnvFilter::try_new(&wanted).map_err(|error| wrong(format!(": {error}")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(screen.message_paint().is_on());
    // There is one already only where something else in this process has set it up.
    // A line that cannot be written is lost; telling of it on the same standard error would end the thread.
    let _ = log.log_internal_errors(false).with_writer(std::io::stderr).try_init();
    Ok(())
}

/// Shows `url` in the browser. A failure does not stop the server.
fn open_browser(url: &str, screen: &Screen) {
    let (program, first): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/c", "start", ""])
    } else {
        ("xdg-open", &[])
    };
    let mut process = Process::new(program);
    process.args(first).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = process.spawn() {
        screen.message(&format!("the browser cannot be opened ({error}); open {url} yourself"));
    }
}
