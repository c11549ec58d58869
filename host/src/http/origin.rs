//! The host and the origin that a request names: whether they are this server's own, or count as such.
//!
//! Which requests must name them is for [`super::guard`] and [`super::auth`] to say.

use axum::http::{HeaderMap, header};

use super::App;

/// Whether a browser says that the request comes from a page of this server, or of an origin that counts as such.
pub(super) fn is_from_own_page(app: &App, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
    let host = host_of(headers);
    let origin = origin.to_str().ok();
    let allowed = || app.allow_origins.iter().any(|allowed| origin == Some(allowed.as_str()));
    is_own(origin, host) || allowed()
}

/// The address by which this server was just reached. Whether something in front of it speaks TLS, only an allowed
/// origin says.
pub(super) fn reached_at(app: &App, headers: &HeaderMap) -> String {
    let host = host_of(headers).unwrap_or("localhost");
    origin_at(app, Some(host)).map_or_else(|| format!("http://{host}"), str::to_owned)
}

/// The allowed origin with this host.
pub(super) fn origin_at<'a>(app: &'a App, host: Option<&str>) -> Option<&'a str> {
    app.allow_origins.iter().map(String::as_str).find(|allowed| is_own(Some(allowed), host))
}

/// The host that a request names.
pub(super) fn host_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

/// Whether a host is this machine by one of its own names, with the port of this server.
pub(super) fn is_local(host: Option<&str>, port: u16) -> bool {
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
