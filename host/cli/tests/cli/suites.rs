//! `policy test`: passing, failing, and files of tests that cannot be read.

use insta::assert_snapshot;

use super::program::Place;

#[test]
fn the_starter_policy_passes_its_tests() {
    let place = Place::initialized();
    assert_snapshot!(place.shown(&["policy", "test"]));
    let report = place.run(&["policy", "test", "policies", "-o", "json"]).json();
    assert_eq!((report["failed"].as_u64(), report["not_run"].as_u64()), (Some(0), Some(0)));
    assert_eq!(report["tests"].as_array().unwrap().len(), 7);
}

#[test]
fn a_failure_shows_what_was_expected_and_what_came() {
    let place = Place::initialized();
    place.write(
        "policies/wrong.test.yaml",
        "policy: starter.yaml\ntests:\n  - name: too generous\n    action: { agent_id: a, tool: delete_database }\n    \
         expect: { outcome: EXECUTE, rule: small-refunds, risk_level: low }\n",
    );
    assert_snapshot!(place.shown(&["policy", "test", "policies/wrong.test.yaml"]));
    let report = place.run(&["policy", "test", "policies/wrong.test.yaml", "-o", "json"]);
    assert_eq!(report.code, 1);
    let report = report.json();
    assert_eq!(report["failed"], 1);
    assert_eq!(report["tests"][0]["differences"][0]["actual"], "HALT");
}

#[test]
fn a_test_without_an_outcome_or_with_an_unknown_key_is_an_error() {
    let place = Place::initialized();
    let test = |expect: &str| {
        let text =
            format!("tests:\n  - name: n\n    action: {{ agent_id: a, tool: t }}\n    expect: {expect}\n");
        place.write("policies/starter.test.yaml", &text);
        place.shown(&["policy", "test"])
    };
    assert_snapshot!(test("{ rule: small-refunds }"));
    assert_snapshot!(test("{ outcome: HALT, reson_code: default_deny }"));
}

#[test]
fn several_policies_are_decided_together_and_one_alone() {
    let place = Place::initialized();
    place.write("policies/strict.yaml", "rules:\n  - match: { tool: send_email }\n    deny: true\n");
    let test = "tests:\n  - name: mail\n    action: { agent_id: a, tool: send_email }\n    expect: { outcome: HALT }\n";
    place.write("policies/strict.test.yaml", test);
    place.write("policies/both.test.yaml", &format!("policies: [starter.yaml, strict.yaml]\n{test}"));
    let run = place.run(&["policy", "test"]);
    assert!(run.out.ends_with("9 passed, 0 failed\n"), "{}", run.out);
}

#[test]
fn the_time_of_a_test_is_its_own() {
    let place = Place::new();
    place.write(
        "policies/hours.yaml",
        "rules:\n  - match: { tool: t, time: { from: \"09:00\", to: \"17:00\" } }\n    allow: true\n",
    );
    // 1970-01-01 at 10:00 and at 20:00.
    place.write(
        "policies/hours.test.yaml",
        "now: 36000000\ntests:\n  - name: day\n    action: { agent_id: a, tool: t }\n    expect: { outcome: EXECUTE }\n  \
         - name: evening\n    state: { now: 72000000 }\n    action: { agent_id: a, tool: t }\n    expect: { outcome: HALT }\n",
    );
    let run = place.run(&["policy", "test"]);
    assert!(run.out.ends_with("2 passed, 0 failed\n"), "{}", run.out);
}

#[test]
fn tests_of_broken_or_missing_policies_have_not_passed() {
    let place = Place::new();
    let test = "tests:\n  - name: n\n    action: { agent_id: a, tool: t }\n    expect: { outcome: HALT }\n";
    place.write("policies/broken.yaml", "rules: 5\n");
    place.write("policies/broken.test.yaml", test);
    let run = place.run(&["policy", "test"]);
    assert_eq!(run.code, 1, "{}", run.out);
    assert!(run.out.ends_with("0 passed, 0 failed, 1 file not run\n"), "{}", run.out);
    place.write("policies/gone.test.yaml", test);
    assert_eq!(place.run(&["policy", "test", "policies/gone.test.yaml"]).code, 2);
    assert_snapshot!(place.shown(&["policy", "test", "."]));
}

#[test]
fn a_file_of_tests_whose_policy_is_missing_does_not_keep_the_others_from_running() {
    let place = Place::initialized();
    let test = "tests:\n  - name: n\n    action: { agent_id: a, tool: t }\n    expect: { outcome: HALT }\n";
    place.write("policies/a-misnamed.test.yaml", test);
    let run = place.run(&["policy", "test"]);
    assert_eq!(run.code, 2, "{}", run.out);
    assert!(run.out.ends_with(" passed, 0 failed, 1 file not run\n"), "{}", run.out);
    assert!(!run.out.contains("0 passed"), "{}", run.out);
    assert!(run.err.contains("a-misnamed.yaml") && run.err.contains("next to it"), "{}", run.err);
}

#[test]
fn a_policy_in_the_place_of_its_tests_is_understood() {
    let place = Place::initialized();
    let run = place.run(&["policy", "test", "policies/starter.yaml"]);
    assert_eq!(run.code, 0, "{}", run.err);
    place.write("policies/other.yaml", "rules: []\n");
    let run = place.run(&["policy", "test", "policies/other.yaml"]);
    assert_eq!(run.code, 2);
    assert_eq!(
        run.err,
        "error: `policies/other.yaml` is a policy, and there are no tests next to it\n help: write them to `policies/other.test.yaml`\n"
    );
}

#[test]
fn tests_are_picked_by_name_and_told_in_short() {
    let place = Place::initialized();
    let all = place.run(&["policy", "test"]).out;
    let run = place.run(&["policy", "test", "--run", "mid-range"]);
    assert_eq!(run.code, 0);
    assert!(run.out.lines().count() < all.lines().count() && run.out.contains("mid-range"), "{}", run.out);
    let run = place.run(&["policy", "test", "--run", "no such test"]);
    assert!(run.code == 2 && run.err.contains("no test has `no such test` in its name"), "{}", run.err);
    let quiet = place.run(&["policy", "test", "--quiet"]).out;
    assert_eq!(quiet.lines().collect::<Vec<_>>(), [all.lines().last().unwrap()]);
}
