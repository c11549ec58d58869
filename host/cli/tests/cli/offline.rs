//! `policy check`, `policy decide`, `policy explain` and `actions hash`, which need no server.

use insta::assert_snapshot;

use super::program::Place;

const REFUND: &str =
    r#"{"agent_id":"a","tool":"process_refund","params":{"customer_id":"c-1","amount":AMOUNT}}"#;

fn refund(amount: &str) -> String {
    REFUND.replace("AMOUNT", amount)
}

#[test]
fn check_draws_what_is_wrong() {
    let place = Place::new();
    place.write("policies/a.yaml", "rules:\n  - id: é\n    match: { tool: x }\n    alow: true\n");
    place.write("policies/notes.txt", "not a policy");
    assert_snapshot!(place.shown(&["policy", "check"]));
    let found = place.run(&["policy", "check", "policies/a.yaml", "-o", "json"]);
    assert_eq!(found.code, 1);
    let found = found.json();
    assert_eq!(found[0]["file"], "policies/a.yaml");
    assert_eq!(found[0]["code"], "unknown_key");
    assert_eq!(found[0]["line"], 4);
}

#[test]
fn check_of_a_good_folder_and_of_none() {
    let place = Place::initialized();
    let run = place.run(&["policy", "check"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert!(run.out.ends_with("1 policy file: 0 errors, 0 warnings\n"), "{}", run.out);
    assert_snapshot!(place.shown(&["policy", "check", "nowhere"]));
}

#[test]
fn check_of_nothing_does_not_pass() {
    let place = Place::new();
    place.write("policies/README.md", "# none so far");
    for args in [&["policy", "check"][..], &["policy", "check", "policies"]] {
        let run = place.run(args);
        assert_eq!((run.code, run.out.as_str()), (2, ""));
        assert_eq!(
            run.err,
            "error: there is no policy in `policies`\n help: policies are files that end in `.yaml` or `.yml`\n"
        );
    }
}

#[test]
fn files_that_would_not_be_read_are_errors_everywhere() {
    let place = Place::initialized();
    place.write("policies/deny.YAML", "rules: []\n");
    place.write("policies/team/deny.yaml", "rules: []\n");
    place.write("policies/.git/deny.yaml", "rules: []\n");
    assert_snapshot!(place.shown(&["policy", "check"]));
    let found = place.run(&["policy", "check", "-o", "json"]).json();
    assert_eq!((&found[0]["code"], &found[0]["file"]), (&"not_read".into(), &"policies/deny.YAML".into()));
    for args in [
        &["policy", "decide", "--action", "-"][..],
        &["policy", "explain", "--action", "-"],
        &["bundle", "build", "--key", "key.pem", "--out", "bundle.json"],
    ] {
        let run = place.run_on(args, &refund("45"));
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{args:?}: {}", run.err);
        assert!(run.err.contains("`deny.YAML` is not read"), "{args:?}: {}", run.err);
    }
    let run = place.run(&["doctor", "--port", "0", "--url", "http://127.0.0.1:1"]);
    assert!(run.out.contains("`deny.YAML` is not read") && run.out.contains("1 more like it"), "{}", run.out);
}

#[test]
fn a_file_in_the_place_of_a_folder_is_understood() {
    let place = Place::initialized();
    place.write("action.json", &refund("45"));
    let file = "policies/starter.yaml";
    let run = place.run(&["policy", "decide", "--policies", file, "--action", "action.json", "-o", "json"]);
    assert_eq!((run.code, run.json()["rule"]["policy"].as_str()), (0, Some("starter.yaml")), "{}", run.err);
    let policy = place.read(file);
    let args = ["policy", "decide", "--policies", "-", "--action", "action.json", "-o", "json"];
    assert_eq!(place.run_on(&args, &policy).json()["outcome"], "EXECUTE");
    let run = place.run(&["server", "start", "--port", "0", "--policies", file]);
    assert_eq!(run.code, 1);
    assert_eq!(
        run.err,
        "error: `policies/starter.yaml` is a file, and policies are read from a folder\n help: name the folder that the file is in: a server reads all policies of a folder\n"
    );
    let run = place.run(&["policy", "check", "policies/starter.test.yaml"]);
    assert_eq!(run.code, 2);
    assert_eq!(
        run.err,
        "error: `policies/starter.test.yaml` is a file of tests\n help: run it with `faramesh policy test policies/starter.test.yaml`\n"
    );
}

#[test]
fn the_schema_is_the_file_of_the_repository() {
    let place = Place::new();
    let schema = include_str!("../../../../policies/policy.schema.json");
    for args in [&["policy", "schema"][..], &["policy", "schema", "-o", "json"]] {
        let run = place.run(args);
        assert_eq!((run.code, run.out.as_str()), (0, schema), "{}", run.err);
        assert_eq!(run.json()["properties"]["version"]["const"], 1);
    }
    let run = place.run(&["policy", "schema", "-o", "yaml"]);
    assert!(run.out.contains("title: Faramesh policy"), "{}", run.out);
}

#[test]
fn decide_prints_the_engines_bytes_and_ends_with_the_outcome() {
    let place = Place::initialized();
    for (amount, code, outcome) in [("45", 0, "EXECUTE"), ("340", 3, "ABSTAIN"), ("5000", 1, "HALT")] {
        let args = ["policy", "decide", "--action", "-", "-o", "json"];
        let run = place.run_on(&args, &refund(amount));
        assert_eq!(run.code, code, "{}", run.err);
        let decision = run.json();
        assert_eq!(decision["outcome"], outcome);
        let canonical = engine::canonical::Canonical::serialize(&decision).unwrap();
        assert_eq!(run.out, format!("{canonical}\n"), "canonical JSON and a line break, and nothing else");
    }
}

#[test]
fn an_outcome_that_nobody_could_read_is_no_success() {
    let place = Place::initialized();
    place.write("action.json", &refund("45"));
    let mut command = place.command(&["policy", "decide", "--action", "action.json"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
}

#[test]
fn decide_reads_many_actions_and_ends_with_the_strictest() {
    let place = Place::initialized();
    let lines = [refund("45"), refund("340"), "not JSON".to_owned()];
    place.write("many.jsonl", &lines.join("\n\n"));
    let run =
        place.run(&["policy", "decide", "--policies", "policies", "--action", "many.jsonl", "-o", "json"]);
    assert_eq!(run.code, 1);
    let outcomes: Vec<_> = run
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["reason_code"].clone())
        .collect();
    assert_eq!(outcomes, ["policy_allow", "policy_require_approval", "invalid_action"]);
    assert_snapshot!(place.shown(&["policy", "decide", "--action", "many.jsonl"]));
    place.write("none.jsonl", "\n");
    assert_eq!(place.run(&["policy", "decide", "--action", "none.jsonl"]).code, 2);
}

#[test]
fn decide_for_people() {
    let place = Place::initialized();
    place.write("action.json", &refund("5000"));
    assert_snapshot!(place.shown(&["policy", "decide", "--action", "action.json"]));
    assert_snapshot!(place.shown(&["policy", "decide", "--action", "action.json", "-o", "yaml"]));
}

#[test]
fn decide_needs_policies_that_compile_and_a_state_that_reads() {
    let place = Place::new();
    place.write("action.json", &refund("45"));
    place.write("policies/a.yaml", "rules: 5\n");
    let run = place.run(&["policy", "decide", "--action", "action.json", "-o", "json"]);
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert!(run.err.contains("nothing is decided under them"), "{}", run.err);
    place.write("policies/a.yaml", "rules: []\n");
    place.write("state.json", r#"{"later":1}"#);
    let args = ["policy", "decide", "--action", "action.json", "--state", "state.json"];
    assert_snapshot!(place.shown(&args));
    assert_snapshot!(place.shown(&["policy", "decide", "--action", "nowhere.json"]));
}

#[test]
fn a_folder_without_policies_halts() {
    let place = Place::new();
    std::fs::create_dir(place.path("policies")).unwrap();
    let run = place.run_on(&["policy", "decide", "--action", "-", "-o", "json"], &refund("45"));
    assert_eq!(run.code, 1);
    assert_eq!(run.json()["reason_code"], "no_policy");
}

#[test]
fn explain_shows_rules_and_conditions() {
    let place = Place::initialized();
    place.write("action.json", &refund("340"));
    assert_snapshot!(place.shown(&["policy", "explain", "--action", "action.json"]));
    let run = place.run(&["policy", "explain", "--action", "action.json", "-o", "json"]);
    assert_eq!(run.code, 3);
    assert_eq!(run.json()["policies"][0]["rules"][0]["truth"], "false");
    let unreadable = place.run_on(&["policy", "explain", "--action", "-"], "[]");
    assert_eq!(unreadable.code, 1);
    assert!(unreadable.err.contains("an action is a JSON object"), "{}", unreadable.err);
}

#[test]
fn nothing_in_an_action_steers_the_terminal() {
    let place = Place::initialized();
    let hostile = r#"{"agent_id":"a","tool":"\u001b[2Jx\u009b31m","params":{"\u001b]0;t\u0007":"\u202e"}}"#;
    for args in [&["policy", "decide", "--action", "-"][..], &["policy", "explain", "--action", "-"]] {
        let run = place.run_on(args, hostile);
        assert!(!run.out.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{:?}", run.out);
    }
}

#[test]
fn hash_prints_the_canonical_form_and_its_digest() {
    let place = Place::new();
    place.write(
        "action.json",
        r#"{ "tool":"t", "agent_id":"a", "operation":"o", "params":{"id":7,"amount":45.0} }"#,
    );
    let canonical =
        r#"{"agent_id":"a","context":{},"operation":"o","params":{"amount":45,"id":7},"tool":"t"}"#;
    let hash = "93c9488b420d43b69d245f2dcce59b9bfcdf5704fe82dc083d0fdd8f2a76b400";
    assert_eq!(place.run(&["actions", "hash", "action.json"]).out, format!("{canonical}\n{hash}\n"));
    let quoted = serde_json::to_string(canonical).unwrap();
    let line = format!("{{\"canonical\":{quoted},\"request_hash\":\"{hash}\"}}\n");
    assert_eq!(place.run(&["actions", "hash", "action.json", "-o", "json"]).out, line);
    place.write("many.jsonl", &format!("{canonical}\n{canonical}\n"));
    assert_eq!(place.run(&["actions", "hash", "many.jsonl", "-o", "json"]).out, line.repeat(2));
    place.write("mixed.jsonl", &format!("{canonical}\n{{}}\n{canonical}\n"));
    let mixed = place.run(&["actions", "hash", "mixed.jsonl", "-o", "json"]);
    let middle = r#"{"canonical":null,"error":{"code":"shape","column":1,"line":1,"message":"`agent_id` is missing","offset":0},"request_hash":null}"#;
    assert_eq!(mixed.out, format!("{line}{middle}\n{line}"));
    assert_eq!(mixed.code, 1);
}

#[test]
fn hash_of_what_is_no_action_says_where() {
    let place = Place::new();
    let run = place.run_on(&["actions", "hash", "-"], "{\"agent_id\":\"a\",\n\"agent_id\":\"b\"}");
    assert_snapshot!(place.masked(&run));
}

#[test]
fn an_action_is_described_by_options() {
    let place = Place::initialized();
    let described =
        ["--agent", "support-agent-1", "--tool", "process_refund", "--param", "amount=45", "--param"];
    for verb in [["policy", "decide"], ["policy", "explain"]] {
        let run = place.run(&[&verb[..], &described, &["customer_id=c-1"]].concat());
        assert_eq!(run.code, 0, "{}", run.err);
        assert!(run.out.contains("small-refunds"), "{}", run.out);
    }
    let run = place.run(&[&["actions", "hash"][..], &described, &["customer_id=c-1"]].concat());
    place.write("action.json", &refund("45").replace("\"a\"", "\"support-agent-1\""));
    assert_eq!((run.code, run.out), (0, place.run(&["actions", "hash", "action.json"]).out));
    for args in [&["policy", "decide"][..], &["policy", "decide", "--tool", "t"], &["actions", "submit"]] {
        let run = place.run(args);
        assert_eq!(run.code, 2);
        assert!(run.err.contains("no action is given"), "{}", run.err);
        assert!(run.err.contains("or describe one with `--agent` and `--tool`"), "{}", run.err);
    }
    let run = place.run(&["policy", "decide", "--action", "action.json", "--tool", "t"]);
    assert!(run.code == 2 && run.err.contains("cannot be used with"), "{}", run.err);
}

#[test]
fn a_policy_is_checked_from_standard_input_and_for_ci() {
    let place = Place::new();
    let gap = "rules:\n  - match: { tool: pay, amount_gt: 50 }\n    deny: true\n";
    let run = place.run_on(&["policy", "check", "-"], gap);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.out.contains("--> -:2:5") && run.out.contains("0 errors, 1 warning"), "{}", run.out);
    assert_eq!(place.run_on(&["policy", "check", "--deny-warnings", "-"], gap).code, 1);
    place.write("a,b.yaml", "rules:\n  - match: { tool: t }\n    alow: true\n");
    assert_snapshot!(place.shown(&["policy", "check", "--github", "a,b.yaml"]));
}
