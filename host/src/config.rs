//! The settings of the server, checked once at its start.
//!
//! Nothing here opens or creates anything; that a folder is missing or a port taken shows in [`crate::server`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::policies::settle::SETTLED;

/// The settings as they come from the command line or the environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on, or `localhost`.
    pub host: String,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// The database: a path, or `sqlite:PATH`.
    pub db: String,
    /// The folder with the policy files.
    pub policies: PathBuf,
    /// The folder for the compiled engine; without one, every start compiles it.
    pub cache_dir: Option<PathBuf>,
    /// How long an approval may take where no policy says: `30s`, `5m`, `1h`, `1d`.
    pub approval_ttl: String,
    /// How long an action that may run may take to start.
    pub start_ttl: String,
    /// How long an action may execute before it counts as `timeout`.
    pub result_ttl: String,
    /// How far the times of records that wrappers bring may be off.
    pub record_skew: String,
    /// The most bytes of a request's body.
    pub max_body: usize,
    /// The most connections at once.
    pub max_connections: usize,
    /// How long a signed bundle of the policies may be relied on.
    pub bundle_max_age: String,
    /// Origins whose pages count as the server's own: `http://localhost:8080`.
    pub allow_origins: Vec<String>,
}

/// The defaults, as a person writes them.
impl Settings {
    /// For [`Settings::host`].
    pub const HOST: &str = "127.0.0.1";
    /// For [`Settings::port`].
    pub const PORT: u16 = 8000;
    /// For [`Settings::db`].
    pub const DB: &str = ".faramesh/faramesh.db";
    /// For [`Settings::policies`].
    pub const POLICIES: &str = "policies";
    /// For [`Settings::approval_ttl`].
    pub const APPROVAL_TTL: &str = "1h";
    /// For [`Settings::start_ttl`].
    pub const START_TTL: &str = "15m";
    /// For [`Settings::result_ttl`].
    pub const RESULT_TTL: &str = "15m";
    /// For [`Settings::record_skew`].
    pub const RECORD_SKEW: &str = "5m";
    /// For [`Settings::max_body`].
    pub const MAX_BODY: usize = engine::json::MAX_BYTES;
    /// For [`Settings::max_connections`]: every held call waits on one.
    pub const MAX_CONNECTIONS: usize = 2048;
    /// For [`Settings::bundle_max_age`].
    pub const BUNDLE_MAX_AGE: &str = "24h";
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            host: Settings::HOST.to_owned(),
            port: Settings::PORT,
            db: Settings::DB.to_owned(),
            policies: PathBuf::from(Settings::POLICIES),
            cache_dir: None,
            approval_ttl: Settings::APPROVAL_TTL.to_owned(),
            start_ttl: Settings::START_TTL.to_owned(),
            result_ttl: Settings::RESULT_TTL.to_owned(),
            record_skew: Settings::RECORD_SKEW.to_owned(),
            max_body: Settings::MAX_BODY,
            max_connections: Settings::MAX_CONNECTIONS,
            bundle_max_age: Settings::BUNDLE_MAX_AGE.to_owned(),
            allow_origins: Vec::new(),
        }
    }
}

/// The settings, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The addresses to listen on: one, or both loopback addresses for `localhost`.
    pub hosts: Vec<IpAddr>,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// The SQLite file.
    pub db: PathBuf,
    /// The folder with the policy files.
    pub policies: PathBuf,
    /// Where the compiled engine is kept; none means that every start compiles it.
    pub cache_dir: Option<PathBuf>,
    /// How long an approval may take where no policy says.
    pub approval_ttl: Duration,
    /// How long an action that may run may take to start.
    pub start_ttl: Duration,
    /// How long an action may execute before it counts as `timeout`.
    pub result_ttl: Duration,
    /// How far the times of records that wrappers bring may be off.
    pub record_skew: Duration,
    /// The most bytes of a request's body.
    pub max_body: usize,
    /// The most connections at once; fewer where the system does not give as many.
    pub max_connections: usize,
    /// How long a signed bundle of the policies may be relied on, in whole seconds.
    pub bundle_max_age: Duration,
    /// Origins whose pages count as the server's own, as browsers write them.
    pub allow_origins: Vec<String>,
    /// How long a reader of events may take nothing before it is dropped.
    pub reader_patience: Duration,
    /// How long a connection may be silent between two requests, and take for the head of one.
    pub head_time: Duration,
    /// How long a connection may take nothing of an answer.
    pub write_time: Duration,
    /// How long the policy folder must be unchanged before a change of it counts that may permit more.
    pub settled: Duration,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// The fault.
    pub message: String,
    /// The remedy.
    pub help: String,
}

/// Longer than any pause of a healthy network.
const READER_PATIENCE: Duration = Duration::from_secs(10);

/// Longer than the clients in use keep a silent connection, so that they close it and not the server.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Longer than any pause of a healthy network.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// Fewer could not be shared out: some are for streams, some for waiting requests, some for all others.
const FEWEST_CONNECTIONS: usize = 16;

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        let hosts = match settings.host.as_str() {
            // Which of the two a client tries first is for its system to say.
            "localhost" => vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
            text => vec![text.trim_matches(['[', ']']).parse().map_err(|_| {
                ConfigError {
                    message: format!("`{text}` is not an address to listen on"),
                    help:
                        "set `FARAMESH_HOST` to an IP address such as 127.0.0.1 or 0.0.0.0, or to localhost"
                            .to_owned(),
                }
            })?],
        };
        let db = database(&settings.db)?;
        if db.as_os_str().is_empty() || settings.policies.as_os_str().is_empty() {
            let name = if db.as_os_str().is_empty() { "FARAMESH_DB" } else { "FARAMESH_POLICIES" };
            return Err(ConfigError {
                message: format!("`{name}` is empty"),
                help: "set it to a path, or leave it out".to_owned(),
            });
        }
        if !(1..=engine::json::MAX_BYTES).contains(&settings.max_body) {
            return Err(ConfigError {
                message: format!("a body of at most {} bytes cannot be set", settings.max_body),
                help: format!("set `FARAMESH_MAX_BODY` to 1 to {} bytes", engine::json::MAX_BYTES),
            });
        }
        if settings.max_connections < FEWEST_CONNECTIONS {
            return Err(ConfigError {
                message: format!("a server cannot do with {} connections", settings.max_connections),
                help: format!("set `FARAMESH_MAX_CONNECTIONS` to {FEWEST_CONNECTIONS} or more"),
            });
        }
        Ok(Config {
            hosts,
            port: settings.port,
            db,
            policies: settings.policies,
            cache_dir: settings.cache_dir,
            approval_ttl: ttl("FARAMESH_APPROVAL_TTL", &settings.approval_ttl)?,
            start_ttl: ttl("FARAMESH_START_TTL", &settings.start_ttl)?,
            result_ttl: ttl("FARAMESH_RESULT_TTL", &settings.result_ttl)?,
            record_skew: ttl("FARAMESH_RECORD_SKEW", &settings.record_skew)?,
            max_body: settings.max_body,
            max_connections: settings.max_connections,
            bundle_max_age: max_age("FARAMESH_BUNDLE_MAX_AGE", &settings.bundle_max_age)?,
            allow_origins: settings
                .allow_origins
                .iter()
                .map(|text| origin(text))
                .collect::<Result<_, _>>()?,
            reader_patience: READER_PATIENCE,
            head_time: HEAD_TIME,
            write_time: WRITE_TIME,
            settled: SETTLED,
        })
    }

    /// Whether only this machine can reach the server.
    pub fn is_loopback(&self) -> bool {
        self.hosts.iter().all(IpAddr::is_loopback)
    }

    /// The folder of the database, where the admin key is too.
    pub fn data_dir(&self) -> &Path {
        match self.db.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// The file with the text of the admin key.
    pub fn admin_key_file(&self) -> PathBuf {
        self.data_dir().join("admin.key")
    }

    /// The file with the key that signs bundles.
    pub fn signing_key_file(&self) -> PathBuf {
        self.data_dir().join("signing-key.pem")
    }
}

/// The file that a `FARAMESH_DB` names.
///
/// # Errors
/// For a database of another kind.
pub fn database(setting: &str) -> Result<PathBuf, ConfigError> {
    match setting.split_once(':') {
        Some(("sqlite", path)) => Ok(PathBuf::from(path.strip_prefix("//").unwrap_or(path))),
        Some((scheme @ ("postgres" | "postgresql" | "mysql"), _)) => Err(ConfigError {
            message: format!("this version cannot use a `{scheme}` database"),
            help: "set `FARAMESH_DB` to a path or to `sqlite:PATH`".to_owned(),
        }),
        _ => Ok(PathBuf::from(setting)),
    }
}

/// An origin as browsers write it (RFC 6454 §6.2): a scheme, a name in lowercase, and a port that is not the usual one.
fn origin(text: &str) -> Result<String, ConfigError> {
    let lower = text.trim().to_ascii_lowercase();
    let read = || {
        let (scheme, authority) = lower.split_once("://")?;
        let usual = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return None,
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let uri: axum::http::uri::Authority = authority.parse().ok()?;
        // A name with a `*` in it would never be one that a browser sends.
        let plain = !uri.host().is_empty() && !authority.contains(['@', '*']);
        plain.then(|| format!("{scheme}://{}", authority.strip_suffix(usual).unwrap_or(authority)))
    };
    read().ok_or_else(|| ConfigError {
        message: format!("`{text}` is not an origin"),
        help:
            "set `FARAMESH_ALLOW_ORIGIN` to origins such as http://localhost:8080, with commas between them"
                .to_owned(),
    })
}

fn ttl(name: &str, text: &str) -> Result<Duration, ConfigError> {
    match duration(text) {
        Some(ttl) => Ok(ttl),
        None => Err(ConfigError {
            message: format!("`{text}` is not a time that `{name}` can have"),
            help: "write a number and a unit, such as 30s, 5m, 1h or 1d; at most 366d".to_owned(),
        }),
    }
}

/// A time for which a bundle may be relied on: whole seconds, because that is how a bundle says it.
///
/// # Errors
/// If it is invalid.
pub fn max_age(name: &str, text: &str) -> Result<Duration, ConfigError> {
    let age = ttl(name, text)?;
    if age.subsec_nanos() == 0 {
        return Ok(age);
    }
    Err(ConfigError {
        message: format!("`{text}` is not a time that `{name}` can have"),
        help: "write whole seconds, such as 30s, 5m, 1h or 1d".to_owned(),
    })
}

/// A length of time such as `250ms`, `30s`, `5m`, `1h`, `1d` or `2w`, by the grammar of the engine.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(host::config::duration("5m"), Some(Duration::from_secs(300)));
/// assert_eq!(host::config::duration("5 minutes"), None);
/// ```
pub fn duration(text: &str) -> Option<Duration> {
    engine::time::duration_ms(text).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { cache_dir: Some("cache".into()), ..Settings::default() }
    }

    #[test]
    fn the_defaults_work() {
        let config = Config::new(settings()).unwrap();
        assert!(config.is_loopback());
        assert_eq!(config.admin_key_file(), Path::new(".faramesh/admin.key"));
        assert_eq!(config.approval_ttl, Duration::from_secs(3600));
    }

    #[test]
    fn a_database_may_be_named_with_its_kind() {
        for (db, path) in
            [("sqlite:a.db", "a.db"), ("sqlite:///var/a.db", "/var/a.db"), ("dir/a.db", "dir/a.db")]
        {
            let config = Config::new(Settings { db: db.into(), ..settings() }).unwrap();
            assert_eq!(config.db, Path::new(path));
        }
        assert_eq!(
            Config::new(Settings { db: "a.db".into(), ..settings() }).unwrap().data_dir(),
            Path::new(".")
        );
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, written) in [
            ("http://localhost:8080", "http://localhost:8080"),
            (" HTTPS://Example.org/ ", "https://example.org"),
            ("http://example.org:80", "http://example.org"),
            ("https://[::1]:443", "https://[::1]"),
        ] {
            let config = Config::new(Settings { allow_origins: vec![text.into()], ..settings() });
            assert_eq!(config.unwrap().allow_origins, [written]);
        }
        for text in [
            "",
            "*",
            "null",
            "localhost:8080",
            "http://",
            "http://a/b",
            "http://u@a",
            "https://*.a",
            "ws://a",
        ] {
            let error = Config::new(Settings { allow_origins: vec![text.into()], ..settings() }).unwrap_err();
            assert_eq!(error.message, format!("`{text}` is not an origin"));
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let bad = [
            Settings { host: "example.org".into(), ..settings() },
            Settings { db: "postgres://db/faramesh".into(), ..settings() },
            Settings { db: String::new(), ..settings() },
            Settings { policies: PathBuf::new(), ..settings() },
            Settings { approval_ttl: "soon".into(), ..settings() },
            Settings { start_ttl: "0s".into(), ..settings() },
            Settings { result_ttl: "0s".into(), ..settings() },
            Settings { result_ttl: "99999999999999999d".into(), ..settings() },
            Settings { bundle_max_age: "1500ms".into(), ..settings() },
            Settings { max_body: 0, ..settings() },
            Settings { max_body: engine::json::MAX_BYTES + 1, ..settings() },
            Settings { max_connections: 15, ..settings() },
        ];
        let messages: Vec<_> = bad.map(|bad| Config::new(bad).unwrap_err().message).into();
        assert_eq!(
            messages,
            [
                "`example.org` is not an address to listen on",
                "this version cannot use a `postgres` database",
                "`FARAMESH_DB` is empty",
                "`FARAMESH_POLICIES` is empty",
                "`soon` is not a time that `FARAMESH_APPROVAL_TTL` can have",
                "`0s` is not a time that `FARAMESH_START_TTL` can have",
                "`0s` is not a time that `FARAMESH_RESULT_TTL` can have",
                "`99999999999999999d` is not a time that `FARAMESH_RESULT_TTL` can have",
                "`1500ms` is not a time that `FARAMESH_BUNDLE_MAX_AGE` can have",
                "a body of at most 0 bytes cannot be set",
                "a body of at most 1048577 bytes cannot be set",
                "a server cannot do with 15 connections",
            ]
        );
    }
}
