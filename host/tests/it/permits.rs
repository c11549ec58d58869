//! A permission is for a while and under the policies that gave it: starts that come too late, callers that give up,
//! results that come late, and policies that change while something is decided.

use serde_json::{Value, json};

use crate::app::{NOON, POLICY, Reply, TestApp, id};

const QUARTER: i64 = 15 * 60_000;

fn path(action: &Value, what: &str) -> String {
    format!("/v1/actions/{}/{what}", id(action))
}

fn approve(app: &TestApp, action: &Value) -> Value {
    app.post(&path(action, "approval")).key(&app.admin).json(&json!({ "approve": true })).send().ok()
}

fn put(app: &TestApp, name: &str, text: &str) {
    let put = app.ask("PUT", &format!("/v1/policies/{name}")).key(&app.admin).raw(text.as_bytes());
    let reply = put.header("if-match", "*").send();
    let reply = if reply.status == 412 {
        let put = app.ask("PUT", &format!("/v1/policies/{name}")).key(&app.admin).raw(text.as_bytes());
        put.header("if-none-match", "*").send()
    } else {
        reply
    };
    assert!(reply.status == 200 || reply.status == 201, "{}", reply.body);
}

fn action(app: &TestApp, of: &Value) -> Value {
    app.get(&format!("/v1/actions/{}", id(of))).key(&app.admin).send().ok()
}

#[test]
fn what_may_run_says_until_when_it_may_start() {
    let app = TestApp::start();
    let allowed = app.refund(45.0);
    assert_eq!(allowed["start_by"], "2026-11-22T12:15:00.000Z");
    let held = app.refund(340.0);
    assert_eq!(held["start_by"], Value::Null);
    app.clock.advance(60_000);
    assert_eq!(approve(&app, &held)["start_by"], "2026-11-22T12:16:00.000Z");
    assert_eq!(app.refund(5000.0)["start_by"], Value::Null);
    let started = app.post(&path(&allowed, "start")).send().ok();
    assert_eq!((&started["status"], &started["start_by"]), (&json!("executing"), &Value::Null));
}

#[test]
fn what_is_not_started_in_time_lapses_and_can_be_proposed_again() {
    let app = TestApp::start();
    let (allowed, held) = (app.refund(45.0), app.refund(340.0));
    approve(&app, &held);
    app.clock.advance(QUARTER - 1);
    let in_time = app.refund(45.0);
    app.clock.advance(1);
    for late in [&allowed, &held] {
        let reply = app.post(&path(late, "start")).send();
        // The sweep may have been first; then it is not the start that ends it.
        let code = reply.value()["code"].as_str().unwrap().to_owned();
        assert!(code == "permit_expired" || code == "wrong_status", "{}", reply.body);
        assert_eq!(reply.problem(409, &code)["action_status"], "lapsed");
        let now = action(&app, late);
        assert_eq!((&now["status"], &now["outcome"]), (&json!("lapsed"), &json!("HALT")));
        assert_eq!((&now["reason_code"], &now["start_by"]), (&json!("permit_expired"), &Value::Null));
        let records = app.get(&path(late, "events")).key(&app.admin).send().ok();
        let last = records["events"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["kind"], &last["reason_code"]), (&json!("expiry"), &json!("permit_expired")));
        assert_eq!(last["principal"], "system");
    }
    assert_eq!(app.post(&path(&in_time, "start")).send().ok()["status"], "executing");
    let again = app.refund(45.0);
    assert_eq!(app.post(&path(&again, "start")).send().ok()["status"], "executing");
}

#[test]
fn what_no_one_starts_lapses_by_itself() {
    let app = TestApp::start();
    let (allowed, held) = (app.refund(45.0), app.refund(340.0));
    approve(&app, &held);
    app.clock.advance(QUARTER);
    for one in [&allowed, &held] {
        app.until("the lapse", || (action(&app, one)["status"] == "lapsed").then_some(()));
    }
    app.post(&path(&allowed, "start")).send().problem(409, "wrong_status");
}

#[test]
fn a_start_that_comes_too_late_says_so_where_no_sweep_was_first() {
    let folder = TestApp::start().stop();
    let app = TestApp::unswept(folder, NOON);
    let allowed = app.refund(45.0);
    app.clock.advance(QUARTER);
    let problem = app.post(&path(&allowed, "start")).send().problem(409, "permit_expired");
    assert_eq!((&problem["action_status"], &problem["outcome"]), (&json!("lapsed"), &json!("HALT")));
    app.post(&path(&allowed, "start")).send().problem(409, "wrong_status");
}

#[test]
fn the_policies_in_force_at_the_start_have_the_last_word() {
    let app = TestApp::start();
    let (allowed, held) = (app.refund(45.0), app.refund(340.0));
    approve(&app, &held);
    put(&app, "stop.yaml", "rules: [{ match: { tool: process_refund }, deny: true, reason: frozen }]\n");
    for permitted in [&allowed, &held] {
        let problem = app.post(&path(permitted, "start")).send().problem(409, "policy_changed");
        assert_eq!(problem["action_status"], "lapsed");
        assert!(problem["reason"].as_str().unwrap().contains("frozen"), "{problem}");
        let now = action(&app, permitted);
        assert_eq!((&now["status"], &now["reason_code"]), (&json!("lapsed"), &json!("policy_changed")));
    }
}

#[test]
fn a_start_under_other_policies_that_permit_is_decided_again_and_recorded() {
    let app = TestApp::start();
    let (allowed, held, bound) = (app.refund(45.0), app.refund(340.0), app.refund(100.0));
    approve(&app, &held);
    let policy = POLICY.replace("amount_lte: 150", "amount_lte: 60");
    let policy = policy.replace("amount_gt: 150", "amount_gt: 60");
    put(&app, "support-agent.yaml", &policy);
    let started = app.post(&path(&allowed, "start")).send().ok();
    assert_eq!(started["status"], "executing");
    let record = app.records().pop().unwrap();
    assert_eq!((&record["kind"], &record["decision"]["outcome"]), (&json!("start"), &json!("EXECUTE")));
    assert_eq!(record["policy_version"], started["policy_version"]);
    assert_ne!(started["policy_version"], allowed["policy_version"]);
    // An approved action stays approved if the policies still hold it.
    assert_eq!(app.post(&path(&held, "start")).send().ok()["reason_code"], "approval_granted");
    // An allowed action that would be held now has no approval.
    app.post(&path(&bound, "start")).send().problem(409, "policy_changed");
    let replay = app.post(&path(&held, "replay")).key(&app.admin).send().ok();
    assert_eq!((&replay["match"], replay["passes"].as_array().unwrap().len()), (&json!(true), 3));
}

#[test]
fn an_approval_by_a_key_that_was_revoked_starts_nothing() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    let boss = app.key("boss", "approver");
    app.post(&path(&held, "approval")).key(&boss).json(&json!({ "approve": true })).send().ok();
    app.ask("DELETE", "/v1/keys/boss").key(&app.admin).send().ok();
    app.post(&path(&held, "start")).send().problem(409, "policy_changed");
    assert_eq!(action(&app, &held)["status"], "lapsed");
}

#[test]
fn a_caller_may_give_up_what_has_not_started() {
    let app = TestApp::start();
    let give_up = |of: &Value| -> Reply {
        app.post(&path(of, "withdraw")).json(&json!({ "reason": "timed out" })).send()
    };
    let (allowed, held, approved) = (app.refund(45.0), app.refund(340.0), app.refund(350.0));
    approve(&app, &approved);
    for open in [&allowed, &held, &approved] {
        let withdrawn = give_up(open).ok();
        assert_eq!((&withdrawn["status"], &withdrawn["start_by"]), (&json!("withdrawn"), &Value::Null));
        assert_eq!(withdrawn["waiting"], Value::Null);
        assert_eq!(give_up(open).problem(409, "wrong_status")["action_status"], "withdrawn");
        app.post(&path(open, "start")).send().problem(409, "wrong_status");
    }
    let record = app.records().pop().unwrap();
    assert_eq!((&record["kind"], &record["reason"]), (&json!("withdrawal"), &json!("timed out")));
    assert_eq!(record["principal"], "anonymous");
    let late = app.post(&path(&held, "approval")).key(&app.admin).json(&json!({ "approve": true })).send();
    assert_eq!(late.problem(409, "wrong_status")["action_status"], "withdrawn");
    let running = app.refund(45.0);
    app.post(&path(&running, "start")).send().ok();
    assert_eq!(give_up(&running).problem(409, "wrong_status")["action_status"], "executing");
}

#[test]
fn giving_up_counts_once_and_only_for_the_proposer() {
    let app = TestApp::start();
    let bot = app.key("bot", "agent");
    let other = app.key("other", "agent");
    let action = json!({ "agent_id": "a", "tool": "process_refund", "params": { "amount": 340 } });
    let held = app.post("/v1/actions").key(&bot).json(&action).send().ok();
    app.post(&path(&held, "withdraw")).key(&other).send().problem(404, "not_found");
    app.post(&path(&held, "withdraw")).send().problem(401, "key_required");
    let viewer = app.key("v", "viewer");
    app.post(&path(&held, "withdraw")).key(&viewer).send().problem(403, "forbidden");
    let send = || app.post(&path(&held, "withdraw")).key(&bot).header("idempotency-key", "w").send().ok();
    let first = send();
    assert_eq!(first["status"], "withdrawn");
    assert_eq!(send(), first);
}

#[test]
fn a_result_that_comes_late_is_taken_in() {
    let app = TestApp::start();
    let action_of = app.refund(45.0);
    app.post(&path(&action_of, "start")).send().ok();
    app.clock.advance(QUARTER + 1);
    app.until("the timeout", || (action(&app, &action_of)["status"] == "timeout").then_some(()));
    let body = json!({ "success": true, "result": { "refund_id": "r-1" } });
    let done = app.post(&path(&action_of, "result")).json(&body).send().ok();
    assert_eq!((&done["status"], &done["result"]["refund_id"]), (&json!("succeeded"), &json!("r-1")));
    let records = app.get(&path(&action_of, "events")).key(&app.admin).send().ok();
    let statuses: Vec<_> = records["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["kind"] == "result")
        .map(|one| &one["status"])
        .collect();
    assert_eq!(statuses, [&json!("timeout"), &json!("succeeded")]);
    app.post(&path(&action_of, "result")).json(&body).send().problem(409, "wrong_status");
}

#[test]
fn an_approver_sees_whether_anyone_waits() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    let waits = |wanted: bool| {
        app.until("who waits", || (action(&app, &held)["waiting"] == json!(wanted)).then_some(()))
    };
    waits(false);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| app.get(&path(&held, "wait?timeout=20s")).send().ok());
        waits(true);
        app.clock.advance(120_000);
        waits(true);
        approve(&app, &held);
        assert_eq!(waiting.join().unwrap()["status"], "approved");
    });
    assert_eq!(action(&app, &held)["waiting"], Value::Null);
    let held = app.refund(340.0);
    app.get(&path(&held, "wait?timeout=1ms")).send().ok();
    assert_eq!(action(&app, &held)["waiting"], true, "it asks again and again");
    app.clock.advance(60_001);
    assert_eq!(action(&app, &held)["waiting"], false);
}

#[test]
fn a_decision_under_way_when_the_policies_change_is_made_again() {
    let slow = "rules:\n  - { match: { tool: t, pattern: '(?i)(aws|gcp)?.{0,20}(secret|token).{0,20}[=:]' }, deny: true }\n  - { match: { tool: t }, allow: true }\n";
    let app = TestApp::with(&[("p.yaml", slow)]);
    let text = "plain words ".repeat(8000);
    let body = json!({ "agent_id": "a", "tool": "t", "params": { "text": text } });
    for turn in 0..6_u64 {
        put(&app, "p.yaml", slow);
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| app.post("/v1/actions").json(&body).send().ok());
            let began = std::time::Instant::now();
            while began.elapsed() < std::time::Duration::from_millis(turn * 10) {
                std::thread::yield_now();
            }
            put(&app, "p.yaml", "rules: [{ match: { tool: '*' }, deny: true }]\n");
            asked.join().unwrap();
        });
    }
    let mut in_force = Value::Null;
    for record in app.records() {
        if record["kind"] == "policy" && record["in_force"] == true {
            in_force = record["policy_hash"].clone();
        } else if record["kind"] == "decision" {
            assert_eq!(record["decision"]["policy_hash"], in_force, "{}", record["seq"]);
        }
    }
}
