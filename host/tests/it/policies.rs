//! Policies: edits on disk and over HTTP, checking, simulating, the past.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use crate::app::{NOON, POLICY, Reply, TestApp};

const DENY_ALL: &str = "rules: [{ id: never, match: { tool: '*' }, deny: true }]\n";
const BROKEN: &str = "rules: [{ match: { tool: a }, alow: true }]\n";

fn put(app: &TestApp, name: &str, (header, value): (&str, &str), text: &str) -> Reply {
    let path = format!("/v1/policies/{name}");
    app.ask("PUT", &path).key(&app.admin).header(header, value).raw(text.as_bytes()).send()
}

fn hash(text: &str) -> String {
    engine::hash::FileHash::of(text.as_bytes()).to_hex()
}

#[test]
fn an_edit_is_in_force_within_a_second() {
    let app = TestApp::start();
    assert_eq!(app.refund(45.0)["outcome"], "EXECUTE");
    let edited = Instant::now();
    fs::write(app.policy_file("support-agent.yaml"), DENY_ALL).unwrap();
    app.until("the edit", || (app.refund(45.0)["reason_code"] == "policy_deny").then_some(()));
    assert!(edited.elapsed().as_millis() < 1000, "{:?}", edited.elapsed());
    let record = app.records().into_iter().rfind(|record| record["kind"] == "policy").unwrap();
    assert_eq!((&record["in_force"], &record["principal"]), (&json!(true), &json!("system")));
    assert_eq!(record["files"], json!({ "support-agent.yaml": hash(DENY_ALL) }));
}

#[test]
fn a_broken_edit_never_replaces_the_set_in_force() {
    let app = TestApp::start();
    let before = app.get("/v1/policies").send().ok();
    fs::write(app.policy_file("more.yaml"), BROKEN).unwrap();
    let degraded = app.until("the refusal", || {
        Some(app.get("/ready").key(&app.admin).send().ok()).filter(|ready| ready["status"] == "degraded")
    });
    assert!(degraded["trouble"]["diagnostics"].to_string().contains("alow"), "{degraded}");
    assert!(app.get("/ready").send().ok()["trouble"]["diagnostics"].is_null());
    assert_eq!(app.refund(45.0)["outcome"], "EXECUTE");
    assert_eq!(app.get("/v1/policies").send().ok()["policy_hash"], before["policy_hash"]);
    // The same content is refused once, however often it is seen.
    fs::write(app.policy_file("more.yaml"), BROKEN).unwrap();
    fs::write(app.policy_file("more.yaml"), format!("{BROKEN}# more\n")).unwrap();
    let refused = || {
        let records = app.records().into_iter();
        records
            .filter(|record| record["in_force"] == false)
            .map(|record| record["policy_hash"].clone())
            .collect()
    };
    let hashes: Vec<Value> =
        app.until("the second refusal", || Some(refused()).filter(|hashes: &Vec<_>| hashes.len() == 2));
    assert_ne!(hashes[0], hashes[1]);
    fs::remove_file(app.policy_file("more.yaml")).unwrap();
    app.until("the repair", || (app.get("/ready").send().ok()["status"] == "ready").then_some(()));
}

#[test]
fn a_folder_that_vanishes_leaves_the_set_in_force() {
    let app = TestApp::start();
    let (folder, aside) = (app.folder.path().join("policies"), app.folder.path().join("aside"));
    fs::rename(&folder, &aside).unwrap();
    app.until("the loss", || (app.get("/ready").send().ok()["status"] == "degraded").then_some(()));
    assert_eq!(app.refund(45.0)["outcome"], "EXECUTE");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("support-agent.yaml"), DENY_ALL).unwrap();
    app.until("the return", || (app.refund(45.0)["outcome"] == "HALT").then_some(()));
    assert_eq!(app.get("/ready").send().ok()["status"], "ready");
    // The new folder is watched as the old one was.
    fs::write(folder.join("support-agent.yaml"), POLICY).unwrap();
    app.until("the edit", || (app.refund(45.0)["outcome"] == "EXECUTE").then_some(()));
}

#[test]
fn a_server_that_starts_with_a_broken_policy_halts_everything() {
    let app = TestApp::with(&[("broken.yaml", BROKEN)]);
    assert_eq!(app.refund(45.0)["reason_code"], "no_policy");
    let ready = app.get("/ready").send();
    assert_eq!(ready.status, 503);
    fs::write(app.policy_file("broken.yaml"), POLICY).unwrap();
    app.until("the repair", || (app.refund(45.0)["outcome"] == "EXECUTE").then_some(()));
}

#[test]
fn a_file_that_is_put_is_in_force_before_the_answer() {
    let app = TestApp::start();
    let made = put(&app, "tight.yaml", ("if-none-match", "*"), DENY_ALL);
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.headers["etag"], format!("\"{}\"", hash(DENY_ALL)).as_str());
    assert_eq!(app.refund(45.0)["policy_hash"], made.value()["policy_hash"]);
    assert_eq!(app.refund(45.0)["outcome"], "HALT");
    assert_eq!(fs::read_to_string(app.policy_file("tight.yaml")).unwrap(), DENY_ALL);
    let one = app.get("/v1/policies/tight.yaml").key(&app.admin).send();
    assert_eq!((&one.ok()["text"], &one.ok()["hash"]), (&json!(DENY_ALL), &json!(hash(DENY_ALL))));
    let record = app.records().into_iter().rfind(|record| record["kind"] == "policy").unwrap();
    assert_eq!(record["principal"], "admin");
    let changed = put(&app, "tight.yaml", ("if-match", &format!("\"{}\"", hash(DENY_ALL))), "rules: []\n");
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(app.refund(45.0)["outcome"], "EXECUTE");
    let path = "/v1/policies/tight.yaml";
    let delete = |value: &str| app.ask("DELETE", path).key(&app.admin).header("if-match", value).send();
    delete(&hash(DENY_ALL)).problem(412, "precondition_failed");
    delete(&hash("rules: []\n")).ok();
    assert!(!app.policy_file("tight.yaml").exists());
    delete("*").problem(404, "not_found");
}

#[test]
fn changes_that_cannot_be_leave_everything_as_it_was() {
    let app = TestApp::start();
    let before = app.get("/v1/policies").send().ok();
    let stale = put(&app, "support-agent.yaml", ("if-match", &hash("old")), DENY_ALL);
    assert_eq!(stale.problem(412, "precondition_failed")["hash"], hash(POLICY));
    put(&app, "support-agent.yaml", ("if-none-match", "*"), DENY_ALL).problem(412, "precondition_failed");
    put(&app, "new.yaml", ("if-match", "*"), DENY_ALL).problem(412, "precondition_failed");
    put(&app, "new.yaml", ("if-match", "\"x\""), DENY_ALL).problem(400, "invalid_precondition");
    let bare = app.ask("PUT", "/v1/policies/new.yaml").key(&app.admin).raw(b"").send();
    bare.problem(428, "precondition_required");
    let broken = put(&app, "new.yaml", ("if-none-match", "*"), BROKEN).problem(422, "policy_invalid");
    assert_eq!(broken["diagnostics"][0]["file"], "new.yaml");
    assert_eq!(broken["diagnostics"][0]["line"], 1);
    for name in ["new.txt", "new.test.yaml", ".new.yaml", "%2e%2e%2fnew.yaml", "a%20b.yaml"] {
        put(&app, name, ("if-none-match", "*"), DENY_ALL).problem(400, "bad_policy_name");
    }
    assert_eq!(app.get("/v1/policies").send().ok(), before);
    assert_eq!(fs::read_dir(app.policy_file("")).unwrap().count(), 1);
}

#[test]
fn of_two_editors_with_the_same_file_one_wins() {
    let app = TestApp::start();
    let texts: Vec<_> = (0..8).map(|n| format!("{POLICY}# {n}\n")).collect();
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let putting: Vec<_> = texts
            .iter()
            .map(|text| {
                scope.spawn(|| put(&app, "support-agent.yaml", ("if-match", &hash(POLICY)), text).status)
            })
            .collect();
        putting.into_iter().map(|putting| putting.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 7, "{statuses:?}");
}

#[test]
fn files_are_checked_without_being_kept() {
    let app = TestApp::start();
    let check = |body: Value| app.post("/v1/policies/check").key(&app.admin).json(&body).send();
    let good = check(json!({ "files": { "support-agent.yaml": POLICY } })).ok();
    assert_eq!(good["valid"], true);
    assert_eq!(good["policy_hash"], app.get("/v1/policies").send().ok()["policy_hash"]);
    let bad = check(json!({ "name": "a.yaml", "text": BROKEN })).ok();
    assert_eq!((&bad["valid"], &bad["diagnostics"][0]["severity"]), (&json!(false), &json!("error")));
    check(json!({})).problem(400, "invalid_body");
    check(json!({ "text": "", "files": {} })).problem(400, "invalid_body");
}

#[test]
fn a_simulation_shows_what_would_change() {
    let app = TestApp::start();
    app.refund(45.0);
    app.refund(340.0);
    let before = app.records().len();
    let given = json!({ "agent_id": "a", "tool": "send_email" });
    let body = json!({ "policies": { "a.yaml": DENY_ALL }, "actions": [given], "recorded": { "limit": 10 } });
    let simulate = |body: &Value| app.post("/v1/policies/simulate").key(&app.admin).json(body).send();
    let simulation = simulate(&body).ok();
    assert_eq!(
        simulation["counts"],
        json!({ "candidate": { "HALT": 3 }, "in_force": { "ABSTAIN": 1, "EXECUTE": 2 } })
    );
    assert_eq!(simulation["transitions"], json!({ "ABSTAIN->HALT": 1, "EXECUTE->HALT": 2 }));
    assert_eq!(simulation["results"][0]["id"], Value::Null);
    assert_eq!(simulation["results"][0]["candidate"]["rule"]["id"], "never");
    assert_eq!(simulation["results"][1]["changed"], true);
    let same = simulate(&json!({ "recorded": {} })).ok();
    assert_eq!((&same["transitions"], &same["policy_hash"]), (&json!({}), &same["in_force_policy_hash"]));
    simulate(&json!({ "policies": { "a.yaml": BROKEN } })).problem(422, "policy_invalid");
    simulate(&json!({ "recorded": { "limit": 501 } })).problem(400, "invalid_body");
    assert_eq!(app.records().len(), before);
}

#[test]
fn the_history_says_who_changed_which_files() {
    let app = TestApp::start();
    let editor = app.key("erika", "editor");
    let ask = |method, name: &str| {
        app.ask(method, &format!("/v1/policies/{name}")).key(&editor).header("if-match", "*")
    };
    put(&app, "tight.yaml", ("if-none-match", "*"), DENY_ALL);
    ask("PUT", "support-agent.yaml").raw(format!("{POLICY}# more\n").as_bytes()).send().ok();
    ask("DELETE", "tight.yaml").send().ok();
    fs::write(app.policy_file("support-agent.yaml"), POLICY).unwrap();
    let history = |query: &str| {
        let history = app.get(&format!("/v1/policies/history{query}")).key(&app.admin).send().ok();
        let entries = history["history"].as_array().unwrap().clone();
        entries.into_iter().map(|entry| json!([entry["principal"], entry["change"]])).collect::<Vec<_>>()
    };
    let entries = app.until("the edit", || Some(history("")).filter(|entries| entries.len() == 5));
    let change = |principal: &str, added: &[&str], changed: &[&str], removed: &[&str]| json!([principal, { "added": added, "changed": changed, "removed": removed }]);
    let expected = [
        change("system", &[], &["support-agent.yaml"], &[]),
        change("erika", &[], &[], &["tight.yaml"]),
        change("erika", &[], &["support-agent.yaml"], &[]),
        change("admin", &["tight.yaml"], &[], &[]),
        change("system", &["support-agent.yaml"], &[], &[]),
    ];
    assert_eq!(entries, expected);
    assert_eq!(
        history("?limit=2"),
        expected[..2],
        "the last of a list is compared with one that is not in it"
    );
    // A start brings the same files into force again.
    let folder = app.stop();
    let app = TestApp::over(folder, NOON, |_| {}).map_err(|error| error.to_string()).unwrap();
    let newest = app.get("/v1/policies/history?limit=1").key(&app.admin).send().ok()["history"][0].clone();
    assert_eq!(json!([newest["principal"], newest["change"]]), change("system", &[], &[], &[]));
}

#[test]
fn what_was_in_force_is_kept() {
    let app = TestApp::start();
    let first = app.get("/v1/policies").send().ok();
    put(&app, "tight.yaml", ("if-none-match", "*"), DENY_ALL);
    let history = app.get("/v1/policies/history").key(&app.admin).send().ok();
    let versions: Vec<_> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["policy_version"].clone())
        .collect();
    assert_eq!(versions, ["2", "1"]);
    let (newest, oldest) = (&history["history"][0], &history["history"][1]);
    assert_eq!((&newest["principal"], &oldest["principal"]), (&json!("admin"), &json!("system")));
    assert_eq!(newest["change"], json!({ "added": ["tight.yaml"], "changed": [], "removed": [] }));
    assert_eq!(oldest["change"], json!({ "added": ["support-agent.yaml"], "changed": [], "removed": [] }));
    assert_eq!(history["history"][1]["policy_hash"], first["policy_hash"]);
    let path = format!("/v1/policies/by-hash/{}", first["policy_hash"].as_str().unwrap());
    let set = app.get(&path).key(&app.admin).send().ok();
    assert_eq!(set["files"], json!([{ "name": "support-agent.yaml", "hash": hash(POLICY), "text": POLICY }]));
    app.get("/v1/policies/by-hash/x").key(&app.admin).send().problem(404, "not_found");
    let unknown = format!("/v1/policies/by-hash/{}", "0".repeat(64));
    app.get(&unknown).key(&app.admin).send().problem(404, "not_found");
    app.get("/v1/policies/none.yaml").key(&app.admin).send().problem(404, "not_found");
}
