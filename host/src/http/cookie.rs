//! The cookie that keeps a browser logged in: the secret of a session, which no script can read.
//!
//! Whether it is the secret of a session that lasts is for [`crate::sessions`] to say.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::App;
use super::error::Problem;

/// The name of the cookie. Browsers do not keep the cookies of two ports apart, so it has the port in it.
fn cookie_name(port: u16) -> String {
    format!("faramesh_session_{port}")
}

/// The secret in this server's cookie, if there is one. Of two different ones, one is not from this server, so neither
/// counts: the result is then the secret of no session.
pub(super) fn cookie(headers: &HeaderMap, port: u16) -> Option<&str> {
    let name = cookie_name(port);
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(given, _)| *given == name).map(|(_, value)| value);
    let first = ours.next()?;
    Some(if ours.all(|other| other == first) { first } else { "" })
}

/// Gives the browser the secret of a session, for so many seconds.
///
/// # Errors
/// When the secret cannot be in a header.
pub(super) fn set_cookie(
    response: &mut Response,
    app: &App,
    headers: &HeaderMap,
    secret: &str,
    max_age: u64,
) -> Result<(), Problem> {
    let name = cookie_name(app.listening.port);
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let secure = if origin.is_some_and(|origin| origin.starts_with("https://")) { "; Secure" } else { "" };
    let cookie = format!("{name}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age}{secure}");
    let cookie = HeaderValue::from_str(&cookie).map_err(|error| Problem::failed(&error.to_string()))?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cookie_of_this_server_counts_and_only_one() {
        let of = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, HeaderValue::from_static(line));
            }
            cookie(&headers, 8000).map(str::to_owned)
        };
        assert_eq!(of(&["a=b; faramesh_session_8000=x;faramesh_session_8001=y"]).as_deref(), Some("x"));
        assert_eq!(of(&["faramesh_session_8000=x; faramesh_session_8000=x"]).as_deref(), Some("x"));
        assert_eq!(of(&["faramesh_session_8000=x", "faramesh_session_8000=z"]).as_deref(), Some(""));
        for lines in [&["faramesh_session_8001=y"][..], &["faramesh_session_80000=y"], &["a"], &[]] {
            assert_eq!(of(lines), None);
        }
    }
}
