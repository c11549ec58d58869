//! Input made to hurt: it is refused with a clear word, and before it costs much.

use engine::decide::decide_bytes;
use engine::decision::ReasonCode;
use engine::diagnostic::{Code, Diagnostic};
use engine::policy::PolicySet;
use engine::state::State;

fn check(text: &str) -> Vec<Diagnostic> {
    PolicySet::load([("p.yaml", text.as_bytes())]).1
}

#[track_caller]
fn refused(text: &str, code: Code) -> Diagnostic {
    let found = check(text);
    assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), [code], "{found:?}");
    found.into_iter().next().unwrap()
}

#[test]
fn a_mebibyte_of_aliases() {
    let mut text = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let (name, inner) = (char::from(b'a' + level), char::from(b'a' + level - 1));
        text += &format!("{name}: &{name} [{}]\n", vec![format!("*{inner}"); 9].join(", "));
    }
    refused(&text, Code::AliasLimit);
    let flat = format!("a: &a [x, x, x, x]\nb: [{}]\n", vec!["*a"; 260_000].join(", "));
    assert!(flat.len() < 1024 * 1024 + 64 * 1024);
    let found = check(&flat);
    assert!(matches!(found[0].code, Code::AliasLimit | Code::TooLarge), "{found:?}");
}

#[test]
fn ten_thousand_rules_and_one_more() {
    let rules = |count: usize| format!("rules:\n{}", "- {match: {tool: t}, deny: true}\n".repeat(count));
    assert_eq!(check(&rules(10_000)), []);
    let found = refused(&rules(10_001), Code::TooManyRules);
    assert_eq!(found.message, "the file has 10001 rules, over the limit of 10000");
}

#[test]
fn a_pattern_of_a_hundred_kilobytes() {
    let text = format!("rules: [{{match: {{tool: t, a_matches: \"{}\"}}, deny: true}}]", "a".repeat(100_000));
    let found = refused(&text, Code::InvalidRegex);
    assert_eq!(found.message, "the pattern has 100000 bytes, over the limit of 4096");
    refused("rules: [{match: {tool: t, a_matches: '((a{999}){999}){999}'}, deny: true}]", Code::InvalidRegex);
    let nested = format!("{}a{}", "(".repeat(200), ")".repeat(200));
    refused(
        &format!("rules: [{{match: {{tool: t, a_matches: '{nested}'}}, deny: true}}]"),
        Code::InvalidRegex,
    );
}

#[test]
fn more_than_a_mebibyte() {
    refused(&format!("# {}\nrules: []\n", "x".repeat(1024 * 1024)), Code::TooLarge);
}

#[test]
fn nesting() {
    refused(&format!("rules: {}{}", "[".repeat(70), "]".repeat(70)), Code::TooDeep);
    refused(&"- ".repeat(20_000), Code::TooDeep);
    refused(&"? ".repeat(20_000), Code::YamlSyntax);
    refused(&"{a: ".repeat(32_000), Code::TooDeep);
    let depth = |levels: usize| {
        let (open, close) = ("not: {".repeat(levels), "}".repeat(levels));
        format!("rules: [{{match: {{{open}tool: t{close}}}, deny: true}}]")
    };
    assert_eq!(check(&depth(16)), []);
    refused(&depth(17), Code::TooDeep);
}

#[test]
fn an_action_nested_too_deep_or_too_long_is_decided() {
    let halted = |action: String| {
        let answer = decide_bytes(&PolicySet::empty(), action.as_bytes(), &State::default());
        assert_eq!(answer.decision.reason_code, ReasonCode::InvalidAction);
        assert!(answer.decision.raw_hash.is_some() && answer.decision.request_hash.is_none());
        answer.decision.reason
    };
    let nested = format!("{}1{}", "[".repeat(64), "]".repeat(64));
    let reason = halted(format!("{{\"agent_id\":\"a\",\"tool\":\"t\",\"params\":{{\"x\":{nested}}}}}"));
    assert!(reason.contains("nested deeper than 64 levels"), "{reason}");
    let long =
        format!("{{\"agent_id\":\"a\",\"tool\":\"t\",\"params\":{{\"x\":\"{}\"}}}}", "x".repeat(1 << 20));
    assert!(halted(long).contains("over the limit of 1048576"));
}
