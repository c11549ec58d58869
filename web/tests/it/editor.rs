//! The computations of the policy editor: the decisions on rows, the changes, the reached rules, samples as a file and
//! back, links to the playground, and positions in the text. The engine's own tests show that it decides rightly.

use std::collections::BTreeSet;

use engine::decision::{Decision, Outcome};
use engine::lifecycle::Status;
use engine::policy::PolicySet;
use wasm_bindgen_test::wasm_bindgen_test;
use web::pages::policy_editor::load::template;
use web::pages::policy_editor::merge::merge;
use web::pages::policy_editor::share::Shared;
use web::simulation::samples::{self, Sample};
use web::simulation::{
    Compiled, Outlook, Row, Summary, amounts_in, last_line, outlooks, reached, utf16_offsets,
};

const NAME: &str = "refunds.yaml";
const POLICY: &str = "\
rules:
  - id: small
    match: { tool: refund, amount_lte: 150 }
    allow: true

  - id: large
    match: { tool: refund, amount_gt: 150 }
    require_approval: true
  - id: mail
    match: { tool: send }
    allow: true
";

fn refund(id: &str, agent: &str, amount: f64, status: Status) -> Row {
    let canonical = format!(
        r#"{{"agent_id":"{agent}","context":{{}},"operation":"call","params":{{"amount":{amount},"n":1}},"tool":"refund"}}"#
    );
    Row::recorded(
        id.to_owned(),
        id.to_owned(),
        &canonical,
        ("2026-11-22T12:00:00.000Z".to_owned(), 0),
        Some(status),
    )
    .unwrap()
}

fn rows() -> Vec<Row> {
    vec![
        refund("a", "one", 45.0, Status::Succeeded),
        refund("b", "one", 120.0, Status::Succeeded),
        refund("c", "two", 340.0, Status::PendingApproval),
    ]
}

fn tried(rows: &[Row], after: &str) -> (Compiled, Vec<Outlook>) {
    let before = PolicySet::load([(NAME, POLICY.as_bytes())]).0.unwrap();
    let before: Vec<Decision> = rows.iter().map(|row| row.under(Some(&before))).collect();
    let compiled = Compiled::of(NAME, after, &[]);
    let outlooks = outlooks(rows, &before, compiled.set.as_ref().unwrap());
    (compiled, outlooks)
}

#[wasm_bindgen_test]
fn what_changes_is_counted_with_its_amounts_its_agents_and_what_waits() {
    let rows = rows();
    let after = POLICY.replace("150", "50").replace("require_approval: true", "deny: true");
    let (_, outlooks) = tried(&rows, &after);
    let amounts = amounts_in(&after, &rows);
    assert_eq!(
        amounts,
        BTreeSet::from(["amount".to_owned()]),
        "`n` is in the text, but compared with nothing"
    );
    let summary = Summary::of(&rows, &outlooks, &amounts);
    assert_eq!((summary.tried, summary.changed), (3, 2));
    let cell = &summary.matrix[&(Outcome::Execute, Outcome::Halt)];
    assert_eq!((cell.count, cell.amounts["amount"]), (1, 120.0));
    assert_eq!(summary.matrix[&(Outcome::Execute, Outcome::Execute)].count, 1);
    assert_eq!(summary.agents, [("one".to_owned(), 1), ("two".to_owned(), 1)].into());
    assert_eq!(summary.pending, [("c".to_owned(), Outcome::Halt)]);
    assert_eq!(summary.transitions(), "1 Allowed → Denied, 1 Needs approval → Denied");
}

#[wasm_bindgen_test]
fn nothing_changes_under_the_same_text() {
    let rows = rows();
    let (_, outlooks) = tried(&rows, POLICY);
    let summary = Summary::of(&rows, &outlooks, &BTreeSet::new());
    assert_eq!((summary.changed, summary.transitions()), (0, String::new()));
    assert!(summary.pending.is_empty());
}

#[wasm_bindgen_test]
fn a_rule_is_reached_where_it_decides_in_its_own_file() {
    let (mut sample, mut rows) = (Sample::new(7), rows());
    (sample.agent_id, sample.tool) = ("one".to_owned(), "refund".to_owned());
    sample.params = "{ amount: 10 }".to_owned();
    rows.push(sample.row().unwrap());
    // Another file that is stricter about everything takes nothing away from what this one's rules reach.
    let stricter = ("all.yaml".to_owned(), "rules:\n  - match: { tool: \"*\" }\n    deny: true\n".to_owned());
    let compiled = Compiled::of(NAME, POLICY, &[stricter]);
    let reached = reached(&rows, NAME, &compiled);
    assert_eq!(reached.get("small"), Some(&(true, true)));
    assert_eq!(reached.get("large"), Some(&(false, true)));
    assert_eq!(reached.get("mail"), None);
    assert_eq!(
        compiled.rules(NAME).iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(),
        ["small", "large", "mail"]
    );
}

#[wasm_bindgen_test]
fn a_text_with_errors_is_not_valid_and_says_why() {
    let compiled = Compiled::of(NAME, "rules:\n  - match: { tool: a }\n    allwo: true\n", &[]);
    assert!(!compiled.is_valid());
    assert!(
        compiled.diagnostics.iter().any(|finding| finding.message.contains("allwo")),
        "{:?}",
        compiled.diagnostics
    );
    let other = ("other.yaml".to_owned(), "rules: [".to_owned());
    let compiled = Compiled::of(NAME, POLICY, &[other]);
    assert!(!compiled.is_valid(), "with another file that is broken nothing can come into force");
    assert!(compiled.diagnostics.is_empty(), "and what is wrong there is not said of this one");
}

#[wasm_bindgen_test]
fn samples_are_written_as_they_are_read() {
    let text = include_str!("../../../policies/support-agent.test.yaml");
    let (list, policies) = samples::read("a.test.yaml", text).unwrap();
    assert!(list.len() > 50, "{}", list.len());
    let printed = samples::print(&list, policies.as_deref()).unwrap();
    let (again, named) = samples::read("a.test.yaml", &printed).unwrap();
    assert_eq!((again, named), (list, policies));
}

#[wasm_bindgen_test]
fn a_sample_keeps_any_text() {
    for name in ["no", "a: b", "", "# x", "\u{202e}abc 🎉", "a\nb\"c\\", "{{"] {
        let mut sample = Sample::new(1);
        (sample.name, sample.agent_id, sample.tool) = (name.to_owned(), name.to_owned(), "t".to_owned());
        let printed = samples::print(std::slice::from_ref(&sample), None).unwrap();
        let (again, _) = samples::read("", &printed).unwrap();
        assert_eq!((again[0].name.as_str(), again[0].action()), (name, sample.action()), "{printed}");
    }
}

#[wasm_bindgen_test]
fn arguments_that_cannot_be_read_are_refused_and_never_written() {
    for params in ["[1]", "{ a: ", "a: 1\na: 2", "5"] {
        let mut sample = Sample::new(1);
        sample.params = params.to_owned();
        assert!(sample.action().is_err(), "{params}");
        assert!(samples::print(&[sample], None).is_err(), "{params}");
    }
}

#[wasm_bindgen_test]
fn a_sample_like_a_recorded_action_has_all_of_it() {
    let canonical = r#"{"agent_id":"one","context":{"ip":"::1"},"operation":"create","params":{"amount":0.1},"tool":"refund"}"#;
    let sample = Sample::like(3, "n".to_owned(), canonical, Outcome::Abstain);
    let printed = samples::print(&[sample], None).unwrap();
    let suite = engine::suite::read("", &printed).unwrap();
    assert_eq!(suite.tests[0].action.as_str(), canonical);
    assert_eq!(suite.tests[0].expect.outcome, Outcome::Abstain);
}

#[wasm_bindgen_test]
async fn a_shared_policy_comes_back_from_its_link() {
    let shared = Shared {
        name: NAME.to_owned(),
        text: format!("{POLICY}# 🎉 {}", "x".repeat(5000)),
        samples: Some("tests: []".to_owned()),
    };
    let link = shared.pack().await.unwrap();
    assert!(link.len() < 1000, "it is packed: {}", link.len());
    assert!(link.chars().all(|char| char.is_ascii_alphanumeric() || "._-".contains(char)), "{link}");
    assert_eq!(Shared::unpack(&format!("#{link}")).await.unwrap(), shared);
}

#[wasm_bindgen_test]
async fn a_broken_link_is_refused() {
    let link = Shared { name: NAME.to_owned(), text: POLICY.to_owned(), samples: None }.pack().await.unwrap();
    let cut = &link[..link.len() / 2];
    for broken in ["", "v2.abc", "v1.", "v1.!!!", cut] {
        assert!(Shared::unpack(broken).await.is_err(), "{broken}");
    }
    let bomb = Shared { name: String::new(), text: " ".repeat(5 << 20), samples: None }.pack().await.unwrap();
    assert_eq!(Shared::unpack(&bomb).await.unwrap_err(), "this link holds more than a policy can be");
}

#[wasm_bindgen_test]
fn a_rule_ends_where_the_next_one_begins() {
    assert_eq!(last_line(POLICY, 2), 4);
    assert_eq!(last_line(POLICY, 6), 8);
    assert_eq!(last_line(POLICY, 9), 11);
    assert_eq!(last_line("rules:\n- id: a\n  allow: true\nrisk:\n  rules: []\n", 2), 3);
    assert_eq!(last_line("", 9), 9);
}

#[wasm_bindgen_test]
fn places_are_counted_as_a_browser_counts() {
    let text = "é🎉x";
    let found = utf16_offsets(text, &[0, 2, 6, 7, 99]);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(0, 0), (2, 1), (6, 3), (7, 4), (99, 4)]);
}

#[wasm_bindgen_test]
fn edits_of_other_lines_are_put_together_and_those_of_the_same_are_not() {
    let base = "a\nb\nc\nd\ne\n";
    let merged = merge(base, "a\nB\nc\nd\ne\n", "a\nb\nc\nd\nE\nf\n");
    assert_eq!(merged.as_deref(), Some("a\nB\nc\nd\nE\nf\n"));
    assert_eq!(merge(base, "b\nc\nd\ne\n", "a\nb\nc\nd\n").as_deref(), Some("b\nc\nd\n"));
    // The same edit on both sides is one edit.
    assert_eq!(merge(base, "a\nB\nc\nd\ne\n", "a\nB\nc\nd\ne\n").as_deref(), Some("a\nB\nc\nd\ne\n"));
    assert_eq!(merge(base, "a\nB\nc\nd\ne\n", "a\nX\nc\nd\ne\n"), None);
    // Lines next to each other may depend on each other.
    assert_eq!(merge(base, "a\nB\nc\nd\ne\n", "a\nb\nC\nd\ne\n"), None);
    assert_eq!(merge(base, "a\nb\nx\nc\nd\ne\n", "a\nb\ny\nc\nd\ne\n"), None);
}

#[wasm_bindgen_test]
fn a_new_policy_begins_with_a_text_that_is_valid() {
    let text = template("new.yaml");
    assert!(text.starts_with("name: new\n"), "{text}");
    assert!(Compiled::of("new.yaml", &text, &[]).is_valid());
}

#[wasm_bindgen_test]
fn a_sample_that_nothing_was_written_in_is_blank() {
    let mut sample = Sample::new(1);
    assert!(sample.is_blank());
    sample.name = "a name alone".to_owned();
    assert!(sample.is_blank());
    sample.tool = "pay".to_owned();
    assert!(!sample.is_blank());
}
