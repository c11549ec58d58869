//! Starting and ending: the whole matrix of status and event, and races.

use serde_json::{Value, json};

use crate::app::{Reply, TestApp, id};

const STATUSES: [&str; 8] =
    ["allowed", "pending_approval", "approved", "denied", "executing", "succeeded", "failed", "timeout"];

fn event(app: &TestApp, action: &Value, event: &str) -> Reply {
    let path = format!("/v1/actions/{}", id(action));
    match event {
        "start" => app.post(&format!("{path}/start")).send(),
        "success" => app.post(&format!("{path}/result")).json(&json!({ "success": true })).send(),
        "failure" => {
            let body = json!({ "success": false, "error": "card declined" });
            app.post(&format!("{path}/result")).json(&body).send()
        }
        approval => {
            let body = json!({ "approve": approval == "approve" });
            app.post(&format!("{path}/approval")).key(&app.admin).json(&body).send()
        }
    }
}

/// An action with the status `status`.
fn brought_to(app: &TestApp, status: &str) -> Value {
    let (amount, events): (f64, &[&str]) = match status {
        "allowed" => (45.0, &[]),
        "pending_approval" => (340.0, &[]),
        "approved" => (340.0, &["approve"]),
        "denied" => (5000.0, &[]),
        "executing" | "timeout" => (45.0, &["start"]),
        "succeeded" => (45.0, &["start", "success"]),
        "failed" => (45.0, &["start", "failure"]),
        other => panic!("{other}"),
    };
    let mut action = app.refund(amount);
    for name in events {
        action = event(app, &action, name).ok();
    }
    if status == "timeout" {
        app.clock.advance(15 * 60_000 + 1);
        let path = format!("/v1/actions/{}", id(&action));
        action = app.until("the timeout", || {
            Some(app.get(&path).send().ok()).filter(|action| action["status"] == "timeout")
        });
    }
    assert_eq!(action["status"], status);
    action
}

#[test]
fn only_the_drawn_transitions_happen() {
    let app = TestApp::start();
    let mut happened = Vec::new();
    for status in STATUSES {
        for name in ["start", "success", "failure", "approve", "reject"] {
            let action = brought_to(&app, status);
            let answer = event(&app, &action, name);
            if answer.status == 200 {
                happened.push((status, name, answer.value()["status"].as_str().unwrap().to_owned()));
            } else {
                let problem = answer.problem(409, "wrong_status");
                assert_eq!(problem["action_status"], status, "{name}");
            }
        }
    }
    let happened: Vec<_> = happened.iter().map(|(from, event, to)| (*from, *event, to.as_str())).collect();
    assert_eq!(
        happened,
        [
            ("allowed", "start", "executing"),
            ("pending_approval", "approve", "approved"),
            ("pending_approval", "reject", "denied"),
            ("approved", "start", "executing"),
            ("executing", "success", "succeeded"),
            ("executing", "failure", "failed"),
            ("timeout", "success", "succeeded"),
            ("timeout", "failure", "failed"),
        ]
    );
}

fn race(app: &TestApp, action: &Value, name: &str) -> (usize, usize) {
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..16).map(|_| scope.spawn(|| event(app, action, name).status)).collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    (count(200), count(409))
}

#[test]
fn of_sixteen_starts_and_results_at_once_one_wins() {
    let app = TestApp::start();
    let action = app.refund(45.0);
    assert_eq!(race(&app, &action, "start"), (1, 15));
    assert_eq!(race(&app, &action, "success"), (1, 15));
    let records = app.records();
    let kinds: Vec<_> = records
        .iter()
        .filter(|record| record["action_id"] == action["id"])
        .map(|record| &record["kind"])
        .collect();
    assert_eq!(kinds, ["decision", "start", "result"]);
}

#[test]
fn what_a_tool_gave_back_is_kept() {
    let app = TestApp::start();
    let action = app.refund(45.0);
    event(&app, &action, "start").ok();
    let path = format!("/v1/actions/{}/result", id(&action));
    let repeated = br#"{"success":true,"result":{"a":1,"a":2}}"#;
    let problem = app.post(&path).raw(repeated).send().problem(422, "invalid_result");
    assert_eq!(problem["error"]["code"], "duplicate_key");
    app.post(&path).raw(b"{\"success\":\"yes\"}").send().problem(400, "invalid_body");
    let body = json!({ "success": true, "result": { "refund_id": "r-1" } });
    let done = app.post(&path).json(&body).send().ok();
    assert_eq!((&done["status"], &done["result"]), (&json!("succeeded"), &json!({ "refund_id": "r-1" })));
    let failed = brought_to(&app, "failed");
    assert_eq!(failed["error"], "card declined");
}

#[test]
fn only_who_proposed_an_action_starts_and_ends_it() {
    let app = TestApp::start();
    let action = app.refund(45.0);
    let path = format!("/v1/actions/{}/start", id(&action));
    for role in ["viewer", "approver", "editor"] {
        let key = app.key(role, role);
        app.post(&path).key(&key).send().problem(403, "forbidden");
    }
    app.post(&path).key(&app.key("bot", "agent")).send().problem(404, "not_found");
    app.post(&path).send().problem(401, "key_required");
    assert_eq!(app.post(&path).key(&app.admin).send().ok()["status"], "executing");
}

#[test]
fn the_same_start_and_result_count_once() {
    let app = TestApp::start();
    let action = app.refund(45.0);
    let path = format!("/v1/actions/{}", id(&action));
    let start = || app.post(&format!("{path}/start")).header("idempotency-key", "s").send();
    let started = start().ok();
    assert_eq!(start().ok(), started);
    app.post(&format!("{path}/start")).header("idempotency-key", "other").send().problem(409, "wrong_status");
    let body = json!({ "success": true });
    let end = || app.post(&format!("{path}/result")).header("idempotency-key", "r").json(&body).send();
    let ended = end().ok();
    assert_eq!(end().ok(), ended);
    // The start that came first is answered as it was, whatever became of the action.
    assert_eq!(start().ok(), started);
}
