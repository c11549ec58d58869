//! The line to a server: which one, with which key, and what its errors mean to a person.

use std::io::Read;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::Ready;
use clap::Args;
use host::identity::{self, Identity};
use serde::Deserialize;
use serde_json::Value;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, RequestBuilder};

use super::exit::Failure;
use super::settings::{Given, is_loopback, settings};
use super::text;

/// The most bytes of an answer, so that a server cannot fill the memory: a page with the largest records fits.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;
/// Fewer characters name too many actions.
const SHORTEST_ID: usize = 8;
/// The server says something at least every 15 seconds on the line of events; three times that is silence.
const EVENTS_SILENCE: Duration = Duration::from_secs(45);

/// Which server a command talks to.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Connection {
    /// The server's address; by default from FARAMESH_URL, or FARAMESH_HOST and FARAMESH_PORT
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    url: Option<String>,
}

/// Whether a command may use the admin key next to the database.
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
    text: String,
    /// The variable or the file.
    pub(crate) source: String,
    /// The exact address at which the server has to listen. The admin key is for the server that is asked, and for none
    /// behind it; for a key that is given explicitly, only its giver knows the way between.
    listens_at: Option<SocketAddr>,
}

/// A server to talk to.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    events: Agent,
    url: String,
    /// The source of the server's address.
    said_by: String,
    /// Whether it is on this machine.
    local: bool,
    key: Option<Key>,
    key_use: KeyUse,
    /// A key that is set, and not for this address.
    held_back: Option<String>,
}

impl Client {
    /// Prepares to talk to the server that `connection` or the settings name. Nothing is sent yet.
    ///
    /// # Errors
    /// If the address is invalid, the settings name two, or a key file cannot be read.
    pub(crate) fn new(connection: &Connection, key_use: KeyUse) -> Result<Self, Failure> {
        let settings = settings();
        let address = settings.address(connection.url.as_deref())?;
        let Some(host) = host_of(&address.url) else {
            return Err(Failure::usage(format!("`{}` is not the address of a server", address.url))
                .help(format!("it is from {}; write it as `http://127.0.0.1:8000`", address.said_by)));
        };
        let local = is_loopback(&host) || leads_here(&address.url);
        let (mut url, mut held_back) = (address.url.clone(), None);
        let key = match settings.key_for(&address) {
            Given::Key { text, said_by } => Some(checked(text, said_by, None)?),
            given => {
                if let Given::HeldBack { said_by } = given {
                    held_back = Some(said_by);
                }
                match found_key(key_use, &url)? {
                    Some((key, found_at)) => {
                        url = found_at;
                        Some(key)
                    }
                    None => None,
                }
            }
        };
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
            said_by: address.said_by,
            local,
            key,
            key_use,
            held_back,
        })
    }

    /// The address, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The key that is set and not for this address, if any.
    pub(crate) fn held_back(&self) -> Option<&str> {
        self.held_back.as_deref()
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
        let mut request = self.authorized(self.agent.get(format!("{}{path}", self.url)))?;
        for (name, value) in query {
            request = request.query(*name, value);
        }
        self.answer(path, request.call())
    }

    /// Asks for `path`, and gives the answer byte for byte.
    ///
    /// # Errors
    /// No answer, or one that says no.
    pub(crate) fn text(&self, path: &str, query: &[(&str, String)]) -> Result<String, Failure> {
        let mut request = self.authorized(self.agent.get(format!("{}{path}", self.url)))?;
        for (name, value) in query {
            request = request.query(*name, value);
        }
        let response = request.call().map_err(|error| self.no_answer(&error))?;
        let (status, body) = self.bytes(response)?;
        match String::from_utf8(body) {
            Ok(text) if status.is_success() => Ok(text),
            Ok(text) => match self.judge(path, status, text.as_bytes()) {
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
        let request = self.authorized(self.agent.post(format!("{}{path}", self.url)))?;
        self.answer(path, request.content_type("application/json").send(body))
    }

    /// Sends a DELETE request for `path`.
    ///
    /// # Errors
    /// No answer, or one that says no.
    pub(crate) fn delete(&self, path: &str) -> Result<Value, Failure> {
        let request = self.authorized(self.agent.delete(format!("{}{path}", self.url)))?;
        self.answer(path, request.call())
    }

    /// The server's own report at `/ready`, whether or not it is ready.
    ///
    /// # Errors
    /// No answer, or one that is not a Faramesh server's.
    pub(crate) fn readiness(&self) -> Result<Ready, Failure> {
        let request = self.authorized(self.agent.get(format!("{}/ready", self.url)))?;
        let (status, body) = self.bytes(request.call().map_err(|error| self.no_answer(&error))?)?;
        match serde_json::from_slice::<Ready>(&body) {
            Ok(said) => Ok(said),
            Err(_) => self.judge("/ready", status, &body).and_then(|answer| self.read(&answer)),
        }
    }

    /// Opens the line of events, behind `last_event_id` where one is known.
    ///
    /// # Errors
    /// No answer, or one that says no.
    pub(crate) fn events(&self, last_event_id: Option<&str>) -> Result<Box<dyn Read>, Failure> {
        let mut request = self.authorized(self.events.get(format!("{}/v1/events", self.url)))?;
        request = request.header("Accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.call().map_err(|error| self.no_answer(&error))?;
        if response.status() != StatusCode::OK {
            self.body("/v1/events", response)?;
            return Err(self.foreign());
        }
        Ok(Box::new(response.into_body().into_reader()))
    }

    /// An answer as the type that it has on the wire.
    ///
    /// # Errors
    /// When it is not of that type, as that of a newer server may be.
    pub(crate) fn read<'a, T: Deserialize<'a>>(&self, answer: &'a Value) -> Result<T, Failure> {
        T::deserialize(answer).map_err(|error| {
            Failure::unreachable(format!("the answer of `{}` is not understood: {error}", self.url)).help(format!(
                "the server may be newer than this program; the address is from {}; `-o json` prints the answer as it is",
                self.said_by
            ))
        })
    }

    fn authorized<B>(&self, request: RequestBuilder<B>) -> Result<RequestBuilder<B>, Failure> {
        match &self.key {
            Some(key) => {
                self.prove(key)?;
                Ok(request.header("Authorization", format!("Bearer {}", key.text)))
            }
            None => Ok(request),
        }
    }

    /// Makes sure that what listens on this machine knows the key already, before it is sent: any program may listen
    /// there. This is done before every request, since the server may have stopped since the last.
    fn prove(&self, key: &Key) -> Result<(), Failure> {
        // INVARIANT: the admin key, which was looked for, is never sent without a proof.
        if !self.local && key.listens_at.is_none() {
            return Ok(());
        }
        let unproven = |why: &str| {
            Failure::refused(format!(
                "what listens at `{}` {why} the key from {}, so the key was not sent",
                self.url, key.source
            ))
            .help(format!(
                "the address is from {}; name the right server with `--url`, and see that no other program has its port",
                self.said_by
            ))
        };
        let Some((key_id, secret)) = identity::parts(&key.text) else {
            return Err(Failure::refused(format!("{} does not hold an API key", key.source))
                .help("a key starts with `fmk_`, such as `faramesh keys create` prints"));
        };
        let nonce = host::keys::random_secret()
            .map_err(|error| Failure::refused(format!("this machine gives no random bytes: {error}")))?;
        let request = self.agent.get(format!("{}/v1/identity", self.url));
        let request = request.query("nonce", &nonce).query("key_id", key_id);
        let (status, body) = self.bytes(request.call().map_err(|error| self.no_answer(&error))?)?;
        if status.is_server_error() {
            return Err(self.judge("/v1/identity", status, &body).err().unwrap_or_else(|| self.foreign()));
        }
        match serde_json::from_slice::<Identity>(&body) {
            Ok(said) if !said.is_proven(key_id, secret, &nonce) => Err(unproven("does not know")),
            Ok(said) if key.listens_at.is_some_and(|asked| !said.listens_at(asked)) => {
                Err(unproven("passes on to another server the question for"))
            }
            Ok(_) => Ok(()),
            Err(_) => Err(unproven("cannot prove that it knows")),
        }
    }

    fn answer(&self, path: &str, response: Result<Response<Body>, ureq::Error>) -> Result<Value, Failure> {
        self.body(path, response.map_err(|error| self.no_answer(&error))?)
    }

    fn body(&self, path: &str, response: Response<Body>) -> Result<Value, Failure> {
        let (status, body) = self.bytes(response)?;
        self.judge(path, status, &body)
    }

    fn bytes(&self, mut response: Response<Body>) -> Result<(StatusCode, Vec<u8>), Failure> {
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        Ok((response.status(), body.map_err(|error| self.no_answer(&error))?))
    }

    /// The meaning of an answer: the value, or the failure in it.
    fn judge(&self, path: &str, status: StatusCode, body: &[u8]) -> Result<Value, Failure> {
        if status.is_success() && body.is_empty() {
            return Ok(Value::Null);
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(value) if status.is_success() => Ok(value),
            Ok(problem) if problem.get("code").is_some() => Err(self.refusal(path, status, problem)),
            _ => Err(self.foreign()),
        }
    }

    /// A problem document (RFC 9457) as a sentence and advice.
    fn refusal(&self, path: &str, status: StatusCode, problem: Value) -> Failure {
        let word = |key: &str| problem.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let said = word("detail").or(word("title")).unwrap_or("the server refused").trim_end_matches('.');
        let id = path.strip_prefix("/v1/actions/").and_then(|rest| rest.split('/').next());
        let sentence = match (status.as_u16(), &self.key, id, word("code")) {
            (401, Some(key), ..) => format!("`{}` does not know the key from {}", self.url, key.source),
            (401, None, ..) => format!("`{}` answers only to callers with a key", self.url),
            (404, _, Some(id), Some("not_found")) => {
                format!("no action begins with `{id}` on `{}`", self.url)
            }
            _ => said.to_owned(),
        };
        let help = word("help").map(str::to_owned).or_else(|| self.advice(status, id));
        let failure = match status.as_u16() {
            500.. => Failure::unreachable(sentence),
            _ => Failure::refused(sentence),
        };
        let failure = if let Some(help) = help { failure.help(help) } else { failure };
        failure.problem(problem)
    }

    fn advice(&self, status: StatusCode, id: Option<&str>) -> Option<String> {
        let from = format!("the address is from {}", self.said_by);
        match (status.as_u16(), &self.key, &self.held_back) {
            (401 | 403, None, Some(held_back)) => Some(format!(
                "the key of {held_back} is not sent to an address from {}; set both in one place, or give `--url`",
                self.said_by
            )),
            (401 | 403, None, None) if self.key_use == KeyUse::OnlyGiven => Some(format!(
                "no key was sent; set FARAMESH_API_KEY to the key of an agent (`faramesh keys create --role agent`), \
                since the admin key never proposes an action; {from}"
            )),
            (401 | 403, None, None) => Some(format!(
                "no key was sent; run this where the server was started, which has `{}`, or set FARAMESH_API_KEY; {from}",
                admin_key_file().map_or_else(|| "admin.key".to_owned(), |path| path.display().to_string())
            )),
            (401, Some(_), _) => Some(format!("{from}; see that the key belongs to that server")),
            (403, Some(key), _) => {
                Some(format!("the key from {} does not have the role this takes", key.source))
            }
            (404, ..) if id.is_some() => {
                Some(format!("`faramesh actions list` shows those there are; {from}"))
            }
            (429, ..) => Some("wait until earlier requests have ended, and ask again".to_owned()),
            (503, ..) => Some("nothing was decided; callers treat this as `HALT`".to_owned()),
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
            .help(format!(
                "the address is from {}; start a server with `faramesh server start`, or name another with `--url`",
                self.said_by
            ))
    }

    /// The listener is another program.
    pub(crate) fn foreign(&self) -> Failure {
        Failure::unreachable(format!("what answers at `{}` is not a Faramesh server", self.url))
            .help(format!("the address is from {}; name the right one with `--url`", self.said_by))
    }
}

/// An id as part of a path.
///
/// # Errors
/// When it holds what no id holds, so that it can never reach another path, or is too short to name one action.
pub(crate) fn id_segment(id: &str) -> Result<&str, Failure> {
    const HELP: &str = "ids are printed by `faramesh actions list`; their first 8 characters are enough";
    if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(Failure::usage(format!("`{id}` is not an id")).help(HELP));
    }
    if id.len() < SHORTEST_ID {
        return Err(
            Failure::usage(format!("`{id}` is too short: {SHORTEST_ID} characters are needed")).help(HELP)
        );
    }
    Ok(id)
}

/// The file of the database that the settings name, unless it is a database server.
pub(crate) fn database_file(setting: Option<String>) -> Option<PathBuf> {
    let setting = setting.filter(|text| !text.is_empty());
    host::config::database(setting.as_deref().unwrap_or(host::config::Settings::DB)).ok()
}

/// Where the admin key of a server on this machine lies.
pub(crate) fn admin_key_file() -> Option<PathBuf> {
    let database = database_file(settings().get("FARAMESH_DB").map(|(path, _)| path.to_owned()))?;
    Some(database.parent().unwrap_or(Path::new("")).join("admin.key"))
}

/// The admin key next to the database, for the server on this machine: with the address at which that has to listen.
fn found_key(key_use: KeyUse, url: &str) -> Result<Option<(Key, String)>, Failure> {
    let (KeyUse::Found, Some(path)) = (key_use, admin_key_file()) else { return Ok(None) };
    let Some((at, exact)) = pinned(url) else { return Ok(None) };
    let source = format!("`{}`", path.display());
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((checked(text.trim().to_owned(), source, Some(at))?, exact))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(None),
        Err(error) => Err(Failure::usage(format!("{source} cannot be read: {error}"))),
    }
}

/// The one loopback address that an address of this machine means, and the address with it in the place of the name. A
/// name can mean several, on which different programs may listen.
fn pinned(url: &str) -> Option<(SocketAddr, String)> {
    let uri: ureq::http::Uri = url.parse().ok()?;
    // Over TLS the name has to stay, and the server itself speaks none.
    if uri.scheme_str() != Some("http") {
        return None;
    }
    let (host, port) = (uri.host()?, uri.port_u16().unwrap_or(80));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = |at: &SocketAddr| at.ip().is_loopback();
    let all: Vec<_> = (host, port).to_socket_addrs().ok()?.filter(loopback).collect();
    let answers = |at: &&SocketAddr| TcpStream::connect_timeout(at, Duration::from_secs(1)).is_ok();
    let at = if all.len() > 1 { all.iter().find(answers).or_else(|| all.first()) } else { all.first() }?;
    let path = uri.path().trim_end_matches('/');
    Some((*at, format!("http://{at}{path}")))
}

fn checked(text: String, source: String, listens_at: Option<SocketAddr>) -> Result<Key, Failure> {
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Failure::usage(format!("{source} does not hold an API key"))
            .help("a key is one word, such as `faramesh keys create` prints"));
    }
    Ok(Key { text, source, listens_at })
}

/// Whether an address leads to this machine by whatever name or number: `127.1`, `0.0.0.0`, or the machine's own name.
fn leads_here(url: &str) -> bool {
    let Ok(uri) = url.parse::<ureq::http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let found = (host, uri.port_u16().unwrap_or(80)).to_socket_addrs();
    found.into_iter().flatten().any(|at| {
        let ip = at.ip().to_canonical();
        ip.is_loopback() || ip.is_unspecified()
    })
}

/// The host part of an `http` or `https` address; none for another text.
fn host_of(url: &str) -> Option<String> {
    let uri: ureq::http::Uri = url.parse().ok()?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    if !known || uri.query().is_some() || uri.authority()?.as_str().contains('@') {
        return None;
    }
    uri.host().map(str::to_owned)
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
        assert!(id_segment("0b1c2d3").is_err());
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
