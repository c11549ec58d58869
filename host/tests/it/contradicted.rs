//! A wrapper's decisions are repeated on arrival: a forged history is kept as the wrapper's account, and has no effect.

use std::sync::atomic::Ordering;

use engine::record::RecordKind;
use serde_json::{Value, json};

use crate::app::{NOON, TestApp, audit};
use crate::intake::head;
use crate::local::{Local, action_id, answered, refund};

fn call(tool: &str) -> Value {
    json!({ "agent_id": "support-agent-prod", "tool": tool, "params": { "amount": 45 } })
}

fn action(app: &TestApp, id: &str) -> Value {
    app.get(&format!("/v1/actions/{id}")).key(&app.admin).send().ok()
}

/// A decision of the engine with other words in it.
fn forged(app: &TestApp, action: &Value, words: &[(&str, Value)]) -> Value {
    let mut decision = app.dry_run(action.to_string().as_bytes());
    decision.as_object_mut().unwrap().remove("approval");
    for (name, word) in words {
        decision[name] = word.clone();
    }
    decision
}

fn execute(reason_code: &str) -> [(&'static str, Value); 3] {
    [("decision", json!("allow")), ("outcome", json!("EXECUTE")), ("reason_code", json!(reason_code))]
}

#[test]
fn a_forged_permission_is_kept_as_contradicted_and_moves_nothing() {
    let app = TestApp::start();
    app.edited.store(true, Ordering::Relaxed);
    let agent = app.key("bot", "admin");
    let mut local = Local::begin(&app, "local-forger");
    let (id, drop_db) = (action_id(1), call("drop_db"));
    let decision = forged(&app, &drop_db, &execute("policy_allow"));
    local.decision(&id, &drop_db, &decision, &json!({}));
    local.start(&id, &decision);
    local.result(&id, &decision, true, &json!({ "dropped": true }));
    let honest = local.done(&app, 2);
    local.send(&app, &agent, 0).ok();
    assert_eq!(head(&app, &app.admin, "local-forger")["size"], local.records.len());

    let kept = action(&app, &id);
    let shown = ["status", "outcome", "reason_code", "contradicted"].map(|name| kept[name].clone());
    assert_eq!(shown, [json!("denied"), json!("HALT"), json!("default_deny"), json!(true)], "{kept}");
    assert!(kept.get("result").is_none(), "{kept}");
    let list = app.get("/v1/actions?outcome=EXECUTE").key(&app.admin).send().ok();
    let listed: Vec<_> = list["actions"].as_array().unwrap().iter().map(|action| &action["id"]).collect();
    assert_eq!(listed, [&json!(honest)]);
    assert_eq!(action(&app, &honest)["contradicted"], false);
    // The action's history has the stream's account and this server's own decision.
    let events = app.get(&format!("/v1/actions/{id}/events")).key(&app.admin).send().ok();
    let events = events["events"].as_array().unwrap();
    let told: Vec<_> =
        events.iter().map(|event| (&event["kind"], event["contradicts"]["seq"].clone())).collect();
    let none = Value::Null;
    let (decided, started, ended) = (json!("decision"), json!("start"), json!("result"));
    let expected = [(&decided, none.clone()), (&decided, json!(1)), (&started, none.clone()), (&ended, none)];
    assert_eq!(told, expected, "{events:?}");

    let found = audit(&app.store).problems;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].problem.as_str(), found[0].seq), ("contradicted", Some(1)));
    assert_eq!(found[0].stream.as_deref(), Some("local-forger"));
    assert!(found[0].message.contains("HALT (default_deny)"), "{found:?}");
}

#[test]
fn approvals_that_the_policy_does_not_take_open_nothing() {
    let app = TestApp::start();
    app.edited.store(true, Ordering::Relaxed);
    let mut local = Local::begin(&app, "local-forger");
    let (id, wire) = (action_id(1), call("wire"));
    // The policy asks for two people.
    let held = local.pass(&app, &id, &wire, &json!({}));
    local.approval(&id, &held, "admin");
    let granted = forged(&app, &wire, &execute("approval_granted"));
    local.decision(&id, &wire, &granted, &answered("granted", &["admin"]));
    local.send(&app, &app.admin, 0).ok();
    let kept = action(&app, &id);
    assert_eq!((&kept["status"], &kept["contradicted"]), (&json!("denied"), &json!(true)), "{kept}");
    assert_eq!(kept["outcome"], "ABSTAIN", "what this server decides: it still waits for a second person");
    assert_eq!(audit(&app.store).problems.len(), 1);
    app.post(&format!("/v1/actions/{id}/start")).key(&app.admin).send().problem(409, "local_action");

    // Two are claimed, of whom one never answered.
    let mut local = Local::begin(&app, "local-other");
    let id = action_id(2);
    let held = local.pass(&app, &id, &wire, &json!({}));
    local.approval(&id, &held, "alice");
    local.pass(&app, &id, &wire, &answered("granted", &["alice", "bob"]));
    let problem = local.send(&app, &app.admin, 0).problem(422, "impossible_move");
    assert!(problem["detail"].as_str().unwrap().contains("no record has"), "{problem}");

    // Both answered: those are claims of the wrapper's own people, and they are shown as such.
    let mut local = Local::begin(&app, "local-third");
    let id = action_id(3);
    let held = local.pass(&app, &id, &wire, &json!({}));
    local.approval(&id, &held, "alice");
    local.approval(&id, &held, "bob");
    local.pass(&app, &id, &wire, &answered("granted", &["alice", "bob"]));
    local.send(&app, &app.admin, 0).ok();
    let kept = action(&app, &id);
    assert_eq!((&kept["status"], &kept["contradicted"]), (&json!("approved"), &json!(false)), "{kept}");
}

#[test]
fn one_answer_of_a_stream_is_never_counted_twice_nor_with_other_roles() {
    let app = TestApp::start();
    let wire = call("wire");
    let counted = |approvers: Value| json!({ "approval": { "approvers": approvers, "reason": null, "verdict": "granted" } });
    let alice = |key: &str, roles: Value| json!({ "key_id": key, "principal": "alice", "roles": roles });
    let finance = || json!(["finance"]);
    let person = |name: &str| json!({ "principal": name, "roles": ["finance"] });
    let bob = person("bob");
    for (n, (answers, approvers)) in [
        // One answer, as two keys of one name.
        (vec!["alice"], json!([alice("1", finance()), alice("2", finance())])),
        // Two answers of one name: a stream tells people apart by nothing else.
        (vec!["alice", "alice"], json!([alice("1", finance()), alice("2", finance())])),
        // Names that people take for one, and one that shows as another.
        (vec!["alice", "Alice"], json!([person("alice"), person("Alice")])),
        (vec!["alice", "alice\u{200b}"], json!([person("alice"), person("alice\u{200b}")])),
        // One of them proposed the action.
        (vec!["alice", "support-agent-prod"], json!([person("alice"), person("support-agent-prod")])),
        // Two people, one of them with a role that its record does not have.
        (vec!["alice", "bob"], json!([alice("1", json!(["finance", "cfo"])), bob])),
    ]
    .into_iter()
    .enumerate()
    {
        let mut local = Local::begin(&app, &format!("local-counts-{n}"));
        let id = action_id(u32::try_from(n).unwrap());
        let held = local.pass(&app, &id, &wire, &json!({}));
        answers.iter().for_each(|name| local.approval(&id, &held, name));
        let decision = local.pass(&app, &id, &wire, &counted(approvers));
        assert_eq!(decision["outcome"], "EXECUTE", "the engine cannot tell");
        local.send(&app, &app.admin, 0).problem(422, "impossible_move");
    }
}

#[test]
fn what_ran_out_at_a_stream_is_not_granted_afterwards() {
    let app = TestApp::start();
    let mut local = Local::begin(&app, "local-expired");
    let (id, wire) = (action_id(1), call("wire"));
    let held = local.pass(&app, &id, &wire, &json!({}));
    local.seal(RecordKind::Expiry, Some(&id), Vec::new());
    local.approval(&id, &held, "alice");
    local.approval(&id, &held, "bob");
    local.pass(&app, &id, &wire, &answered("granted", &["alice", "bob"]));
    local.send(&app, &app.admin, 0).problem(422, "impossible_move");
}

#[test]
fn a_forged_denial_is_no_status_either() {
    let app = TestApp::start();
    app.edited.store(true, Ordering::Relaxed);
    let mut local = Local::begin(&app, "local-forger");
    let id = action_id(1);
    let halt =
        [("decision", json!("deny")), ("outcome", json!("HALT")), ("reason_code", json!("policy_deny"))];
    let decision = forged(&app, &refund(45), &halt);
    local.decision(&id, &refund(45), &decision, &json!({}));
    local.send(&app, &app.admin, 0).ok();
    let kept = action(&app, &id);
    assert_eq!((&kept["outcome"], &kept["contradicted"]), (&json!("EXECUTE"), &json!(true)), "{kept}");
    assert_eq!(kept["status"], "denied", "it never ran, and never will");
}

#[test]
fn an_engine_that_was_never_here_is_believed_only_where_this_one_decides_the_same() {
    let app = TestApp::start();
    app.edited.store(true, Ordering::Relaxed);
    let mut local = Local::begin(&app, "local-newer");
    local.engine_hash = "1".repeat(64);
    local.decide(&app, &action_id(1), &refund(45));
    let drop_db = call("drop_db");
    let decision = forged(&app, &drop_db, &execute("policy_allow"));
    local.decision(&action_id(2), &drop_db, &decision, &json!({}));
    local.send(&app, &app.admin, 0).ok();
    let said = [1, 2].map(|n| action(&app, &action_id(n))["contradicted"].clone());
    assert_eq!(said, [json!(false), json!(true)]);
}

#[test]
fn records_are_not_from_before_their_time_nor_from_the_future() {
    let app = TestApp::start();
    let mut early = Local::begin(&app, "local-early");
    early.seal_at(NOON - 24 * 60 * 60_000);
    early.done(&app, 1);
    let problem = early.send(&app, &app.admin, 0).problem(422, "too_early");
    assert_eq!(problem["seq"], 1, "{problem}");
    // Not before the key that brings them was made, whatever else is true of them.
    let mut old = Local::begin(&app, "local-old");
    app.clock.advance(60 * 60_000);
    let key = app.key("bot", "admin");
    old.done(&app, 4);
    assert_eq!(old.send(&app, &key, 0).problem(422, "too_early")["seq"], 0);
    old.send(&app, &app.admin, 0).ok();
    let mut late = Local::begin(&app, "local-late");
    late.seal_at(NOON + 2 * 60 * 60_000);
    late.done(&app, 2);
    let problem = late.send(&app, &app.admin, 0).problem(422, "invalid_record");
    assert!(problem["detail"].as_str().unwrap().contains("in the future"), "{problem}");
    // A decision at another time than the one it was recorded at.
    let mut other = Local::begin(&app, "local-other");
    let decision = app.dry_run(refund(45).to_string().as_bytes());
    other.decision(&action_id(3), &refund(45), &decision, &json!({ "now": NOON - 24 * 60 * 60_000 }));
    let problem = other.send(&app, &app.admin, 0).problem(422, "invalid_record");
    assert!(problem["detail"].as_str().unwrap().contains("`state`"), "{problem}");
    for name in ["local-early", "local-late", "local-other"] {
        assert_eq!(head(&app, &app.admin, name)["size"], 0);
    }
}
