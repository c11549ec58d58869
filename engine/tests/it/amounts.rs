//! The published defects of an earlier implementation: each amount probe, on the policy of the tutorial.

use engine::decide::decide_bytes;
use engine::decision::Outcome;
use engine::policy::PolicySet;
use engine::state::State;

const POLICY: &str = "
rules:
  - match: { tool: process_refund, amount_lte: 150 }
    allow: true
  - match: { tool: process_refund, amount_gt: 150, amount_lte: 1000 }
    require_approval: true
  - match: { tool: process_refund, amount_gt: 1000 }
    deny: true
";

fn outcome(policy: &str, params: &str) -> Outcome {
    let set = PolicySet::load([("p.yaml", policy.as_bytes())]).0.unwrap();
    let action = format!("{{\"agent_id\":\"a\",\"tool\":\"process_refund\",\"params\":{params}}}");
    decide_bytes(&set, action.as_bytes(), &State::default()).decision.outcome
}

#[test]
fn only_a_number_is_an_amount() {
    for params in [
        "{}",
        r#"{"amount":"-inf"}"#,
        r#"{"amount":true}"#,
        r#"{"amount":"45"}"#,
        r#"{"amount":" 45 "}"#,
        r#"{"amount":"4_5"}"#,
        r#"{"amount":"٤٥"}"#,
        r#"{"amount":"nan"}"#,
        r#"{"amount":null}"#,
        r#"{"amount":[45]}"#,
        r#"{"amount":{"value":45}}"#,
        r#"{"args":{"amount":45}}"#,
        r#"{"amount":NaN}"#,
        r#"{"amount":1e400}"#,
        r#"{"amount":5000,"amount":10}"#,
        r#"{"amount":45,"note":"\ud800"}"#,
    ] {
        assert_eq!(outcome(POLICY, params), Outcome::Halt, "{params}");
    }
    assert_eq!(outcome(POLICY, r#"{"amount":45,"note":""}"#), Outcome::Execute);
    assert_eq!(outcome(POLICY, r#"{"amount":340}"#), Outcome::Abstain);
}

#[test]
fn a_declared_minimum_halts_a_negative_amount() {
    let declared = format!(
        "tools: {{ process_refund: {{ params: {{ amount: {{ type: number, min: 0 }} }} }} }}\n{POLICY}"
    );
    assert_eq!(outcome(POLICY, r#"{"amount":-1000000}"#), Outcome::Execute);
    assert_eq!(outcome(&declared, r#"{"amount":-1000000}"#), Outcome::Halt);
}

#[test]
fn an_amount_in_the_context_is_none() {
    let set = PolicySet::load([("p.yaml", POLICY.as_bytes())]).0.unwrap();
    let action = br#"{"agent_id":"a","tool":"process_refund","context":{"amount":45}}"#;
    assert_eq!(decide_bytes(&set, action, &State::default()).decision.outcome, Outcome::Halt);
}
