//! The server, as the pages ask it: one function for each kind of request, and one shape for everything that fails.
//!
//! The session's cookie goes along by itself; what changes something also carries the session's token. Bodies come back
//! as text and are read here, so that parts of them, such as arguments, can stay the very bytes that were recorded.

pub mod types;

use engine::diagnostic::Diagnostic;
use gloo::net::http::{Method, Request, RequestBuilder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::session::{Session, Sessions};

/// A request that did not lead to what was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The status of the answer; 0 when there was none.
    pub status: u16,
    /// The stable code of the problem; `unreachable` when there was no answer.
    pub code: String,
    /// What went wrong, for people.
    pub detail: String,
    /// What is wrong with policies, where that is the problem.
    pub diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// Something that failed in the page, and not at the server.
    pub fn here(code: &str, detail: impl Into<String>) -> Self {
        Failure { status: 0, code: code.to_owned(), detail: detail.into(), diagnostics: Vec::new() }
    }

    /// Whether asking again may help.
    pub fn is_passing(&self) -> bool {
        self.code == "unreachable" || self.status == 503
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

/// An answer and the tag of its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged<T> {
    /// The answer.
    pub value: T,
    /// `ETag`, without its quotes.
    pub etag: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
    #[serde(default)]
    diagnostics: Vec<Diagnostic>,
}

/// Who is logged in.
///
/// # Errors
/// 401 when nobody is.
pub async fn session() -> Result<Session, Failure> {
    parse(&send(Request::get("/v1/session"), None).await?.value)
}

/// Logs in, with `{"key":…}` or `{"link":…}`.
///
/// # Errors
/// When the key is not one, or the link was used.
pub async fn log_in(body: &impl Serialize) -> Result<Session, Failure> {
    parse(&send(Request::post("/v1/session"), Some(json_of(body)?)).await?.value)
}

/// Reads a resource.
///
/// # Errors
/// When the server does not answer, or with a problem.
pub async fn get<T: DeserializeOwned>(path: &str) -> Result<T, Failure> {
    parse(&get_text(path).await?)
}

/// Reads a resource as the text of the answer.
///
/// # Errors
/// As for [`get`].
pub async fn get_text(path: &str) -> Result<String, Failure> {
    let answer = send(Request::get(path), None).await;
    if let (Err(failure), Some(sessions)) = (&answer, leptos::prelude::use_context::<Sessions>()) {
        sessions.notice(failure);
    }
    Ok(answer?.value)
}

/// Sends something that creates, decides or answers.
///
/// # Errors
/// As for [`get`].
pub async fn post<T: DeserializeOwned>(
    sessions: Sessions,
    path: &str,
    body: &impl Serialize,
) -> Result<T, Failure> {
    parse(&changing(sessions, Method::POST, path, &[], Some(json_of(body)?)).await?.value)
}

/// Puts a text in the place of one with this tag; without one, where there is none yet.
///
/// # Errors
/// As for [`get`]; 412 when another version is there by now.
pub async fn put_text<T: DeserializeOwned>(
    sessions: Sessions,
    path: &str,
    etag: Option<&str>,
    text: &str,
) -> Result<Tagged<T>, Failure> {
    let (name, value) = precondition(etag);
    let response = changing(sessions, Method::PUT, path, &[(name, &value)], Some(text.to_owned())).await?;
    Ok(Tagged { value: parse(&response.value)?, etag: response.etag })
}

/// Removes what has this tag.
///
/// # Errors
/// As for [`put_text`].
pub async fn delete(sessions: Sessions, path: &str, etag: Option<&str>) -> Result<(), Failure> {
    let (name, value) = precondition(etag);
    let headers: &[(&str, &str)] = if etag.is_some() { &[(name, &value)] } else { &[] };
    changing(sessions, Method::DELETE, path, headers, None).await.map(drop)
}

fn precondition(etag: Option<&str>) -> (&'static str, String) {
    match etag {
        Some(etag) => ("If-Match", format!("\"{etag}\"")),
        None => ("If-None-Match", "*".to_owned()),
    }
}

async fn changing(
    sessions: Sessions,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<String>,
) -> Result<Tagged<String>, Failure> {
    let mut request = RequestBuilder::new(path).method(method);
    if let Some(token) = sessions.csrf_token() {
        request = request.header("X-CSRF-Token", &token);
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = send(request, body).await;
    if let Err(failure) = &answer {
        sessions.notice(failure);
    }
    answer
}

/// Sends a request, and gives the text of the answer and its tag.
async fn send(request: RequestBuilder, body: Option<String>) -> Result<Tagged<String>, Failure> {
    let request = match body {
        Some(body) => request.header("Content-Type", "application/json").body(body),
        None => request.build(),
    };
    let response =
        request.map_err(|error| unreachable(&error))?.send().await.map_err(|error| unreachable(&error))?;
    if response.ok() {
        let etag = response.headers().get("ETag").map(|tag| tag.trim_matches('"').to_owned());
        let value = response.text().await.map_err(|error| unreachable(&error))?;
        return Ok(Tagged { value, etag });
    }
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    Err(match serde_json::from_str::<Problem>(&text) {
        Ok(Problem { code, detail, diagnostics }) => Failure { status, code, detail, diagnostics },
        Err(_) => Failure {
            status,
            ..Failure::here("no_problem", format!("the server answered with status {status}"))
        },
    })
}

/// Reads an answer.
///
/// # Errors
/// When it is not what this page expects.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::here(
            "unreadable_answer",
            format!("the server's answer is not what this page expects: {error}"),
        )
    })
}

fn json_of(body: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(body)
        .map_err(|error| Failure::here("unwritable", format!("this cannot be sent: {error}")))
}

fn unreachable(error: &gloo::net::Error) -> Failure {
    web_sys::console::warn_1(&error.to_string().into());
    Failure::here("unreachable", "the server cannot be reached; is it running?")
}
