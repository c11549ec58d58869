//! What every request passes and every answer carries, whoever asks: no foreign page reaches a server on this
//! machine, nothing is cached or framed, and how long it took is counted.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Problem;
use super::extract::take_in;
use super::{App, Shared};

/// Where records of many actions come in at once.
const RECORDS: &str = "/v1/records";
/// The most bytes of their body.
const MAX_RECORDS_BODY: usize = 8 * engine::json::MAX_BYTES;

/// Checks where a request comes from, and dresses the answer.
pub async fn guard(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let refused = refuse(&app, &method, request.headers(), request.uri().host());
    let (parts, body) = request.into_parts();
    let brings_records =
        method == Method::POST && route.as_ref().is_some_and(|route| route.as_str() == RECORDS);
    let most = if brings_records { MAX_RECORDS_BODY } else { app.max_body };
    let mut response = match (take_in(body, most).await, refused) {
        (_, Some(problem)) | (Err(problem), None) => problem.into_response(),
        (Ok(body), None) => next.run(Request::from_parts(parts, Body::from(body))).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        // What may be kept is for its own handler to say.
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

fn refuse(app: &App, method: &Method, headers: &HeaderMap, uri_host: Option<&str>) -> Option<Problem> {
    let host = host_of(headers);
    let is_named = is_local(host, app.listening.port) || origin_at(app, host).is_some();
    if app.listening.loopback && !(is_named && uri_host.is_none()) {
        // A page whose name was made to point here (DNS rebinding) still sends its own name. What passes requests on to
        // this server may send the name that it has itself, which is that of an allowed origin.
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

/// Whether a browser says that the request comes from a page of this server, or of an origin that counts as such.
pub fn is_from_own_page(app: &App, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
    let host = host_of(headers);
    let origin = origin.to_str().ok();
    let allowed = || app.allow_origins.iter().any(|allowed| origin == Some(allowed.as_str()));
    is_own(origin, host) || allowed()
}

/// The address by which this server was just reached. Whether something in front of it speaks TLS, only an allowed
/// origin says.
pub fn reached_at(app: &App, headers: &HeaderMap) -> String {
    let host = host_of(headers).unwrap_or("localhost");
    origin_at(app, Some(host)).map_or_else(|| format!("http://{host}"), str::to_owned)
}

/// The allowed origin with this host.
fn origin_at<'a>(app: &'a App, host: Option<&str>) -> Option<&'a str> {
    app.allow_origins.iter().map(String::as_str).find(|allowed| is_own(Some(allowed), host))
}

fn host_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

fn is_local(host: Option<&str>, port: u16) -> bool {
    let Some((name, given)) = host.and_then(|host| host.rsplit_once(':')) else {
        return port == 80 && matches!(host, Some("localhost" | "127.0.0.1" | "[::1]"));
    };
    let named = ["localhost", "127.0.0.1", "[::1]"].iter().any(|local| name.eq_ignore_ascii_case(local));
    named && given.parse() == Ok(port)
}

fn is_own(origin: Option<&str>, host: Option<&str>) -> bool {
    let authority =
        origin.and_then(|origin| origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")));
    authority.is_some_and(|authority| host.is_some_and(|host| authority.eq_ignore_ascii_case(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_with_the_right_port_are_local() {
        for host in ["localhost:8000", "LocalHost:8000", "127.0.0.1:8000", "[::1]:8000"] {
            assert!(is_local(Some(host), 8000), "{host}");
        }
        for host in [
            "localhost",
            "localhost:8001",
            "evil.example:8000",
            "127.0.0.1.evil.example:8000",
            "",
            "::1:8000",
        ] {
            assert!(!is_local(Some(host), 8000), "{host}");
        }
        assert!(is_local(Some("localhost"), 80));
        assert!(!is_local(None, 80));
    }

    #[test]
    fn only_the_page_of_the_server_itself_is_its_own_origin() {
        assert!(is_own(Some("http://localhost:8000"), Some("localhost:8000")));
        for origin in
            ["null", "http://localhost:3000", "https://evil.example", "http://localhost:8000.evil.example"]
        {
            assert!(!is_own(Some(origin), Some("localhost:8000")), "{origin}");
        }
    }
}
