//! Local streams and the program: what a killed server acknowledged is kept, and the audit holds them as it holds the
//! server's own.

use std::sync::mpsc;
use std::time::SystemTime;

use engine::action::Action;
use engine::canonical::Canonical;
use engine::json::MAX_BYTES;
use engine::policy::PolicySource;
use engine::record::{Draft, Head, RecordKind};
use engine::value::Value as EngineValue;
use runtime::Module;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::program::{Place, Server};

/// How many wrappers send at once.
const WRAPPERS: usize = 4;
/// How many batches a server acknowledges before it is killed.
const ENOUGH: usize = 60;
/// The actions of one batch.
const ACTIONS: u32 = 5;

fn canonical(value: &Value) -> Canonical {
    Canonical::of(&engine::json::parse_printed(value.to_string().as_bytes(), MAX_BYTES).unwrap())
}

/// Asks a server; none when there is no whole answer.
fn ask(method: &str, url: &str, body: &str) -> Option<(u16, Value)> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = ureq::http::Request::builder().method(method).uri(url);
    let mut answer = match method {
        "GET" => agent.run(request.body(()).unwrap()).ok()?,
        _ => agent.run(request.body(body.to_owned().into_bytes()).unwrap()).ok()?,
    };
    let text = answer.body_mut().read_to_string().ok()?;
    Some((answer.status().as_u16(), serde_json::from_str(&text).ok()?))
}

/// The knowledge of every wrapper: the policies in force, the engine, and its decisions on refunds of 45, 340 and 5000.
#[derive(Clone)]
struct Known {
    policy_hash: String,
    engine_hash: String,
    decided: Vec<(Canonical, Value)>,
}

fn known(place: &Place, server: &Server) -> Known {
    let exported = server.run(place, &["audit", "export"]).out;
    let records = exported.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let policy = records.into_iter().rfind(|record| record["kind"] == "policy").unwrap();
    let text = |key: &str| policy[key].as_str().unwrap().to_owned();
    let decided = [45, 340, 5000].map(|amount| {
        let params = json!({ "amount": amount, "customer_id": "c" });
        let action = json!({ "agent_id": "s", "tool": "process_refund", "params": params }).to_string();
        let (_, mut decision) = ask("POST", &format!("{}/v1/gate/decide", server.url), &action).unwrap();
        assert!(decision.as_object_mut().unwrap().remove("policy_version").unwrap().is_string());
        let action = Action::parse(action.as_bytes(), MAX_BYTES).unwrap();
        (action.canonical().clone(), decision)
    });
    Known { policy_hash: text("policy_hash"), engine_hash: text("engine_hash"), decided: decided.to_vec() }
}

/// A wrapper that decides locally.
struct Wrapper {
    known: Known,
    number: usize,
    head: Head,
    records: Vec<String>,
    actions: u32,
}

/// The state that a decision of these tests was made with.
fn state_of(decision: &Value) -> Value {
    if decision["reason_code"] == "approval_rejected" {
        json!({ "approval": { "approvers": [], "reason": null, "verdict": "rejected" } })
    } else {
        json!({})
    }
}

/// The engine's decision on a held action after a rejection.
fn decided_again(place: &Place, action: &Canonical) -> Value {
    let folder = std::fs::read_dir(place.path("policies")).unwrap().map(|entry| entry.unwrap());
    let name = |entry: &std::fs::DirEntry| entry.file_name().into_string().unwrap();
    let files = folder.filter(|entry| name(entry).ends_with(".yaml") && !name(entry).ends_with(".test.yaml"));
    let files: Vec<_> = files
        .map(|entry| PolicySource { name: name(&entry), content: std::fs::read(entry.path()).unwrap() })
        .collect();
    let cache = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine-cache");
    let mut instance = Module::embedded(Some(&cache)).unwrap().instance().unwrap();
    let handle = instance.load(&files).unwrap().handle.unwrap();
    let state = state_of(&json!({ "reason_code": "approval_rejected" })).to_string();
    let verdict = instance.decide_recorded(handle, action.as_bytes(), state.as_bytes()).unwrap();
    serde_json::from_str(verdict.decision.get()).unwrap()
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

impl Wrapper {
    fn new(known: &Known, number: usize) -> Self {
        let head = Head::genesis(format!("local-wrapper-{number}"));
        let mut wrapper = Wrapper { known: known.clone(), number, head, records: Vec::new(), actions: 0 };
        let fields = vec![
            ("engine_hash", Canonical::text(&known.engine_hash)),
            ("files", canonical(&json!([]))),
            ("policy_hash", Canonical::text(&known.policy_hash)),
            ("runtime_version", Canonical::text(engine::RUNTIME_VERSION)),
        ];
        wrapper.seal(RecordKind::Policy, None, fields);
        wrapper
    }

    fn seal(&mut self, kind: RecordKind, id: Option<String>, fields: Vec<(&'static str, Canonical)>) {
        let draft = Draft { kind, at_ms: now_ms(), action_id: id, fields };
        self.records.push(draft.seal(&mut self.head).body.into_string());
    }

    /// Decides the `which`th of the known actions.
    fn decide(&mut self, which: usize) -> (String, Canonical) {
        self.actions += 1;
        let id = format!("{:08x}-0000-4000-8000-{:012x}", self.actions, self.number);
        let (action, decision) = self.known.decided[which].clone();
        let fields = vec![
            ("action", action),
            ("decision", canonical(&decision)),
            ("duration_us", canonical(&json!(7))),
            ("engine_hash", Canonical::text(&self.known.engine_hash)),
            ("policy_version", Canonical::of(&EngineValue::Null)),
            ("principal", Canonical::text("s")),
            ("state", canonical(&state_of(&decision))),
        ];
        self.seal(RecordKind::Decision, Some(id.clone()), fields);
        (id, canonical(&decision["request_hash"]))
    }

    /// Actions that were allowed, started and ended.
    fn work(&mut self) {
        for _ in 0..ACTIONS {
            let (id, hash) = self.decide(0);
            self.seal(RecordKind::Start, Some(id.clone()), vec![("request_hash", hash.clone())]);
            let fields = vec![("request_hash", hash), ("success", canonical(&json!(true)))];
            self.seal(RecordKind::Result, Some(id), fields);
        }
    }

    /// Sends the records from `from` on; none when there is no answer.
    fn send(&self, url: &str, from: usize) -> Option<Value> {
        let records = self.records[from..].join(",");
        let body = format!(r#"{{"stream":"{}","records":[{records}]}}"#, self.head.stream);
        let (status, taken) = ask("POST", &format!("{url}/v1/records"), &body)?;
        assert_eq!(status, 200, "{taken}");
        Some(taken)
    }
}

fn assert_valid(place: &Place, server: &Server) {
    let database = place.run(&["audit", "verify", "--db", ".faramesh/faramesh.db"]);
    assert_eq!(server.run(place, &["audit", "export", "--out", "records.jsonl"]).code, 0);
    let file = place.run(&["audit", "verify", "--file", "records.jsonl"]);
    for run in [server.run(place, &["audit", "verify"]), database, file] {
        assert_eq!(run.code, 0, "{}{}", run.out, run.err);
        assert!(run.out.contains("local-wrapper-0") && run.out.contains("server-"), "{}", run.out);
    }
}

#[test]
fn a_killed_server_keeps_the_records_that_it_acknowledged() {
    let place = Place::initialized();
    let mut server = Server::start(&place);
    let known = known(&place, &server);
    let mut wrappers: Vec<_> = (0..WRAPPERS).map(|number| Wrapper::new(&known, number)).collect();
    for _ in 0..2 {
        let (told, telling) = mpsc::channel();
        let url = server.url.clone();
        let running = server;
        // The acknowledged records of each: their number, and the hash of the last.
        let acknowledged: Vec<Value> = std::thread::scope(|scope| {
            let working: Vec<_> = wrappers
                .iter_mut()
                .map(|wrapper| {
                    let (told, url) = (told.clone(), &url);
                    scope.spawn(move || {
                        let mut last = json!({ "size": 0 });
                        loop {
                            wrapper.work();
                            let held = usize::try_from(last["size"].as_u64().unwrap()).unwrap();
                            let Some(taken) = wrapper.send(url, held) else { return last };
                            last = taken;
                            // The receiver is gone once the server is killed.
                            _ = told.send(());
                        }
                    })
                })
                .collect();
            telling.iter().take(ENOUGH).for_each(drop);
            running.kill();
            working.into_iter().map(|working| working.join().unwrap()).collect()
        });
        server = Server::start(&place);
        for (wrapper, last) in wrappers.iter().zip(&acknowledged) {
            let stream = &wrapper.head.stream;
            let (_, head) =
                ask("GET", &format!("{}/v1/records/head?stream={stream}", server.url), "").unwrap();
            let (size, held) = (head["size"].as_u64().unwrap(), last["size"].as_u64().unwrap());
            assert!(size >= held && held > 0, "{head} after {last}");
            if size == held {
                assert_eq!(head["record_hash"], last["record_hash"]);
            }
            // From wherever the wrapper believes the server to be, it goes on, and nothing is doubled.
            let taken = wrapper.send(&server.url, usize::try_from(held).unwrap()).unwrap();
            assert_eq!(taken["size"], wrapper.records.len());
            assert_eq!(taken["record_hash"], wrapper.head.record_hash.to_hex());
        }
    }
    assert_valid(&place, &server);
    let exported = place.read("records.jsonl");
    for wrapper in &wrappers {
        let marker = format!(r#""stream":"{}""#, wrapper.head.stream);
        let kept: Vec<_> = exported.lines().filter(|line| line.contains(&marker)).collect();
        assert_eq!(kept, wrapper.records);
    }
    let all: u32 = wrappers.iter().map(|wrapper| wrapper.actions).sum();
    let (_, list) = ask("GET", &format!("{}/v1/actions?status=succeeded&limit=1", server.url), "").unwrap();
    assert_eq!(list["total"], all);
    server.stop();
}

#[test]
fn an_edited_row_of_a_local_action_is_named_and_what_is_no_action_is_not_missed() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let mut wrapper = Wrapper::new(&known(&place, &server), 0);
    wrapper.work();
    let (held, hash) = wrapper.decide(1);
    let (answered, _) = wrapper.decide(1);
    wrapper.decide(2);
    // A person said no where it was decided.
    let said = json!({ "approve": false, "principal": "alice", "reason": null, "roles": [] });
    let fields = vec![("approval", canonical(&said)), ("request_hash", hash.clone())];
    wrapper.seal(RecordKind::Approval, Some(answered.clone()), fields);
    let rejected = decided_again(&place, &wrapper.known.decided[1].0);
    wrapper.known.decided.push((wrapper.known.decided[1].0.clone(), rejected.clone()));
    let mut unreadable = rejected;
    unreadable["request_hash"] = Value::Null;
    wrapper.known.decided.push((Canonical::of(&EngineValue::Null), unreadable));
    wrapper.actions -= 2;
    let (again, _) = wrapper.decide(3);
    assert_eq!(again, answered);
    wrapper.actions += 1;
    wrapper.decide(4);
    wrapper.send(&server.url, 0).unwrap();
    assert_valid(&place, &server);
    let rows = server.run(&place, &["actions", "list", "-o", "json"]);
    assert!(rows.out.contains(&answered) && !rows.out.contains(&held), "{}{}", rows.out, rows.err);
    server.stop();

    let verify = || place.run(&["audit", "verify", "--db", ".faramesh/faramesh.db"]);
    let database = Connection::open(place.path(".faramesh/faramesh.db")).unwrap();
    let edit = |sql: &str| assert_eq!(database.execute(sql, []).unwrap(), 1);
    edit(
        "UPDATE actions SET status = 'allowed' WHERE status = 'denied' AND reason_code = 'approval_rejected'",
    );
    let run = verify();
    assert!(run.code == 1 && run.out.contains(&answered), "{}{}", run.out, run.err);
    edit("DELETE FROM actions WHERE reason_code = 'approval_rejected'");
    let run = verify();
    assert!(run.code == 1 && run.out.contains("was removed") && run.out.contains(&answered), "{}", run.out);
}
