//! Fail-closed is shown, not assumed: what happens when the store is gone.

use serde_json::{Value, json};

use crate::app::{TestApp, id};
use crate::local::Local;

fn close(app: &TestApp) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(app.store.close());
}

#[test]
fn a_decision_that_cannot_be_recorded_halts() {
    let app = TestApp::start();
    close(&app);
    let action = json!({ "agent_id": "a", "tool": "send_email" });
    let reply = app.post("/v1/actions").json(&action).send();
    let problem = reply.problem(503, "store_failure");
    assert_eq!((&problem["outcome"], &problem["reason_code"]), (&json!("HALT"), &json!("store_failure")));
    assert!(!reply.body.contains("EXECUTE"));
    let unreadable = app.post("/v1/actions").raw(b"{").send().problem(503, "store_failure");
    assert_eq!(unreadable["outcome"], "HALT");
    assert_eq!(app.get("/v1/actions").send().ok()["total"], 0);
}

#[test]
fn nothing_moves_on_when_it_cannot_be_recorded() {
    let app = TestApp::start();
    let (allowed, held) = (app.refund(45.0), app.refund(340.0));
    close(&app);
    let start = app.post(&format!("/v1/actions/{}/start", id(&allowed))).send();
    start.problem(503, "store_failure");
    let body = json!({ "approve": true });
    let approval =
        app.post(&format!("/v1/actions/{}/approval", id(&held))).key(&app.admin).json(&body).send();
    approval.problem(503, "store_failure");
    for action in [&allowed, &held] {
        let now = app.get(&format!("/v1/actions/{}", id(action))).send().ok();
        assert_eq!(now["status"], action["status"]);
        assert_eq!(now["approvals"], json!([]));
    }
    let ready = app.get("/ready").send();
    assert_eq!((ready.status, &ready.value()["store"]), (503, &json!("failed")));
}

#[test]
fn a_policy_that_cannot_be_recorded_does_not_come_into_force() {
    let app = TestApp::start();
    close(&app);
    let before = app.get("/v1/policies").key(&app.admin).send().ok();
    let put = app.ask("PUT", "/v1/policies/new.yaml").key(&app.admin).header("if-none-match", "*");
    put.raw(b"rules: []\n").send().problem(503, "store_failure");
    assert!(!app.policy_file("new.yaml").exists());
    let after = app.get("/v1/policies").key(&app.admin).send().ok();
    assert_eq!(after["policy_hash"], before["policy_hash"]);
    assert_ne!(after["files"], Value::Null);
}

#[test]
fn records_from_outside_that_cannot_be_kept_are_not_acknowledged() {
    let app = TestApp::start();
    let mut local = Local::begin(&app, "local-one");
    local.done(&app, 1);
    close(&app);
    let problem = local.send(&app, &app.admin, 0).problem(503, "store_failure");
    assert_eq!(problem["accepted"], Value::Null);
    let head = app.get("/v1/records/head?stream=local-one").key(&app.admin).send().ok();
    assert_eq!(head["size"], 0);
    assert_eq!(app.get("/v1/actions").send().ok()["total"], 0);
}
