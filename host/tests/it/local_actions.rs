//! Actions that a wrapper decided locally: only its own records change them, and only as any action can change.

use engine::record::RecordKind;
use serde_json::{Value, json};

use crate::app::{Reply, TestApp};
use crate::intake::{head, own, served, statuses};
use crate::local::{Local, action_id, answered, canonical, refund};

const NAME: &str = "local-one";

#[test]
fn what_cannot_have_happened_to_an_action_is_refused() {
    let app = TestApp::start();
    let theirs = app.refund(45.0);
    let theirs_id = theirs["id"].as_str().unwrap();
    let other = {
        let mut other = Local::begin(&app, "local-other");
        let decision = other.decide(&app, &action_id(1), &refund(45));
        other.decide(&app, &action_id(2), &refund(340));
        other.send(&app, &app.admin, 0).ok();
        decision
    };
    let before = own(&app);
    let mut good = Local::begin(&app, NAME);
    let allowed = good.decide(&app, &action_id(3), &refund(45));
    let denied = good.decide(&app, &action_id(4), &refund(5000));
    let held = good.decide(&app, &action_id(5), &refund(340));
    let refused = |make: &dyn Fn(&mut Local), status: Value| {
        let mut bad = good.clone();
        bad.done(&app, 6);
        make(&mut bad);
        let problem = bad.send(&app, &app.admin, 0).problem(422, "impossible_move");
        assert_eq!(problem["seq"], bad.records.len() - 1, "{problem}");
        assert_eq!(problem["action_status"], status, "{problem}");
        assert_eq!(head(&app, &app.admin, NAME)["size"], 0, "what came before it was not taken either");
    };
    refused(&|bad| bad.start(&action_id(9), &allowed), Value::Null);
    refused(&|bad| bad.start(&action_id(4), &denied), json!("denied"));
    refused(&|bad| bad.start(&action_id(5), &held), Value::Null);
    refused(&|bad| bad.result(&action_id(3), &allowed, true, &Value::Null), json!("allowed"));
    refused(&|bad| bad.start(&action_id(3), &denied), json!("allowed"));
    refused(&|bad| bad.start(&action_id(6), &allowed), json!("succeeded"));
    refused(&|bad| bad.approval(&action_id(3), &allowed, "alice"), json!("allowed"));
    refused(&|bad| bad.approval(&action_id(9), &allowed, "alice"), Value::Null);
    refused(&|bad| bad.decision(&action_id(3), &refund(45), &allowed, &json!({})), json!("allowed"));
    refused(&|bad| bad.decision(&action_id(5), &refund(45), &allowed, &json!({})), json!("pending_approval"));
    // Actions of the server and of another stream are neither changed nor reported.
    refused(&|bad| bad.start(theirs_id, &theirs), Value::Null);
    refused(&|bad| bad.decision(theirs_id, &refund(45), &allowed, &json!({})), Value::Null);
    refused(&|bad| bad.start(&action_id(1), &other), Value::Null);
    refused(&|bad| bad.decision(&action_id(1), &refund(45), &allowed, &json!({})), Value::Null);
    refused(&|bad| bad.approval(&action_id(2), &held, "alice"), Value::Null);
    refused(&|bad| bad.decision(&action_id(2), &refund(340), &held, &json!({})), Value::Null);
    good.send(&app, &app.admin, 0).ok();
    // The server's own stream says only that the other one began, and who brings it.
    assert_eq!(own(&app)["size"], before["size"].as_u64().unwrap() + 1);
    let begun = app.records().pop().unwrap();
    let said =
        ["kind", "event", "local_stream", "principal"].map(|name| begun[name].as_str().unwrap().to_owned());
    assert_eq!(said, ["access", "stream_begun", NAME, "admin"]);
    let path = format!("/v1/actions/{theirs_id}");
    assert_eq!(app.get(&path).key(&app.admin).send().ok()["status"], "allowed");
}

#[test]
fn an_approval_where_it_was_decided_is_part_of_the_actions_life() {
    let app = TestApp::start();
    let mut local = Local::begin(&app, NAME);
    let id = action_id(1);
    let held = local.decide(&app, &id, &refund(340));
    local.send(&app, &app.admin, 0).ok();
    assert_eq!(statuses(&app), [], "nobody can answer for it here");
    local.approval(&id, &held, "alice");
    let granted = local.pass(&app, &id, &refund(340), &answered("granted", &["alice"]));
    local.done(&app, 2);
    local.start(&id, &granted);
    local.send(&app, &app.admin, 1).ok();
    let action = app.get(&format!("/v1/actions/{id}")).key(&app.admin).send().ok();
    assert_eq!((&action["status"], &action["outcome"]), (&json!("executing"), &json!("EXECUTE")));
    assert_eq!(action["approvals"][0]["principal"], "alice", "{action}");
    assert_eq!(action["created_at"], "2026-11-22T12:00:00.002Z");
    let events = app.get(&format!("/v1/actions/{id}/events")).key(&app.admin).send().ok();
    let kinds: Vec<_> = events["events"].as_array().unwrap().iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds, ["decision", "approval", "decision", "start"]);

    // This one got no answer, and of the other not even the second pass could be read.
    for n in [3, 4] {
        let id = action_id(n);
        let held = local.decide(&app, &id, &refund(340));
        local.seal(RecordKind::Expiry, Some(&id), vec![("approval", canonical(&Value::Null))]);
        if n == 3 {
            local.pass(&app, &id, &refund(340), &answered("expired", &[]));
            continue;
        }
        let mut expired = held.clone();
        expired.as_object_mut().unwrap().remove("approval");
        for (key, value) in [("decision", "deny"), ("outcome", "HALT"), ("reason_code", "approval_expired")] {
            expired[key] = json!(value);
        }
        local.decision(&id, &Value::Null, &expired, &json!({}));
    }
    // No action at all.
    let mut halt = app.dry_run(b"{");
    halt["request_hash"] = Value::Null;
    local.decision(&action_id(5), &Value::Null, &halt, &json!({}));
    local.send(&app, &app.admin, 0).ok();
    let words: Vec<_> = statuses(&app).into_iter().map(|(_, status)| status).collect();
    assert_eq!(words, ["executing", "succeeded", "denied", "denied"]);
    assert_eq!(served(&app, NAME), local.records);
}

#[test]
fn what_was_held_is_not_allowed_before_somebody_granted_it() {
    let app = TestApp::start();
    let allowed_after = |n: u32, answer: &dyn Fn(&mut Local, &str, &Value)| {
        let mut local = Local::begin(&app, &format!("{NAME}-{n}"));
        let id = action_id(n);
        let held = local.decide(&app, &id, &refund(340));
        answer(&mut local, &id, &held);
        if n == 5 {
            local.pass(&app, &id, &refund(340), &answered("granted", &["alice"]));
            return local.send(&app, &app.admin, 0);
        }
        let mut allowed = held.clone();
        allowed.as_object_mut().unwrap().remove("approval");
        for (key, value) in
            [("decision", "allow"), ("outcome", "EXECUTE"), ("reason_code", "approval_granted")]
        {
            allowed[key] = json!(value);
        }
        local.decision(&id, &refund(340), &allowed, &json!({}));
        local.send(&app, &app.admin, 0)
    };
    let rejection = json!({ "approve": false, "principal": "bob", "reason": null, "roles": [] });
    let reject = |local: &mut Local, id: &str| {
        local.seal(RecordKind::Approval, Some(id), vec![("approval", canonical(&rejection))]);
    };
    let refused = |reply: Reply| {
        let problem = reply.problem(422, "impossible_move");
        assert_eq!(problem["action_status"], "pending_approval", "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("nobody granted it"), "{problem}");
    };
    refused(allowed_after(1, &|_, _, _| {}));
    refused(allowed_after(2, &|local, id, _| reject(local, id)));
    refused(allowed_after(3, &|local, id, held| {
        local.approval(id, held, "alice");
        reject(local, id);
    }));
    refused(allowed_after(4, &|local, id, _| {
        local.seal(RecordKind::Expiry, Some(id), vec![("approval", canonical(&Value::Null))]);
    }));
    assert_eq!(statuses(&app), []);
    allowed_after(5, &|local, id, held| local.approval(id, held, "alice")).ok();
    assert_eq!(statuses(&app), [(action_id(5), "approved".to_owned())]);
}

#[test]
fn only_its_stream_moves_a_local_action() {
    let app = TestApp::start();
    let mut local = Local::begin(&app, NAME);
    let id = action_id(1);
    let decision = local.decide(&app, &id, &refund(45));
    local.send(&app, &app.admin, 0).ok();
    let path = format!("/v1/actions/{id}");
    let post =
        |what: &str, body: Value| app.post(&format!("{path}/{what}")).key(&app.admin).json(&body).send();
    let problem = post("start", json!({})).problem(409, "local_action");
    assert_eq!((&problem["stream"], &problem["action_status"]), (&json!(NAME), &json!("allowed")));
    assert!(problem["detail"].as_str().unwrap().contains(NAME), "{problem}");
    post("approval", json!({ "approve": true })).problem(409, "local_action");
    local.start(&id, &decision);
    local.send(&app, &app.admin, 2).ok();
    post("result", json!({ "success": true })).problem(409, "local_action");
    // A waiting caller learns at once that it is decided.
    assert_eq!(app.get(&format!("{path}/wait")).key(&app.admin).send().ok()["status"], "executing");

    // An action of the server that started at the same time has run out when this one is looked at.
    let theirs = app.refund(45.0);
    let theirs = format!("/v1/actions/{}", theirs["id"].as_str().unwrap());
    app.post(&format!("{theirs}/start")).send().ok();
    app.clock.advance(24 * 60 * 60_000);
    app.until("the timeout", || {
        Some(app.get(&theirs).send().ok()).filter(|action| action["status"] == "timeout")
    });
    assert_eq!(app.get(&path).key(&app.admin).send().ok()["status"], "executing");
    local.result(&id, &decision, true, &Value::Null);
    local.send(&app, &app.admin, 3).ok();
    assert_eq!(app.get(&path).key(&app.admin).send().ok()["status"], "succeeded");
}
