//! The tests of a policy: a file next to it, written whole or not at all, and never in force.

use std::fs;

use serde_json::{Value, json};

use crate::app::{POLICY, Reply, TestApp};

const PATH: &str = "/v1/policies/support-agent.yaml/tests";
const NAME: &str = "support-agent.test.yaml";
const TESTS: &str = "\
now: 1795348800000
tests:
  - name: a small refund runs
    action: { agent_id: a, tool: process_refund, params: { amount: 45 } }
    expect: { outcome: EXECUTE, rule: small-refunds }
";

fn hash(text: &str) -> String {
    engine::hash::FileHash::of(text.as_bytes()).to_hex()
}

fn put(app: &TestApp, path: &str, (header, value): (&str, &str), text: &str) -> Reply {
    app.ask("PUT", path).key(&app.admin).header(header, value).raw(text.as_bytes()).send()
}

fn get(app: &TestApp, path: &str) -> Reply {
    app.get(path).key(&app.admin).send()
}

fn files(app: &TestApp) -> Vec<String> {
    let entries = fs::read_dir(app.policy_file("")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn tests_are_written_read_changed_and_deleted() {
    let app = TestApp::start();
    let in_force = app.get("/v1/policies").send().ok();
    let records = app.records().len();
    get(&app, PATH).problem(404, "not_found");
    let made = put(&app, PATH, ("if-none-match", "*"), TESTS);
    assert_eq!(made.status, 201, "{}", made.body);
    let view = json!({ "name": NAME, "policy": "support-agent.yaml", "text": TESTS, "hash": hash(TESTS) });
    assert_eq!(made.value(), view);
    assert_eq!(made.headers["etag"], format!("\"{}\"", hash(TESTS)).as_str());
    assert_eq!(fs::read_to_string(app.policy_file(NAME)).unwrap(), TESTS);
    let read = get(&app, PATH);
    assert_eq!((read.ok(), &read.headers["etag"]), (view, &made.headers["etag"]));

    let more = format!("{TESTS}# more\n");
    let changed = put(&app, PATH, ("if-match", &format!("\"{}\"", hash(TESTS))), &more);
    assert_eq!(changed.ok()["hash"], hash(&more));
    let delete = |value: &str| app.ask("DELETE", PATH).key(&app.admin).header("if-match", value).send();
    let stale = delete(&hash(TESTS)).problem(412, "precondition_failed");
    assert_eq!(stale["hash"], hash(&more));
    let gone = delete(&hash(&more)).ok();
    assert_eq!(gone, json!({ "name": NAME, "policy": "support-agent.yaml", "hash": null }));
    assert_eq!(files(&app), ["support-agent.yaml"]);
    delete("*").problem(404, "not_found");
    // None of it is a policy, in force, or in the chain.
    assert_eq!(app.get("/v1/policies").send().ok(), in_force);
    assert_eq!(app.records().len(), records);
}

#[test]
fn tests_that_cannot_be_read_leave_the_old_ones() {
    let app = TestApp::start();
    put(&app, PATH, ("if-none-match", "*"), TESTS);
    let refused = |text: &str, (line, column): (u64, u64), message: &str| {
        let problem = put(&app, PATH, ("if-match", "*"), text).problem(422, "policy_tests_invalid");
        let found = &problem["diagnostics"][0];
        assert_eq!((&found["line"], &found["column"]), (&json!(line), &json!(column)), "{problem}");
        assert_eq!((&found["message"], &found["file"]), (&json!(message), &json!(NAME)));
    };
    refused("", (1, 1), "a file of tests has no `tests`");
    refused(&TESTS.replace("EXECUTE", "PERMIT"), (5, 24), "`PERMIT` is no outcome");
    refused(&TESTS.replace("expect", "expects"), (5, 5), "unknown key `expects` in a test");
    let body = [TESTS.as_bytes(), b"# \xc3\xa9 \xff\n"].concat();
    let bad = app.ask("PUT", PATH).key(&app.admin).header("if-match", "*").raw(&body).send();
    let found = &bad.problem(422, "policy_tests_invalid")["diagnostics"][0];
    assert_eq!(
        (&found["code"], &found["line"], &found["column"]),
        (&json!("not_utf8"), &json!(6), &json!(5))
    );
    assert_eq!(get(&app, PATH).ok()["text"], TESTS);
    assert_eq!(files(&app), [NAME, "support-agent.yaml"]);
}

#[test]
fn what_nobody_asked_to_overwrite_is_not_overwritten() {
    let app = TestApp::start();
    let bare = app.ask("PUT", PATH).key(&app.admin).raw(TESTS.as_bytes()).send();
    bare.problem(428, "precondition_required");
    put(&app, PATH, ("if-match", "*"), TESTS).problem(412, "precondition_failed");
    put(&app, PATH, ("if-match", "x"), TESTS).problem(400, "invalid_precondition");
    assert_eq!(put(&app, PATH, ("if-none-match", "*"), TESTS).status, 201);
    put(&app, PATH, ("if-none-match", "*"), TESTS).problem(412, "precondition_failed");
    let bare = app.ask("DELETE", PATH).key(&app.admin).send();
    bare.problem(428, "precondition_required");
    let texts: Vec<_> = (0..8).map(|n| format!("{TESTS}# {n}\n")).collect();
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let puts: Vec<_> = texts
            .iter()
            .map(|text| scope.spawn(|| put(&app, PATH, ("if-match", &hash(TESTS)), text).status))
            .collect();
        puts.into_iter().map(|put| put.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
}

#[test]
fn tests_stand_beside_a_policy_and_nowhere_else() {
    let app = TestApp::start();
    let make =
        |policy: &str| put(&app, &format!("/v1/policies/{policy}/tests"), ("if-none-match", "*"), TESTS);
    make("none.yaml").problem(404, "not_found");
    for name in ["support-agent.test.yaml", "notes.txt", "%2e%2e%2fdata%2fx.yaml", ".hidden.yaml"] {
        make(name).problem(400, "bad_policy_name");
        get(&app, &format!("/v1/policies/{name}/tests")).problem(404, "not_found");
    }
    // The other ending is as good, and keeps its name.
    fs::write(app.policy_file("support-agent.test.yml"), TESTS).unwrap();
    assert_eq!(get(&app, PATH).ok()["name"], "support-agent.test.yml");
    make("support-agent.yaml").problem(412, "precondition_failed");
    put(&app, PATH, ("if-match", "*"), &format!("{TESTS}#\n")).ok();
    assert_eq!(files(&app), ["support-agent.test.yml", "support-agent.yaml"]);
    // Tests outlive their policy, and can still be taken away.
    let path = "/v1/policies/support-agent.yaml";
    app.ask("DELETE", path).key(&app.admin).header("if-match", &hash(POLICY)).send().ok();
    get(&app, PATH).ok();
    put(&app, PATH, ("if-match", "*"), TESTS).problem(404, "not_found");
    app.ask("DELETE", PATH).key(&app.admin).header("if-match", "*").send().ok();
    assert_eq!(files(&app), Vec::<String>::new());
}

#[test]
fn only_editors_change_tests_and_agents_do_not_see_them() {
    let app = TestApp::start();
    let (viewer, editor) = (app.key("viewer", "viewer"), app.key("editor", "editor"));
    let change = |method: &'static str, key: &str| {
        let ask = app.ask(method, PATH).key(key).header("if-match", "*");
        if method == "PUT" { ask.raw(TESTS.as_bytes()).send() } else { ask.send() }
    };
    fs::write(app.policy_file(NAME), TESTS).unwrap();
    app.get(PATH).send().problem(403, "forbidden");
    app.get(PATH).key(&viewer).send().ok();
    for method in ["PUT", "DELETE"] {
        change(method, &viewer).problem(403, "forbidden");
        change(method, &editor).ok();
    }
    assert_eq!(
        get(&app, PATH).problem(404, "not_found")["detail"],
        Value::from("there is no file of tests of `support-agent.yaml`")
    );
}
