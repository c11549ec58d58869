//! Where settings come from: the process environment, then `.env`. Which server is asked follows from that, and which
//! key it may be sent. `docs/SETTINGS.md` has the rules.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::error::{ContextKind, ContextValue};

use super::exit::Failure;
use super::text;

/// The server that is asked where no setting names one.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:8000";
const PREFIX: &str = "FARAMESH_";

/// Every variable that some part of the product reads.
const KNOWN: [&str; 18] = [
    "FARAMESH_ALLOW_ORIGIN",
    "FARAMESH_API_KEY",
    "FARAMESH_APPROVAL_TTL",
    "FARAMESH_BUNDLE_MAX_AGE",
    "FARAMESH_CACHE_DIR",
    "FARAMESH_DB",
    "FARAMESH_ENGINE_WASM",
    "FARAMESH_HOST",
    "FARAMESH_LOG",
    "FARAMESH_MAX_BODY",
    "FARAMESH_MAX_CONNECTIONS",
    "FARAMESH_POLICIES",
    "FARAMESH_PORT",
    "FARAMESH_RECORD_SKEW",
    "FARAMESH_RESULT_TTL",
    "FARAMESH_START_TTL",
    "FARAMESH_TOKEN",
    "FARAMESH_URL",
];

/// Variables that a folder's file never sets: they name code that runs as part of the program, or that decides.
const NEVER_OF_A_FOLDER: [&str; 2] = ["FARAMESH_CACHE_DIR", "FARAMESH_ENGINE_WASM"];

/// Where a setting comes from, the one that counts most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// An option.
    CommandLine,
    /// The process environment.
    Environment,
    /// `.env` in the current folder.
    EnvFile,
    /// Nothing says otherwise.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::CommandLine => "the command line",
            Source::Environment => "the environment",
            Source::EnvFile => "`.env`",
            Source::Default => "the default",
        })
    }
}

/// The variables of both sources, as they were when the program began.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// The settings of this process.
pub(crate) fn settings() -> &'static Settings {
    SETTINGS.get_or_init(|| Settings { environment: environment(), file: BTreeMap::new() })
}

/// The folder for the compiled engine: `$FARAMESH_CACHE_DIR`, else `$XDG_CACHE_HOME/faramesh`, else `~/.cache/faramesh`.
///
/// There is no other place: a folder for temporary files is shared, and another user could make a folder of this name
/// there first.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The XDG Base Directory Specification has relative paths ignored.
    let caches = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    set("FARAMESH_CACHE_DIR")
        .or_else(|| Some(caches.or_else(|| Some(set("HOME")?.join(".cache")))?.join("faramesh")))
}

fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).filter(|(name, _)| name.starts_with(PREFIX)).collect()
}

/// Reads `.env`, and copies its settings into the environment unless they are set there, for the options that read
/// them. Returns warnings.
///
/// # Errors
/// When the file is there and cannot be read, or takes a setting from the environment.
pub(crate) fn load(path: &Path) -> Result<Vec<String>, Failure> {
    let environment = environment();
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text.map_err(|error| unreadable(&dotenvy::Error::Io(error)))?,
    };
    let text = text.trim_start_matches('\u{feff}');
    let mut file = parse(text)?;
    stands_alone(text, &file)?;
    file.retain(|name, _| name.starts_with(PREFIX));
    let unknown = file.keys().filter(|name| !KNOWN.contains(&name.as_str())).map(|name| {
        let shown = text::visible(name);
        match nearest(name) {
            Some(meant) => format!("`.env` sets `{shown}`, which nothing reads; did you mean `{meant}`?"),
            None => format!("`.env` sets `{shown}`, which nothing reads"),
        }
    });
    let elsewhere = file.keys().filter(|name| NEVER_OF_A_FOLDER.contains(&name.as_str()));
    let elsewhere =
        elsewhere.map(|name| format!("`.env` sets `{name}`, which counts only in the environment"));
    let warnings = unknown.chain(elsewhere).collect();
    file.retain(|name, _| !NEVER_OF_A_FOLDER.contains(&name.as_str()));
    // INVARIANT: of a folder's file nothing but settings comes into the environment. A variable such as `HTTPS_PROXY`
    // would lead every request through whatever it names.
    let settings = file.iter().filter(|(name, _)| KNOWN.contains(&name.as_str()));
    let lines: String = settings.map(|(name, value)| format!("{name}={}\n", double_quoted(value))).collect();
    dotenvy::from_read(lines.as_bytes()).map_err(|error| unreadable(&error))?;
    // There are settings already only where something else in this process has read them.
    let _ = SETTINGS.set(Settings { environment, file });
    Ok(warnings)
}

/// The variables of a file; of two lines with one name the first counts.
fn parse(text: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut found = BTreeMap::new();
    for line in dotenvy::from_read_iter(text.as_bytes()) {
        let (name, value) = line.map_err(|error| unreadable(&error))?;
        found.entry(name).or_insert(value);
    }
    Ok(found)
}

/// That no setting of the file takes anything from the environment: `http://example.com/$SECRET` would send a secret of
/// the shell to an address of the folder.
fn stands_alone(text: &str, file: &BTreeMap<String, String>) -> Result<(), Failure> {
    // Letters and digits alone, because that is where the name of a `$NAME` ends.
    const UNSET: &str = "FARAMESHxNOTxSET";
    let mut parts = text.split('$');
    let mut closed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (brace, rest) = part.strip_prefix('{').map_or(("", part), |rest| ("{", rest));
        let end = match brace {
            "" => rest.find(|char: char| !char.is_alphanumeric()),
            _ => rest.find('}'),
        };
        let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let is_name = !name.is_empty() && !name.contains(['=', '\0']);
        let mark = if is_name && std::env::var_os(name).is_some() { UNSET } else { "" };
        closed.extend(["$", brace, mark, rest]);
    }
    let closed = parse(&closed)?;
    let differs = |(name, value): &(&String, &String)| {
        name.starts_with(PREFIX)
            && closed.get(*name).map(|value| value.replace(UNSET, "")).as_ref() != Some(*value)
    };
    match file.iter().find(differs) {
        None => Ok(()),
        Some((name, _)) => {
            let name = text::visible(name);
            Err(Failure::usage(format!("`.env` takes a part of `{name}` from the environment"))
                .help("write the value itself, or put it in single quotes if the `$` belongs to it"))
        }
    }
}

fn double_quoted(value: &str) -> String {
    let mut quoted = String::from('"');
    for char in value.chars() {
        match char {
            '\n' => quoted.push_str("\\n"),
            '\\' | '"' | '$' => quoted.extend(['\\', char]),
            _ => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// The command with no default from a variable that is set to nothing: such a variable counts as not set.
pub(crate) fn without_empty(command: clap::Command) -> clap::Command {
    let unset = |arg: clap::Arg| {
        let empty =
            arg.get_env().is_some_and(|name| std::env::var_os(name).is_some_and(|value| value.is_empty()));
        if empty { arg.env(clap::builder::Resettable::Reset) } else { arg }
    };
    let command = command.mut_args(unset);
    let nouns: Vec<_> = command.get_subcommands().map(|noun| noun.get_name().to_owned()).collect();
    nouns.into_iter().fold(command, |command, noun| command.mut_subcommand(noun, without_empty))
}

/// The failure for a value that comes from a variable and cannot be used; none where an option is wrong.
pub(crate) fn wrong_variable(error: &clap::Error) -> Option<Failure> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (option, value) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
    let option = option.split_whitespace().next()?;
    let name = format!("{PREFIX}{}", option.strip_prefix("--")?.replace('-', "_").to_ascii_uppercase());
    let (set, source) = settings().get(&name)?;
    let typed = std::env::args().any(|typed| typed == option || typed.starts_with(&format!("{option}=")));
    if set != value || typed {
        return None;
    }
    let value = text::visible(value);
    let failure = Failure::usage(format!("`{name}` cannot be `{value}`, as {source} sets it"));
    let why = std::error::Error::source(error).map(ToString::to_string);
    Some(
        failure
            .help(why.unwrap_or_else(|| format!("`faramesh server start --help` says what {option} takes"))),
    )
}

fn unreadable(error: &dotenvy::Error) -> Failure {
    match error {
        // The line itself is not shown: it may hold a secret.
        dotenvy::Error::LineParse(line, _) => {
            let name = line.split('=').next().unwrap_or_default().trim();
            let name = text::visible(name.strip_prefix("export ").unwrap_or(name));
            Failure::usage(format!("`.env` cannot be read at the line of `{name}`"))
                .help("put values with spaces or special characters in quotes")
        }
        error => Failure::usage(format!("`.env` cannot be read: {error}")),
    }
}

/// The known name that is at most two edits away.
fn nearest(name: &str) -> Option<&'static str> {
    let near = KNOWN.into_iter().map(|known| (distance(name, known), known));
    near.filter(|(distance, _)| *distance <= 2).min().map(|(_, known)| known)
}

/// How many characters have to be put in, left out, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&last, j) + usize::from(x != y);
            let mut best = replaced.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

/// A server, and what names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Without a slash at the end.
    pub(crate) url: String,
    /// Where it comes from; of two sources the weaker.
    pub(crate) source: Source,
    /// The options or variables that say so, for a message.
    pub(crate) said_by: String,
}

/// A key that may be sent, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given {
    /// It is from where the address is from.
    Key {
        /// Its text.
        text: String,
        /// The variable, and where it is set.
        said_by: String,
    },
    /// There is one, and it is for an address from elsewhere.
    HeldBack {
        /// The variable, and where it is set.
        said_by: String,
    },
    /// No setting has one.
    None,
}

impl Settings {
    /// The value of a variable, and where it is set. One that is set to nothing in the environment is not set, whatever
    /// `.env` says.
    pub(crate) fn get(&self, name: &str) -> Option<(&str, Source)> {
        match self.environment.get(name) {
            Some(value) => Some((value.as_str(), Source::Environment)),
            None => self.file.get(name).map(|value| (value.as_str(), Source::EnvFile)),
        }
        .filter(|(value, _)| !value.is_empty())
    }

    /// The settings of one source, whether or not the other sets them too.
    fn of(&self, source: Source, name: &str) -> Option<&str> {
        let hidden = self.environment.get(name).is_some_and(String::is_empty);
        let value = match source {
            Source::Environment => self.environment.get(name),
            Source::EnvFile if !hidden => self.file.get(name),
            Source::EnvFile | Source::CommandLine | Source::Default => None,
        };
        value.map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The server to ask.
    ///
    /// # Errors
    /// When one source names two.
    pub(crate) fn address(&self, flag: Option<&str>) -> Result<Address, Failure> {
        let trimmed = |url: &str| url.trim_end_matches('/').to_owned();
        if let Some(url) = flag {
            let (source, said_by) = (Source::CommandLine, "`--url`".to_owned());
            return Ok(Address { url: trimmed(url), source, said_by });
        }
        for source in [Source::Environment, Source::EnvFile] {
            if let Some(url) = self.of(source, "FARAMESH_URL") {
                self.agree(source)?;
                return Ok(Address {
                    url: trimmed(url),
                    source,
                    said_by: format!("`FARAMESH_URL` in {source}"),
                });
            }
            if ["FARAMESH_HOST", "FARAMESH_PORT"].iter().any(|name| self.of(source, name).is_some()) {
                return Ok(self.made());
            }
        }
        let said_by = "the default".to_owned();
        Ok(Address { url: DEFAULT_URL.to_owned(), source: Source::Default, said_by })
    }

    /// The address of the server that these settings start.
    fn made(&self) -> Address {
        let host = self.get("FARAMESH_HOST");
        let port = self.get("FARAMESH_PORT");
        let source = [host, port].into_iter().flatten().map(|(_, source)| source).max();
        let named = [("FARAMESH_HOST", host), ("FARAMESH_PORT", port)];
        let named = named.into_iter().filter_map(|(name, found)| Some((name, found?.1)));
        let said_by =
            named.map(|(name, source)| format!("`{name}` in {source}")).collect::<Vec<_>>().join(" and ");
        let host = host.map_or("127.0.0.1", |(host, _)| host);
        let host = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            // Every address of the machine, so this one too.
            Ok(IpAddr::V4(ip)) if ip.is_unspecified() => "127.0.0.1".to_owned(),
            Ok(IpAddr::V6(ip)) if ip.is_unspecified() => "[::1]".to_owned(),
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            Ok(IpAddr::V4(_)) | Err(_) => host.to_owned(),
        };
        let port = port.map_or("8000", |(port, _)| port);
        Address { url: format!("http://{host}:{port}"), source: source.unwrap_or(Source::Default), said_by }
    }

    /// That one source does not name two servers on this machine.
    ///
    /// # Errors
    /// With both, when it does.
    pub(crate) fn agree(&self, source: Source) -> Result<(), Failure> {
        let (url, port) = (self.of(source, "FARAMESH_URL"), self.of(source, "FARAMESH_PORT"));
        let (Some(url), Some(port)) = (url, port) else { return Ok(()) };
        let Ok(uri) = url.parse::<ureq::http::Uri>() else { return Ok(()) };
        let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let of_url = uri.port_u16().unwrap_or(usual);
        if !uri.host().is_some_and(is_loopback) || port.parse() == Ok(of_url) {
            return Ok(());
        }
        let (url, port) = (text::visible(url), text::visible(port));
        Err(Failure::usage(format!(
            "{source} sets `FARAMESH_URL={url}` and `FARAMESH_PORT={port}`, two different ports"
        ))
        .help("make them the same, or remove `FARAMESH_URL`: the address follows from host and port"))
    }

    /// The key that may go to this address: one from the same source, or any where the command line or the default
    /// names the address.
    pub(crate) fn key_for(&self, address: &Address) -> Given {
        let mut held_back = None;
        for source in [Source::Environment, Source::EnvFile] {
            let found = ["FARAMESH_API_KEY", "FARAMESH_TOKEN"]
                .into_iter()
                .find_map(|name| Some((name, self.of(source, name)?)));
            let Some((name, key)) = found else { continue };
            let said_by = format!("`{name}` in {source}");
            let free = matches!(address.source, Source::CommandLine | Source::Default);
            if free || address.source == source {
                return Given::Key { text: key.to_owned(), said_by };
            }
            held_back.get_or_insert(said_by);
        }
        held_back.map_or(Given::None, |said_by| Given::HeldBack { said_by })
    }
}

/// Whether a host of an address is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(environment: &[(&str, &str)], file: &[(&str, &str)]) -> Settings {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| (format!("FARAMESH_{name}"), (*value).to_owned())).collect()
        };
        Settings { environment: map(environment), file: map(file) }
    }

    fn url(settings: &Settings) -> (String, Source) {
        let address = settings.address(None).unwrap();
        (address.url, address.source)
    }

    #[test]
    fn the_environment_is_before_the_file_and_the_file_before_the_default() {
        assert_eq!(url(&with(&[], &[])), (DEFAULT_URL.to_owned(), Source::Default));
        let file = [("URL", "http://b:2/")];
        assert_eq!(url(&with(&[], &file)), ("http://b:2".to_owned(), Source::EnvFile));
        assert_eq!(
            url(&with(&[("URL", "http://a:1")], &file)),
            ("http://a:1".to_owned(), Source::Environment)
        );
        let address = with(&[("URL", "http://a:1")], &file).address(Some("http://c:3/")).unwrap();
        assert_eq!((address.url.as_str(), address.source), ("http://c:3", Source::CommandLine));
        assert_eq!(url(&with(&[("URL", "")], &file)).1, Source::Default);
    }

    #[test]
    fn an_address_is_made_from_host_and_port() {
        for (host, port, made) in [
            (None, Some("8137"), "http://127.0.0.1:8137"),
            (Some("0.0.0.0"), None, "http://127.0.0.1:8000"),
            (Some("::"), Some("1"), "http://[::1]:1"),
            (Some("::1"), Some("1"), "http://[::1]:1"),
            (Some("localhost"), None, "http://localhost:8000"),
            (Some("10.0.0.7"), None, "http://10.0.0.7:8000"),
        ] {
            let pairs: Vec<_> = [("HOST", host), ("PORT", port)]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            assert_eq!(url(&with(&[], &pairs)), (made.to_owned(), Source::EnvFile));
        }
        // An address built from both sources counts as from the weaker one.
        let both = with(&[("PORT", "1")], &[("HOST", "192.0.2.1")]);
        assert_eq!(url(&both), ("http://192.0.2.1:1".to_owned(), Source::EnvFile));
        // A port of the environment is before an address of the file.
        assert_eq!(url(&with(&[("PORT", "1")], &[("URL", "http://b:2")])).0, "http://127.0.0.1:1");
    }

    #[test]
    fn two_ports_in_one_source_are_a_mistake() {
        for url in
            ["http://127.0.0.1:8000", "http://localhost:8000/", "http://[::1]:8000", "http://127.1.2.3"]
        {
            let failure = with(&[], &[("URL", url), ("PORT", "8137")]).address(None).unwrap_err();
            assert!(failure.message().contains(url.trim_end_matches('/')), "{}", failure.message());
            assert!(failure.message().contains("FARAMESH_PORT=8137"), "{}", failure.message());
        }
        for (url, port) in
            [("http://127.0.0.1:8137", "8137"), ("http://10.0.0.7:1", "8137"), ("http://localhost", "80")]
        {
            assert!(with(&[("URL", url), ("PORT", port)], &[]).address(None).is_ok(), "{url}");
        }
        assert!(with(&[("URL", "http://127.0.0.1:1")], &[("PORT", "2")]).address(None).is_ok());
    }

    #[test]
    fn a_key_goes_only_where_its_own_source_says() {
        let key = |settings: &Settings, flag: Option<&str>| match settings
            .key_for(&settings.address(flag).unwrap())
        {
            Given::Key { text, .. } => text,
            Given::HeldBack { .. } => "held back".to_owned(),
            Given::None => "none".to_owned(),
        };
        let shell = [("API_KEY", "shell")];
        assert_eq!(key(&with(&shell, &[("URL", "http://b")]), None), "held back");
        assert_eq!(key(&with(&shell, &[("HOST", "b.example")]), None), "held back");
        assert_eq!(key(&with(&shell, &[("PORT", "9")]), None), "held back");
        assert_eq!(key(&with(&shell, &[("URL", "http://b"), ("API_KEY", "file")]), None), "file");
        assert_eq!(key(&with(&[("URL", "http://a")], &[("API_KEY", "file")]), None), "held back");
        assert_eq!(key(&with(&[("URL", "http://a"), ("TOKEN", "shell")], &[]), None), "shell");
        assert_eq!(key(&with(&shell, &[("URL", "http://b")]), Some("http://c")), "shell");
        assert_eq!(key(&with(&[], &[("API_KEY", "file")]), Some("http://c")), "file");
        assert_eq!(key(&with(&shell, &[("API_KEY", "file")]), None), "shell");
        assert_eq!(key(&with(&[("API_KEY", "")], &[("API_KEY", "file")]), None), "none");
    }

    #[test]
    fn every_variable_that_an_option_reads_is_known_and_documented() {
        fn read(command: &clap::Command, names: &mut Vec<String>) {
            let own = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str().map(str::to_owned));
            names.extend(own);
            command.get_subcommands().for_each(|noun| read(noun, names));
        }
        let mut names = Vec::new();
        read(&<crate::Cli as clap::CommandFactory>::command(), &mut names);
        assert!(names.len() > 8, "{names:?}");
        let documented = include_str!("../../../docs/SETTINGS.md");
        for name in names.iter().map(String::as_str).chain(KNOWN) {
            assert!(KNOWN.contains(&name), "`{name}` would draw a warning");
            assert!(documented.contains(&format!("`{name}`")), "`{name}` is not in docs/SETTINGS.md");
        }
    }

    #[test]
    fn a_name_that_is_nearly_right_is_known() {
        assert_eq!(nearest("FARAMESH_PROT"), Some("FARAMESH_PORT"));
        assert_eq!(nearest("FARAMESH_APIKEY"), Some("FARAMESH_API_KEY"));
        assert_eq!(nearest("FARAMESH_COLOUR"), None);
    }
}
