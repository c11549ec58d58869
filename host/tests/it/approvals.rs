//! People answer held actions, or they expire.

use serde_json::{Value, json};

use crate::app::{Reply, TestApp, id};

fn approve(app: &TestApp, action: &Value, key: &str) -> Reply {
    app.post(&format!("/v1/actions/{}/approval", id(action)))
        .key(key)
        .json(&json!({ "approve": true }))
        .send()
}

fn wire(app: &TestApp) -> Value {
    app.post("/v1/actions").json(&json!({ "agent_id": "a", "tool": "wire" })).send().ok()
}

#[test]
fn an_approved_action_may_start() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    let body = json!({ "approve": true, "reason": "looks right" });
    let path = format!("/v1/actions/{}/approval", id(&held));
    let approved = app.post(&path).key(&app.admin).json(&body).send().ok();
    assert_eq!((&approved["status"], &approved["outcome"]), (&json!("approved"), &json!("EXECUTE")));
    assert_eq!(approved["reason_code"], "approval_granted");
    assert_eq!(approved["approvals"][0]["principal"], "admin");
    assert_eq!(approved["approvals"][0]["reason"], "looks right");
    assert_eq!(approved["approval_token"], Value::Null);
    let record = app.records().pop().unwrap();
    assert_eq!(record["kind"], "approval");
    assert_eq!(record["approval"]["approve"], true);
    assert_eq!(record["request_hash"], held["request_hash"]);
    assert_eq!(record["state"]["approval"]["verdict"], "granted");
    let again = app.post(&path).key(&app.admin).json(&body).send().problem(409, "wrong_status");
    assert_eq!(again["action_status"], "approved");
}

#[test]
fn a_rejected_action_is_denied() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    let body = json!({ "approve": false, "reason": "no" });
    let path = format!("/v1/actions/{}/approval", id(&held));
    let denied = app.post(&path).key(&app.admin).json(&body).send().ok();
    assert_eq!((&denied["status"], &denied["reason_code"]), (&json!("denied"), &json!("approval_rejected")));
    app.post(&format!("/v1/actions/{}/start", id(&held))).send().problem(409, "wrong_status");
}

#[test]
fn the_policies_in_force_at_the_approval_decide() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    std::fs::write(app.policy_file("tight.yaml"), "rules: [{ match: { amount_gt: 300 }, deny: true }]\n")
        .unwrap();
    app.until("the edit", || (app.refund(340.0)["status"] == "denied").then_some(()));
    let denied = approve(&app, &held, &app.admin).ok();
    assert_eq!((&denied["status"], &denied["reason_code"]), (&json!("denied"), &json!("policy_deny")));
    assert_ne!(denied["policy_version"], held["policy_version"]);
}

#[test]
fn agents_never_see_the_token_and_cannot_approve() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    assert_eq!(held["approval_token"], Value::Null);
    let path = format!("/v1/actions/{}", id(&held));
    assert_eq!(app.get(&path).send().ok()["approval_token"], Value::Null);
    let list = app.get("/v1/actions").send().ok();
    assert_eq!(list["actions"][0]["approval_token"], Value::Null);
    let token = app.get(&path).key(&app.admin).send().ok()["approval_token"].as_str().unwrap().to_owned();
    assert_eq!(app.get(&path).key(&app.key("viewer", "viewer")).send().ok()["approval_token"], Value::Null);
    assert_eq!(app.get(&path).key(&app.key("editor", "editor")).send().ok()["approval_token"], Value::Null);
    assert!(!app.records().iter().any(|record| record.to_string().contains(&token)));
    let body = json!({ "approve": true });
    app.post(&format!("{path}/approval")).json(&body).send().problem(403, "not_an_approver");
    for name in ["viewer2", "editor2"] {
        let key = app.key(name, name.trim_end_matches('2'));
        app.post(&format!("{path}/approval")).key(&key).json(&body).send().problem(403, "not_an_approver");
    }
    let wrong = json!({ "approve": true, "token": "A".repeat(43) });
    app.post(&format!("{path}/approval")).json(&wrong).send().problem(403, "wrong_token");
    assert_eq!(app.get(&path).send().ok()["status"], "pending_approval");
}

#[test]
fn a_token_approves_once_and_without_a_key() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    let path = format!("/v1/actions/{}", id(&held));
    let token = app.get(&path).key(&app.admin).send().ok()["approval_token"].clone();
    // From here on a caller without a key has no access.
    app.key("bot", "agent");
    app.get(&path).send().problem(401, "key_required");
    let approval = format!("{path}/approval");
    app.post(&approval).json(&json!({ "approve": true })).send().problem(401, "key_required");
    let body = json!({ "approve": true, "token": token });
    let approved = app.post(&approval).json(&body).send().ok();
    assert_eq!(approved["status"], "approved");
    assert_eq!(approved["approvals"][0]["principal"], "admin");
    assert_eq!(approved["approvals"][0]["via"], "link");
    app.post(&approval).json(&body).send().problem(403, "wrong_token");
}

#[test]
fn who_proposed_an_action_can_never_approve_it() {
    let app = TestApp::start();
    let action = json!({ "agent_id": "a", "tool": "process_refund", "params": { "amount": 340 } });
    let held = app.post("/v1/actions").key(&app.admin).json(&action).send().ok();
    assert_eq!(held["approval_token"], Value::Null);
    approve(&app, &held, &app.admin).problem(403, "self_approval");
    let other = app.key("boss", "approver");
    let path = format!("/v1/actions/{}", id(&held));
    let token = app.get(&path).key(&other).send().ok()["approval_token"].clone();
    let body = json!({ "approve": true, "token": token });
    app.post(&format!("{path}/approval")).key(&app.admin).json(&body).send().problem(403, "self_approval");
    assert_eq!(approve(&app, &held, &other).ok()["status"], "approved");
}

#[test]
fn a_quorum_needs_different_people_of_the_role() {
    let app = TestApp::start();
    let finance =
        |name: &str| app.key_with(json!({ "name": name, "role": "approver", "approver_roles": ["finance"] }));
    let (alice, bob, carol) = (finance("alice"), finance("bob"), app.key("carol", "approver"));
    let held = wire(&app);
    assert_eq!(held["approval"]["requires"], json!([{ "approvers": 2, "roles": ["finance"] }]));
    assert_eq!(held["expires_at"], "2026-11-22T12:30:00.000Z");
    assert_eq!(approve(&app, &held, &alice).ok()["status"], "pending_approval");
    approve(&app, &held, &alice).problem(409, "already_approved");
    approve(&app, &held, &carol).problem(403, "role_not_asked");
    let approved = approve(&app, &held, &bob).ok();
    assert_eq!(approved["status"], "approved");
    assert_eq!(approved["approvals"].as_array().unwrap().len(), 2);
    // One no is enough, also after a yes.
    let held = wire(&app);
    approve(&app, &held, &alice).ok();
    let path = format!("/v1/actions/{}/approval", id(&held));
    let denied = app.post(&path).key(&carol).json(&json!({ "approve": false })).send().ok();
    assert_eq!(denied["reason_code"], "approval_rejected");
}

#[test]
fn approvers_of_a_quorum_who_answer_at_once_all_count() {
    let app = TestApp::start();
    let keys: Vec<_> = (0..2)
        .map(|n| {
            let name = format!("approver-{n}");
            app.key_with(json!({ "name": name, "role": "approver", "approver_roles": ["finance"] }))
        })
        .collect();
    for _ in 0..5 {
        let held = wire(&app);
        std::thread::scope(|scope| {
            for key in &keys {
                let (app, held) = (&app, &held);
                scope.spawn(move || approve(app, held, key).ok());
            }
        });
        let path = format!("/v1/actions/{}", id(&held));
        assert_eq!(app.get(&path).send().ok()["status"], "approved");
    }
}

#[test]
fn of_sixteen_approvals_at_once_one_wins() {
    let app = TestApp::start();
    let keys: Vec<_> = (0..16).map(|n| app.key(&format!("approver-{n}"), "approver")).collect();
    let held = app.refund(340.0);
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> = keys
            .iter()
            .map(|key| (&app, &held, key))
            .map(|(app, held, key)| scope.spawn(move || approve(app, held, key).status))
            .collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 15, "{statuses:?}");
}

#[test]
fn an_approval_that_nobody_gives_expires() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    let path = format!("/v1/actions/{}", id(&held));
    app.clock.advance(3_600_000 - 1);
    assert_eq!(app.get(&path).send().ok()["status"], "pending_approval");
    app.clock.advance(1);
    let denied = app.until("the expiry", || {
        Some(app.get(&path).send().ok()).filter(|action| action["status"] != "pending_approval")
    });
    assert_eq!((&denied["status"], &denied["reason_code"]), (&json!("denied"), &json!("approval_expired")));
    let record = app.records().pop().unwrap();
    assert_eq!((&record["kind"], &record["principal"]), (&json!("expiry"), &json!("system")));
    approve(&app, &held, &app.admin).problem(409, "wrong_status");
}

#[test]
fn an_approval_that_comes_too_late_is_refused_at_once() {
    let app = TestApp::start();
    let held = wire(&app);
    let key = app.key("boss", "approver");
    app.clock.advance(30 * 60_000);
    let problem = approve(&app, &held, &key).problem(409, "wrong_status");
    assert_eq!(problem["action_status"], "denied");
}

#[test]
fn the_same_approval_counts_once() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    let path = format!("/v1/actions/{}/approval", id(&held));
    let send =
        |body: Value| app.post(&path).key(&app.admin).header("idempotency-key", "k").json(&body).send();
    let first = send(json!({ "approve": true })).ok();
    assert_eq!(send(json!({ "approve": true })).ok(), first);
    send(json!({ "approve": false })).problem(409, "idempotency_key_reused");
}

#[test]
fn bodies_that_are_no_answer_are_refused() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    let path = format!("/v1/actions/{}/approval", id(&held));
    for body in [&b""[..], b"{}", b"{\"approve\":1}", b"{\"approve\":true,\"more\":1}", b"[", b"null"] {
        app.post(&path).key(&app.admin).raw(body).send().problem(400, "invalid_body");
    }
    approve(&app, &json!({ "id": "00000000" }), &app.admin).problem(404, "not_found");
}
