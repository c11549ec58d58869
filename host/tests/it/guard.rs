//! Where requests come from, and what every answer carries.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::app::TestApp;

/// Sends bytes as they are, and gives the answer's first line.
fn raw(app: &TestApp, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", app.port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn only_this_machine_s_own_names_are_answered() {
    let app = TestApp::start();
    let get =
        |host: &str| raw(&app, &format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let answer = get(&format!("{host}:{}", app.port));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    for host in [format!("evil.example:{}", app.port), "localhost".to_owned(), "localhost:1".to_owned()] {
        let answer = get(&host);
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("host_not_allowed"), "{answer}");
    }
    let absolute = format!(
        "GET http://evil.example/health HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n",
        app.port
    );
    assert!(raw(&app, &absolute).contains("host_not_allowed"));
}

#[test]
fn a_refusal_arrives_also_when_the_body_comes_late() {
    let app = TestApp::start();
    let mut stream = TcpStream::connect(("127.0.0.1", app.port)).unwrap();
    let head = format!(
        "POST /v1/actions HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer x\r\n\
         Content-Length: 200000\r\nConnection: close\r\n\r\n",
        app.port
    );
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..20 {
        std::thread::sleep(std::time::Duration::from_millis(2));
        stream.write_all(&[b' '; 10_000]).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("wrong_key"), "{answer}");
}

#[test]
fn pages_of_other_origins_change_nothing() {
    let app = TestApp::start();
    let action = json!({ "agent_id": "a", "tool": "send_email" });
    for origin in ["https://evil.example", "null", "http://localhost:1"] {
        let sent = app.post("/v1/actions").header("origin", origin).json(&action).send();
        sent.problem(403, "origin_not_allowed");
    }
    let own = format!("http://127.0.0.1:{}", app.port);
    app.post("/v1/actions").header("origin", &own).json(&action).send().ok();
    let read = app.get("/health").header("origin", "https://evil.example").send();
    assert_eq!(read.status, 200);
    assert!(!read.headers.contains_key("access-control-allow-origin"));
}

#[test]
fn every_answer_carries_the_same_protection() {
    let app = TestApp::start();
    for path in ["/health", "/v1/actions", "/nowhere", "/v1/keys"] {
        let reply = app.get(path).send();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(reply.headers[name], value, "{path}");
        }
    }
}

#[test]
fn what_is_not_there_is_a_problem_too() {
    let app = TestApp::start();
    app.get("/nowhere").send().problem(404, "not_found");
    app.ask("DELETE", "/v1/actions").send().problem(405, "method_not_allowed");
}
