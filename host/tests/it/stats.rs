//! Statistics: the first decision counts, whatever became of the action.

use serde_json::{Value, json};

use crate::app::{NOON, TestApp, id};
use crate::local::{Local, action_id, answered, refund};

const DAY: i64 = 86_400_000;

fn stats(app: &TestApp, query: &str) -> Value {
    app.get(&format!("/v1/stats{query}")).key(&app.admin).send().ok()
}

fn answer(app: &TestApp, action: &Value, approve: bool) -> Value {
    let path = format!("/v1/actions/{}/approval", id(action));
    app.post(&path).key(&app.admin).json(&json!({ "approve": approve })).send().ok()
}

fn bins(stats: &Value) -> Vec<u64> {
    let bins = stats["approvals"]["bins"].as_array().unwrap();
    bins.iter().map(|bin| bin["count"].as_u64().unwrap()).collect()
}

#[test]
fn the_outcome_of_the_first_decision_counts() {
    let app = TestApp::start();
    let empty = stats(&app, "");
    assert_eq!((&empty["total"], &empty["approvals"]["median_ms"]), (&json!(0), &Value::Null));
    app.refund(45.0);
    app.refund(5000.0);
    let (granted, rejected, expired) = (app.refund(340.0), app.refund(341.0), app.refund(342.0));
    app.clock.advance(20_000);
    answer(&app, &granted, true);
    app.clock.advance(100_000);
    answer(&app, &rejected, false);
    app.clock.advance(DAY / 2);
    let path = format!("/v1/actions/{}", id(&expired));
    app.until("the expiry", || {
        (app.get(&path).key(&app.admin).send().ok()["status"] == "denied").then_some(())
    });
    app.refund(343.0);
    let unknown = json!({ "agent_id": "other", "tool": "unknown" });
    app.post("/v1/actions").json(&unknown).send().ok();
    // Unreadable bytes are not an action.
    app.post("/v1/actions").raw(b"{").send().problem(422, "invalid_action");

    let found = stats(&app, "");
    assert_eq!(found["total"], 7);
    let tool = |tool: &str, execute: u64, abstain: u64, halt: u64| json!({ "tool": tool, "EXECUTE": execute, "ABSTAIN": abstain, "HALT": halt });
    assert_eq!(found["tools"], json!([tool("process_refund", 1, 4, 1), tool("unknown", 0, 0, 1)]));
    let agents = &found["agents"];
    assert_eq!(agents[0], json!({ "agent_id": "support-agent-prod", "EXECUTE": 1, "ABSTAIN": 4, "HALT": 1 }));
    assert_eq!(agents[1], json!({ "agent_id": "other", "EXECUTE": 0, "ABSTAIN": 0, "HALT": 1 }));
    let halted = |policy: Value, rule: Value, code: &str| json!({ "policy": policy, "id": rule, "reason_code": code, "count": 1 });
    let expected = [
        halted(Value::Null, Value::Null, "default_deny"),
        halted(json!("support-agent.yaml"), json!("large-refunds"), "policy_deny"),
    ];
    assert_eq!(found["rules"], json!(expected), "neither the rejection nor the expiry is a rule's");
    assert_eq!(found["risk"][0], json!({ "level": "low", "count": 7 }));
    assert_eq!(found["scores"][0], json!({ "from": 0, "to": 10, "count": 7 }));
    // The permitted action was never started.
    let statuses = json!({ "allowed": 0, "approved": 0, "denied": 4, "executing": 0, "failed": 0, "lapsed": 2,
        "pending_approval": 1, "succeeded": 0, "timeout": 0, "withdrawn": 0 });
    assert_eq!(found["statuses"], statuses);
    let approvals = &found["approvals"];
    assert_eq!((&approvals["pending"], &approvals["answered"]), (&json!(1), &json!(2)));
    assert_eq!((&approvals["median_ms"], &approvals["p90_ms"]), (&json!(20_000), &json!(120_000)));
    assert_eq!(bins(&found), [0, 1, 1, 0, 0, 0, 0, 0]);
    assert_eq!(approvals["bins"][7]["to_ms"], Value::Null);
}

#[test]
fn buckets_hold_what_came_in_their_time() {
    let app = TestApp::start();
    app.refund(45.0);
    app.clock.advance(3_600_000);
    app.refund(340.0);
    app.refund(5000.0);
    let found = stats(&app, "");
    assert_eq!(found["bucket_ms"], 1_800_000);
    let buckets = found["buckets"].as_array().unwrap();
    assert_eq!(buckets.len(), 48);
    let count =
        |bucket: &Value| (bucket["EXECUTE"].clone(), bucket["ABSTAIN"].clone(), bucket["HALT"].clone());
    assert_eq!(count(&buckets[47]), (json!(0), json!(1), json!(1)), "what came just now is in the last");
    assert_eq!(count(&buckets[45]), (json!(1), json!(0), json!(0)));
    let query = format!("?since={NOON}&until={}&buckets=4", NOON + 3_600_000);
    let hour = stats(&app, &query);
    assert_eq!((&hour["total"], &hour["bucket_ms"]), (&json!(1), &json!(900_000)));
    assert_eq!(hour["since"], "2026-11-22T12:00:00.000Z");
    assert_eq!(hour["until"], "2026-11-22T13:00:00.000Z");
    assert_eq!(hour["buckets"][1]["at"], "2026-11-22T12:15:00.000Z");
    assert_eq!(hour["buckets"].as_array().unwrap().len(), 4);
    let later = stats(&app, "?since=2026-11-22T13:00:00Z&until=2026-11-22T14:00:00Z");
    assert_eq!(later["total"], 2);
    assert_eq!(stats(&app, "?since=0&until=9999-12-31&buckets=200")["total"], 3);
}

#[test]
fn what_was_decided_elsewhere_counts_as_it_was_decided_first() {
    let app = TestApp::start();
    let mut local = Local::begin(&app, "local-one");
    local.done(&app, 1);
    local.decide(&app, &action_id(2), &refund(5000));
    let held = local.decide(&app, &action_id(3), &refund(340));
    local.send(&app, &app.admin, 0).ok();
    assert_eq!(stats(&app, "")["total"], 0, "NOON is before the records");
    app.clock.advance(60_000);
    let before = stats(&app, "");
    assert_eq!(before["total"], 2, "what a wrapper holds is no action here");
    let sent = local.records.len();
    local.approval(&action_id(3), &held, "alice");
    local.pass(&app, &action_id(3), &refund(340), &answered("granted", &["alice"]));
    local.send(&app, &app.admin, sent).ok();
    let found = stats(&app, "");
    assert_eq!(found["tools"][0], json!({ "tool": "process_refund", "EXECUTE": 1, "ABSTAIN": 1, "HALT": 1 }));
    assert_eq!(found["rules"][0]["id"], "large-refunds");
    assert_eq!((&found["approvals"]["answered"], &found["approvals"]["median_ms"]), (&json!(1), &json!(1)));
}

#[test]
fn what_was_not_asked_well_is_refused() {
    let app = TestApp::start();
    app.get("/v1/stats").send().problem(403, "forbidden");
    app.get("/v1/stats").key(&app.key("viewer", "viewer")).send().ok();
    for query in [
        "buckets=0",
        "buckets=201",
        "since=yesterday",
        "until=-1",
        "since=2026-11-22T12:00:00Z&until=2026-11-22T12:00:00Z",
        "since=2027-01-01",
        "until=9223372036854775807",
        "bucket=1",
    ] {
        let refused = app.get(&format!("/v1/stats?{query}")).key(&app.admin).send();
        refused.problem(400, "invalid_query");
    }
}
