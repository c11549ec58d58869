//! Long lists are compressed for clients that accept it, and answers with a secret are not.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use crate::app::TestApp;

/// The head of an answer, in lowercase, and its body as it was sent.
fn ask(app: &TestApp, request: &str, headers: &[(&str, &str)]) -> (String, Vec<u8>) {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", app.port)).unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let end = format!("Host: localhost:{}\r\nConnection: close\r\n{headers}\r\n", app.port);
    stream.write_all(format!("{request} HTTP/1.1\r\n{end}").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..split].to_vec()).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 200 "), "{request}: {head}");
    (head, answer.split_off(split + 4))
}

const ACCEPTS: (&str, &str) = ("Accept-Encoding", "gzip, deflate, br");

fn with_twenty_held() -> TestApp {
    let policy = "rules:\n  - id: ask\n    match: { tool: process_refund }\n    require_approval: true\n";
    let app = TestApp::with(&[("refunds.yaml", policy)]);
    for amount in 1..=20 {
        app.refund(f64::from(amount));
    }
    app
}

#[test]
fn long_lists_are_compressed_for_those_who_can_read_that() {
    let app = with_twenty_held();
    let key = format!("Bearer {}", app.key("vera", "viewer"));
    for path in ["/v1/decisions", "/v1/records?stream=", "/openapi.json", "/v1/stats"] {
        let stream = app.records().first().unwrap()["stream"].as_str().unwrap().to_owned();
        let path = path.replace("stream=", &format!("stream={stream}"));
        let (plain, whole) = ask(&app, &format!("GET {path}"), &[("Authorization", &key)]);
        assert!(!plain.contains("content-encoding"), "{path}: {plain}");
        let (head, packed) = ask(&app, &format!("GET {path}"), &[("Authorization", &key), ACCEPTS]);
        assert!(head.contains("\r\ncontent-encoding: gzip"), "{path}: {head}");
        assert!(head.contains("\r\nvary: ") && head.contains("accept-encoding"), "{path}: {head}");
        assert!(packed.len() * 2 < whole.len(), "{path}: {} of {}", packed.len(), whole.len());
    }
}

#[test]
fn an_answer_with_a_secret_is_never_compressed() {
    let app = with_twenty_held();
    let key = app.key("dana", "approver");
    let (head, body) =
        ask(&app, "GET /v1/actions?limit=50", &[("Authorization", &format!("Bearer {key}")), ACCEPTS]);
    assert!(!head.contains("content-encoding"), "{head}");
    assert!(String::from_utf8(body).unwrap().contains("\"approval_token\":\""), "no secret is in the list");

    // The same list for the same person's browser has no token in it.
    let own = format!("http://127.0.0.1:{}", app.port);
    let begun = app.post("/v1/session").header("origin", &own).json(&json!({ "key": key })).send();
    begun.ok();
    let cookie = begun.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let listed = app.get("/v1/actions?limit=50").header("cookie", &cookie).send().ok();
    let actions = listed["actions"].as_array().unwrap();
    assert_eq!(actions.len(), 20);
    assert!(actions.iter().all(|action| action["approval_token"] == Value::Null));
    assert!(actions.iter().all(|action| action["answerable"]["approve"] == true));
    let (head, _) = ask(&app, "GET /v1/actions?limit=50", &[("Cookie", &cookie), ACCEPTS]);
    assert!(head.contains("\r\ncontent-encoding: gzip"), "{head}");
}
