//! The newest decisions: all of them, in order, and honest about which can be made again.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::app::{NOON, POLICY, TestApp, id};
use crate::local::{Local, action_id, refund};

fn decisions(app: &TestApp, query: &str) -> Vec<Value> {
    let list = app.get(&format!("/v1/decisions{query}")).key(&app.admin).send().ok();
    list["decisions"].as_array().unwrap().clone()
}

#[test]
fn the_newest_come_first_whole_and_with_where_their_actions_stand() {
    let app = TestApp::start();
    let (allowed, held, denied) = (app.refund(45.0), app.refund(340.0), app.refund(5000.0));
    app.post(&format!("/v1/actions/{}/start", id(&allowed))).send().ok();
    let found = decisions(&app, "");
    let ids: Vec<_> = found.iter().map(|decision| decision["record"]["action_id"].clone()).collect();
    assert_eq!(ids, [&denied, &held, &allowed].map(|action| action["id"].clone()));
    let statuses: Vec<_> = found.iter().map(|decision| decision["status"].clone()).collect();
    assert_eq!(statuses, ["denied", "pending_approval", "executing"]);
    let records: Vec<_> = app.records().into_iter().filter(|record| record["kind"] == "decision").collect();
    let given: Vec<_> = found.iter().rev().map(|decision| decision["record"].clone()).collect();
    assert_eq!(given, records, "each is the whole record");
    for decision in &found {
        assert_eq!((&decision["replayable"], &decision["why"]), (&json!(true), &Value::Null));
    }
    assert_eq!(decisions(&app, "?limit=2"), found[..2]);
}

#[test]
fn what_cannot_be_decided_again_says_why() {
    let app = TestApp::start();
    app.refund(45.0);
    app.post("/v1/actions").raw(b"{\"tool\":").send().problem(422, "invalid_action");
    let mut local = Local::begin(&app, "local-one");
    let allowed = local.decide(&app, &action_id(1), &refund(45));
    local.decide(&app, &action_id(2), &refund(340));
    let mut failed = allowed.clone();
    failed["outcome"] = json!("HALT");
    failed["decision"] = json!("deny");
    failed["reason_code"] = json!("engine_failure");
    failed["rule"] = Value::Null;
    local.decision(&action_id(3), &refund(45), &failed, &json!({}));
    failed["reason_code"] = json!("store_failure");
    local.decision(&action_id(4), &refund(45), &failed, &json!({}));
    local.engine_hash = "7".repeat(64);
    local.decision(&action_id(5), &refund(45), &allowed, &json!({}));
    local.send(&app, &app.admin, 0).ok();
    let found = decisions(&app, "");
    let whys: Vec<_> = found
        .iter()
        .map(|decision| {
            let why = decision["why"].as_str();
            assert_eq!(decision["replayable"], why.is_none(), "{decision}");
            why.unwrap_or_default().to_owned()
        })
        .collect();
    let other = format!("the engine that decided, `{}`, is not kept here", "7".repeat(64));
    assert_eq!(
        whys,
        [
            other.as_str(),
            "the decision could not be recorded, so its host halted the action",
            "the engine did not answer, so its host halted the action",
            "",
            "",
            "the action could not be read, and only the hash of its bytes is kept",
            "",
        ]
    );
    // An action held by a wrapper is not an action here, and unreadable bytes never are.
    let statuses: Vec<_> = found.iter().map(|decision| decision["status"].clone()).collect();
    let (allowed, denied, none) = (json!("allowed"), json!("denied"), Value::Null);
    assert_eq!(statuses, [&allowed, &denied, &denied, &none, &allowed, &none, &allowed].map(Value::clone));
    assert!(found[5]["record"]["decision"]["raw_hash"].is_string());
}

#[test]
fn a_record_that_was_damaged_is_shown_as_it_is() {
    let app = TestApp::start();
    app.refund(45.0);
    app.refund(46.0);
    let folder = app.stop();
    let database = folder.path().join("data/faramesh.db");
    let sql = "UPDATE records SET body = '{broken' WHERE number = (SELECT min(number) FROM actions)";
    rusqlite::Connection::open(database).unwrap().execute_batch(sql).unwrap();
    let app = TestApp::over(folder, NOON, |_| {}).map_err(|error| error.to_string()).unwrap();
    app.edited.store(true, Ordering::Relaxed);
    let found = decisions(&app, "");
    assert_eq!((&found[0]["replayable"], &found[1]["replayable"]), (&json!(true), &json!(false)));
    assert_eq!(found[1]["record"], "{broken");
    assert_eq!(found[1]["why"], "the record cannot be read");
}

#[test]
fn decisions_under_policies_and_engines_of_before_can_be_made_again() {
    let app = TestApp::start();
    app.refund(45.0);
    let path = "/v1/policies/support-agent.yaml";
    let put = app.ask("PUT", path).key(&app.admin).header("if-match", "*");
    assert_eq!(put.raw(format!("{POLICY}# later\n").as_bytes()).send().status, 200);
    app.refund(45.0);
    let hashes = |decision: &Value| decision["record"]["decision"]["policy_hash"].clone();
    let found = decisions(&app, "");
    assert_ne!(hashes(&found[0]), hashes(&found[1]));
    assert!(found.iter().all(|decision| decision["replayable"] == true), "{found:?}");
    // Without what decided, it cannot be made again.
    let folder = app.stop();
    let sql =
        format!("DELETE FROM policy_versions WHERE policy_hash = '{}'", hashes(&found[1]).as_str().unwrap());
    rusqlite::Connection::open(folder.path().join("data/faramesh.db")).unwrap().execute_batch(&sql).unwrap();
    let app = TestApp::over(folder, NOON, |_| {}).map_err(|error| error.to_string()).unwrap();
    app.edited.store(true, Ordering::Relaxed);
    let found = decisions(&app, "");
    let lost =
        format!("the policy set that decided, `{}`, is not kept here", hashes(&found[1]).as_str().unwrap());
    assert_eq!((&found[0]["why"], &found[1]["why"]), (&Value::Null, &json!(lost)));
}

#[test]
fn large_decisions_come_in_a_bounded_answer() {
    let app = TestApp::start();
    let text = "x".repeat(900 * 1024);
    let action = json!({ "agent_id": "a", "tool": "send_email", "params": { "body": text } });
    for _ in 0..20 {
        app.post("/v1/actions").json(&action).send().ok();
    }
    let found = decisions(&app, "?limit=1000");
    assert_eq!(found.len(), 19, "16 MiB are reached with the nineteenth");
}

#[test]
fn only_who_sees_all_gets_them() {
    let app = TestApp::start();
    app.get("/v1/decisions").send().problem(403, "forbidden");
    app.get("/v1/decisions").key(&app.key("viewer", "viewer")).send().ok();
    app.get("/v1/decisions").key(&app.key("agent", "agent")).send().problem(403, "forbidden");
    for query in ["limit=0", "limit=1001", "limit=x", "from=1"] {
        let refused = app.get(&format!("/v1/decisions?{query}")).key(&app.admin).send();
        refused.problem(400, "invalid_query");
    }
}
