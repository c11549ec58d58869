//! `faramesh doctor`: looks at what a server and its callers need, and says what to do about what is missing.

use std::net::{TcpListener, ToSocketAddrs as _};
use std::path::Path;

use clap::Args;
use host::config::Config;
use host::runtime::Module;
use host::store::sqlite::SqliteStore;
use serde_json::{Value, json};

use super::client::{Client, KeyUse, admin_key_file};
use super::exit::{Exit, Failure, Outcome};
use super::offline::{self, PolicyFiles};
use super::screen::{Format, Screen};
use super::server::Start;
use super::{Global, diagnostics, text};

/// Arguments of `doctor`: the settings of the server that is looked at.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 nothing is broken, 1 something is")]
pub(crate) struct Doctor {
    #[command(flatten)]
    start: Start,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// As it should be.
    Good,
    /// Not there, and nobody needs it yet.
    Note,
    /// Broken.
    Bad,
}

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    state: State,
    says: String,
    help: Option<&'static str>,
}

fn good(what: &'static str, says: impl Into<String>) -> Finding {
    Finding { what, state: State::Good, says: says.into(), help: None }
}

fn note(what: &'static str, says: impl Into<String>, help: &'static str) -> Finding {
    Finding { what, state: State::Note, says: says.into(), help: Some(help) }
}

fn bad(what: &'static str, says: impl Into<String>, help: &'static str) -> Finding {
    Finding { what, state: State::Bad, says: says.into(), help: Some(help) }
}

pub(crate) fn run(args: &Doctor, global: &Global, screen: &Screen) -> Outcome {
    let mut findings = vec![env_file()];
    let server = server(global, &mut findings);
    match Config::new(args.start.settings()) {
        Ok(config) => {
            findings.push(good("settings", "they can be used"));
            findings.push(policies(&config.policies));
            findings.push(database(&config));
            findings.push(port(&config, server));
        }
        Err(error) => findings.push(Finding {
            what: "settings",
            state: State::Bad,
            says: format!("{}; {}", error.message, error.help),
            help: None,
        }),
    }
    engine(&mut findings);
    print(&findings, screen)?;
    let broken = findings.iter().any(|finding| finding.state == State::Bad);
    Ok(if broken { Exit::No } else { Exit::Done })
}

fn env_file() -> Finding {
    // One that cannot be read has ended the program before.
    if Path::new(".env").is_file() {
        good(".env", "it is read")
    } else {
        note(".env", "there is none, so the defaults count", "`faramesh init` writes an example of one")
    }
}

/// Whether a server answers.
fn server(global: &Global, findings: &mut Vec<Finding>) -> bool {
    let client = match Client::new(global, KeyUse::Found) {
        Ok(client) => client,
        Err(failure) => {
            findings.push(bad("server", failure.message(), "correct `--url` or FARAMESH_URL"));
            return false;
        }
    };
    findings.push(match (client.key(), admin_key_file()) {
        (Some(key), _) => good("key", format!("the one from {} is sent", key.source)),
        (None, Some(path)) if path.exists() => note(
            "key",
            format!("`{}` is there and is not used", path.display()),
            "it is for a server on this machine, and for who may read the file",
        ),
        (None, _) => note("key", "none is set", "the first start of a server makes an admin key"),
    });
    let url = client.url().to_owned();
    match client.readiness() {
        Ok(said) => findings.push(readiness(&url, &said)),
        Err(failure) if failure.exit() == Exit::Unreachable => {
            findings.push(note("server", failure.message(), "start one with `faramesh server start`"));
            return false;
        }
        Err(failure) => findings.push(bad("server", failure.message(), "see its log")),
    }
    true
}

fn readiness(url: &str, said: &Value) -> Finding {
    let word = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default();
    let trouble = said.pointer("/trouble/reason").and_then(Value::as_str);
    match word("status") {
        "ready" => good("server", format!("{url} is ready")),
        "degraded" => bad(
            "server",
            format!(
                "{url} decides under an older policy set: {}",
                trouble.unwrap_or("the new one was refused")
            ),
            "mend the files; `faramesh policy check` says what is wrong",
        ),
        _ => {
            let why = if word("policy") == "none" {
                trouble.unwrap_or("no policy is in force").to_owned()
            } else {
                let broken = ["store", "engine"].into_iter().filter(|part| word(part) != "ok");
                format!("the {} does not work", broken.collect::<Vec<_>>().join(" and the "))
            };
            let says = format!("{url} runs and is not ready: {why}");
            bad("server", says, "everything halts until it is; see its log")
        }
    }
}

fn policies(dir: &Path) -> Finding {
    let files = match PolicyFiles::of_folder(dir) {
        Ok(files) => files,
        Err(failure) => {
            return bad(
                "policies",
                failure.message(),
                "`faramesh init` writes a first one; without any everything halts",
            );
        }
    };
    if files.sources.is_empty() {
        return bad(
            "policies",
            format!("`{}` has none, so everything halts", dir.display()),
            "`faramesh init` writes a first one",
        );
    }
    let loaded = match offline::engine().map(|mut engine| engine.load(&files.sources)) {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(error)) => {
            return bad("policies", format!("the engine failed: {error}"), "nothing can be decided");
        }
        Err(failure) => return bad("policies", failure.message(), "nothing can be decided"),
    };
    let count = text::counted(u64::try_from(files.sources.len()).unwrap_or(u64::MAX), "file");
    let says = format!("{count} in `{}`: {}", dir.display(), diagnostics::counted(&loaded.diagnostics));
    if loaded.handle.is_none() {
        bad("policies", says, "`faramesh policy check` shows them")
    } else if loaded.diagnostics.is_empty() {
        good("policies", format!("{says}; policy_hash {}", loaded.policy_hash))
    } else {
        note("policies", says, "`faramesh policy check` shows them")
    }
}

fn database(config: &Config) -> Finding {
    let shown = config.db.display();
    if config.db.exists() {
        return match SqliteStore::open_read_only(&config.db) {
            Ok(_) => good("database", format!("`{shown}` can be read")),
            Err(error) => bad(
                "database",
                format!("`{shown}`: {error}"),
                "`faramesh audit verify --db` says more, where it can be read",
            ),
        };
    }
    // The nearest folder that is there decides whether the file can be made.
    let dir = config.data_dir().ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("."));
    match std::fs::metadata(dir) {
        Ok(metadata) if metadata.permissions().readonly() => bad(
            "database",
            format!("`{}` cannot be written", dir.display()),
            "set FARAMESH_DB to a path that can",
        ),
        Ok(_) => {
            note("database", format!("`{shown}` is not there yet"), "the first start of a server makes it")
        }
        Err(error) => {
            bad("database", format!("`{}`: {error}", dir.display()), "set FARAMESH_DB to another path")
        }
    }
}

fn port(config: &Config, server_answers: bool) -> Finding {
    let address = (config.host, config.port);
    let shown = format!("{}:{}", config.host, config.port);
    let bound = address.to_socket_addrs().and_then(|mut all| match all.next() {
        Some(address) => TcpListener::bind(address),
        None => Err(std::io::ErrorKind::AddrNotAvailable.into()),
    });
    match bound {
        Ok(_) => good("port", format!("{shown} is free")),
        Err(_) if server_answers => good("port", format!("{shown} is in use, by the server that answers")),
        Err(error) => {
            bad("port", format!("{shown}: {error}"), "choose another with `--port` or FARAMESH_PORT")
        }
    }
}

fn engine(findings: &mut Vec<Finding>) {
    let dir = offline::cache_dir();
    match Module::embedded(&dir) {
        Ok(module) => findings.push(good("engine", format!("{}", module.hash()))),
        Err(error) => {
            findings.push(bad("engine", error.to_string(), "this build cannot decide anything here"))
        }
    }
    let cached = std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some());
    findings.push(if cached {
        good("cache", format!("`{}` holds the compiled engine", dir.display()))
    } else {
        note(
            "cache",
            format!("`{}` holds no compiled engine", dir.display()),
            "every start compiles it anew; set FARAMESH_CACHE_DIR to a folder that can be written",
        )
    });
}

fn print(findings: &[Finding], screen: &Screen) -> Result<(), Failure> {
    if screen.format() != Format::Table {
        let word = |state| match state {
            State::Good => "good",
            State::Note => "note",
            State::Bad => "bad",
        };
        let values: Vec<Value> = findings
            .iter()
            .map(|finding| json!({ "help": finding.help, "says": finding.says, "state": word(finding.state), "what": finding.what }))
            .collect();
        return Ok(screen.list(&values)?);
    }
    let paint = screen.paint();
    for finding in findings {
        let sign = match finding.state {
            State::Good => paint.green(screen.symbol("✓", "+")),
            State::Note => paint.yellow(screen.symbol("–", "-")),
            State::Bad => paint.red(screen.symbol("✗", "x")),
        };
        screen.data(&format!("{sign} {:<9} {}", finding.what, text::visible(&finding.says)))?;
        if let Some(help) = finding.help {
            screen.data(&format!("            {}", paint.dim(help)))?;
        }
    }
    Ok(())
}
