//! `faramesh server`: settings from flags and the environment into the server, and links to the dashboard of one
//! that runs.

use std::path::PathBuf;
use std::process::{Command as Process, Stdio};

use clap::{Args, Subcommand};
use host::config::{Config, ConfigError, MAX_CONNECTIONS, Settings};
use host::http::session::login_url;
use host::server::Server;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use super::client::{Client, KeyUse, quoted};
use super::exit::{Exit, Failure, Outcome};
use super::screen::{Format, Screen};
use super::settings::{Source, settings};
use super::{Global, text, time};

/// The verbs of `server`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server and run until it is stopped
    Start(Box<Start>),
    /// Make a link that logs a browser in to the dashboard once, within an hour
    Link,
}

/// Arguments of `server start`.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The address to listen on; other machines can reach it only when API keys are set up
    #[arg(long, env = "FARAMESH_HOST", hide_env_values = true, default_value = "127.0.0.1")]
    host: String,

    /// The port; 0 takes a free one
    #[arg(long, env = "FARAMESH_PORT", hide_env_values = true, default_value_t = 8000)]
    port: u16,

    /// The database: a path, or `sqlite:PATH`
    #[arg(long, env = "FARAMESH_DB", hide_env_values = true, default_value = ".faramesh/faramesh.db")]
    db: String,

    /// The folder of policies
    #[arg(
        long,
        env = "FARAMESH_POLICIES",
        hide_env_values = true,
        default_value = "policies",
        value_name = "DIR"
    )]
    policies: PathBuf,

    /// How long an approval may take where no policy says
    #[arg(
        long,
        env = "FARAMESH_APPROVAL_TTL",
        hide_env_values = true,
        default_value = "1h",
        value_name = "TIME"
    )]
    approval_ttl: String,

    /// How far the times of records that wrappers bring may be off: before their key was made, or in the future
    #[arg(
        long,
        env = "FARAMESH_RECORD_SKEW",
        hide_env_values = true,
        default_value = "5m",
        value_name = "TIME"
    )]
    record_skew: String,

    /// How long an action that may run may take to start; after that it lapses
    #[arg(
        long,
        env = "FARAMESH_START_TTL",
        hide_env_values = true,
        default_value = "15m",
        value_name = "TIME"
    )]
    start_ttl: String,

    /// How long an action may run before it counts as `timeout`
    #[arg(
        long,
        env = "FARAMESH_RESULT_TTL",
        hide_env_values = true,
        default_value = "15m",
        value_name = "TIME"
    )]
    result_ttl: String,

    /// The most bytes of a request's body
    #[arg(long, env = "FARAMESH_MAX_BODY", hide_env_values = true, default_value_t = engine::json::MAX_BYTES, value_name = "BYTES")]
    max_body: usize,

    /// The most connections at once; every held call waits on one
    #[arg(long, env = "FARAMESH_MAX_CONNECTIONS", hide_env_values = true, default_value_t = MAX_CONNECTIONS, value_name = "NUMBER")]
    max_connections: usize,

    /// How long a signed bundle of the policies may be relied on
    #[arg(
        long,
        env = "FARAMESH_BUNDLE_MAX_AGE",
        hide_env_values = true,
        default_value = "24h",
        value_name = "TIME"
    )]
    bundle_max_age: String,

    /// An origin whose pages may change things as the dashboard's own may, such as that of a proxy in front of this server;
    /// may be given several times
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

impl Start {
    /// The settings for the server.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            host: self.host.clone(),
            port: self.port,
            db: self.db.clone(),
            policies: self.policies.clone(),
            cache_dir: None,
            approval_ttl: self.approval_ttl.clone(),
            start_ttl: self.start_ttl.clone(),
            result_ttl: self.result_ttl.clone(),
            record_skew: self.record_skew.clone(),
            max_body: self.max_body,
            max_connections: self.max_connections,
            bundle_max_age: self.bundle_max_age.clone(),
            // A variable that is set to nothing names no origin.
            allow_origins: self.allow_origins.iter().filter(|text| !text.is_empty()).cloned().collect(),
        }
    }
}

pub(crate) fn run(command: &Command, global: &Global, screen: &Screen) -> Outcome {
    match command {
        Command::Start(args) => start(args, screen),
        Command::Link => link(global, screen),
    }
}

fn link(global: &Global, screen: &Screen) -> Outcome {
    let client = Client::new(global, KeyUse::Found)?;
    let mut answer = client.post("/v1/session/links", b"{}")?;
    let token = answer.pointer("/url").and_then(Value::as_str).and_then(|url| url.split_once('#'));
    let Some((_, token)) = token else {
        return Err(Failure::unreachable("the server made a link and did not say which"));
    };
    // The server does not know whether it is reached through something that speaks TLS; the address that was just used
    // works.
    let url = login_url(client.url(), token);
    match screen.format() {
        Format::Table => {
            let until = text::at(&answer, "/expires_at");
            screen.message(&format!("this link logs in once, until {}", time::date_and_clock(&until)));
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
    let config = Config::new(args.settings()).map_err(|error| wrong_setting(&error))?;
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

/// What is wrong with a setting, and where it is set.
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

/// What the server says while it runs, as much of it as FARAMESH_LOG asks for.
fn log_to_standard_error(screen: &Screen) -> Result<(), Failure> {
    let wanted = std::env::var("FARAMESH_LOG").ok().filter(|wanted| !wanted.is_empty());
    let wanted = wanted.unwrap_or_else(|| "info".to_owned());
    let wrong = |why: String| {
        Failure::usage(format!("`FARAMESH_LOG` cannot be {}{why}", quoted(&wanted))).help(
            "set it to `error`, `warn`, `info`, `debug`, `trace` or `off`, or to such a word for each module",
        )
    };
    // A word that is no level would be taken for the name of a module, and everything else would be silent.
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

/// Shows `url` in the browser. That this does not work is no reason not to run.
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
