//! The line to a server: which one, with which key, and what its errors mean to a person.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, RequestBuilder};

use super::exit::Failure;
use super::{Global, text};

/// The most bytes of an answer, so that a server cannot fill the memory: a page of the largest records fits.
const MAX_ANSWER_BYTES: u64 = 256 * 1024 * 1024;
/// The server says something at least every 15 seconds on the line of events; three times that is silence.
const EVENTS_SILENCE: Duration = Duration::from_secs(45);

/// Whether a command may use the admin key that lies beside the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// For people at the machine of the server.
    Found,
    /// For acting as an agent: who proposes an action may not approve it, so the admin key stays where it is.
    OnlyGiven,
}

/// A key, and where it comes from.
#[derive(Debug)]
pub(crate) struct Key {
    secret: String,
    /// The name of the variable or the file.
    pub(crate) source: String,
}

/// A server to talk to.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    events: Agent,
    url: String,
    key: Option<Key>,
}

impl Client {
    /// Prepares to talk to the server that `global` names. Nothing is sent yet.
    ///
    /// # Errors
    /// When the address is no address, or a key file cannot be read.
    pub(crate) fn new(global: &Global, key_use: KeyUse) -> Result<Self, Failure> {
        let url = global.url.trim_end_matches('/').to_owned();
        let Some(host) = host_of(&url) else {
            return Err(Failure::usage(format!("`{url}` is not the address of a server"))
                .help("write it as `http://127.0.0.1:8000`"));
        };
        let local = is_loopback(&host);
        let key = find_key(key_use, local)?;
        let config = || {
            let config = Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .user_agent(concat!("faramesh/", env!("CARGO_PKG_VERSION")))
                .timeout_connect(Some(Duration::from_secs(5)));
            // A proxy could not reach this machine's own loopback.
            if local { config.proxy(None) } else { config }
        };
        Ok(Client {
            agent: config().timeout_global(Some(Duration::from_secs(60))).build().into(),
            events: config().timeout_per_read(Some(EVENTS_SILENCE)).build().into(),
            url,
            key,
        })
    }

    /// The address, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The key that is sent, if any.
    pub(crate) fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// Asks for `path`.
    ///
    /// # Errors
    /// No answer, or one that says no.
    pub(crate) fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, Failure> {
        let mut request = self.authorized(self.agent.get(format!("{}{path}", self.url)));
        for (name, value) in query {
            request = request.query(*name, value);
        }
        self.answer(request.call())
    }

    /// Asks for `path`, and gives the answer byte for byte.
    ///
    /// # Errors
    /// No answer, or one that says no.
    pub(crate) fn text(&self, path: &str, query: &[(&str, String)]) -> Result<String, Failure> {
        let mut request = self.authorized(self.agent.get(format!("{}{path}", self.url)));
        for (name, value) in query {
            request = request.query(*name, value);
        }
        let response = request.call().map_err(|error| self.no_answer(&error))?;
        let (status, body) = self.bytes(response)?;
        match String::from_utf8(body) {
            Ok(text) if status.is_success() => Ok(text),
            Ok(text) => match self.judge(status, text.as_bytes()) {
                Ok(_) => Err(self.foreign()),
                Err(failure) => Err(failure),
            },
            Err(_) => Err(self.foreign()),
        }
    }

    /// Sends a JSON body to `path`.
    ///
    /// # Errors
    /// No answer, or one that says no.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Result<Value, Failure> {
        let request = self.authorized(self.agent.post(format!("{}{path}", self.url)));
        self.answer(request.content_type("application/json").send(body))
    }

    /// Deletes what is at `path`.
    ///
    /// # Errors
    /// No answer, or one that says no.
    pub(crate) fn delete(&self, path: &str) -> Result<Value, Failure> {
        let request = self.authorized(self.agent.delete(format!("{}{path}", self.url)));
        self.answer(request.call())
    }

    /// What the server says of itself at `/ready`, whether or not it is.
    ///
    /// # Errors
    /// No answer, or one that is not a Faramesh server's.
    pub(crate) fn readiness(&self) -> Result<Value, Failure> {
        let request = self.authorized(self.agent.get(format!("{}/ready", self.url)));
        let (status, body) = self.bytes(request.call().map_err(|error| self.no_answer(&error))?)?;
        match serde_json::from_slice::<Value>(&body) {
            Ok(said) if said.get("status").is_some_and(Value::is_string) => Ok(said),
            _ => self.judge(status, &body),
        }
    }

    /// Opens the line of events, behind `last_event_id` where one is known.
    ///
    /// # Errors
    /// No answer, or one that says no.
    pub(crate) fn events(&self, last_event_id: Option<&str>) -> Result<Box<dyn Read>, Failure> {
        let mut request = self.authorized(self.events.get(format!("{}/v1/events", self.url)));
        request = request.header("Accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.call().map_err(|error| self.no_answer(&error))?;
        if response.status() != StatusCode::OK {
            self.read(response)?;
            return Err(self.foreign());
        }
        Ok(Box::new(response.into_body().into_reader()))
    }

    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.key {
            Some(key) => request.header("Authorization", format!("Bearer {}", key.secret)),
            None => request,
        }
    }

    fn answer(&self, response: Result<Response<Body>, ureq::Error>) -> Result<Value, Failure> {
        self.read(response.map_err(|error| self.no_answer(&error))?)
    }

    fn read(&self, response: Response<Body>) -> Result<Value, Failure> {
        let (status, body) = self.bytes(response)?;
        self.judge(status, &body)
    }

    fn bytes(&self, mut response: Response<Body>) -> Result<(StatusCode, Vec<u8>), Failure> {
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        Ok((response.status(), body.map_err(|error| self.no_answer(&error))?))
    }

    /// What an answer means: the value, or the failure that it tells of.
    fn judge(&self, status: StatusCode, body: &[u8]) -> Result<Value, Failure> {
        if status.is_success() && body.is_empty() {
            return Ok(Value::Null);
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(value) if status.is_success() => Ok(value),
            Ok(problem) if problem.get("code").is_some() => Err(self.refusal(status, problem)),
            _ => Err(self.foreign()),
        }
    }

    /// A problem document (RFC 9457) as a sentence and advice.
    fn refusal(&self, status: StatusCode, problem: Value) -> Failure {
        let word = |key: &str| problem.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let sentence = word("detail").or(word("title")).unwrap_or("the server refused").trim_end_matches('.');
        let help = word("help").map(str::to_owned).or_else(|| self.advice(status));
        let failure = match status.as_u16() {
            500.. => Failure::unreachable(sentence),
            _ => Failure::refused(sentence),
        };
        let failure = if let Some(help) = help { failure.help(help) } else { failure };
        failure.problem(problem)
    }

    fn advice(&self, status: StatusCode) -> Option<String> {
        match (status.as_u16(), &self.key) {
            (401, None) => Some(
                "set FARAMESH_API_KEY, or run this where the server's `admin.key` lies beside its database"
                    .to_owned(),
            ),
            (401, Some(key)) => Some(format!("the key from {} is not one of this server's", key.source)),
            (403, None) => Some("set FARAMESH_API_KEY to a key with the role that this takes".to_owned()),
            (403, Some(key)) => Some(format!("the key from {} has not the role that this takes", key.source)),
            (503, _) => Some("nothing was decided; callers treat this as `HALT`".to_owned()),
            _ => None,
        }
    }

    fn no_answer(&self, error: &ureq::Error) -> Failure {
        let why = match error {
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                "connection refused".to_owned()
            }
            ureq::Error::Io(error) => error.to_string(),
            ureq::Error::Timeout(_) => "it did not answer in time".to_owned(),
            ureq::Error::HostNotFound => "there is no such host".to_owned(),
            other => other.to_string(),
        };
        Failure::unreachable(format!("cannot reach a server at `{}`: {why}", self.url))
            .help("start one with `faramesh server start`, or name another with `--url` or FARAMESH_URL")
    }

    fn foreign(&self) -> Failure {
        Failure::unreachable(format!("what answers at `{}` is not a Faramesh server", self.url))
            .help("name the right address with `--url` or FARAMESH_URL")
    }
}

/// An id as part of a path.
///
/// # Errors
/// When it holds what no id holds, so that it can never reach another path.
pub(crate) fn id_segment(id: &str) -> Result<&str, Failure> {
    if !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Ok(id);
    }
    Err(Failure::usage(format!("`{id}` is not an id"))
        .help("ids are printed by `faramesh actions list`; their first 8 characters are enough"))
}

/// The file of the database that the settings name, unless it is a database server.
pub(crate) fn database_file(setting: Option<String>) -> Option<PathBuf> {
    let setting =
        setting.filter(|text| !text.is_empty()).unwrap_or_else(|| ".faramesh/faramesh.db".to_owned());
    match setting.strip_prefix("sqlite:") {
        Some(path) => Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path))),
        None if setting.contains("://") => None,
        None => Some(PathBuf::from(setting)),
    }
}

/// Where the admin key of a server on this machine lies.
pub(crate) fn admin_key_file() -> Option<PathBuf> {
    let database = database_file(std::env::var("FARAMESH_DB").ok())?;
    Some(database.parent().unwrap_or(Path::new("")).join("admin.key"))
}

fn find_key(key_use: KeyUse, local: bool) -> Result<Option<Key>, Failure> {
    for name in ["FARAMESH_API_KEY", "FARAMESH_TOKEN"] {
        if let Some(secret) = std::env::var(name).ok().filter(|secret| !secret.is_empty()) {
            return Ok(Some(checked(secret, name.to_owned())?));
        }
    }
    // The admin key belongs to the server on this machine; it is never sent to another one.
    let (KeyUse::Found, true, Some(path)) = (key_use, local, admin_key_file()) else { return Ok(None) };
    let source = format!("`{}`", path.display());
    match std::fs::read_to_string(&path) {
        Ok(secret) => Ok(Some(checked(secret.trim().to_owned(), source)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(None),
        Err(error) => Err(Failure::usage(format!("{source} cannot be read: {error}"))),
    }
}

fn checked(secret: String, source: String) -> Result<Key, Failure> {
    if secret.is_empty() || !secret.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Failure::usage(format!("{source} does not hold an API key"))
            .help("a key is one word, such as `faramesh keys create` prints"));
    }
    Ok(Key { secret, source })
}

/// The host part of an `http` or `https` address; none where it is no such address.
fn host_of(url: &str) -> Option<String> {
    let uri: ureq::http::Uri = url.parse().ok()?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    if !known || uri.query().is_some() || uri.authority()?.as_str().contains('@') {
        return None;
    }
    uri.host().map(str::to_owned)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `text` made fit for a message: on one line and not too long.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", text::shortened(&text::visible(text), 80, "..."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for url in
            ["http://127.0.0.1:8000", "http://localhost", "https://[::1]:8000/base", "http://127.9.9.9"]
        {
            assert!(host_of(url).is_some_and(|host| is_loopback(&host)), "{url}");
        }
        for url in ["http://example.com", "http://127.0.0.1.example.com", "http://0.0.0.0:1", "http://[::2]"]
        {
            assert!(host_of(url).is_some_and(|host| !is_loopback(&host)), "{url}");
        }
        for url in ["", "example.com", "ftp://x", "http://", "http://localhost@example.com", "http://a?b=c"] {
            assert_eq!(host_of(url), None, "{url}");
        }
    }

    #[test]
    fn an_id_never_leaves_its_place_in_the_path() {
        assert!(id_segment("0b1c2d3e").is_ok());
        for id in ["", "..", "a/b", "a?b", "a%2fb", "a b", "é"] {
            assert!(id_segment(id).is_err(), "{id}");
        }
    }

    #[test]
    fn the_database_setting_names_a_file_or_a_server() {
        let file = |setting: &str| database_file(Some(setting.to_owned()));
        assert_eq!(database_file(None), Some(PathBuf::from(".faramesh/faramesh.db")));
        assert_eq!(file("sqlite:/x/y.db"), Some(PathBuf::from("/x/y.db")));
        assert_eq!(file("sqlite:///x/y.db"), Some(PathBuf::from("/x/y.db")));
        assert_eq!(file("data.db"), Some(PathBuf::from("data.db")));
        assert_eq!(file("postgres://db/faramesh"), None);
    }
}
