//! Submitting, reading, listing, waiting, explaining, replaying.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{NOON, TestApp, id};

#[test]
fn an_allowed_action_is_recorded_and_answered() {
    let app = TestApp::start();
    let action = app.refund(45.0);
    assert_eq!(action["outcome"], "EXECUTE");
    assert_eq!(action["decision"], "allow");
    assert_eq!(action["status"], "allowed");
    assert_eq!(action["operation"], "call");
    assert_eq!(action["params"], json!({ "amount": 45, "customer_id": "c-1" }));
    assert_eq!(action["rule"]["id"], "small-refunds");
    assert_eq!(action["created_at"], "2026-11-22T12:00:00.000Z");
    assert_eq!(action["permit"], Value::Null);
    let record = app.records().pop().unwrap();
    assert_eq!(record["record_hash"], action["receipt"]["record_hash"]);
    assert_eq!(record["kind"], "decision");
    assert_eq!(record["principal"], "anonymous");
    assert_eq!(record["action_id"], action["id"]);
    assert_eq!(record["decision"]["request_hash"], action["request_hash"]);
    assert_eq!(record["action"]["tool"], "process_refund");
    assert_eq!(record["policy_version"], action["policy_version"]);
}

#[test]
fn outcomes_lead_to_their_status() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    assert_eq!((&held["outcome"], &held["status"]), (&json!("ABSTAIN"), &json!("pending_approval")));
    assert_eq!(held["expires_at"], "2026-11-22T13:00:00.000Z");
    let denied = app.refund(5000.0);
    assert_eq!((&denied["outcome"], &denied["status"]), (&json!("HALT"), &json!("denied")));
    assert!(denied["reason"].as_str().unwrap().contains("finance team"));
    let unknown = app.post("/v1/actions").json(&json!({ "agent_id": "a", "tool": "rm" })).send().ok();
    assert_eq!((&unknown["status"], &unknown["reason_code"]), (&json!("denied"), &json!("default_deny")));
}

#[test]
fn without_a_policy_everything_halts() {
    let app = TestApp::with(&[]);
    assert_eq!(app.refund(1.0)["reason_code"], "no_policy");
}

#[test]
fn an_action_that_cannot_be_read_is_recorded_and_refused() {
    let app = TestApp::start();
    let deep =
        format!(r#"{{"agent_id":"a","tool":"t","params":{{"x":{}1{}}}}}"#, "[".repeat(70), "]".repeat(70));
    let cases: [(&[u8], &str); 16] = [
        (br#"{"agent_id":"a","tool":"t","params":{"amount":5000,"amount":10}}"#, "duplicate_key"),
        (br#"{"agent_id":"a","tool":"t","params":{"x":"\ud800"}}"#, "lone_surrogate"),
        (deep.as_bytes(), "too_deep"),
        (br#"{"agent_id":"a","tool":"t","params":{"x":1e400}}"#, "number_out_of_range"),
        (br#"{"agent_id":"a","tool":"t","params":{"x":9007199254740992}}"#, "integer_too_large"),
        (br#"{"agent_id":"a","tool":"t","params":{"x":NaN}}"#, "not_a_number"),
        (br#"{"agent_id":"a",/**/"tool":"t"}"#, "comment"),
        (br#"{"agent_id":"a","tool":"t",}"#, "trailing_comma"),
        (b"\xef\xbb\xbf{\"agent_id\":\"a\",\"tool\":\"t\"}", "byte_order_mark"),
        (b"{\"agent_id\":\"\xff\",\"tool\":\"t\"}", "invalid_utf8"),
        (br#"{"agent_id":"a","tool":"t"} x"#, "trailing_data"),
        (b"", "unexpected_end"),
        (br#"{"agent_id":"a"}"#, "shape"),
        (br#"{"agent_id":"","tool":"t"}"#, "shape"),
        (br#"{"agent_id":"a","tool":"t","more":1}"#, "shape"),
        (br#"[]"#, "shape"),
    ];
    for (body, code) in cases {
        let before = app.records().len();
        let problem = app.post("/v1/actions").raw(body).send().problem(422, "invalid_action");
        assert_eq!(problem["outcome"], "HALT");
        assert_eq!(problem["reason_code"], "invalid_action");
        assert_eq!(problem["error"]["code"], code, "{problem}");
        for place in ["line", "column", "offset"] {
            assert!(problem["error"][place].is_u64(), "{problem}");
        }
        let records = app.records();
        assert_eq!(records.len(), before + 1);
        let record = records.last().unwrap();
        assert_eq!(record["record_hash"], problem["receipt"]["record_hash"]);
        assert_eq!((&record["action"], &record["action_id"]), (&Value::Null, &Value::Null));
        assert_eq!(record["decision"]["raw_hash"], problem["raw_hash"]);
        assert_eq!(record["decision"]["request_hash"], Value::Null);
    }
    assert_eq!(app.get("/v1/actions").send().ok()["total"], 0);
}

#[test]
fn bodies_that_are_too_large_or_no_json_are_refused() {
    let app = TestApp::start();
    let large = vec![b' '; engine::json::MAX_BYTES + 1];
    let problem = app.post("/v1/actions").raw(&large).send().problem(413, "body_too_large");
    assert_eq!(problem["outcome"], "HALT");
    app.get("/v1/actions").send().ok();
    let text = app.post("/v1/actions").header("content-type", "text/plain").raw(b"{}").send();
    text.problem(415, "unsupported_media_type");
    let form =
        app.post("/v1/actions").header("content-type", "application/x-www-form-urlencoded").raw(b"a=b");
    form.send().problem(415, "unsupported_media_type");
}

#[test]
fn a_dry_run_decides_and_records_nothing() {
    let app = TestApp::start();
    let before = app.records().len();
    let action = json!({ "agent_id": "a", "tool": "process_refund", "params": { "amount": 340 } });
    let decision = app.post("/v1/gate/decide").json(&action).send().ok();
    assert_eq!((&decision["outcome"], &decision["policy_version"]), (&json!("ABSTAIN"), &json!("1")));
    assert_eq!(decision["approval"]["requires"], json!([{ "approvers": 1, "roles": [] }]));
    let unreadable = app.post("/v1/gate/decide").raw(b"{").send().ok();
    assert_eq!(unreadable["reason_code"], "invalid_action");
    assert_eq!(app.records().len(), before);
    assert_eq!(app.get("/v1/actions").send().ok()["total"], 0);
}

#[test]
fn actions_are_found_by_id_and_prefix_only_by_those_who_may() {
    let app = TestApp::start();
    let action = app.refund(45.0);
    let path = format!("/v1/actions/{}", id(&action));
    assert_eq!(app.get(&path).send().ok(), action);
    // Callers who see all actions see the owner of each.
    let mut whose = action.clone();
    whose["principal"] = json!("anonymous");
    assert_eq!(app.get(&format!("/v1/actions/{}", &id(&action)[..8])).key(&app.admin).send().ok(), whose);
    app.get("/v1/actions/0000").send().problem(404, "not_found");
    app.get("/v1/actions/00000000-0000-4000-8000-000000000000").send().problem(404, "not_found");
    let other = app.key("other", "agent");
    app.get(&path).key(&other).send().problem(404, "not_found");
    app.get(&format!("{path}/events")).key(&other).send().problem(404, "not_found");
    app.get(&format!("{path}/wait")).key(&other).send().problem(404, "not_found");
    assert_eq!(app.get("/v1/actions").key(&other).send().ok()["total"], 0);
    assert_eq!(app.get(&path).key(&app.key("viewer", "viewer")).send().ok(), whose);
}

#[test]
fn lists_are_filtered_and_paged() {
    let app = TestApp::start();
    let amounts = [45.0, 340.0, 5000.0, 46.0];
    for amount in amounts {
        app.refund(amount);
        app.clock.advance(1000);
    }
    let total = |query: &str| app.get(&format!("/v1/actions?{query}")).send().ok()["total"].as_u64().unwrap();
    assert_eq!(total(""), 4);
    assert_eq!(total("status=allowed"), 2);
    assert_eq!(total("outcome=HALT"), 1);
    assert_eq!(total("tool=process_refund&agent_id=support-agent-prod"), 4);
    assert_eq!(total("agent_id=nobody"), 0);
    assert_eq!(total("risk_level=low"), 4);
    assert_eq!(total("risk_level=high"), 0);
    assert_eq!(total("q=5000"), 1);
    assert_eq!(total("since=2026-11-22T12:00:01Z&until=2026-11-22T12:00:03Z"), 2);
    assert_eq!(total(&format!("since={}", NOON + 3000)), 1);
    let amounts_of = |page: &Value| -> Vec<Value> {
        page["actions"].as_array().unwrap().iter().map(|action| action["params"]["amount"].clone()).collect()
    };
    let first = app.get("/v1/actions?limit=3").send().ok();
    assert_eq!(amounts_of(&first), [46, 5000, 340]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = app.get(&format!("/v1/actions?limit=3&cursor={cursor}")).send().ok();
    assert_eq!((amounts_of(&second), &second["next_cursor"]), (vec![json!(45)], &Value::Null));
    assert_eq!(amounts_of(&app.get("/v1/actions?limit=2&offset=1").send().ok()), [5000, 340]);
    for query in
        ["limit=0", "limit=1001", "limit=x", "status=gone", "outcome=MAYBE", "since=soon", "colour=red"]
    {
        app.get(&format!("/v1/actions?{query}")).send().problem(400, "invalid_query");
    }
    app.get("/v1/actions?cursor=mine").send().problem(400, "bad_cursor");
}

#[test]
fn a_time_that_no_calendar_has_is_refused() {
    let app = TestApp::start();
    for since in ["2024-01-1", "2024-001-1", "2024-1-001", "02024-1-01", "2024-01-01T12:00:60Z", "2024-02-30"]
    {
        app.get(&format!("/v1/actions?since={since}")).send().problem(400, "invalid_query");
    }
    for since in ["2024-02-29", "2024-01-01T12:00:59Z", "2024-01-01T12:00:59.5%2B01:00", "1704110399000"] {
        app.get(&format!("/v1/actions?since={since}")).send().ok();
    }
}

#[test]
fn the_same_request_counts_once() {
    let app = TestApp::start();
    let body = json!({ "agent_id": "a", "tool": "send_email" });
    let send =
        |body: &Value, key: &str| app.post("/v1/actions").header("idempotency-key", key).json(body).send();
    let first = send(&body, "k1").ok();
    assert_eq!(send(&body, "k1").ok(), first);
    assert_ne!(send(&body, "k2").ok()["id"], first["id"]);
    send(&json!({ "agent_id": "b", "tool": "send_email" }), "k1").problem(409, "idempotency_key_reused");
    send(&body, &"k".repeat(256)).problem(400, "invalid_idempotency_key");
    assert_eq!(app.get("/v1/actions").send().ok()["total"], 2);
}

#[test]
fn a_key_that_is_revoked_while_it_waits_learns_nothing_more() {
    let app = TestApp::start();
    let bot = app.key("bot", "agent");
    let body = json!({ "agent_id": "a", "tool": "process_refund", "params": { "amount": 340 } });
    let held = app.post("/v1/actions").key(&bot).json(&body).send().ok();
    let path = format!("/v1/actions/{}", id(&held));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| app.get(&format!("{path}/wait?timeout=30s")).key(&bot).send());
        app.until("a caller waits", || {
            (app.get(&path).key(&app.admin).send().ok()["waiting"] == true).then_some(())
        });
        app.ask("DELETE", "/v1/keys/bot").key(&app.admin).send();
        app.post(&format!("{path}/approval")).key(&app.admin).json(&json!({ "approve": true })).send().ok();
        waiting.join().unwrap().problem(401, "wrong_key");
    });
}

#[test]
fn waiting_ends_with_the_answer_of_a_person_or_with_the_time() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    let path = format!("/v1/actions/{}", id(&held));
    let still = app.get(&format!("{path}/wait?timeout=10ms")).send().ok();
    assert_eq!(still["status"], "pending_approval");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| app.get(&format!("{path}/wait?timeout=30s")).send().ok());
        std::thread::sleep(Duration::from_millis(50));
        app.post(&format!("{path}/approval")).key(&app.admin).json(&json!({ "approve": true })).send().ok();
        assert_eq!(waiting.join().unwrap()["status"], "approved");
    });
    assert_eq!(app.get(&format!("{path}/wait")).send().ok()["status"], "approved");
    app.get(&format!("{path}/wait?timeout=soon")).send().problem(400, "invalid_query");
}

#[test]
fn a_decision_is_explained_and_replayed_under_the_policies_that_made_it() {
    let app = TestApp::start();
    let action = app.refund(45.0);
    let held = app.refund(340.0);
    app.post(&format!("/v1/actions/{}/approval", id(&held)))
        .key(&app.admin)
        .json(&json!({ "approve": true }))
        .send()
        .ok();
    // Another policy is in force when the past is looked at.
    std::fs::write(app.policy_file("support-agent.yaml"), "rules: []\n").unwrap();
    app.until("the edit", || (app.refund(45.0)["reason_code"] == "default_deny").then_some(()));
    let path = format!("/v1/actions/{}", id(&action));
    let explained = app.get(&format!("{path}/explain")).key(&app.admin).send().ok();
    assert_eq!(explained["policy_hash"], action["policy_hash"]);
    assert!(explained["explanation"].to_string().contains("small-refunds"), "{explained}");
    let replay = app.post(&format!("{path}/replay")).key(&app.admin).send().ok();
    assert_eq!((&replay["match"], &replay["same_engine"]), (&json!(true), &json!(true)), "{replay}");
    let replay = app.post(&format!("/v1/actions/{}/replay", id(&held))).key(&app.admin).send().ok();
    assert_eq!(replay["match"], true, "{replay}");
    let kinds: Vec<_> =
        replay["passes"].as_array().unwrap().iter().map(|pass| pass["kind"].clone()).collect();
    assert_eq!(kinds, ["decision", "approval"]);
    app.get(&format!("{path}/explain")).send().problem(403, "forbidden");
    app.post(&format!("{path}/replay")).send().problem(403, "forbidden");
}

/// Another module that decides the same: the bytes of this one with a custom section behind them, which means
/// nothing (WebAssembly core specification §5.5.3).
fn another_engine() -> Vec<u8> {
    let mut wasm = runtime::ENGINE_WASM.to_vec();
    wasm.extend([0, 4, 3, b'o', b'l', b'd']);
    wasm
}

#[test]
fn what_another_engine_decided_is_replayed_in_that_engine() {
    let app = TestApp::start();
    let path = format!("/v1/actions/{}/replay", id(&app.refund(45.0)));
    let replay = || app.post(&path).key(&app.admin).send();
    let ours = replay().ok()["passes"][0]["engine_hash"].as_str().unwrap().to_owned();
    let wasm = another_engine();
    let theirs = engine::hash::EngineHash::of(&wasm).to_hex();

    // As a database reads whose server was replaced by a newer version.
    app.edited.store(true, Ordering::Relaxed);
    let database = rusqlite::Connection::open(app.folder.path().join("data/faramesh.db")).unwrap();
    let renamed = "UPDATE records SET body = replace(body, ?1, ?2) WHERE kind = 'decision'";
    database.execute(renamed, [&ours, &theirs]).unwrap();
    replay().problem(409, "unknown_engine");

    database
        .execute("INSERT INTO engine_modules (engine_hash, wasm) VALUES (?1, ?2)", (&theirs, &wasm))
        .unwrap();
    let replayed = replay().ok();
    assert_eq!((&replayed["match"], &replayed["same_engine"]), (&json!(true), &json!(false)), "{replayed}");
    assert_eq!(replayed["passes"][0]["engine_hash"], theirs);
}

#[test]
fn a_number_that_grows_in_its_canonical_form_is_approved_explained_and_replayed() {
    let app = TestApp::start();
    // 1e20 is canonically a literal of 21 digits, which the strict reader refuses from callers.
    let body = br#"{"agent_id":"a","tool":"process_refund","params":{"amount":340,"serial":1e20}}"#;
    let held = app.post("/v1/actions").raw(body).send().ok();
    assert_eq!(held["status"], "pending_approval");
    let path = format!("/v1/actions/{}", id(&held));
    let approval = app.post(&format!("{path}/approval")).key(&app.admin).json(&json!({ "approve": true }));
    assert_eq!(approval.send().ok()["status"], "approved");
    assert_eq!(app.post(&format!("{path}/replay")).key(&app.admin).send().ok()["match"], true);
    app.get(&format!("{path}/explain")).key(&app.admin).send().ok();
    let body = json!({ "recorded": {} });
    let simulation = app.post("/v1/policies/simulate").key(&app.admin).json(&body).send().ok();
    assert_eq!(simulation["results"][0]["candidate"]["reason_code"], "policy_require_approval");
}

#[test]
fn the_records_of_an_action_tell_its_life() {
    let app = TestApp::start();
    let action = app.refund(45.0);
    let path = format!("/v1/actions/{}", id(&action));
    app.post(&format!("{path}/start")).send().ok();
    app.post(&format!("{path}/result"))
        .json(&json!({ "success": true, "result": { "b": 1.0, "a": [] } }))
        .send()
        .ok();
    let events = app.get(&format!("{path}/events")).send().ok();
    let events = events["events"].as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["decision", "start", "result"]);
    assert_eq!(events[1]["request_hash"], action["request_hash"]);
    assert_eq!(events[2]["success"], true);
    assert_eq!(events[2]["status"], "succeeded");
    assert_eq!(events[2]["result_hash"], engine::hash::Digest::of(br#"{"a":[],"b":1}"#).to_hex());
}
