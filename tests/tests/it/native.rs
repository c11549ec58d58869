//! The corpus through the engine as it is linked into the host: compared with what the cases expect.
//!
//! What it answers here is what every other host must answer, byte for byte.

use std::sync::LazyLock;

use conformance::{Case, decision_differences, diagnostic_differences, member};
use engine::action::Action;
use engine::canonical::Canonical;
use engine::decide::{Answer, decide_bytes};
use engine::diagnostic::{Diagnostic, Severity};
use engine::json::MAX_BYTES;
use engine::policy::PolicySet;
use engine::state::State;
use engine::value::{Value, to_value};

use crate::tally::{Tally, Tried, differs};

pub(crate) static TALLY: LazyLock<Tally> = LazyLock::new(|| {
    Tally::of("native", |folder, case| {
        Tried::Compared(match folder {
            "decide" => decision(case),
            "canonical" => canonical_form(case),
            _ => diagnostics(case),
        })
    })
});

/// The policies of a case, and what is found in them.
pub(crate) fn load(case: &Case) -> (Option<PolicySet>, Vec<Diagnostic>) {
    let files = case.policies();
    PolicySet::load(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
}

/// The answer to a case of `decide/`.
pub(crate) fn answer(case: &Case) -> Answer {
    let (set, diagnostics) = load(case);
    let set = set.unwrap_or_else(|| panic!("{}: the policies have errors: {diagnostics:?}", case.name));
    decide_bytes(&set, &case.action(), &State::parse(&case.state()).unwrap())
}

/// A value's canonical bytes.
pub(crate) fn canonical(value: &impl serde::Serialize) -> String {
    Canonical::serialize(value).unwrap().into_string()
}

/// The canonical form of a case of `canonical/`, and its hash.
pub(crate) fn canonicalized(case: &Case) -> (String, String) {
    let action = Action::parse(&case.action(), MAX_BYTES).unwrap();
    (action.canonical().as_str().to_owned(), action.request_hash().to_hex())
}

fn decision(case: &Case) -> Vec<String> {
    let answer = answer(case);
    let error = answer.error.as_ref().map(|error| to_value(error).unwrap());
    decision_differences(case.expect(), &to_value(&answer.decision).unwrap(), error.as_ref())
}

fn canonical_form(case: &Case) -> Vec<String> {
    let text = |key: &str| match member(case.expect(), key) {
        Some(Value::String(text)) => text.clone(),
        _ => panic!("{}: `{key}` is missing in `expect`", case.name),
    };
    let (canonical, request_hash) = canonicalized(case);
    let found = [
        differs("canonical", &text("canonical"), &canonical),
        differs("request_hash", &text("request_hash"), &request_hash),
    ];
    found.into_iter().flatten().collect()
}

fn diagnostics(case: &Case) -> Vec<String> {
    let (set, given) = load(case);
    let mut found = diagnostic_differences(case.expect(), &given);
    if set.is_some() == given.iter().any(|one| one.severity == Severity::Error) {
        found.push("a set must be there exactly when no diagnostic is an error".to_owned());
    }
    found
}

#[test]
fn decisions() {
    TALLY.assert_same("decide");
}

#[test]
fn canonical_forms() {
    TALLY.assert_same("canonical");
}

#[test]
fn findings() {
    TALLY.assert_same("diagnostics");
}
