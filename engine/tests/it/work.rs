//! No decision takes more work than it may, and the same action takes the same on every host.

use engine::action::Action;
use engine::canonical::Canonical;
use engine::decide::decide_bytes;
use engine::decision::{Decision, Outcome, ReasonCode};
use engine::explain::explain_bytes;
use engine::meter::LIMIT;
use engine::policy::PolicySet;
use engine::policy::condition::Input;
use engine::state::State;

/// 31 steps for each state of the last copies, on text that keeps them all busy.
const HEAVY: &str = r"(\w{40}){40}!";

fn set(policy: &str) -> PolicySet {
    let (set, found) = PolicySet::load([("p.yaml", policy.as_bytes())]);
    set.unwrap_or_else(|| panic!("{found:?}"))
}

fn action(params: &str) -> Vec<u8> {
    format!(r#"{{"agent_id":"a","tool":"t","params":{params}}}"#).into_bytes()
}

fn decide(policy: &str, params: &str) -> Decision {
    decide_bytes(&set(policy), &action(params), &State::default()).decision
}

fn halts_by_the_limit(policy: &str, params: &str) {
    let decision = decide(policy, params);
    assert_eq!(
        (decision.outcome, decision.reason_code),
        (Outcome::Halt, ReasonCode::EngineLimit),
        "{policy}"
    );
    assert_eq!((decision.rule, decision.approval), (None, None));
    assert_eq!((decision.risk_score.get(), decision.risk_rules.len()), (0, 0));
}

fn text(bytes: usize) -> String {
    format!(r#"{{"v":"{}"}}"#, "a".repeat(bytes))
}

fn list(item: &str, bytes: usize) -> String {
    format!(r#"{{"v":[{}]}}"#, vec![item; bytes / (item.len() + 1)].join(","))
}

#[test]
fn patterns_that_are_too_much_halt() {
    for condition in [format!("pattern: '{HEAVY}'"), format!("v_matches: '{HEAVY}'")] {
        let policy = |effect: &str| {
            format!(
                "rules: [{{match: {{tool: t, {condition}}}, {effect}: true}}, {{match: {{tool: t}}, allow: true}}]"
            )
        };
        for effect in ["allow", "deny", "require_approval"] {
            halts_by_the_limit(&policy(effect), &text(500_000));
            assert_eq!(decide(&policy(effect), &text(500)).outcome, Outcome::Execute);
        }
    }
    halts_by_the_limit(
        &format!(
            "tools: {{t: {{params: {{v: {{pattern: '{HEAVY}'}}}}}}}}\nrules: [{{match: {{tool: t}}, allow: true}}]"
        ),
        &text(500_000),
    );
    halts_by_the_limit(
        &format!(
            "rules: [{{match: {{tool: t}}, allow: true}}]\nrisk: {{rules: [{{name: r, when: {{v_matches: '{HEAVY}'}}, score: 1}}]}}"
        ),
        &text(500_000),
    );
}

/// The steps that the first rule of a policy takes over an action.
fn steps(policy: &str, params: &str) -> u64 {
    let set = set(policy);
    let bytes = action(params);
    let action = Action::parse(&bytes, bytes.len()).unwrap();
    let input = Input::new(&action, None);
    let policy = &set.policies()[0];
    policy.rules[0].matcher.evaluate(&input, policy.scope(&action, false));
    LIMIT - input.meter.left()
}

#[test]
fn every_operator_that_scans_is_counted() {
    const SIZE: usize = 100_000;
    let (some, letters, ones, empties) = (text(4), text(SIZE), list("1", SIZE), list("[]", SIZE));
    for (condition, params, least) in [
        ("contains: bb", &letters, SIZE / 4),
        ("pattern: bb", &letters, 10 * SIZE),
        ("v_contains: bb", &letters, SIZE / 8),
        ("v_contains: [bb, cc]", &letters, SIZE / 4),
        ("v_contains: 2", &ones, SIZE / 2),
        ("v_glob: 'aab*aab*'", &letters, SIZE),
        ("v_matches: b", &letters, 5 * SIZE),
        ("v_len_gt: 5", &letters, SIZE / 8),
        ("v_len_gt: 5", &ones, SIZE / 2),
        ("v_domain: a.b", &letters, SIZE / 8),
        ("v_email_domain: a.b", &letters, SIZE / 8),
        ("v_cidr: '::1'", &letters, SIZE / 8),
        ("'v[]_eq': 2", &ones, SIZE / 2),
        ("'v[]_exists': true", &ones, SIZE / 2),
        ("'v[][]_eq': 2", &empties, SIZE / 3),
        ("'v[].a.b.c_eq': 2", &ones, SIZE / 2),
        ("contains: bb", &ones, SIZE / 2),
    ] {
        let policy = format!("rules: [{{match: {{tool: t, {condition}}}, deny: true}}]");
        let (little, much) = (steps(&policy, &some), steps(&policy, params));
        assert!(little < 200, "{condition}: {little}");
        assert!(much >= least as u64, "{condition}: {much}, and not {least}");
    }
    // Operands count for each element that is compared with them.
    let operands = vec!["b"; 1000].join(", ");
    let policy = format!("rules: [{{match: {{tool: t, 'v[]_in': [{operands}]}}, deny: true}}]");
    assert!(steps(&policy, &list("\"a\"", 4000)) > 1_000_000);
}

#[test]
fn a_dozen_common_patterns_are_decided_over_the_largest_action() {
    let patterns = [
        r"(?i)(drop|truncate) +table|delete +from +\w+ *(;|$)|\brm +-rf|\bp?kill(all)? ",
        r"(sk-|ghp_)\w{32,}|AKIA[A-Z0-9]{16}",
        r"\bsk-[A-Za-z0-9]{8,}",
        r"\d{3}-\d{2}-\d{4}",
        r"-----BEGIN (RSA |EC )?PRIVATE KEY-----",
        r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
        r"(?i)\b(ignore|disregard) (all )?(previous|prior) instructions",
        r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
        r"https?://[^\s]+",
        r"xox[baprs]-[0-9A-Za-z-]{10,48}",
        r"\b4[0-9]{12}(?:[0-9]{3})?\b",
        r"(?i)union\s+select|;\s*drop\s|or\s+1=1",
    ];
    let rules: Vec<String> = patterns
        .iter()
        .map(|one| format!("{{match: {{tool: '*', pattern: '{one}'}}, deny: true}}"))
        .collect();
    let (set, found) = PolicySet::load([(
        "p.yaml",
        format!("rules: [{}, {{match: {{tool: t}}, allow: true}}]", rules.join(", ")).as_bytes(),
    )]);
    assert!(found.is_empty(), "{found:?}");
    let sentence = "order no 4111 for ann, see note 12. ";
    let params = format!(r#"{{"v":"{}"}}"#, sentence.repeat(1_048_400 / sentence.len()));
    // Actions that take a native build seconds are only asked of the meter, which has to stay below the limit.
    let decision = decide_bytes(&set.unwrap(), &action(&params), &State::default()).decision;
    assert_eq!(decision.reason_code, ReasonCode::PolicyAllow);
}

#[test]
fn a_shadow_file_never_brings_the_limit_into_the_outcome() {
    let enforced = b"rules: [{match: {tool: t}, allow: true}]".as_slice();
    let shadow = format!("mode: shadow\nrules: [{{match: {{v_matches: '{HEAVY}'}}, allow: true}}]");
    let (set, _) = PolicySet::load([("a.yaml", enforced), ("b.yaml", shadow.as_bytes())]);
    let decision = decide_bytes(&set.unwrap(), &action(&text(500_000)), &State::default()).decision;
    assert_eq!((decision.outcome, decision.reason_code), (Outcome::Execute, ReasonCode::PolicyAllow));
    let shadow = &decision.shadow[0];
    assert_eq!((shadow.outcome, shadow.reason_code), (Some(Outcome::Halt), Some(ReasonCode::EngineLimit)));
}

#[test]
fn an_explanation_is_bounded_in_work_and_in_space() {
    let rules = vec!["{match: {tool: t, v_contains: bb}, deny: true}"; 200].join(", ");
    let set = set(&format!("rules: [{rules}, {{match: {{tool: t}}, allow: true}}]"));
    let long = explain_bytes(&set, &action(&text(900_000)), &State::default()).unwrap();
    assert!(long.incomplete);
    assert_eq!(long.decision.reason_code, ReasonCode::PolicyAllow);
    let printed = Canonical::serialize(&long).unwrap();
    assert!(printed.as_bytes().len() < 20 << 20, "{}", printed.as_bytes().len());
    let short = explain_bytes(&set, &action(&text(900)), &State::default()).unwrap();
    assert!(!short.incomplete);
    assert_eq!(short.policies[0].rules.len(), 201);
}

#[test]
fn a_thousand_violations_are_enough() {
    let policy =
        "tools: {t: {params: {v: {items: {type: string}}}}}\nrules: [{match: {tool: t}, allow: true}]";
    let decision = decide(policy, &list("1", 900_000));
    assert_eq!(decision.reason_code, ReasonCode::InvalidParams);
    assert!(decision.reason.ends_with("and at least 992 more"), "{}", decision.reason);
    let few = decide(policy, r#"{"v":[1,1,1,1,1,1,1,1,1,1]}"#);
    assert!(few.reason.ends_with("and 2 more"), "{}", few.reason);
}

#[test]
fn a_rule_that_is_too_much_for_the_largest_action_is_told() {
    let warned = |policy: &str| {
        let (_, found) = PolicySet::load([("p.yaml", policy.as_bytes())]);
        found.iter().any(|one| one.code == engine::diagnostic::Code::ExpensiveRule)
    };
    assert!(warned(&format!("rules: [{{match: {{tool: t, pattern: '{HEAVY}'}}, deny: true}}]")));
    assert!(warned(&format!("rules: [{{match: {{tool: t, v_matches: '{HEAVY}'}}, deny: true}}]")));
    assert!(!warned("rules: [{match: {tool: t, pattern: 'sk-[a-z]{8,}'}, deny: true}]"));
    assert!(!warned(&format!(
        "mode: shadow\nrules: [{{match: {{tool: t, pattern: '{HEAVY}'}}, deny: true}}]"
    )));
}
