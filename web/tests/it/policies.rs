//! The policies page's own reckoning: names of new files, what a version changed, and what files in shadow mode said.

use api::{FileChange, PolicyList};
use engine::decision::Outcome::{Abstain, Execute, Halt};
use serde_json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;
use web::pages::policies::changes::{self, Kind};
use web::pages::policies::names::{completed, problem};
use web::pages::policies::opinions::{judged, of_file};

#[wasm_bindgen_test]
fn a_name_gets_its_ending_once() {
    for (typed, name) in
        [("a", "a.yaml"), (" a.yml ", "a.yml"), ("a.yaml", "a.yaml"), ("", ""), ("a.b", "a.b.yaml")]
    {
        assert_eq!(completed(typed), name);
    }
}

#[wasm_bindgen_test]
fn only_names_that_the_server_takes_are_offered() {
    let check = |name: &str| problem(name, ["there.yaml"].into_iter());
    for name in ["a.yaml", "A-1_b.c.yml", "0.yaml"] {
        assert_eq!(check(name), None, "{name}");
    }
    let long = format!("{}.yaml", "a".repeat(101));
    for name in
        ["", ".a.yaml", "-a.yaml", "a b.yaml", "a/b.yaml", "ä.yaml", "a.test.yaml", "there.yaml", &long]
    {
        assert!(check(name).is_some(), "{name}");
    }
}

#[wasm_bindgen_test]
fn the_files_of_a_change_stand_in_the_order_of_their_names() {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let change = FileChange { added: names(&["c"]), changed: names(&["b", "d"]), removed: names(&["a"]) };
    let files: Vec<_> = changes::files(&change).into_iter().map(|file| (file.name, file.kind)).collect();
    let expected = [("a", Kind::Removed), ("b", Kind::Changed), ("c", Kind::Added), ("d", Kind::Changed)];
    assert_eq!(files, expected.map(|(name, kind)| (name.to_owned(), kind)));
}

#[wasm_bindgen_test]
fn who_may_see_less_of_the_policies_gets_less() {
    let answer =
        json!({ "policy_hash": "h", "policy_version": "1", "files": [{ "name": "a.yaml", "hash": "h" }] });
    let set: PolicyList = serde_json::from_value(answer).unwrap();
    assert!(set.summaries.is_empty() && set.trouble.is_none());
}

/// An answer of `/v1/decisions` with these real and shadow outcomes.
fn decisions(pairs: &[(&str, Option<&str>, Option<&str>)]) -> String {
    let decision = |(index, (real, would, rule)): (usize, &(&str, Option<&str>, Option<&str>))| {
        let rule = rule.map(|id| json!({ "policy": "trial.yaml", "id": id, "line": 3 }));
        let opinion = json!({
            "policy": "trial.yaml", "outcome": would, "reason_code": would.map(|_| "policy_deny"),
            "risk_score": 0, "rule": rule,
        });
        json!({ "status": null, "replayable": true, "why": null, "record": {
            "action_id": format!("a{index}"), "at": "2026-11-22T10:00:00.000Z",
            "action": { "agent_id": "agent", "tool": "tool", "params": {} },
            "decision": { "outcome": real, "rule": null, "policy_hash": "h", "shadow": [opinion] },
        } })
    };
    let mut all: Vec<Value> = pairs.iter().enumerate().map(decision).collect();
    // Decisions made without the file, and unreadable records.
    all.push(json!({ "status": null, "replayable": true, "why": null, "record": {
        "action_id": "b", "at": "", "action": { "agent_id": "agent", "tool": "tool" },
        "decision": { "outcome": "HALT", "rule": null, "policy_hash": "h" },
    } }));
    all.push(json!({ "status": null, "replayable": false, "why": "w", "record": "{\"broken\":" }));
    all.push(
        json!({ "status": null, "replayable": false, "why": "w", "record": { "at": "", "action_id": "c" } }),
    );
    json!({ "decisions": all }).to_string()
}

#[wasm_bindgen_test]
fn opinions_are_counted_beside_what_happened() {
    let answer = decisions(&[
        ("EXECUTE", Some("HALT"), Some("deny")),
        ("EXECUTE", Some("HALT"), Some("deny")),
        ("EXECUTE", Some("EXECUTE"), Some("allow")),
        ("HALT", Some("EXECUTE"), Some("allow")),
        ("ABSTAIN", Some("HALT"), None),
        ("ABSTAIN", None, None),
    ]);
    let judged = judged(&answer).unwrap();
    assert_eq!(judged.len(), 7);
    let opinions = of_file("trial.yaml", judged.iter());
    assert_eq!(opinions.asked, 6);
    let cell = |real, would| opinions.matrix.get(&(real, would)).copied();
    assert_eq!(cell(Execute, Some(Halt)), Some(2));
    assert_eq!(cell(Halt, Some(Execute)), Some(1));
    assert_eq!(cell(Abstain, None), Some(1));
    assert_eq!(cell(Halt, Some(Halt)), None);
    assert_eq!(opinions.stricter(), 3);
    assert_eq!(
        opinions.sentence(),
        "4 of 6 decisions differ: 2 Allowed → Denied, 1 Needs approval → Denied, 1 Denied → Allowed"
    );
    let ids: Vec<_> = opinions.differing.iter().map(|difference| difference.judged.id.as_str()).collect();
    assert_eq!(ids, ["a0", "a1", "a3", "a4"]);
    let rules = opinions
        .rules
        .iter()
        .map(|behind| (behind.rule.as_ref().map(|rule| rule.id.as_str()), behind.count, behind.differing));
    assert_eq!(rules.collect::<Vec<_>>(), [(Some("deny"), 2, 2), (Some("allow"), 2, 1), (None, 1, 1)]);
}

#[wasm_bindgen_test]
fn a_file_that_was_never_asked_says_so() {
    let judged = judged(&decisions(&[("EXECUTE", None, None)])).unwrap();
    assert_eq!(of_file("other.yaml", judged.iter()).asked, 0);
    let opinions = of_file("trial.yaml", judged.iter());
    assert_eq!((opinions.sentence().as_str(), opinions.stricter()), ("0 of 1 decision differ", 0));
    assert_eq!(opinions.rules, []);
    assert_eq!(judged[0].tool, "tool");
}
