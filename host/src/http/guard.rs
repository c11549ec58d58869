//! The checks on every request and the headers of every answer, for all callers: no foreign page reaches a server on
//! this machine, nothing is cached or framed, and the duration is measured.

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::auth::{self, MaybeCaller};
use super::error::Problem;
use super::extract::{discard, take_in};
use super::load::FREE_BODY;
use super::origin::{host_of, is_from_own_page, is_local, origin_at};
use super::{App, Shared};
use crate::quota::Part;
use crate::server::connections::Place;

/// The routes by which a browser logs in: its credential is in the body.
const LOGIN: &str = "/v1/session";
/// Where a held action is answered.
const APPROVAL: &str = "/v1/actions/{id}/approval";
/// Where one action is looked for.
const ACTION: &str = "/v1/actions/{id}";
/// The characters of a whole id.
const WHOLE_ID: usize = 36;
/// Where records of many actions come in at once.
const RECORDS: &str = "/v1/records";
/// The most bytes of their body.
const MAX_RECORDS_BODY: usize = 8 * engine::json::MAX_BYTES;

/// Checks where a request comes from and who sends it, takes in its body, and dresses the answer.
pub async fn guard(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match admit(&app, request, route.as_ref().map_or("", MatchedPath::as_str)).await {
        Ok(Admitted { request, part: None, turn }) => {
            let response = next.run(request).await;
            drop(turn);
            response
        }
        // The work caused by a large body stays counted until it is done, also if its caller disconnects.
        Ok(Admitted { request, part, turn }) => {
            let done = tokio::spawn(async move {
                let response = next.run(request).await;
                drop((part, turn));
                response
            });
            done.await.unwrap_or_else(|error| Problem::failed(&error.to_string()).into_response())
        }
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        // Each handler decides whether its answer may be cached.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // A method that is not of the common ones is counted together, since a caller can make up any number of them.
    let method = match method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE => method,
        _ => Method::OPTIONS,
    };
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    app.metrics.answered(method.as_str(), route, response.status().as_u16(), started.elapsed());
    response
}

/// A request that may go on, with its whole body.
struct Admitted {
    request: Request,
    /// Of what all bodies may take, for a large one.
    part: Option<Part>,
    /// For a request that makes the store look through all actions.
    turn: Option<Part>,
}

async fn admit(app: &Shared, request: Request, route: &str) -> Result<Admitted, Problem> {
    let (mut parts, body) = request.into_parts();
    let place = parts.extensions.get::<Arc<Place>>().cloned();
    let admitted = match refuse(app, &parts.method, &parts.headers, parts.uri.host()) {
        Some(problem) => Err(problem),
        None => known(app, &mut parts, route).await,
    };
    let (who, most) = match admitted {
        Ok(admitted) => admitted,
        Err(problem) => {
            discard(body).await;
            return Err(problem);
        }
    };
    // INVARIANT: only here is a body read, so only of callers that this server knows, or as much as is free.
    let (body, part) = match most {
        0 => {
            discard(body).await;
            (Bytes::new(), None)
        }
        most => take_in(body, most, &app.load, &who).await?,
    };
    if let Some(place) = place {
        place.works();
    }
    let prefix = route.starts_with(ACTION) && parts.uri.path().split('/').nth(3).is_some_and(is_prefix);
    let turn = if prefix { Some(app.load.turn_to_search(&who).await?) } else { None };
    Ok(Admitted { request: Request::from_parts(parts, Body::from(body)), part, turn })
}

/// The name under which a request is counted, and the largest body that is read for it. The identity of its caller is
/// kept for the handler.
async fn known(app: &Shared, parts: &mut Parts, route: &str) -> Result<(String, usize), Problem> {
    let brings = !matches!(parts.method, Method::GET | Method::HEAD);
    if route == LOGIN && parts.method == Method::POST {
        return Ok((source(parts), FREE_BODY.min(app.max_body)));
    }
    if !route.starts_with("/v1/") {
        return Ok((source(parts), 0));
    }
    let caller = MaybeCaller::from_request_parts(parts, app).await?;
    let known = match &caller.0 {
        // The holder of an approval link sends its token in the body.
        None if brings && route == APPROVAL => (source(parts), FREE_BODY.min(app.max_body)),
        None if brings => return Err(Problem::key_required()),
        None => (source(parts), 0),
        Some(caller) if !brings => (caller.counted_as().to_owned(), 0),
        Some(caller) if route == RECORDS => (caller.counted_as().to_owned(), MAX_RECORDS_BODY),
        Some(caller) => (caller.counted_as().to_owned(), app.max_body),
    };
    parts.extensions.insert(caller);
    Ok(known)
}

/// The address from which a request comes.
fn source(parts: &Parts) -> String {
    auth::source(parts).map_or_else(String::new, |address| address.to_string())
}

/// Whether it names an action by the start of its id, for which there is no index.
fn is_prefix(id: &str) -> bool {
    id.len() != WHOLE_ID
}

fn refuse(app: &App, method: &Method, headers: &HeaderMap, uri_host: Option<&str>) -> Option<Problem> {
    if headers.get_all(header::HOST).iter().count() > 1 {
        // Which of them counts is for every program between here and the caller to guess; RFC 9112 §3.2 wants this.
        return Some(Problem::bad_request("invalid_host", "the request has more than one `Host`"));
    }
    let host = host_of(headers);
    let is_named = is_local(host, app.listening.port) || origin_at(app, host).is_some();
    if app.listening.loopback && !(is_named && uri_host.is_none()) {
        // A page under a name that was made to point here (DNS rebinding) still sends its own name. A proxy for this
        // server may send its own name, which is that of an allowed origin.
        let detail = "this server answers only to `localhost` and its own port, and to the hosts that `--allow-origin` names";
        return Some(Problem::new(StatusCode::FORBIDDEN, "host_not_allowed", detail));
    }
    let changes = !matches!(*method, Method::GET | Method::HEAD);
    if changes && headers.contains_key(header::ORIGIN) && !is_from_own_page(app, headers) {
        let detail = "a page of another origin may not change anything here";
        return Some(Problem::new(StatusCode::FORBIDDEN, "origin_not_allowed", detail));
    }
    None
}
