//! The engine as it is linked in: every other host must give the same answers, byte for byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::action::Action;
use engine::canonical::Canonical;
use engine::decide::decide_bytes;
use engine::decided::Decided;
use engine::diagnostic::Diagnostic;
use engine::hash::FileHash;
use engine::json::MAX_BYTES;
use engine::policy::{PolicySet, policy_hash};
use engine::state::State;
use serde_json::{Value, json};

use crate::Case;

/// The policies of a case, and the findings about them.
pub fn load(case: &Case) -> (Option<PolicySet>, Vec<Diagnostic>) {
    let files = case.policies();
    PolicySet::load(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
}

/// The hash of the policies of a case, whether they load or not.
pub fn hash_of_policies(files: &[(String, Vec<u8>)]) -> String {
    let hashes: Vec<_> = files.iter().map(|(name, bytes)| (name.clone(), FileHash::of(bytes))).collect();
    policy_hash(&hashes).to_hex()
}

/// The answer to a case of `decide/`.
///
/// # Panics
/// When the case's policies or its state cannot be read.
#[expect(clippy::panic, reason = "a case that cannot be decided must not pass")]
pub fn answer(case: &Case) -> Decided {
    let (set, diagnostics) = load(case);
    let set = set.unwrap_or_else(|| panic!("{}: the policies have errors: {diagnostics:?}", case.name));
    let state = State::parse(&case.state()).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    decide_bytes(&set, &case.action(), &state)
}

/// A value's canonical text.
///
/// # Panics
/// When it has none, which nothing that the engine answers is.
#[expect(clippy::expect_used, reason = "said above")]
pub fn canonical(value: &impl serde::Serialize) -> String {
    Canonical::serialize(value).expect("answers have a canonical form").into_string()
}

/// The canonical form of a case of `canonical/`, and its hash.
///
/// # Panics
/// When the case's action cannot be read.
#[expect(clippy::panic, reason = "a case that cannot be read must not pass")]
pub fn canonicalized(case: &Case) -> (String, String) {
    let action = Action::parse(&case.action(), MAX_BYTES);
    let action = action.unwrap_or_else(|error| panic!("{}: {error}", case.name));
    (action.canonical().as_str().to_owned(), action.request_hash().to_hex())
}

/// The texts of an answer, for a host that is not written in Rust: each is exactly as the engine prints it.
pub fn texts(answer: &Decided) -> Value {
    json!({
        "action": answer.action.as_ref().map(Canonical::as_str),
        "decision": canonical(&answer.decision),
        "error": answer.error.as_ref().map(canonical),
        "policy_hash": answer.decision.policy_hash.to_hex(),
        "state": answer.state.canonical().as_str(),
    })
}

/// Policy files, for a host that is not written in Rust.
pub fn files(files: &[(String, Vec<u8>)]) -> Value {
    let file = |(name, bytes): &(String, Vec<u8>)| json!({ "base64": STANDARD.encode(bytes), "name": name });
    files.iter().map(file).collect()
}

/// A case with the engine's answer, for a host that is not written in Rust.
///
/// # Panics
/// When the case is not of the form that `tests/corpus/README.md` gives.
pub fn exported(folder: &str, case: &Case) -> Value {
    let policies = case.policies();
    let asks = folder != "diagnostics";
    let expected = match folder {
        "decide" => texts(&answer(case)),
        "canonical" => {
            let (canonical, request_hash) = canonicalized(case);
            json!({ "canonical": canonical, "request_hash": request_hash })
        }
        _ => {
            let (set, given) = load(case);
            json!({
                "diagnostics": canonical(&given),
                "loads": set.is_some(),
                "policy_hash": hash_of_policies(&policies),
            })
        }
    };
    json!({
        "action_base64": asks.then(|| STANDARD.encode(case.action())),
        "expected": expected,
        "folder": folder,
        "name": case.name,
        "policies": files(&policies),
        "state_base64": STANDARD.encode(case.state()),
    })
}
