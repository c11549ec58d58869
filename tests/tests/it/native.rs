//! The corpus through the engine as it is linked into the host.

use conformance::{Case, cases, decision_differences, diagnostic_differences};
use engine::abi::canonicalize;
use engine::canonical::Canonical;
use engine::decide::decide_bytes;
use engine::json;
use engine::policy::PolicySet;
use engine::state::State;
use engine::value::{Value, to_value};

/// Fails with every difference of every case, so that one run tells all.
#[track_caller]
pub fn assert_none(differences: Vec<(String, Vec<String>)>) {
    let told: Vec<String> = differences
        .into_iter()
        .filter(|(_, found)| !found.is_empty())
        .map(|(name, found)| format!("{name}:\n    {}", found.join("\n    ")))
        .collect();
    assert!(told.is_empty(), "{} cases differ:\n{}", told.len(), told.join("\n"));
}

fn load(case: &Case) -> (Option<PolicySet>, Vec<engine::diagnostic::Diagnostic>) {
    let files = case.policies();
    PolicySet::load(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
}

#[test]
fn decisions() {
    let all = cases("decide");
    assert!(all.len() >= 150, "the corpus has {} decisions", all.len());
    let differences = all.iter().map(|case| {
        let (set, diagnostics) = load(case);
        let Some(set) = set else {
            return (case.name.clone(), vec![format!("the policies have errors: {diagnostics:?}")]);
        };
        let state = State::parse(&case.state()).unwrap();
        let answer = decide_bytes(&set, &case.action(), &state);
        let decision = to_value(&answer.decision).unwrap();
        let error = answer.error.as_ref().map(|error| to_value(error).unwrap());
        (case.name.clone(), decision_differences(case.expect(), &decision, error.as_ref()))
    });
    assert_none(differences.collect());
}

#[test]
fn canonical_forms() {
    let differences = cases("canonical").into_iter().map(|case| {
        let answer =
            json::parse_canonical(canonicalize(&case.action()).as_bytes(), 8 * json::MAX_BYTES).unwrap();
        let of = |key: &str| conformance::member(&answer, key).cloned().unwrap_or(Value::Null);
        let text = |key: &str| match conformance::member(case.expect(), key) {
            Some(Value::String(text)) => text.clone(),
            _ => panic!("{}: `{key}` is missing in `expect`", case.name),
        };
        let mut found = Vec::new();
        let canonical = Canonical::of(&of("canonical")).into_string();
        if canonical != text("canonical") {
            found.push(format!("expected {}\n       found {canonical}", text("canonical")));
        }
        if of("request_hash") != Value::from(text("request_hash").as_str()) {
            found.push(format!("request_hash: found {}", Canonical::of(&of("request_hash"))));
        }
        (case.name, found)
    });
    assert_none(differences.collect());
}

#[test]
fn diagnostics() {
    let differences = cases("diagnostics").into_iter().map(|case| {
        let (set, given) = load(&case);
        let mut found = diagnostic_differences(case.expect(), &given);
        let sound = !given.iter().any(|one| one.severity == engine::diagnostic::Severity::Error);
        if set.is_some() != sound {
            found.push("a set must be there exactly when no diagnostic is an error".to_owned());
        }
        (case.name, found)
    });
    assert_none(differences.collect());
}
