//! The decision when the engine gives no answer. Rust has it from here; Python and JavaScript build it themselves, since
//! they have no engine at that moment, and compare with the same file.

use engine::decided::Decided;
use engine::hash::PolicyHash;
use engine::json::MAX_BYTES;
use engine::state::State;
use engine::value::Value;

const CASES: &str = include_str!("../../../tests/corpus/engine_failure.json");

#[test]
fn every_language_halts_with_the_same_decision() {
    let cases = engine::json::parse(CASES.as_bytes(), MAX_BYTES).unwrap();
    let Value::Array(cases) = cases else { panic!() };
    for case in &cases {
        let text = |key: &str| case.as_object().unwrap().get(key).and_then(Value::as_str).unwrap();
        let policy_hash: PolicyHash = text("policy_hash").parse().unwrap();
        let state = State::parse(text("state").as_bytes()).unwrap();
        let decided = Decided::engine_failure(policy_hash, text("action").as_bytes(), state);
        let answer = decided.canonical().unwrap();
        assert_eq!(answer.as_str(), text("answer"), "{}", text("shows"));
    }
    assert_eq!(cases.len(), 3);
}
