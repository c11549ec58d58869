//! The corpus through the engine as it is linked into the host, compared with the expectations of the cases.
//!
//! Every other host must give the same answers, byte for byte.

use std::sync::LazyLock;

use conformance::native::{answer, canonicalized, load};
use conformance::tally::{Tally, Tried, differs};
use conformance::{Case, decision_differences, diagnostic_differences, member};
use engine::canonical::to_value;
use engine::diagnostic::Severity;
use engine::value::Value;

pub(crate) static TALLY: LazyLock<Tally> = LazyLock::new(|| {
    Tally::of("native", |folder, case| {
        Tried::Compared(match folder {
            "decide" => decision(case),
            "canonical" => canonical_form(case),
            _ => diagnostics(case),
        })
    })
});

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

corpus_tests!(TALLY);
