//! The calls of `engine::js`, made inside the JavaScript runtime that hosts them. `cargo xtask test js` runs this in
//! Node and in Chromium.
//!
//! That they answer what every host answers is shown by the corpus; here each call and each of its failures is made.

#![cfg(target_arch = "wasm32")]

use engine::js::Engine;
use wasm_bindgen_test::wasm_bindgen_test;

const POLICY: &str = "\
rules:
  - { id: small, match: { tool: refund, amount_gte: 0, amount_lte: 150 }, allow: true }
  - { id: mid, match: { tool: refund, amount_gt: 150, amount_lte: 1000 }, require_approval: true }
  - { id: rest, match: { tool: refund }, deny: true }
";

fn files(name: &str, content: &[u8]) -> Vec<u8> {
    engine::abi::load_input([(name, content)])
}

fn action(amount: &str) -> String {
    format!(r#"{{"agent_id":"a","tool":"refund","params":{{"amount":{amount}}}}}"#)
}

/// The member of a JSON text, read by the runtime's own parser.
fn member(text: &str, key: &str) -> String {
    let value = js_sys::JSON::parse(text).unwrap();
    let value = js_sys::Reflect::get(&value, &key.into()).unwrap();
    value.as_string().unwrap_or_else(|| String::from(js_sys::JSON::stringify(&value).unwrap()))
}

fn loaded(engine: &mut Engine) -> u32 {
    let answer = engine.load(&files("p.yaml", POLICY.as_bytes()));
    assert_eq!(member(&answer, "diagnostics"), "[]");
    member(&answer, "handle").parse().unwrap()
}

#[wasm_bindgen_test]
fn an_action_is_decided_in_four_lines() {
    let mut engine = Engine::new();
    let handle = loaded(&mut engine);
    for (amount, outcome) in [("45", "EXECUTE"), ("340", "ABSTAIN"), ("5000", "HALT"), (r#""1e9""#, "HALT")] {
        let text = action(amount);
        let answer = engine.decide(handle, &text, "", 0);
        assert_eq!(answer, engine.decide_bytes(handle, text.as_bytes(), b"", 0));
        let lines: Vec<&str> = answer.split('\n').collect();
        let [decision, canonical, state, error] = lines.as_slice() else { panic!("{answer}") };
        assert_eq!(member(decision, "outcome"), outcome, "{amount}");
        assert_eq!(member(&engine.canonicalize(text.as_bytes()), "canonical"), *canonical);
        assert_eq!((*state, *error), ("{}", "null"));
        assert_eq!(answer, engine.decide(handle, canonical, "", 1), "the canonical form is decided alike");
    }
}

#[wasm_bindgen_test]
fn what_is_no_action_halts_and_says_why() {
    let mut engine = Engine::new();
    let handle = loaded(&mut engine);
    for bytes in [&b"{"[..], b"\xff", b"", b"[]", br#"{"tool":"t","tool":"t"}"#] {
        let answer = engine.decide_bytes(handle, bytes, b"", 0);
        let lines: Vec<&str> = answer.split('\n').collect();
        assert_eq!(member(lines[0], "reason_code"), "invalid_action");
        assert_eq!((lines[1], lines[2]), ("null", "{}"));
        assert!(!member(lines[3], "message").is_empty());
    }
}

#[wasm_bindgen_test]
fn a_call_that_cannot_be_made_is_a_failure() {
    let mut engine = Engine::new();
    let handle = loaded(&mut engine);
    let code = |answer: &str| member(&member(answer, "failure"), "code");
    assert_eq!(code(&engine.decide(handle + 1, &action("1"), "", 0)), "unknown_handle");
    assert_eq!(code(&engine.decide(handle, &action("1"), "{", 0)), "invalid_state");
    assert_eq!(code(&engine.explain(handle, b"{", b"", 0)), "invalid_action");
    assert_eq!(code(&engine.canonicalize(b"{")), "invalid_action");
    assert_eq!(code(&engine.seal(b"{}")), "invalid_record");
    assert_eq!(code(&engine.load(b"\x01")), "invalid_input");
    assert!(engine.unload(handle));
    assert!(!engine.unload(handle));
    assert_eq!(code(&engine.decide(handle, &action("1"), "", 0)), "unknown_handle");
}

#[wasm_bindgen_test]
fn policies_with_errors_have_no_handle() {
    let answer = Engine::new().load(&files("p.yaml", b"rules:\n  - { match: { tool: t }, alow: true }\n"));
    assert_eq!(member(&answer, "handle"), "null");
    assert!(member(&answer, "diagnostics").contains("did you mean `allow`"), "{answer}");
}

#[wasm_bindgen_test]
fn a_decision_is_explained() {
    let mut engine = Engine::new();
    let handle = loaded(&mut engine);
    let answer = engine.explain(handle, action("340").as_bytes(), b"", 0);
    assert_eq!(member(&member(&answer, "decision"), "outcome"), "ABSTAIN");
    assert!(member(&answer, "policies").contains("amount_lte"), "{answer}");
}

#[wasm_bindgen_test]
fn a_record_is_sealed() {
    let record = format!(
        r#"{{"stream":"local-1","seq":0,"kind":"start","at":"2026-11-22T15:00:00.000Z","action_id":null,"prev_hash":"{}"}}"#,
        "0".repeat(64)
    );
    let answer = Engine::new().seal(record.as_bytes());
    assert_eq!(member(&member(&answer, "record"), "record_hash"), member(&answer, "record_hash"));
    assert_eq!(member(&answer, "record_hash").len(), 64);
}
