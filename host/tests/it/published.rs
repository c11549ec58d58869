//! The requests and answers of the published Python client (faramesh-sdk 0.3.3), in its shapes.

use serde_json::{Value, json};

use crate::app::{TestApp, id};
use crate::events::Stream;

/// The body that `submit_action` and `gate_decide` send.
fn body(amount: u32) -> Value {
    json!({ "agent_id": "support-agent-prod", "tool": "process_refund", "operation": "call",
        "params": { "customer_id": "c-1", "amount": amount }, "context": {} })
}

#[test]
fn a_submitted_action_has_no_error_until_there_is_one() {
    let app = TestApp::start();
    // `submit_actions` takes an answer with the name `error` for a failure, whatever it holds.
    let action = app.post("/v1/actions").json(&body(45)).send().ok();
    assert!(action.get("error").is_none() && action.get("result").is_none(), "{action}");
    let path = format!("/v1/actions/{}", id(&action));
    app.post(&format!("{path}/start")).send().ok();
    let report = json!({ "success": false, "error": "no such customer", "result": { "code": 7 } });
    let ended = app.post(&format!("{path}/result")).json(&report).send().ok();
    assert_eq!((&ended["error"], &ended["result"]), (&json!("no such customer"), &json!({ "code": 7 })));
    assert_eq!(app.get(&path).send().ok(), ended);
}

#[test]
fn a_thousand_actions_may_be_asked_for() {
    let app = TestApp::start();
    let action = app.post("/v1/actions").json(&body(45)).send().ok();
    let list = app.get("/v1/actions?limit=1000&offset=0").send().ok();
    assert_eq!((&list["total"], &list["actions"][0]["id"]), (&json!(1), &action["id"]));
    app.get("/v1/actions?limit=1001").send().problem(400, "invalid_query");
}

#[test]
fn an_action_is_found_by_any_of_its_provenance_ids() {
    let app = TestApp::start();
    let decided = app.post("/v1/actions").json(&body(45)).send().ok();
    let held = app.post("/v1/actions").json(&body(340)).send().ok();
    let approve = app.post(&format!("/v1/actions/{}/approval", id(&held))).key(&app.admin);
    let approved = approve.json(&json!({ "approve": true })).send().ok();
    let find = |provenance: &Value| {
        let path = format!("/v1/actions?provenance_id={}", provenance.as_str().unwrap());
        let list = app.get(&path).key(&app.admin).send().ok();
        list["actions"].as_array().unwrap().iter().map(|action| action["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(find(&decided["provenance_id"]), [decided["id"].clone()]);
    for decision in [&held, &approved] {
        assert_eq!(find(&decision["provenance_id"]), [held["id"].clone()]);
    }
    // The same text in an argument is not a decision.
    let mut other = body(46);
    other["params"] = json!({ "amount": 46, "decision": { "provenance_id": decided["provenance_id"] } });
    app.post("/v1/actions").json(&other).send().ok();
    assert_eq!(find(&decided["provenance_id"]), [decided["id"].clone()]);
    app.get("/v1/actions?provenance_id=x").send().problem(400, "invalid_query");
}

#[test]
fn a_dry_run_names_its_policy_version_and_hash() {
    let app = TestApp::start();
    let action = app.post("/v1/actions").json(&body(45)).send().ok();
    let dry_run = app.post("/v1/gate/decide").json(&body(45)).send().ok();
    // The fields that `replay_decision` compares.
    for name in ["outcome", "reason_code", "request_hash", "policy_version", "policy_hash", "runtime_version"]
    {
        assert!(dry_run[name].is_string(), "{name}: {dry_run}");
        assert_eq!(dry_run[name], action[name], "{name}");
    }
}

#[test]
fn events_have_no_name_and_say_their_type() {
    let app = TestApp::start();
    let mut stream = Stream::open(&app, Some(&app.admin), None);
    let action = app.post("/v1/actions").json(&body(45)).send().ok();
    // The stream itself asserts that no event has a name and that `type` is the kind.
    let (_, kind, record) = stream.event().unwrap();
    assert_eq!((kind.as_str(), &record["action_id"]), ("decision", &action["id"]));
}
