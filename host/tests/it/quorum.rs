//! Two approvers are two people: keys, links and names cannot stand in for each other.

use serde_json::{Value, json};

use crate::app::{Reply, TestApp, id};

const TWO: &str = r#"
rules:
  - { id: two, match: { tool: wire }, require_approval: { approvers: 2 } }
  - { id: one, match: { tool: pay }, require_approval: true }
  - { id: legal, match: { tool: sign }, require_approval: { roles: [legal] } }
"#;

fn start() -> TestApp {
    TestApp::with(&[("p.yaml", TWO)])
}

fn submit(app: &TestApp, tool: &str) -> Value {
    app.post("/v1/actions").json(&json!({ "agent_id": "a", "tool": tool })).send().ok()
}

fn seen(app: &TestApp, action: &Value, key: &str) -> Value {
    app.get(&format!("/v1/actions/{}", id(action))).key(key).send().ok()
}

/// An answer with a key, with a token, or with both.
fn answer(app: &TestApp, action: &Value, key: Option<&str>, token: Option<&Value>, approve: bool) -> Reply {
    let mut body = json!({ "approve": approve });
    if let Some(token) = token {
        body["token"] = token.clone();
    }
    let ask = app.post(&format!("/v1/actions/{}/approval", id(action))).json(&body);
    key.map_or(app.post(&format!("/v1/actions/{}/approval", id(action))).json(&body), |key| ask.key(key))
        .send()
}

#[test]
fn one_approver_is_never_two_people() {
    let app = start();
    let alice = app.key("alice", "approver");
    let held = submit(&app, "wire");
    assert_eq!(seen(&app, &held, &alice)["approval_token"], Value::Null, "a token cannot be enough here");
    answer(&app, &held, Some(&alice), None, true).ok();
    answer(&app, &held, Some(&alice), None, true).problem(409, "already_approved");
    // A token of another action, which her key made, adds no person either.
    let other = submit(&app, "pay");
    let token = seen(&app, &other, &alice)["approval_token"].clone();
    answer(&app, &held, None, Some(&token), true).problem(403, "wrong_token");
    assert_eq!(seen(&app, &held, &alice)["status"], "pending_approval");
    // A second key is a second person, regardless of its holder: that is the meaning of a key.
    let bob = app.key("bob", "approver");
    let approved = answer(&app, &held, Some(&bob), None, true).ok();
    assert_eq!(approved["status"], "approved");
    let people: Vec<_> = approved["approvals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|said| json!([said["principal"], said["via"], said["key_id"].is_string(), said["claimed_by"]]))
        .collect();
    assert_eq!(people, [json!(["alice", "key", true, null]), json!(["bob", "key", true, null])]);
}

#[test]
fn a_token_that_was_enough_is_not_once_the_policy_asks_for_two() {
    let app = start();
    let alice = app.key("alice", "approver");
    let held = submit(&app, "pay");
    let token = seen(&app, &held, &alice)["approval_token"].clone();
    let two =
        TWO.replace("tool: pay }, require_approval: true", "tool: pay }, require_approval: { approvers: 2 }");
    let path = "/v1/policies/p.yaml";
    app.ask("PUT", path).key(&app.admin).header("if-match", "*").raw(two.as_bytes()).send().ok();
    answer(&app, &held, None, Some(&token), true).problem(403, "token_not_enough");
    assert_eq!(seen(&app, &held, &alice)["approvals"], json!([]));
}

#[test]
fn a_token_is_made_for_one_approver_and_recorded_as_theirs() {
    let app = start();
    let (alice, bob, viewer) =
        (app.key("alice", "approver"), app.key("bob", "approver"), app.key("v", "viewer"));
    let held = submit(&app, "pay");
    let (hers, his) =
        (&seen(&app, &held, &alice)["approval_token"], &seen(&app, &held, &bob)["approval_token"]);
    assert!(hers.is_string() && his.is_string() && hers != his);
    assert_eq!(&seen(&app, &held, &alice)["approval_token"], hers, "asking again changes nothing");
    answer(&app, &held, Some(&bob), Some(hers), true).problem(403, "wrong_token");
    answer(&app, &held, Some(&viewer), Some(hers), true).problem(403, "not_an_approver");
    for (n, changed) in
        [hers.as_str().unwrap().to_uppercase(), format!("{}A", hers.as_str().unwrap())].iter().enumerate()
    {
        answer(&app, &held, None, Some(&json!(changed)), true).problem(403, "wrong_token");
        assert_eq!(seen(&app, &held, &alice)["approvals"], json!([]), "{n}");
    }
    let approved = answer(&app, &held, None, Some(hers), true).ok();
    let said = &approved["approvals"][0];
    assert_eq!((&said["principal"], &said["via"]), (&json!("alice"), &json!("link")));
    let record = app.records().pop().unwrap();
    assert_eq!((&record["via"], &record["key_id"]), (&json!("link"), &said["key_id"]));
    // With her own key and her own token she is who her key says.
    let held = submit(&app, "pay");
    let token = seen(&app, &held, &alice)["approval_token"].clone();
    let approved = answer(&app, &held, Some(&alice), Some(&token), true).ok();
    assert_eq!(approved["approvals"][0]["via"], "key");
}

#[test]
fn any_answer_spends_every_token() {
    let app = start();
    let alice = app.key("alice", "approver");
    let held = submit(&app, "pay");
    let token = seen(&app, &held, &alice)["approval_token"].clone();
    answer(&app, &held, None, Some(&token), false).ok();
    answer(&app, &held, None, Some(&token), true).problem(403, "wrong_token");
    // Of a quorum too, where a no by link is possible as long as no one has answered.
    let held = submit(&app, "wire");
    answer(&app, &held, Some(&alice), None, true).ok();
    assert_eq!(seen(&app, &held, &app.key("bob", "approver"))["approval_token"], Value::Null);
}

#[test]
fn the_token_of_a_revoked_key_answers_nothing() {
    let app = start();
    let alice = app.key("alice", "approver");
    let held = submit(&app, "pay");
    let token = seen(&app, &held, &alice)["approval_token"].clone();
    app.ask("DELETE", "/v1/keys/alice").key(&app.admin).send().ok();
    answer(&app, &held, None, Some(&token), true).problem(403, "wrong_token");
    // A key of the same name is another person, for whom it was not made.
    app.key("alice", "approver");
    answer(&app, &held, None, Some(&token), true).problem(403, "wrong_token");
}

#[test]
fn a_revoked_approver_counts_no_more_and_the_answer_says_so() {
    let app = start();
    let (carol, alice) = (app.key("carol", "approver"), app.key("alice", "approver"));
    let held = submit(&app, "wire");
    answer(&app, &held, Some(&carol), None, true).ok();
    app.ask("DELETE", "/v1/keys/carol").key(&app.admin).send().ok();
    let answered = answer(&app, &held, Some(&alice), None, true).ok();
    assert_eq!(answered["status"], "pending_approval");
    let counts: Vec<_> =
        answered["approvals"].as_array().unwrap().iter().map(|said| &said["counts"]).collect();
    assert_eq!(counts, [&json!(false), &json!(true)]);
    let state = app.records().pop().unwrap()["state"]["approval"]["approvers"].clone();
    assert_eq!(state.as_array().unwrap().len(), 1, "{state}");
    // A name that is used again is another person, and may approve.
    let again = app.key("carol", "approver");
    assert_eq!(answer(&app, &held, Some(&again), None, true).ok()["status"], "approved");
}

#[test]
fn an_approval_that_could_never_count_is_refused_and_a_rejection_is_not() {
    let app = start();
    let plain = app.key("plain", "approver");
    let held = submit(&app, "sign");
    let answerable = &seen(&app, &held, &plain)["answerable"];
    assert_eq!(answerable, &json!({ "approve": false, "reject": true, "why_not": "role_not_asked" }));
    assert_eq!(seen(&app, &held, &plain)["approval_token"], Value::Null);
    answer(&app, &held, Some(&plain), None, true).problem(403, "role_not_asked");
    answer(&app, &held, Some(&app.admin), None, true).problem(403, "role_not_asked");
    assert_eq!(seen(&app, &held, &plain)["approvals"], json!([]));
    assert_eq!(answer(&app, &held, Some(&plain), None, false).ok()["status"], "denied");
}

#[test]
fn a_caller_without_a_key_learns_nothing_with_a_wrong_token() {
    let app = start();
    let action = json!({ "agent_id": "a", "tool": "pay" });
    let held = app.post("/v1/actions").json(&action).send().ok();
    let alice = app.key("alice", "approver");
    let wrong = json!("A".repeat(43));
    answer(&app, &held, None, Some(&wrong), true).problem(403, "wrong_token");
    answer(&app, &held, Some(&alice), None, false).ok();
    let mut bodies = Vec::new();
    for at in [id(&held), &id(&held)[..8], "00000000", "00000000-0000-8000-8000-000000000000"] {
        let path = format!("/v1/actions/{at}/approval");
        let reply = app.post(&path).json(&json!({ "approve": true, "token": wrong })).send();
        reply.problem(403, "wrong_token");
        bodies.push(reply.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[test]
fn each_caller_is_told_whether_its_answer_would_count() {
    let app = start();
    let (alice, viewer) = (app.key("alice", "approver"), app.key("v", "viewer"));
    let action = json!({ "agent_id": "a", "tool": "wire" });
    let held = app.post("/v1/actions").key(&app.admin).json(&action).send().ok();
    assert_eq!(held["answerable"], json!({ "approve": false, "reject": false, "why_not": "self_approval" }));
    assert_eq!(held["principal"], "admin");
    assert_eq!(seen(&app, &held, &viewer)["answerable"], Value::Null);
    assert_eq!(
        seen(&app, &held, &alice)["answerable"],
        json!({ "approve": true, "reject": true, "why_not": null })
    );
    let after = answer(&app, &held, Some(&alice), None, true).ok();
    assert_eq!(
        after["answerable"],
        json!({ "approve": false, "reject": true, "why_not": "already_approved" })
    );
    answer(&app, &held, Some(&alice), None, false).ok();
    assert_eq!(seen(&app, &held, &alice)["answerable"], Value::Null);
}

#[test]
fn a_name_that_is_used_again_sees_and_starts_nothing_of_the_one_before() {
    let app = start();
    let body = json!({ "name": "bot", "role": "agent", "agents": ["*"] });
    let before = app.key_with(body.clone());
    let action = json!({ "agent_id": "a", "tool": "pay" });
    let held = app.post("/v1/actions").key(&before).header("idempotency-key", "k").json(&action).send().ok();
    app.ask("DELETE", "/v1/keys/bot").key(&app.admin).send().ok();
    let after = app.key_with(body);
    let path = format!("/v1/actions/{}", id(&held));
    app.get(&path).key(&after).send().problem(404, "not_found");
    assert_eq!(app.get("/v1/actions").key(&after).send().ok()["total"], 0);
    app.post(&format!("{path}/start")).key(&after).send().problem(404, "not_found");
    // Its requests are not those of the one before either.
    let own = app.post("/v1/actions").key(&after).header("idempotency-key", "k").json(&action).send().ok();
    assert_ne!(own["id"], held["id"]);
}

#[test]
fn a_rejection_names_who_rejected_and_not_who_approved() {
    let app = start();
    let (alice, bob) = (app.key("alice", "approver"), app.key("bob", "approver"));
    let held = submit(&app, "wire");
    answer(&app, &held, Some(&alice), None, true).ok();
    assert_eq!(answer(&app, &held, Some(&bob), None, false).ok()["reason"], "rejected by bob");
}

#[test]
fn a_no_that_comes_too_late_is_kept() {
    let app = start();
    let alice = app.key("alice", "approver");
    let held = submit(&app, "pay");
    app.clock.advance(3_600_000);
    let path = format!("/v1/actions/{}/approval", id(&held));
    let no = json!({ "approve": false, "reason": "never this customer" });
    for _ in 0..2 {
        let problem = app.post(&path).key(&alice).json(&no).send().problem(409, "wrong_status");
        assert_eq!(problem["action_status"], "denied");
    }
    let now = seen(&app, &held, &alice);
    assert_eq!((&now["status"], &now["reason_code"]), (&json!("denied"), &json!("approval_expired")));
    assert_eq!(now["approvals"].as_array().unwrap().len(), 1);
    assert_eq!(now["approvals"][0]["reason"], "never this customer");
    let record = app.records().pop().unwrap();
    assert_eq!((&record["kind"], &record["late"]), (&json!("approval"), &json!(true)));
    assert_eq!(record["approval"]["reason"], "never this customer");
}
