//! The auditors' view: the chain, byte for byte.

use engine::chain::Verifier;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::app::TestApp;

#[derive(serde::Deserialize)]
struct Records {
    records: Vec<Box<RawValue>>,
}

#[test]
fn the_chain_that_is_served_verifies() {
    let app = TestApp::start();
    for amount in [45.0, 340.0, 5000.0] {
        app.refund(amount);
    }
    app.post("/v1/actions").raw(b"{").send().problem(422, "invalid_action");
    let heads = app.get("/v1/records/heads").key(&app.admin).send().ok();
    let head = &heads["heads"][0];
    let stream = head["stream"].as_str().unwrap();
    let mut verifier = Verifier::new(stream);
    let mut from = 0;
    loop {
        let path = format!("/v1/records?stream={stream}&from={from}&limit=2");
        let page: Records = serde_json::from_str(&app.get(&path).key(&app.admin).send().body).unwrap();
        if page.records.is_empty() {
            break;
        }
        for record in &page.records {
            verifier.next(record.get().as_bytes()).unwrap();
            from += 1;
        }
    }
    assert_eq!(head["size"], from);
    assert_eq!(head["record_hash"], verifier.head().record_hash.to_hex());
}

#[test]
fn what_was_not_asked_well_is_refused() {
    let app = TestApp::start();
    let get = |query: &str| app.get(&format!("/v1/records?{query}")).key(&app.admin).send();
    get("stream=server-none").problem(404, "not_found");
    get("limit=0").problem(400, "invalid_query");
    get("limit=1001").problem(400, "invalid_query");
    get("from=-1").problem(400, "invalid_query");
    assert_eq!(get("from=99999").ok()["records"], json!([]));
    app.get("/v1/records").send().problem(403, "forbidden");
}

#[test]
fn the_first_records_say_how_the_server_came_to_be() {
    let app = TestApp::start();
    let records = app.records();
    let kinds: Vec<&Value> = records.iter().map(|record| &record["kind"]).collect();
    assert_eq!(kinds, ["access", "policy"]);
    assert!(records[0]["stream"].as_str().unwrap().starts_with("server-"));
}
