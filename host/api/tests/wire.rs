//! Types read what they write, and the engine's answers are among them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use api::{Action, DryRun, Explained, Problem, ProblemCode};
use engine::canonical::Canonical;
use engine::explain::explain_bytes;
use engine::policy::PolicySet;
use engine::state::State;
use serde_json::{Value, from_str, json, to_value};

const POLICY: &str = "rules:
  - id: small
    match: { tool: refund, amount_lte: 1e20, any: [{ currency_eq: eur }, { note_exists: false }] }
    require_approval: { approvers: 2, roles: [finance] }
";

fn explained() -> engine::explain::Explanation {
    let (set, found) = PolicySet::load([("p.yaml", POLICY.as_bytes())]);
    let set = set.unwrap_or_else(|| panic!("{found:?}"));
    let action =
        br#"{"agent_id":"a","tool":"refund","params":{"amount":340.5,"list":[null,true,{"k":"v"}]}}"#;
    explain_bytes(&set, action, &State::default()).unwrap()
}

#[test]
fn an_explanation_reads_as_the_engine_printed_it() {
    let explanation = explained();
    let printed = Canonical::serialize(&explanation).unwrap();
    let read: engine::explain::Explanation = from_str(printed.as_str()).unwrap();
    assert_eq!(read, explanation);
    let explained = json!({ "id": "a", "policy_hash": "0".repeat(64), "policy_version": "1", "explanation": explanation });
    assert_eq!(from_str::<Explained>(&explained.to_string()).unwrap().explanation, explanation);
}

/// An action as the server writes it.
fn action() -> Value {
    let mut action = json!({
        "id": "0197f0c0-0000-4000-8000-000000000000", "agent_id": "a", "tool": "refund", "operation": "call",
        "params": { "amount": 1e20 }, "context": {}, "status": "pending_approval", "policy_version": "1",
        "approval_token": null, "approvals": [{ "principal": "ann", "via": "key", "key_id": "k", "claimed_by": null,
            "roles": [], "approve": true, "reason": null, "at": "2026-11-22T12:00:00.000Z", "counts": true }],
        "answerable": { "approve": false, "reject": true, "why_not": "already_approved" }, "waiting": false,
        "permit": null, "contradicted": false, "receipt": { "stream": "s", "seq": 1, "record_hash": "0".repeat(64) },
        "duration_us": 11, "created_at": "2026-11-22T12:00:00.000Z", "updated_at": "2026-11-22T12:00:00.000Z",
        "expires_at": null, "start_by": null, "result": [1],
    });
    let decision = to_value(explained().decision).unwrap();
    action.as_object_mut().unwrap().extend(decision.as_object().unwrap().clone());
    action
}

#[test]
fn an_action_reads_as_it_was_written_with_its_numbers_untouched() {
    let text = action().to_string();
    let spelled = text.replace("1e20", "100000000000000000000").replace("1e+20", "100000000000000000000");
    let read: Action = from_str(&spelled).unwrap();
    assert_eq!(read.params.get(), r#"{"amount":100000000000000000000}"#);
    assert_eq!(read.decision, explained().decision);
    assert_eq!(to_value(&read).unwrap(), from_str::<Value>(&text).unwrap());
}

#[test]
fn a_word_that_this_version_does_not_know_is_no_decision() {
    for (member, word) in [("outcome", "MAYBE"), ("status", "paused"), ("reason_code", "mood")] {
        let mut action = action();
        action[member] = word.into();
        assert!(from_str::<Action>(&action.to_string()).is_err(), "{member}");
    }
    assert!(from_str::<DryRun>(&action().to_string()).is_ok());
}

#[test]
fn null_and_absence_of_a_problems_hash_differ() {
    let mut problem = Problem::new(ProblemCode::PreconditionFailed, "Precondition Failed", "no");
    assert_eq!(to_value(&problem).unwrap().get("hash"), None);
    problem.hash = Some(None);
    let written = to_value(&problem).unwrap();
    assert_eq!(written["hash"], Value::Null);
    assert_eq!(from_str::<Problem>(&written.to_string()).unwrap(), problem);
}

#[test]
fn the_words_of_problems_are_those_of_serde() {
    for code in ProblemCode::ALL {
        assert_eq!(to_value(code).unwrap(), code.as_str());
        assert!((400..600).contains(&code.status()));
    }
}
