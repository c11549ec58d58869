//! The cases of an attack on the policy language: hostile actions under policies that people write, as found in
//! public reports, in the samples of other products and in ports of real policies.
//!
//! `tests/language/README.md` says where they come from and how they are read.

use std::collections::BTreeMap;
use std::fs;

use conformance::{decision_differences, member, repository};
use engine::canonical::Canonical;
use engine::canonical::to_value;
use engine::decide::decide_bytes;
use engine::diagnostic::Diagnostic;
use engine::json;
use engine::policy::{PolicySet, yaml};
use engine::state::State;
use engine::value::Value;

fn cases() -> Vec<Value> {
    let path = repository().join("tests/language/cases.json");
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    match json::parse(&text, text.len()) {
        Ok(Value::Array(cases)) => cases,
        other => panic!("{}: {other:?}", path.display()),
    }
}

/// The ids that are not asked yet, or not any more, each with the reason.
fn left_out() -> BTreeMap<String, String> {
    let path = repository().join("tests/language/left-out.yaml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let root = yaml::parse(&text).unwrap().root.unwrap().to_value();
    let reasons = root.as_object().unwrap();
    let ids = reasons.iter().flat_map(|(reason, ids)| {
        let Value::Array(ids) = ids else { panic!("`{reason}` is no list") };
        ids.iter().map(move |id| (id.as_str().unwrap().to_owned(), reason.to_owned()))
    });
    ids.collect()
}

fn text<'c>(case: &'c Value, key: &str) -> &'c str {
    member(case, key).and_then(Value::as_str).unwrap_or_default()
}

/// The policies of a case; of a case about a sample policy the sample as it is now.
fn policies(case: &Value) -> Vec<(String, String)> {
    match member(case, "policy") {
        Some(Value::String(text)) => vec![("policy.yaml".to_owned(), text.clone())],
        Some(Value::Object(files)) => files
            .iter()
            .map(|(name, text)| {
                let sample = repository().join("policies").join(name);
                let now = fs::read_to_string(sample).ok().filter(|_| text_of_a_sample(case));
                (name.to_owned(), now.unwrap_or_else(|| text.as_str().unwrap().to_owned()))
            })
            .collect(),
        other => panic!("{}: {other:?}", text(case, "id")),
    }
}

fn text_of_a_sample(case: &Value) -> bool {
    text(case, "id").starts_with("sample-")
}

fn load(case: &Value) -> (Option<PolicySet>, Vec<Diagnostic>) {
    let files = policies(case);
    PolicySet::load(files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())))
}

/// The fault in the answer to a case; none if it is as expected.
fn wrong(case: &Value) -> Option<String> {
    let (set, findings) = load(case);
    let codes: Vec<String> =
        findings.iter().map(|one| Canonical::of(&to_value(&one.code).unwrap()).into_string()).collect();
    let expect = member(case, "expect").unwrap();
    let refused = member(expect, "policy_error").map(|code| Canonical::of(code).into_string());
    let decision = set.map(|set| {
        let action = match member(case, "action").unwrap() {
            Value::String(raw) => raw.clone().into_bytes(),
            action => Canonical::of(action).into_string().into_bytes(),
        };
        let state =
            member(case, "state").map_or_else(String::new, |state| Canonical::of(state).into_string());
        to_value(&decide_bytes(&set, &action, &State::parse(state.as_bytes()).unwrap()).decision).unwrap()
    });
    if ["contract", "error", "fault"].contains(&text(case, "kind")) {
        return match (decision, refused) {
            (None, Some(code)) if codes.contains(&code) => None,
            (Some(decision), None) => {
                let found = decision_differences(expect, &decision, None);
                (!found.is_empty()).then(|| found.join(", "))
            }
            (decision, _) => Some(format!("{:?}, findings {codes:?}", decision.map(|one| outcome(&one)))),
        };
    }
    // A gap is closed when its policy gets what its author meant, or is refused, or warned of.
    let decision = decision?;
    let wanted: Vec<&Value> = match member(case, "accept") {
        Some(Value::Array(accepted)) => accepted.iter().filter_map(|one| member(one, "outcome")).collect(),
        _ => member(expect, "outcome").into_iter().collect(),
    };
    let warned = !text_of_a_sample(case) && !codes.is_empty();
    let met = warned || wanted.contains(&member(&decision, "outcome").unwrap());
    (!met).then(|| format!("{} and no finding", outcome(&decision)))
}

fn outcome(decision: &Value) -> String {
    format!("{} ({})", text(decision, "outcome"), text(decision, "reason_code"))
}

#[test]
fn every_case_of_the_attack_on_the_language_is_answered() {
    let (mut asked, mut found) = (0, Vec::new());
    let left_out = left_out();
    for case in cases() {
        let id = text(&case, "id");
        if left_out.contains_key(id) {
            continue;
        }
        asked += 1;
        found.extend(wrong(&case).map(|what| format!("{id}: {what}; {}", text(&case, "why"))));
    }
    assert!(found.is_empty(), "{} of {asked}:\n{}", found.len(), found.join("\n"));
    assert!(asked >= 120, "{asked}");
}

#[test]
fn what_is_left_out_is_there_once_and_is_no_fault() {
    let cases = cases();
    for (id, reason) in left_out() {
        let named: Vec<&Value> = cases.iter().filter(|case| text(case, "id") == id).collect();
        let [case] = named.as_slice() else { panic!("`{id}` is there {} times", named.len()) };
        assert!(!reason.is_empty());
        assert!(!["fault", "error", "sample"].contains(&text(case, "kind")), "`{id}` cannot be left out");
    }
}
