//! The description of the API matches the server: the same routes here, and every request and answer of these tests in
//! [`crate::described`].

use std::collections::BTreeSet;

use host::http::router::routes;
use serde_json::{Value, json};

use crate::app::{TestApp, id};
use crate::described::Exchange;
use crate::local::Local;

fn document() -> Value {
    serde_json::from_str(host::http::openapi::DOCUMENT).unwrap()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = document();
    let described: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys().filter(|key| *key != "parameters");
            methods.map(move |method| format!("{method} {path}"))
        })
        .collect();
    let served: BTreeSet<_> =
        routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(described, served);
}

#[test]
fn the_document_is_served_as_it_is() {
    let app = TestApp::start();
    assert_eq!(app.get("/openapi.json").send().ok(), document());
}

/// Every operation that answers in JSON is asked once, so that [`crate::described`] has seen each of them.
#[test]
fn every_operation_is_asked() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    let done = app.refund(45.0);
    let action = json!({ "agent_id": "a", "tool": "send_email" });
    let one = format!("/v1/actions/{}", id(&done));
    let approval = format!("/v1/actions/{}/approval", id(&held));
    let post = |path: &str, body: Value| app.post(path).key(&app.admin).json(&body).send().ok();
    let get = |path: &str| app.get(path).key(&app.admin).send().ok();
    let tests_path = "/v1/policies/support-agent.yaml/tests";
    let put_tests = |tests: &str, header: &str| {
        app.ask("PUT", tests_path).key(&app.admin).header(header, "*").raw(tests.as_bytes()).send()
    };
    let tests = "tests: [{ name: n, action: {}, expect: { outcome: HALT } }]\n";
    assert_eq!(put_tests(tests, "if-none-match").status, 201);
    post(&approval, json!({ "approve": true, "reason": "fine" }));
    post(&format!("{one}/start"), json!({}));
    post(&format!("{one}/result"), json!({ "success": true, "result": 1 }));
    post(&format!("{one}/replay"), json!({}));
    post("/v1/gate/decide", action.clone());
    put_tests(tests, "if-match").ok();
    let hash = get("/v1/policies")["policy_hash"].as_str().unwrap().to_owned();
    for path in [
        "/v1/actions?status=pending_approval&limit=2".to_owned(),
        one.clone(),
        format!("{one}/wait?timeout=1s"),
        format!("{one}/events"),
        format!("{one}/explain"),
        "/v1/decisions?limit=5".to_owned(),
        "/v1/stats?buckets=3".to_owned(),
        "/v1/policies/support-agent.yaml".to_owned(),
        format!("/v1/policies/by-hash/{hash}"),
        tests_path.to_owned(),
        "/v1/policies/history?limit=1".to_owned(),
        "/v1/records?from=1".to_owned(),
        "/v1/records/audit".to_owned(),
        "/v1/records/heads".to_owned(),
        "/v1/records/head?stream=local-one".to_owned(),
        "/v1/keys".to_owned(),
        "/v1/session".to_owned(),
        "/v1/bundle".to_owned(),
        "/.well-known/jwks.json".to_owned(),
        "/health".to_owned(),
        "/ready".to_owned(),
    ] {
        get(&path);
    }
    app.ask("DELETE", tests_path).key(&app.admin).header("if-match", "*").send().ok();
    post("/v1/policies/check", json!({ "text": "rules: 1" }));
    post("/v1/policies/simulate", json!({ "actions": [action], "recorded": { "limit": 2 } }));
    Local::begin(&app, "local-one").send(&app, &app.admin, 0).ok();
    post("/v1/session", json!({ "key": app.admin }));
    assert_eq!(app.post("/v1/session/links").key(&app.admin).json(&json!({})).send().status, 201);
    app.get("/nowhere").send().problem(404, "not_found");
    app.post("/v1/actions").raw(b"{").send().problem(422, "invalid_action");
    let broken = Local::begin(&app, "local-two");
    let broken = crate::local::body("local-two", &[broken.records[0].replace("\"seq\":0", "\"seq\":1")]);
    app.post("/v1/records").key(&app.admin).raw(&broken).send().problem(422, "chain_broken");
}

#[test]
#[should_panic(expected = "is not described")]
fn a_query_that_is_not_described_is_noticed() {
    exchange("/health?mood=good", "", r#"{"status":"ok","version":"1"}"#).check();
}

#[test]
#[should_panic(expected = "Additional properties are not allowed")]
fn a_member_of_an_answer_that_is_not_described_is_noticed() {
    exchange("/health", "", r#"{"status":"ok","version":"1","mood":"good"}"#).check();
}

#[test]
#[should_panic(expected = "is a required property")]
fn a_member_that_an_answer_lacks_is_noticed() {
    exchange("/health", "", r#"{"status":"ok"}"#).check();
}

#[test]
#[should_panic(expected = "a body is not described")]
fn a_body_that_is_not_described_is_noticed() {
    exchange("/health", "{}", r#"{"status":"ok","version":"1"}"#).check();
}

fn exchange<'a>(target: &'a str, body: &'a str, answer: &'a str) -> Exchange<'a> {
    Exchange {
        method: "GET",
        target,
        headers: &[],
        body: body.as_bytes(),
        status: 200,
        answer_type: Some("application/json"),
        etag: false,
        answer,
    }
}
