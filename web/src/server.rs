//! The server, as the pages ask it: one function for each kind of request, and one shape for everything that fails.
//!
//! The browser sends the session's cookie; a request that changes something also carries the session's token. Bodies
//! come back as text and are parsed here, so that parts of them, such as arguments, stay the very bytes of the record.

use engine::hash::FileHash;
use gloo::net::http::{Method, Request, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::failure::Failure;
use crate::session::{Login, Sessions};
use api::{Problem, Session};

/// The session.
///
/// # Errors
/// 401 without a login.
pub async fn session() -> Result<Session, Failure> {
    parse(&send(Request::get("/v1/session"), None).await?)
}

/// Asks the server who is logged in, and keeps the answer.
pub async fn ask_who(sessions: Sessions) {
    sessions.set(match session().await {
        Ok(session) => Login::In(session),
        Err(failure) if failure.status == 401 => Login::Out(None),
        Err(failure) => Login::Unknown(failure),
    });
}

/// Asks unless it was asked before. The playground never does: it may have no server.
pub fn ask_who_once(sessions: Sessions) {
    if sessions.is_unasked() {
        leptos::task::spawn_local(ask_who(sessions));
    }
}

/// Logs in, with a key or the token of a one-time link.
///
/// # Errors
/// When the key is not one, or the link was used.
pub async fn log_in(body: &api::Login) -> Result<Session, Failure> {
    parse(&send(Request::post("/v1/session"), Some(json_of(body)?)).await?)
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
    answer
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
    parse(&changing(sessions, Method::POST, path, &[], Some(json_of(body)?)).await?)
}

/// Replaces the text with this tag; without a tag, creates it.
///
/// # Errors
/// As for [`get`]; 412 when another version is there by now.
pub async fn put_text<T: DeserializeOwned>(
    sessions: Sessions,
    path: &str,
    etag: Option<FileHash>,
    text: &str,
) -> Result<T, Failure> {
    let (name, value) = precondition(etag);
    parse(&changing(sessions, Method::PUT, path, &[(name, &value)], Some(text.to_owned())).await?)
}

/// Removes what has this tag.
///
/// # Errors
/// As for [`put_text`].
pub async fn delete(sessions: Sessions, path: &str, etag: Option<FileHash>) -> Result<(), Failure> {
    let (name, value) = precondition(etag);
    let headers: &[(&str, &str)] = if etag.is_some() { &[(name, &value)] } else { &[] };
    changing(sessions, Method::DELETE, path, headers, None).await.map(drop)
}

fn precondition(etag: Option<FileHash>) -> (&'static str, String) {
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
) -> Result<String, Failure> {
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

/// Sends a request, and gives the text of the answer.
async fn send(request: RequestBuilder, body: Option<String>) -> Result<String, Failure> {
    let request = match body {
        Some(body) => request.header("Content-Type", "application/json").body(body),
        None => request.build(),
    };
    let response =
        request.map_err(|error| unreachable(&error))?.send().await.map_err(|error| unreachable(&error))?;
    if response.ok() {
        return response.text().await.map_err(|error| unreachable(&error));
    }
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    Err(match serde_json::from_str::<Problem>(&text) {
        Ok(Problem { code, detail, diagnostics, .. }) => Failure {
            status,
            code: code.as_str().to_owned(),
            detail,
            diagnostics: diagnostics.unwrap_or_default(),
        },
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
