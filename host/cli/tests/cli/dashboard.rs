//! How a person at the machine of the server gets into the dashboard: by the links that the program prints.

use serde_json::{Value, json};

use super::program::{Place, Server};

/// Logs in as the page of the dashboard does, from a page of `origin`.
fn log_in(server: &Server, origin: &str, link: &str) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("{}/v1/session", server.url)).header("Origin", origin);
    let mut answer = request.send_json(json!({ "link": link })).unwrap();
    (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
}

fn port(server: &Server) -> &str {
    server.url.rsplit_once(':').unwrap().1
}

#[test]
fn the_server_prints_a_link_that_logs_in_once() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let (page, token) = server.dashboard.split_once('#').unwrap();
    assert_eq!(page, format!("http://127.0.0.1:{}/ui/login", port(&server)));
    let (status, session) = log_in(&server, &server.url, token);
    assert_eq!((status, &session["principal"]), (200, &json!("admin")), "{session}");
    let (status, again) = log_in(&server, &server.url, token);
    assert_eq!((status, &again["code"]), (401, &json!("link_used")), "{again}");
    server.stop();
}

#[test]
fn more_links_come_from_the_command_line() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let made = server.run(&place, &["server", "link"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let (page, token) = made.out.trim().split_once('#').unwrap();
    assert_eq!(page, format!("{}/ui/login", server.url));
    assert!(made.err.contains("once, until ") && !made.err.contains(token), "{}", made.err);
    assert_eq!(log_in(&server, &server.url, token).0, 200);
    let made = server.run(&place, &["server", "link", "-o", "json"]).json();
    let url = made["url"].as_str().unwrap();
    assert!(url.starts_with(page) && !url.contains(token), "{made}");
    assert!(made["expires_at"].is_string(), "{made}");

    // Only a caller who may manage keys may let another person in.
    let viewer = server.run(&place, &["keys", "create", "--name", "eve", "--role", "viewer"]);
    let variables = [("FARAMESH_URL", server.url.as_str()), ("FARAMESH_API_KEY", viewer.out.trim())];
    let refused = place.run_with(&["server", "link"], &variables);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{}", refused.err);
    server.stop();
    let gone = place.run_with(&["server", "link"], &[("FARAMESH_URL", "http://127.0.0.1:1")]);
    assert_eq!((gone.code, gone.out.as_str()), (4, ""), "{}", gone.err);
}

#[test]
fn without_an_admin_key_there_is_no_link() {
    let place = Place::initialized();
    let server = Server::start(&place);
    // The last one stays, so that no one is locked out.
    let refused = server.run(&place, &["keys", "revoke", "admin"]);
    assert_eq!(refused.code, 1, "{}{}", refused.out, refused.err);
    assert!(refused.err.contains("`admin` is the last admin key that does not expire"), "{}", refused.err);
    let second = server.run(&place, &["keys", "create", "--name", "second", "--role", "admin"]);
    assert_eq!(second.code, 0, "{}", second.err);
    assert_eq!(server.run(&place, &["keys", "revoke", "admin"]).code, 0);
    server.stop();
    let server = Server::start(&place);
    assert_eq!(server.dashboard, format!("http://127.0.0.1:{}/ui/", port(&server)));
    server.stop();
}

#[test]
fn pages_of_other_origins_count_only_if_they_are_named() {
    let place = Place::initialized();
    let (one, two, three) = ("http://localhost:8080", "https://dev.example", "http://localhost:9090");
    let both = format!("{one},{two}");
    for (args, variables, allowed) in [
        (&[][..], &[][..], &[][..]),
        (&["--allow-origin", one, "--allow-origin", three], &[], &[one, three]),
        (&[], &[("FARAMESH_ALLOW_ORIGIN", both.as_str())], &[one, two]),
        (&[], &[("FARAMESH_ALLOW_ORIGIN", "")], &[]),
    ] {
        let server = Server::with(&place, args, variables);
        for origin in [one, two, three] {
            let (status, answer) = log_in(&server, origin, "x");
            let code = if allowed.contains(&origin) { "link_used" } else { "origin_not_allowed" };
            assert_eq!(answer["code"], code, "{status} {origin} {args:?} {variables:?}");
        }
        server.stop();
    }
    let refused = place.run(&["server", "start", "--port", "0", "--allow-origin", "*"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("`*` is not an origin"), "{}", refused.err);
}
