//! `faramesh doctor`: checks the needs of a server and its callers, and gives advice about missing parts.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::path::Path;

use api::{PartStatus, PendingEdit, PolicyStatus, Ready, ReadyStatus};
use clap::Args;
use engine::hash::PolicyHash;
use host::config::Config;
use runtime::Module;
use serde_json::{Value, json};
use store::sqlite::SqliteStore;

use super::client::{Client, Connection, KeyUse, admin_key_file};
use super::exit::{Exit, Failure, Outcome};
use super::offline::{self, PolicyFiles};
use super::screen::{Format, Screen};
use super::server::Start;
use super::{diagnostics, text};

/// Arguments of `doctor`: the settings of the server that is looked at.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 nothing is broken, 1 something is")]
pub(crate) struct Doctor {
    #[command(flatten)]
    start: Start,

    #[command(flatten)]
    connection: Connection,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// As it should be.
    Good,
    /// Missing, but not needed yet.
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

pub(crate) fn run(args: &Doctor, screen: &Screen) -> Outcome {
    let mut findings = vec![env_file()];
    let server = server(&args.connection, &mut findings);
    match Config::new((&args.start).into()) {
        Ok(config) => {
            findings.push(good("settings", "they can be used"));
            findings.push(policies(&config.policies, server.as_ref()));
            findings.push(database(&config));
            findings.push(port(&config, server.as_ref()));
        }
        Err(error) => findings.push(Finding {
            what: "settings",
            state: State::Bad,
            says: super::server::wrong_setting(&error).sentences(),
            help: None,
        }),
    }
    engine(&mut findings);
    findings.extend(python());
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

/// A server that answers.
struct Answering {
    url: String,
    /// The hash of the policies in force there, where it says so.
    policy_hash: PolicyHash,
}

/// The server that is asked, if it answers.
fn server(connection: &Connection, findings: &mut Vec<Finding>) -> Option<Answering> {
    let client = match Client::new(connection, KeyUse::Found) {
        Ok(client) => client,
        Err(failure) => {
            findings.push(bad("server", failure.sentences(), "correct `--url` or FARAMESH_URL"));
            return None;
        }
    };
    findings.push(match (client.key(), admin_key_file()) {
        (None, _) if client.held_back().is_some() => note(
            "key",
            format!("the key of {} is not sent to this address", client.held_back().unwrap_or_default()),
            "it is from elsewhere: set both in one place, or give `--url`",
        ),
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
        Ok(said) => {
            findings.push(readiness(&url, &said));
            findings.extend(said.pending.as_ref().map(pending));
            return Some(Answering { url, policy_hash: said.policy_hash });
        }
        Err(failure) if failure.exit() == Exit::Unreachable => {
            findings.push(note("server", failure.message(), "start one with `faramesh server start`"));
        }
        Err(failure) => {
            findings.push(bad("server", failure.sentences(), "see that it is the server that you mean"))
        }
    }
    None
}

fn readiness(url: &str, said: &Ready) -> Finding {
    let trouble = said.trouble.as_ref().map(|trouble| trouble.reason.as_str());
    match said.status {
        ReadyStatus::Ready => good("server", format!("{url} is ready")),
        ReadyStatus::Degraded => bad(
            "server",
            format!(
                "{url} decides under an older policy set: {}",
                trouble.unwrap_or("the new one was refused")
            ),
            "mend the files; `faramesh policy check` says what is wrong",
        ),
        ReadyStatus::Unavailable => {
            let why = match said.policy {
                PolicyStatus::None => trouble.unwrap_or("no policy is in force").to_owned(),
                PolicyStatus::InForce => {
                    let parts = [("store", said.store), ("engine", said.engine)];
                    let broken = parts.into_iter().filter(|(_, status)| *status == PartStatus::Failed);
                    let broken: Vec<_> = broken.map(|(part, _)| part).collect();
                    format!("the {} does not work", broken.join(" and the "))
                }
            };
            let says = format!("{url} runs and is not ready: {why}");
            bad("server", says, "everything halts until it is; see its log")
        }
    }
}

/// A change of the folder that is not in force yet.
fn pending(edit: &PendingEdit) -> Finding {
    let files = edit.files.as_deref().unwrap_or_default().join(", ");
    let files = if files.is_empty() { files } else { format!(" ({files})") };
    note(
        "policies",
        format!("pending: {}{files}", edit.reason),
        "rename a finished file into its place, or save it again",
    )
}

fn policies(dir: &Path, server: Option<&Answering>) -> Finding {
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
    if let Some(first) = files.mistakes.first() {
        let more = files.mistakes.len().saturating_sub(1);
        let more = if more > 0 { format!(", and {more} more like it") } else { String::new() };
        return bad(
            "policies",
            format!("in `{}`, {}{more}", dir.display(), first.message),
            "a server refuses the folder; `faramesh policy check` shows them all",
        );
    }
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
    // A server that decides by other policies is another folder's, or has not taken these over.
    let elsewhere = server.filter(|server| server.policy_hash != loaded.policy_hash);
    if loaded.handle.is_none() {
        bad("policies", says, "`faramesh policy check` shows them")
    } else if let Some(server) = elsewhere {
        bad(
            "policies",
            format!("{says}; {} decides by others (policy_hash {})", server.url, server.policy_hash),
            "it is the server of another folder, or refused these files: see FARAMESH_URL, FARAMESH_PORT and its log",
        )
    } else if loaded.diagnostics.is_empty() {
        good("policies", format!("{says}; policy_hash {}", loaded.policy_hash))
    } else {
        note("policies", says, "`faramesh policy check` shows them")
    }
}

fn database(config: &Config) -> Finding {
    let shown = config.db.display();
    if config.db.exists() {
        if let Err(error) = writable(&config.db).and_then(|()| writable(config.data_dir())) {
            let says = format!("`{shown}` cannot be written: {error}");
            return bad("database", says, "let the user that runs the server write it, or set FARAMESH_DB");
        }
        return match SqliteStore::open_read_only(&config.db) {
            Ok(_) => good("database", format!("`{shown}` can be read and written")),
            Err(error) => bad(
                "database",
                format!("`{shown}`: {error}"),
                "`faramesh audit verify --db` says more, where it can be read",
            ),
        };
    }
    // The nearest folder that is there decides whether the file can be made.
    let dir = config.data_dir().ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("."));
    match writable(dir) {
        Err(error) => bad(
            "database",
            format!("`{}` cannot be written: {error}", dir.display()),
            "set FARAMESH_DB to a path that can",
        ),
        Ok(()) => {
            note("database", format!("`{shown}` is not there yet"), "the first start of a server makes it")
        }
    }
}

/// Whether this user may write, as the system decides it: a mode alone does not say whom it is about, nor whether the
/// file system can be written at all.
#[cfg(unix)]
fn writable(path: &Path) -> std::io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    Ok(accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS)?)
}

#[cfg(not(unix))]
fn writable(path: &Path) -> std::io::Result<()> {
    match std::fs::metadata(path)?.permissions().readonly() {
        true => Err(std::io::ErrorKind::PermissionDenied.into()),
        false => Ok(()),
    }
}

/// Whether the server of these settings can listen, or does.
fn port(config: &Config, server: Option<&Answering>) -> Finding {
    let wanted = config.hosts.iter().map(|host| SocketAddr::new(*host, config.port));
    let taken = wanted.clone().find_map(|address| Some((address, TcpListener::bind(address).err()?)));
    let shown = wanted.map(|address| address.to_string()).collect::<Vec<_>>().join(" and ");
    let Some((address, error)) = taken else { return good("port", format!("{shown} is free")) };
    match server {
        Some(server) if is_at(&server.url, address) => {
            good("port", format!("{address} is in use, by the server that answers"))
        }
        Some(server) => bad(
            "port",
            format!("{address} is in use, and not by the server that answers at {}", server.url),
            "stop what listens there, or set FARAMESH_PORT to the port of that server, or to another one",
        ),
        None => bad("port", format!("{address}: {error}"), "choose another with `--port` or FARAMESH_PORT"),
    }
}

/// Whether the address of a server leads to where one listens.
fn is_at(url: &str, listening: SocketAddr) -> bool {
    let Ok(uri) = url.parse::<ureq::http::Uri>() else { return false };
    let Some(host) = uri.host() else { return false };
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let asked = (host, uri.port_u16().unwrap_or(usual)).to_socket_addrs();
    asked.is_ok_and(|mut asked| {
        asked.any(|asked| {
            let same =
                asked.ip() == listening.ip() || (listening.ip().is_unspecified() && asked.ip().is_loopback());
            same && asked.port() == listening.port()
        })
    })
}

fn engine(findings: &mut Vec<Finding>) {
    let dir = super::settings::cache_dir();
    match Module::embedded(dir.as_deref()) {
        Ok(module) => findings.push(good("engine", format!("{}", module.hash()))),
        Err(error) => {
            findings.push(bad("engine", error.to_string(), "this build cannot decide anything here"))
        }
    }
    let Some(dir) = dir else {
        findings.push(note(
            "cache",
            "there is no folder for the compiled engine",
            "every start compiles it; set FARAMESH_CACHE_DIR, XDG_CACHE_HOME or HOME",
        ));
        return;
    };
    let kept = Module::is_kept(&dir);
    findings.push(match kept {
        Ok(true) => good("cache", format!("`{}` holds the compiled engine", dir.display())),
        Ok(false) => note(
            "cache",
            format!("`{}` holds no compiled engine", dir.display()),
            "every start compiles it; set FARAMESH_CACHE_DIR to a folder of this user alone",
        ),
        Err(error) => note(
            "cache",
            format!("`{}` is not used: {error}", dir.display()),
            "every start compiles the engine; set FARAMESH_CACHE_DIR to a folder of this user alone",
        ),
    });
}

/// Asks Python which distributions own the module `faramesh`.
const OWNERS: &str = "import importlib.metadata as m; print('\\n'.join(sorted(set(m.packages_distributions().get('faramesh', [])))))";

/// Two distributions with one module: installing them mixes their files, and removing one breaks the other.
fn python() -> Option<Finding> {
    let here = std::env::var_os("VIRTUAL_ENV").map(|folder| Path::new(&folder).join("bin/python"));
    let program = here.filter(|path| path.is_file()).unwrap_or_else(|| "python3".into());
    // Isolated, so that no file of the current folder runs.
    let asked = std::process::Command::new(program)
        .args(["-I", "-c", OWNERS])
        .stdin(std::process::Stdio::null())
        .output();
    // Without Python there is nothing to say of it.
    let said = String::from_utf8(asked.ok().filter(|asked| asked.status.success())?.stdout).ok()?;
    let owners: Vec<_> = said.split_whitespace().collect();
    (owners.len() > 1).then(|| {
        bad(
            "python",
            format!("the module `faramesh` is of several distributions: {}", owners.join(", ")),
            "uninstall them all, then install the one that you mean",
        )
    })
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
