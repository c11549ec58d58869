//! Records of wrappers that decided locally: ingested whole or not at all, once, from the key that began the stream,
//! and shown with all others. They do not touch the server's own stream.

use engine::canonical::Canonical;
use engine::chain::Verifier;
use engine::hash::RecordHash;
use engine::record::{Head, RecordKind};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::app::{NOON, TestApp};
use crate::events::Stream;
use crate::local::{Local, action_id, body, canonical, refund};

const NAME: &str = "local-one";

pub fn head(app: &TestApp, key: &str, stream: &str) -> Value {
    app.get(&format!("/v1/records/head?stream={stream}")).key(key).send().ok()
}

/// The records of a stream as the server gives them, checked as a chain.
pub fn served(app: &TestApp, stream: &str) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Records {
        records: Vec<Box<RawValue>>,
    }
    let (mut verifier, mut records) = (Verifier::new(stream), Vec::new());
    loop {
        let path = format!("/v1/records?stream={stream}&from={}&limit=1000", records.len());
        let page: Records = serde_json::from_str(&app.get(&path).key(&app.admin).send().body).unwrap();
        if page.records.is_empty() {
            break;
        }
        records.extend(page.records);
    }
    records.iter().for_each(|record| verifier.next(record.get().as_bytes()).unwrap());
    let (size, hash) = (verifier.head().size, verifier.head().record_hash.to_hex());
    assert_eq!(head(app, &app.admin, stream), json!({ "stream": stream, "size": size, "record_hash": hash }));
    records.iter().map(|record| record.get().to_owned()).collect()
}

/// The server's own stream and how long it is.
pub fn own(app: &TestApp) -> Value {
    let heads = app.get("/v1/records/heads").key(&app.admin).send().ok();
    heads["heads"][0].clone()
}

pub fn statuses(app: &TestApp) -> Vec<(String, String)> {
    let list = app.get("/v1/actions").key(&app.admin).send().ok();
    let mut found: Vec<_> = list["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| {
            (action["id"].as_str().unwrap().to_owned(), action["status"].as_str().unwrap().to_owned())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn what_a_wrapper_decided_is_kept_and_shown() {
    let app = TestApp::start();
    let key = app.key("bot", "agent");
    let before = own(&app);
    let mut local = Local::begin(&app, NAME);
    let done = local.done(&app, 1);
    let failed = action_id(2);
    let decision = local.decide(&app, &failed, &refund(50));
    local.start(&failed, &decision);
    local.result(&failed, &decision, false, &Value::Null);
    let allowed = action_id(3);
    local.decide(&app, &allowed, &refund(55));
    let denied = action_id(4);
    local.decide(&app, &denied, &refund(5000));
    // A person decides about it at the server, under an action of its own there.
    let held = local.decide(&app, &action_id(5), &refund(340));
    assert_eq!(held["outcome"], "ABSTAIN");

    let taken = local.send(&app, &key, 0).ok();
    let size = local.records.len();
    let end = local.head.record_hash.to_hex();
    assert_eq!(taken, json!({ "stream": NAME, "size": size, "record_hash": end, "accepted": size }));
    assert_eq!(served(&app, NAME), local.records, "byte for byte");
    assert_eq!(head(&app, &key, NAME)["size"], size);

    let word = |id: &String, status: &str| (id.clone(), status.to_owned());
    assert_eq!(
        statuses(&app),
        [
            word(&done, "succeeded"),
            word(&failed, "failed"),
            word(&allowed, "allowed"),
            word(&denied, "denied")
        ]
    );
    let action = app.get(&format!("/v1/actions/{done}")).key(&key).send().ok();
    let last = json!({ "stream": NAME, "seq": 3, "record_hash": hash_in(&local.records[3]) });
    assert_eq!((&action["receipt"], &action["result"]), (&last, &json!({ "refund_id": 1 })));
    assert_eq!((&action["policy_version"], &action["duration_us"]), (&json!("1"), &json!(7)));
    assert_eq!((&action["params"], &action["outcome"]), (&json!({ "amount": 45 }), &json!("EXECUTE")));
    assert_eq!(action["created_at"], "2026-11-22T12:00:00.002Z", "as the wrapper's clock says");
    let events = app.get(&format!("/v1/actions/{done}/events")).key(&key).send().ok();
    let kinds: Vec<_> = events["events"].as_array().unwrap().iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds, ["decision", "start", "result"]);
    assert_eq!(app.get(&format!("/v1/actions/{failed}")).key(&key).send().ok()["error"], "card declined");
    // Found by its text, and by the start of its id.
    let found = app.get("/v1/actions?q=%22amount%22:5000").key(&app.admin).send().ok();
    assert_eq!(found["actions"][0]["id"], denied);
    app.get("/v1/actions/00000001").key(&key).send().ok();
    let other = app.key("other", "agent");
    app.get(&format!("/v1/actions/{done}")).key(&other).send().problem(404, "not_found");

    let path = format!("/v1/actions/{done}");
    let explained = app.get(&format!("{path}/explain")).key(&app.admin).send().ok();
    assert_eq!(explained["policy_hash"], local.policy_hash);
    let replayed = app.post(&format!("{path}/replay")).key(&app.admin).send().ok();
    assert_eq!((&replayed["match"], &replayed["same_engine"]), (&json!(true), &json!(true)), "{replayed}");
    // A key was made since, and the stream began; nothing else happened to the server's own stream.
    assert_eq!(own(&app)["size"], before["size"].as_u64().unwrap() + 2);
    let begun = app.records().pop().unwrap();
    assert_eq!((&begun["event"], &begun["local_stream"]), (&json!("key_created"), &Value::Null));
    let records = app.records();
    assert!(records.iter().all(|record| record["stream"] == before["stream"]));
}

fn hash_in(record: &str) -> Value {
    serde_json::from_str::<Value>(record).unwrap()["record_hash"].clone()
}

#[test]
fn what_comes_again_counts_once() {
    let app = TestApp::start();
    let mut local = Local::begin(&app, NAME);
    local.done(&app, 1);
    let first = local.send(&app, &app.admin, 0).ok();
    assert_eq!(local.send(&app, &app.admin, 0).ok(), first, "the answer was lost");
    // Spaced and ordered otherwise it is the same record.
    let shuffled: Value = serde_json::from_slice(&local.body(0, 2)).unwrap();
    let again = app.post("/v1/records").key(&app.admin).json(&shuffled).send().ok();
    assert_eq!((&again["size"], &again["accepted"]), (&json!(4), &json!(2)));
    // Some of it is here, and some is new.
    local.done(&app, 2);
    let more = local.send(&app, &app.admin, 2).ok();
    assert_eq!((&more["size"], &more["accepted"]), (&json!(7), &json!(5)));
    assert_eq!(served(&app, NAME), local.records);
    assert_eq!(statuses(&app).len(), 2);
}

#[test]
fn a_chain_that_does_not_fit_is_refused_whole() {
    let app = TestApp::start();
    let unknown = head(&app, &app.admin, NAME);
    assert_eq!(unknown, json!({ "stream": NAME, "size": 0, "record_hash": RecordHash::ZERO }));
    let mut local = Local::begin(&app, NAME);
    local.done(&app, 1);
    let problem = local.send(&app, &app.admin, 1).problem(409, "chain_gap");
    assert_eq!((&problem["size"], &problem["record_hash"]), (&json!(0), &json!(RecordHash::ZERO)));
    app.post("/v1/records").key(&app.admin).raw(&local.body(0, 2)).send().ok();

    // Another chain under the same name, as of a program that lost its head.
    let mut other = Local::begin(&app, NAME);
    other.done(&app, 9);
    other.done(&app, 10);
    let problem = other.send(&app, &app.admin, 0).problem(409, "chain_conflict");
    assert_eq!((&problem["size"], &problem["seq"]), (&json!(2), &json!(1)));
    assert_eq!(problem["record_hash"], hash_in(&local.records[1]));
    let problem = other.send(&app, &app.admin, 2).problem(422, "chain_broken");
    assert_eq!(problem["seq"], 2, "it is tied to a record that is not here: {problem}");
    let problem = local.send(&app, &app.admin, 3).problem(409, "chain_gap");
    assert_eq!((&problem["size"], &problem["stream"]), (&json!(2), &json!(NAME)));

    let send = |records: &[String]| app.post("/v1/records").key(&app.admin).raw(&body(NAME, records)).send();
    let changed = local.records[3].replace(r#""success":true"#, r#""success":false"#);
    assert_ne!(changed, local.records[3]);
    let problem = send(&[local.records[2].clone(), changed]).problem(422, "chain_broken");
    assert_eq!(problem["seq"], 3);
    let mut missing = local.clone();
    missing.done(&app, 2);
    let gone = [missing.records[2].clone(), missing.records[4].clone()];
    assert_eq!(send(&gone).problem(422, "chain_broken")["seq"], 3);
    let elsewhere = Local::begin(&app, "local-two").records;
    assert_eq!(send(&elsewhere).problem(422, "chain_broken")["seq"], 0);
    send(&["7".to_owned()]).problem(422, "chain_broken");
    send(&[r#"{"seq":2,"seq":2}"#.to_owned()]).problem(422, "chain_broken");

    assert_eq!(served(&app, NAME), local.records[..2], "nothing of all this was taken");
    assert_eq!(statuses(&app), [(action_id(1), "allowed".to_owned())]);
    local.send(&app, &app.admin, 2).ok();
}

#[test]
fn a_stream_belongs_to_who_began_it() {
    let app = TestApp::start();
    let (one, two) = (app.key("one", "agent"), app.key("two", "agent"));
    let mut local = Local::begin(&app, NAME);
    local.send(&app, &one, 0).ok();
    local.done(&app, 1);
    for other in [&two, &app.admin] {
        local.send(&app, other, 1).problem(403, "foreign_stream");
        local.send(&app, other, 0).problem(403, "foreign_stream");
    }
    let path = format!("/v1/records/head?stream={NAME}");
    app.get(&path).key(&two).send().problem(403, "foreign_stream");
    assert_eq!(head(&app, &app.key("viewer", "viewer"), NAME)["size"], 1);
    assert_eq!(head(&app, &two, "local-three")["size"], 0);
    // No key may append to the server's own.
    let own = own(&app)["stream"].as_str().unwrap().to_owned();
    app.get(&format!("/v1/records/head?stream={own}")).key(&two).send().problem(403, "foreign_stream");
    app.post("/v1/records")
        .key(&app.admin)
        .raw(&body(&own, &local.records))
        .send()
        .problem(400, "invalid_stream");
    app.post("/v1/records").raw(&local.body(0, 1)).send().problem(401, "key_required");
    app.post("/v1/records")
        .key(&app.key("eve", "editor"))
        .raw(&local.body(0, 1))
        .send()
        .problem(403, "forbidden");
    assert_eq!(local.send(&app, &one, 1).ok()["size"], 4);
    // A new key of the same name is another caller: names are for people.
    app.ask("DELETE", "/v1/keys/one").key(&app.admin).send();
    local.done(&app, 2);
    local.send(&app, &one, 4).problem(401, "wrong_key");
    local.send(&app, &app.key("one", "agent"), 4).problem(403, "foreign_stream");
}

#[test]
fn without_keys_a_program_on_this_machine_brings_its_records() {
    let app = TestApp::start();
    let mut local = Local::begin(&app, NAME);
    local.done(&app, 1);
    app.post("/v1/records").raw(&local.body(0, 4)).send().ok();
    assert_eq!(statuses(&app), [(action_id(1), "succeeded".to_owned())]);
}

#[test]
fn a_key_brings_only_decisions_about_agents_it_speaks_for() {
    let app = TestApp::start();
    let key = app.key_with(json!({ "name": "bound", "role": "agent", "agents": ["sales-*"] }));
    let mut local = Local::begin(&app, NAME);
    local.decide(&app, &action_id(1), &json!({ "agent_id": "sales-1", "tool": "send_email" }));
    local.decide(&app, &action_id(2), &refund(45));
    let problem = local.send(&app, &key, 0).problem(403, "agent_not_allowed");
    assert_eq!(problem["agent_id"], "support-agent-prod");
    assert_eq!(head(&app, &key, NAME)["size"], 0);
    app.post("/v1/records").key(&key).raw(&local.body(0, 2)).send().ok();
}

#[test]
fn policies_that_were_never_here_are_unknown() {
    let app = TestApp::start();
    let mut local = Local::begin(&app, NAME);
    let known = local.policy_hash.clone();
    local.policy_hash = "ab".repeat(32);
    local.policy();
    let problem = local.send(&app, &app.admin, 0).problem(409, "unknown_policy");
    assert_eq!((&problem["seq"], &problem["policy_hash"]), (&json!(1), &json!(local.policy_hash)));

    let mut local = Local::begin(&app, NAME);
    let mut decision = app.dry_run(refund(45).to_string().as_bytes());
    decision["policy_hash"] = json!("cd".repeat(32));
    local.decision(&action_id(1), &refund(45), &decision, &json!({}));
    assert_eq!(local.send(&app, &app.admin, 0).problem(409, "unknown_policy")["seq"], 1);
    assert_eq!(head(&app, &app.admin, NAME)["size"], 0, "not even the first record was taken");

    // An earlier set in force stays known for good.
    std::fs::write(app.policy_file("support-agent.yaml"), "rules: [{ match: { tool: a }, allow: true }]")
        .unwrap();
    app.until("the new policies", || (Local::begin(&app, NAME).policy_hash != known).then_some(()));
    decision["policy_hash"] = json!(known);
    let mut local = Local::begin(&app, NAME);
    local.decision(&action_id(1), &refund(45), &decision, &json!({}));
    local.send(&app, &app.admin, 0).ok();
    let action = app.get(&format!("/v1/actions/{}", action_id(1))).key(&app.admin).send().ok();
    assert_eq!((&action["policy_hash"], &action["policy_version"]), (&json!(known), &json!("1")));
    let path = format!("/v1/actions/{}", action_id(1));
    assert_eq!(app.post(&format!("{path}/replay")).key(&app.admin).send().ok()["match"], true);
    app.get(&format!("{path}/explain")).key(&app.admin).send().ok();
}

#[test]
fn a_decision_of_an_engine_that_was_never_here_is_kept_and_not_made_again() {
    let app = TestApp::start();
    let mut local = Local::begin(&app, NAME);
    local.engine_hash = "ef".repeat(32);
    let id = local.done(&app, 1);
    local.send(&app, &app.admin, 0).ok();
    let path = format!("/v1/actions/{id}");
    let problem = app.post(&format!("{path}/replay")).key(&app.admin).send().problem(409, "unknown_engine");
    assert!(problem["detail"].as_str().unwrap().contains(&local.engine_hash), "{problem}");
    app.get(&format!("{path}/explain")).key(&app.admin).send().problem(409, "unknown_engine");
}

/// A change of a whole decision record.
type Spoil = fn(&mut Value);

#[test]
fn a_record_that_does_not_hold_what_it_must_is_refused() {
    let app = TestApp::start();
    let decision = app.dry_run(refund(45).to_string().as_bytes());
    let refused = |make: &dyn Fn(&mut Local)| {
        let mut local = Local::begin(&app, NAME);
        make(&mut local);
        let problem = local.send(&app, &app.admin, 0).problem(422, "invalid_record");
        assert_eq!(head(&app, &app.admin, NAME)["size"], 0);
        (problem["seq"].clone(), problem["detail"].as_str().unwrap().to_owned())
    };
    let spoils: [(Spoil, &str); 7] = [
        (|decision| decision["request_hash"] = json!("ab".repeat(32)), "request_hash"),
        (|decision| decision["request_hash"] = Value::Null, "request_hash"),
        // The shown action is put together from its parts.
        (|decision| decision["status"] = json!("succeeded"), "as the engine prints"),
        (|decision| decision["id"] = json!(action_id(7)), "as the engine prints"),
        (|decision| decision["outcome"] = json!("HALT"), "contradicts"),
        (|decision| decision["outcome"] = json!("PERHAPS"), "cannot be read"),
        (|decision| _ = decision.as_object_mut().unwrap().remove("reason"), "cannot be read"),
    ];
    for (spoil, why) in spoils {
        let mut decision = decision.clone();
        spoil(&mut decision);
        let (seq, detail) =
            refused(&|local| local.decision(&action_id(1), &refund(45), &decision, &json!({})));
        assert!(seq == 1 && detail.contains(why), "{detail}");
    }
    let all = |id: &str, action: &Value, state: &Value| {
        refused(&|local| local.decision(id, action, &decision, state)).1
    };
    assert!(all("7", &refund(45), &json!({})).contains("UUID"));
    assert!(all(&action_id(0xab).to_uppercase(), &refund(45), &json!({})).contains("UUID"));
    assert!(all(&action_id(1), &Value::Null, &json!({})).contains("can only halt"));
    assert!(all(&action_id(1), &refund(45), &json!(1)).contains("state"));
    let fields = |fields: Vec<(&'static str, Canonical)>, kind| {
        refused(&|local| local.seal(kind, Some(&action_id(1)), fields.clone())).1
    };
    for kind in [RecordKind::Access, RecordKind::Checkpoint] {
        assert!(fields(vec![], kind).contains("no records of kind"));
    }
    assert!(fields(vec![], RecordKind::Decision).contains("`decision`"));
    assert!(fields(vec![], RecordKind::Approval).contains("`approval`"));
    assert!(refused(&|local| local.seal(RecordKind::Start, None, vec![])).1.contains("action_id"));
    assert!(refused(&|local| local.seal(RecordKind::Policy, None, vec![])).1.contains("files"));
    // Lists look for the action at the start of its record.
    let (_, detail) = refused(&|local| {
        let early = Some(("a", canonical(&json!(1))));
        local.decision_and(&action_id(1), &refund(45), &decision, &json!({}), early);
    });
    assert!(detail.contains("first member"), "{detail}");
    let hidden =
        json!({ "agent_id": "a", "tool": "send_email", "params": { "a": 1, "action_id": action_id(1) } });
    let about = app.dry_run(hidden.to_string().as_bytes());
    let (_, detail) = refused(&|local| local.decision(&action_id(1), &hidden, &about, &json!({})));
    assert!(detail.contains("holds the id"), "{detail}");
    let (_, detail) = refused(&|local| {
        let mut begun = Local::begin(&app, NAME);
        (begun.head, begun.records) = (Head::genesis(NAME), Vec::new());
        begun.decide(&app, &action_id(1), &refund(45));
        *local = begun;
    });
    assert!(detail.contains("begins with"), "{detail}");
    assert_eq!(statuses(&app), []);
}

#[test]
fn requests_that_cannot_be_ones_are_refused() {
    let app = TestApp::start();
    let mut local = Local::begin(&app, NAME);
    let post = |bytes: &[u8]| app.post("/v1/records").key(&app.admin).raw(bytes).send();
    let long = format!("local-{}", "a".repeat(123));
    for name in ["local", "local-", "local-a", "remote-one", "local-a b", "local-\u{e9}\u{e9}", "", &long] {
        post(&body(name, &local.records)).problem(400, "invalid_stream");
    }
    post(br#"{"stream":"local-one"}"#).problem(400, "invalid_body");
    post(br#"{"stream":"local-one","records":[],"more":1}"#).problem(400, "invalid_body");
    post(&body(NAME, &[])).problem(400, "invalid_body");
    app.get("/v1/records/head").key(&app.admin).send().problem(400, "invalid_query");
    for _ in 0..500 {
        local.policy();
    }
    let problem = post(&local.body(0, 501)).problem(400, "invalid_body");
    assert!(problem["detail"].as_str().unwrap().contains("501"), "{problem}");
    assert_eq!(head(&app, &app.admin, NAME)["size"], 0);
    assert_eq!(post(&local.body(0, 500)).ok()["size"], 500);
    assert_eq!(local.send(&app, &app.admin, 1).ok()["size"], 501);
}

#[test]
fn a_request_may_be_larger_than_one_action() {
    let app = TestApp::start();
    let mut local = Local::begin(&app, NAME);
    let long = "x".repeat(900_000);
    for n in 1..9 {
        let action = json!({ "agent_id": "a", "tool": "send_email", "params": { "text": long } });
        local.decide(&app, &action_id(n), &action);
    }
    assert!(local.body(0, 9).len() > 7_000_000);
    local.send(&app, &app.admin, 0).ok();
    assert_eq!(served(&app, NAME), local.records);
    let mut more = local.clone();
    for n in 9..12 {
        let action = json!({ "agent_id": "a", "tool": "send_email", "params": { "text": long } });
        more.decide(&app, &action_id(n), &action);
    }
    more.send(&app, &app.admin, 0).problem(413, "body_too_large");
}

#[test]
fn the_same_records_sent_at_once_are_kept_once() {
    let app = TestApp::start();
    let mut local = Local::begin(&app, NAME);
    for n in 1..20 {
        local.done(&app, n);
    }
    let answers: Vec<_> = std::thread::scope(|scope| {
        let sending: Vec<_> = (0..8).map(|_| scope.spawn(|| local.send(&app, &app.admin, 0).ok())).collect();
        sending.into_iter().map(|sending| sending.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(served(&app, NAME), local.records);
    assert_eq!(statuses(&app).len(), 19);
}

#[test]
fn a_restart_goes_on_with_both_streams() {
    let app = TestApp::start();
    let mut local = Local::begin(&app, NAME);
    local.done(&app, 1);
    local.send(&app, &app.admin, 0).ok();
    let before = own(&app);
    let app = TestApp::over(app.stop(), NOON, |_| {}).map_err(|error| error.to_string()).unwrap();
    assert_eq!(own(&app)["stream"], before["stream"]);
    assert_eq!(served(&app, NAME), local.records);
    local.done(&app, 2);
    local.send(&app, &app.admin, 0).ok();
    assert_eq!(statuses(&app).len(), 2);
    app.refund(45.0);
    assert!(app.records().iter().all(|record| record["stream"] == before["stream"]));
}

#[test]
fn readers_of_events_miss_nothing_of_any_stream() {
    let app = TestApp::start();
    let key = app.key("bot", "agent");
    let mut live = Stream::open(&app, Some(&app.admin), None);
    let mut of_bot = Stream::open(&app, Some(&key), None);
    let mut local = Local::begin(&app, NAME);
    local.done(&app, 1);
    let submit = || {
        let action = json!({ "agent_id": "a", "tool": "send_email" });
        app.post("/v1/actions").key(&app.admin).json(&action).send().ok()
    };
    submit();
    app.post("/v1/records").key(&key).raw(&local.body(0, 2)).send().ok();
    submit();
    app.post("/v1/records").key(&key).raw(&local.body(2, 4)).send().ok();
    submit();
    let ids: Vec<_> = (0..7).map(|_| live.event().unwrap().0).collect();
    let (own, of_local): (Vec<_>, Vec<_>) = ids.iter().partition(|id| id.starts_with("server-"));
    assert_eq!(own.len(), 3);
    assert_eq!(of_local, ["local-one:0", "local-one:1", "local-one:2", "local-one:3"]);
    // An agent sees the records of its own actions, live and later.
    for n in 1..4 {
        assert_eq!(of_bot.event().unwrap().0, format!("{NAME}:{n}"));
    }
    // Wherever a reader was, in whichever stream, it gets the rest of both.
    for (n, id) in ids.iter().enumerate() {
        let mut resumed = Stream::open(&app, Some(&app.admin), Some(id));
        let rest: Vec<_> = (n + 1..7).map(|_| resumed.event().unwrap().0).collect();
        assert_eq!(rest, ids[n + 1..], "behind {id}");
    }
    let mut resumed = Stream::open(&app, Some(&key), Some(&ids[0]));
    assert_eq!(resumed.event().unwrap().0, "local-one:1");
}

#[test]
fn metrics_name_no_stream_that_a_caller_named() {
    let app = TestApp::start();
    let local = Local::begin(&app, NAME);
    local.send(&app, &app.admin, 0).ok();
    let text = app.get("/metrics").send().body;
    assert!(text.contains("stream=\"server-") && !text.contains(NAME), "{text}");
}
