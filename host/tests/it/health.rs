//! Alive, ready, measured.

use serde_json::json;

use crate::app::TestApp;

#[test]
fn a_server_with_a_policy_is_ready() {
    let app = TestApp::start();
    assert_eq!(app.get("/health").send().ok()["status"], "ok");
    let ready = app.get("/ready").send().ok();
    assert_eq!(ready["status"], "ready");
    assert_eq!(ready["policy"], "in_force");
}

#[test]
fn a_server_without_a_policy_is_not() {
    let app = TestApp::with(&[]);
    let ready = app.get("/ready").send();
    assert_eq!((ready.status, &ready.value()["policy"]), (503, &json!("none")));
}

#[test]
fn what_happens_is_counted() {
    let app = TestApp::start();
    app.refund(45.0);
    app.refund(340.0);
    app.get("/v1/actions").key("fmk_00000000_wrong").send().problem(401, "wrong_key");
    let text = app.get("/metrics").send().body;
    for line in [
        "faramesh_decisions_total{outcome=\"EXECUTE\",reason_code=\"policy_allow\"} 1",
        "faramesh_decisions_total{outcome=\"ABSTAIN\",reason_code=\"policy_require_approval\"} 1",
        "faramesh_decision_duration_seconds_count 2",
        "faramesh_approvals_pending 1",
        "faramesh_login_failures_total 1",
        "faramesh_policy_info{policy_hash=\"",
        "faramesh_chain_size{stream=\"server-",
        "faramesh_build_info{",
        "faramesh_http_request_duration_seconds_count{method=\"POST\",route=\"/v1/actions\",status=\"200\"} 2",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
}

#[test]
fn metrics_need_a_key_once_there_are_keys() {
    let app = TestApp::start();
    let (viewer, agent) = (app.key("viewer", "viewer"), app.key("bot", "agent"));
    app.get("/metrics").send().problem(401, "key_required");
    app.get("/metrics").key(&agent).send().problem(403, "forbidden");
    assert_eq!(app.get("/metrics").key(&viewer).send().status, 200);
}
