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

/// Waits until something in the folder is pending, and gives it.
fn pending(app: &TestApp) -> Value {
    app.until("something pending", || {
        Some(app.get("/ready").key(&app.admin).send().value()["pending"].clone())
            .filter(|pending| !pending.is_null())
    })
}

fn nothing_pending(app: &TestApp) {
    app.until("nothing pending", || app.get("/ready").send().value()["pending"].is_null().then_some(()));
}

/// The hashes of the activated sets, in order, and the number of refused ones.
fn sets(app: &TestApp) -> (Vec<Value>, usize) {
    let records = app.records().into_iter().filter(|record| record["kind"] == "policy");
    let (in_force, refused): (Vec<_>, Vec<_>) = records.partition(|record| record["in_force"] == true);
    (in_force.into_iter().map(|record| record["files"].clone()).collect(), refused.len())
}

#[test]
fn a_rule_that_denies_is_in_force_at_once_however_long_the_folder_must_stand_still() {
    let app = TestApp::start().never_settled();
    let denied = |what| app.until(what, || (app.refund(45.0)["outcome"] == "HALT").then_some(()));
    fs::write(app.policy_file(".deny.yaml.new"), DENY_ALL).unwrap();
    fs::rename(app.policy_file(".deny.yaml.new"), app.policy_file("deny.yaml")).unwrap();
    denied("a file renamed into its place");
    let app = TestApp::start().never_settled();
    let denied = |what| app.until(what, || (app.refund(45.0)["outcome"] == "HALT").then_some(()));
    let first = "rules:\n  - { match: { tool: process_refund }, deny: true }\n";
    fs::write(app.policy_file("support-agent.yaml"), POLICY.replace("rules:\n", first)).unwrap();
    denied("a file written and closed");
    nothing_pending(&app);
}

#[test]
fn whatever_may_permit_more_waits_and_says_so() {
    let app = TestApp::with(&[("support-agent.yaml", POLICY), ("deny.yaml", DENY_ALL)]).never_settled();
    let before = sets(&app);
    let changes: [(&str, &dyn Fn()); 3] = [
        ("a file that is gone", &|| fs::remove_file(app.policy_file("deny.yaml")).unwrap()),
        ("a rule less", &|| fs::write(app.policy_file("deny.yaml"), "rules: []\n").unwrap()),
        ("another match", &|| {
            fs::write(app.policy_file("deny.yaml"), DENY_ALL.replace("'*'", "'x*'")).unwrap();
        }),
    ];
    for (what, change) in changes {
        change();
        let pending = pending(&app);
        assert_eq!(pending["files"], json!(["deny.yaml"]), "{what}");
        assert!(pending["reason"].as_str().unwrap().contains("has stood still for a second"), "{pending}");
        assert_eq!(app.refund(45.0)["outcome"], "HALT", "{what}");
        assert_eq!(app.get("/ready").send().ok()["status"], "ready");
        assert_eq!(app.get("/v1/policies").key(&app.admin).send().ok()["pending"], pending);
        // A file that is gone for a moment counts as never gone.
        fs::write(app.policy_file("deny.yaml"), DENY_ALL).unwrap();
        nothing_pending(&app);
    }
    assert_eq!(sets(&app), before);
}

#[cfg(target_os = "linux")]
#[test]
fn half_of_a_file_is_never_in_force_however_slowly_it_is_written() {
    use std::io::Write as _;
    let app = TestApp::with(&[("a.yaml", DENY_ALL)]);
    let (half, rest) = (
        "rules:\n  - { match: { tool: process_refund }, allow: true }\n",
        "risk:\n  rules:\n    - { name: all, when: { tool: process_refund }, risk_level: critical }\n",
    );
    let mut file = fs::File::create(app.policy_file("a.yaml")).unwrap();
    file.write_all(half.as_bytes()).unwrap();
    // The folder may be looked at before the event of the write is there.
    app.until("a pending change that waits for its writer", || {
        pending(&app)["reason"].as_str().unwrap().contains("closes it").then_some(())
    });
    // Many times as long as the folder must be unchanged.
    let opened = Instant::now();
    while opened.elapsed() < crate::app::SETTLED * 20 {
        assert_eq!(app.refund(45.0)["reason_code"], "policy_deny");
    }
    file.write_all(rest.as_bytes()).unwrap();
    drop(file);
    app.until("the whole file", || (app.refund(45.0)["reason_code"] == "risk_deny").then_some(()));
    let whole = json!({ "a.yaml": hash(&format!("{half}{rest}")) });
    assert_eq!(sets(&app), (vec![json!({ "a.yaml": hash(DENY_ALL) }), whole], 0));
}

#[test]
fn an_unfinished_edit_does_not_come_into_force_with_another_file() {
    let app = TestApp::with(&[("support-agent.yaml", POLICY), ("deny.yaml", DENY_ALL)]).never_settled();
    fs::write(app.policy_file("deny.yaml"), "rules: []\n").unwrap();
    pending(&app);
    let made = put(&app, "more.yaml", ("if-none-match", "*"), "rules: []\n");
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(app.refund(45.0)["outcome"], "HALT");
    assert_eq!(pending(&app)["files"], json!(["deny.yaml"]));
    app.ask("DELETE", "/v1/policies/more.yaml").key(&app.admin).header("if-match", "*").send().ok();
    assert_eq!(app.refund(45.0)["outcome"], "HALT");
    // Nor does a file that denies wait for it.
    fs::write(app.policy_file("now.yaml"), DENY_ALL).unwrap();
    app.until("the file that denies", || {
        (sets(&app).0.last().unwrap()
            == &json!({ "deny.yaml": hash(DENY_ALL), "now.yaml": hash(DENY_ALL),
            "support-agent.yaml": hash(POLICY) }))
            .then_some(())
    });
}

#[test]
fn files_that_are_not_read_keep_the_folder_out_of_force_and_are_named() {
    for (name, reason) in [
        ("deny.YAML", "does not end in `.yaml`"),
        ("deny.Yml", "does not end in `.yaml`"),
        ("deny.yaml.txt", "does not end in `.yaml`"),
        ("deny", "reads as a policy"),
        ("team/deny.yaml", "only files directly in the policy folder"),
        ("rules.test.yaml", "it has `rules`"),
    ] {
        let app = TestApp::start();
        let file = app.policy_file(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, DENY_ALL).unwrap();
        let degraded = app.until(name, || {
            Some(app.get("/ready").key(&app.admin).send().ok()).filter(|ready| ready["status"] == "degraded")
        });
        let found = &degraded["trouble"]["diagnostics"][0];
        assert_eq!((&found["file"], &found["code"]), (&json!(name), &json!("not_read")));
        assert!(found["message"].as_str().unwrap().contains(reason), "{found}");
        assert_eq!(app.refund(45.0)["outcome"], "EXECUTE");
        // A rule that denies is still activated, by hand and by file.
        put(&app, "by-hand.yaml", ("if-none-match", "*"), "rules: [{ match: { tool: x }, deny: true }]\n");
        fs::write(app.policy_file("by-file.yaml"), DENY_ALL).unwrap();
        app.until("the rule that denies", || (app.refund(45.0)["outcome"] == "HALT").then_some(()));
        fs::remove_file(&file).unwrap();
        app.until("the repair", || (app.get("/ready").send().ok()["status"] == "ready").then_some(()));
        // A server that starts with such a file permits nothing.
        fs::write(&file, DENY_ALL).unwrap();
        let app = TestApp::over(app.stop(), NOON, |_| {}).map_err(|error| error.to_string()).unwrap();
        assert_eq!(app.get("/ready").send().status, 503);
        assert_eq!(app.refund(45.0)["reason_code"], "no_policy");
        put(&app, "x.yaml", ("if-none-match", "*"), "rules: []\n").problem(409, "policies_not_read");
    }
}

#[test]
fn what_editors_and_other_programs_leave_in_the_folder_is_ignored() {
    let app = TestApp::start();
    for name in
        [".a.yaml.swp", "support-agent.yaml~", "#a.yaml#", "a.yaml.bak", "README.md", "policy.schema.json"]
    {
        fs::write(app.policy_file(name), DENY_ALL).unwrap();
    }
    fs::write(app.policy_file("last.yaml"), "rules: [{ match: { tool: process_refund }, deny: true }]\n")
        .unwrap();
    app.until("the edit", || (app.refund(45.0)["outcome"] == "HALT").then_some(()));
    nothing_pending(&app);
    assert_eq!(app.get("/ready").send().ok()["status"], "ready");
    assert_eq!(sets(&app).1, 0);
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_folder_holds_nothing_up() {
    let pipe = |app: &TestApp| {
        let made = std::process::Command::new("mkfifo").arg(app.policy_file("pipe.yaml")).status().unwrap();
        assert!(made.success());
    };
    let app = TestApp::start();
    pipe(&app);
    app.until("the refusal", || (app.get("/ready").send().ok()["status"] == "degraded").then_some(()));
    let made = put(&app, "deny.yaml", ("if-none-match", "*"), DENY_ALL);
    assert_eq!((made.status, &app.refund(45.0)["outcome"]), (201, &json!("HALT")));
    let app = TestApp::over(app.stop(), NOON, |_| {}).map_err(|error| error.to_string()).unwrap();
    assert_eq!(app.refund(45.0)["reason_code"], "no_policy");
    fs::remove_file(app.policy_file("pipe.yaml")).unwrap();
    app.until("the repair", || (app.refund(45.0)["reason_code"] == "policy_deny").then_some(()));
}

#[cfg(unix)]
mod linked {
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    /// The steps of swapping a ConfigMap: a new folder, a link to it renamed over the old one, then the removal of
    /// the links of deleted keys.
    fn swap(folder: &Path, version: &str, files: &[(&str, &str)]) {
        let name = format!("..{version}");
        fs::create_dir(folder.join(&name)).unwrap();
        for (file, text) in files {
            fs::write(folder.join(&name).join(file), text).unwrap();
        }
        symlink(&name, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        for (file, _) in files {
            if fs::symlink_metadata(folder.join(file)).is_err() {
                symlink(format!("..data/{file}"), folder.join(file)).unwrap();
            }
        }
    }

    fn with_config_map() -> TestApp {
        let folder = tempfile::tempdir().unwrap();
        let policies = folder.path().join("policies");
        fs::create_dir(&policies).unwrap();
        swap(&policies, "1", &[("a.yaml", POLICY), ("b.yaml", "rules: []\n")]);
        TestApp::over(folder, NOON, |_| {}).map_err(|error| error.to_string()).unwrap()
    }

    #[test]
    fn a_config_map_is_swapped_and_loses_a_key_without_a_refusal() {
        let app = with_config_map().never_settled();
        assert_eq!(app.refund(45.0)["outcome"], "EXECUTE");
        swap(&app.policy_file(""), "2", &[("a.yaml", POLICY)]);
        // The link of the deleted key is broken for a moment, which is not a mistake yet.
        pending(&app);
        assert_eq!(app.get("/ready").send().ok()["status"], "ready");
        fs::remove_file(app.policy_file("b.yaml")).unwrap();
        let app = TestApp::over(app.stop(), NOON, |_| {}).map_err(|error| error.to_string()).unwrap();
        assert_eq!(app.get("/ready").send().ok()["status"], "ready");
        let (in_force, refused) = sets(&app);
        assert_eq!((in_force.last().unwrap(), refused), (&json!({ "a.yaml": hash(POLICY) }), 0));
    }

    #[test]
    fn a_config_map_that_only_tightens_is_in_force_at_once() {
        let app = with_config_map().never_settled();
        swap(&app.policy_file(""), "2", &[("a.yaml", DENY_ALL), ("b.yaml", "rules: []\n")]);
        app.until("the swap", || (app.refund(45.0)["outcome"] == "HALT").then_some(()));
    }

    #[test]
    fn a_folder_that_is_a_link_and_a_linked_file_are_watched_where_they_lead() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (version, text) in [("v1", POLICY), ("v2", "rules: []\n")] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("a.yaml"), text).unwrap();
        }
        fs::create_dir(at("repository")).unwrap();
        fs::write(at("repository").join("deny.yaml"), "rules: []\n").unwrap();
        symlink("../repository/deny.yaml", at("v1").join("deny.yaml")).unwrap();
        symlink("v1", at("policies")).unwrap();
        let (linked, swapped) = (at("repository").join("deny.yaml"), at("policies"));
        let app = TestApp::over(folder, NOON, |_| {}).map_err(|error| error.to_string()).unwrap();
        assert_eq!(app.refund(45.0)["outcome"], "EXECUTE");
        let app = app.never_settled();
        fs::write(&linked, DENY_ALL).unwrap();
        // Without a watch of the place where the link leads, nothing would say that the file is finished.
        app.until("the linked file", || (app.refund(45.0)["outcome"] == "HALT").then_some(()));
        fs::write(&linked, "rules: []\n").unwrap();
        let app = TestApp::over(app.stop(), NOON, |_| {}).map_err(|error| error.to_string()).unwrap();
        assert_eq!(app.refund(45.0)["outcome"], "EXECUTE");
        let edited = Instant::now();
        symlink("v2", swapped.with_extension("new")).unwrap();
        fs::rename(swapped.with_extension("new"), &swapped).unwrap();
        app.until("the swap", || (app.refund(45.0)["outcome"] == "HALT").then_some(()));
        assert!(edited.elapsed().as_millis() < 1000, "{:?}", edited.elapsed());
    }

    #[test]
    fn a_linked_file_that_is_put_keeps_its_link() {
        let app = with_config_map();
        let repository = app.folder.path().join("repository");
        fs::create_dir(&repository).unwrap();
        fs::write(repository.join("p.yaml"), "rules: []\n").unwrap();
        symlink("../repository/p.yaml", app.policy_file("p.yaml")).unwrap();
        let in_force = || app.get("/v1/policies/p.yaml").key(&app.admin).send().status == 200;
        app.until("the link", || in_force().then_some(()));
        put(&app, "p.yaml", ("if-match", &hash("rules: []\n")), DENY_ALL).ok();
        assert!(fs::symlink_metadata(app.policy_file("p.yaml")).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(repository.join("p.yaml")).unwrap(), DENY_ALL);
        fs::write(repository.join("p.yaml"), format!("{DENY_ALL}# later\n")).unwrap();
        let later = || app.get("/v1/policies/p.yaml").key(&app.admin).send().ok()["hash"].clone();
        app.until("a later edit", || (later() == hash(&format!("{DENY_ALL}# later\n"))).then_some(()));
    }
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
    // A restart activates the same files again.
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
