//! Checks the documentation: the code blocks of `docs/POLICY.md`, the words that it and the vocabulary list, and the
//! sample policies with their tests.

use std::collections::BTreeSet;
use std::fs;

use conformance::{action_bytes, decision_differences, member, repository};
use engine::canonical::Canonical;
use engine::canonical::to_value;
use engine::decide::decide_bytes;
use engine::decision::{Effect, Outcome, ReasonCode};
use engine::diagnostic::{Diagnostic, Severity};
use engine::policy::operator::SUFFIXES;
use engine::policy::{PolicySet, yaml};
use engine::state::State;
use engine::value::Value;

use crate::process::{faramesh, run};

pub(crate) fn document(name: &str) -> String {
    let path = repository().join("docs").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A fenced block that is marked as YAML.
pub(crate) struct Block {
    pub(crate) line: usize,
    /// The rest of the line after `yaml`.
    pub(crate) kind: String,
    pub(crate) text: String,
}

pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    for (line, content) in (1..).zip(text.lines()) {
        match (&mut open, content.strip_prefix("```")) {
            (None, Some(info)) => {
                let kind = info.strip_prefix("yaml").map_or_else(|| format!("not {info}"), str::to_owned);
                open = Some(Block { line, kind: kind.trim().to_owned(), text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text.extend([content, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block does not end");
    blocks
}

fn load(text: &str) -> (Option<PolicySet>, Vec<Diagnostic>) {
    PolicySet::load([("policy.yaml", text.as_bytes())])
}

fn parsed(text: &str) -> Value {
    yaml::parse(text).unwrap_or_else(|error| panic!("{error:?}:\n{text}")).root.unwrap().to_value()
}

fn list(value: &Value) -> &[Value] {
    if let Value::Array(items) = value { items } else { panic!("not a list: {value:?}") }
}

#[test]
fn the_blocks_of_the_policy_page_are_so() {
    let page = document("POLICY.md");
    let (mut policies, mut errors, mut cases) = (0, 0, 0);
    let mut in_force: Option<PolicySet> = None;
    let mut wrong: Vec<String> = Vec::new();
    for Block { line, kind, text } in blocks(&page) {
        match kind.split_once(' ').map_or((kind.as_str(), ""), |parts| parts) {
            ("policy", "") => {
                policies += 1;
                let (set, diagnostics) = load(&text);
                if set.is_none() {
                    wrong.push(format!("line {line}: the policy has errors: {diagnostics:?}"));
                }
                in_force = set;
            }
            ("policy-error", code) => {
                errors += 1;
                let (set, diagnostics) = load(&text);
                let errors = diagnostics.iter().filter(|one| one.severity == Severity::Error);
                let codes: Vec<_> = errors.map(|one| to_value(&one.code).unwrap()).collect();
                if codes != [Value::from(code)] || set.is_some() {
                    wrong.push(format!("line {line}: expected the one error `{code}`, found {codes:?}"));
                }
            }
            ("cases", "") => {
                let Some(set) = &in_force else {
                    wrong.push(format!("line {line}: there is no policy before these cases"));
                    continue;
                };
                for case in list(&parsed(&text)) {
                    cases += 1;
                    let found = differences(set, case);
                    wrong.extend(found.iter().map(|one| format!("below line {line}: {one}")));
                }
            }
            // How tests are written is run below.
            ("", "") => {}
            _ => wrong.push(format!("line {line}: `{kind}` is no kind of block")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        policies >= 15 && errors >= 14 && cases >= 50,
        "{policies} policies, {errors} errors, {cases} cases"
    );
}

fn differences(set: &PolicySet, case: &Value) -> Vec<String> {
    let keys = case.as_object().unwrap().iter().map(|(key, _)| key);
    let unknown: Vec<_> = keys.filter(|key| !["action", "state", "expect"].contains(key)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let state = member(case, "state").map_or_else(String::new, |state| Canonical::of(state).into_string());
    let state = State::parse(state.as_bytes()).unwrap();
    let answer = decide_bytes(set, &action_bytes(case), &state);
    let expect = member(case, "expect").unwrap();
    assert!(member(expect, "outcome").is_some(), "a case without an outcome shows nothing");
    let found = decision_differences(expect, &to_value(&answer.decision).unwrap(), None);
    found.into_iter().map(|one| format!("{}\n    {one}", Canonical::of(case))).collect()
}

#[test]
fn the_test_file_of_the_policy_page_passes() {
    let all = blocks(&document("POLICY.md"));
    let policy = all.iter().find(|block| block.kind == "policy").unwrap();
    let suites: Vec<_> = all.iter().filter(|block| block.kind.is_empty()).collect();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("support-agent.yaml"), &policy.text).unwrap();
    let [suite] = suites.as_slice() else { panic!("{} blocks are marked `yaml` alone", suites.len()) };
    fs::write(folder.path().join("support-agent.test.yaml"), &suite.text).unwrap();
    let run = run(faramesh(folder.path(), &["policy", "test", "."]));
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let tests = list(member(&parsed(&suite.text), "tests").unwrap()).len();
    assert!(run.out.contains(&format!("{tests} passed, 0 failed")), "{}", run.out);
}

/// The first column of the table behind a heading, and the row.
fn table(page: &str, heading: &str) -> Vec<(String, String)> {
    let (_, section) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let rows =
        section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2).map(|row| (row.split('|').nth(1).unwrap().to_owned(), row.to_owned())).collect()
}

/// The words in backticks.
fn words(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The words for the values of an enumeration, as its error for an unknown word lists them.
fn known<T: serde::de::DeserializeOwned>() -> BTreeSet<String> {
    let told = serde_json::from_str::<T>("\"no such word\"").err().unwrap().to_string();
    let (_, told) = told.split_once("expected one of ").unwrap();
    words(told)
}

#[test]
fn the_reason_codes_of_the_vocabulary_are_those_of_the_engine() {
    let rows = table(&document("VOCABULARY.md"), "## Reason codes");
    let documented: BTreeSet<_> = rows.iter().flat_map(|(code, _)| words(code)).collect();
    assert_eq!(documented, known::<ReasonCode>());
    assert_eq!(documented.len(), rows.len(), "a code stands there twice");
    let outcomes = known::<Outcome>();
    for (_, row) in rows {
        assert!(words(row.split('|').nth(2).unwrap()).is_subset(&outcomes), "{row}");
    }
}

#[test]
fn the_outcomes_and_effects_of_the_vocabulary_are_those_of_the_engine() {
    let page = document("VOCABULARY.md");
    for outcome in [Outcome::Execute, Outcome::Abstain, Outcome::Halt] {
        let start = format!("| `{}` |", outcome.as_str());
        let row = page.lines().find(|line| line.starts_with(&start)).unwrap();
        assert!(words(row).contains(outcome.effect().as_str()), "{row}");
    }
    assert_eq!(known::<Outcome>().len(), 3);
    assert_eq!(known::<Effect>().len(), 3);
}

#[test]
fn the_operators_of_the_policy_page_are_those_of_the_engine() {
    let rows = table(&document("POLICY.md"), "### Operators");
    let documented: BTreeSet<_> = rows.iter().flat_map(|(operators, _)| words(operators)).collect();
    assert_eq!(documented, SUFFIXES.map(str::to_owned).into());
}

/// The sample policies: name and text.
pub(crate) fn samples() -> Vec<(String, String)> {
    let folder = repository().join("policies");
    let mut samples: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| engine::policy::is_policy_file(name))
        .map(|name| (name.clone(), fs::read_to_string(folder.join(&name)).unwrap()))
        .collect();
    samples.sort();
    assert!(samples.len() >= 5, "{samples:?}");
    samples
}

/// The tests of a sample policy.
fn tests_of(sample: &str) -> Vec<Value> {
    let path = repository().join("policies").join(sample.replace(".yaml", ".test.yaml"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    list(member(&parsed(&text), "tests").unwrap()).to_vec()
}

#[test]
fn the_sample_policies_are_clean_alone_and_together() {
    let all = samples();
    let sets = all.iter().map(std::slice::from_ref).chain([all.as_slice()]);
    for set in sets {
        let files = set.iter().map(|(name, text)| (name.as_str(), text.as_bytes()));
        let (loaded, diagnostics) = PolicySet::load(files);
        assert!(loaded.is_some() && diagnostics.is_empty(), "{diagnostics:?}");
    }
}

#[test]
fn the_sample_policies_pass_their_tests() {
    let policies = repository().join("policies");
    let run =
        run(faramesh(&repository(), &["policy", "test", &policies.display().to_string(), "-o", "json"]));
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(run.code, Some(0), "{report:#}{}", run.err);
    let expected: usize = samples().iter().map(|(name, _)| tests_of(name).len()).sum();
    let counts = [&report["passed"], &report["failed"], &report["not_run"]];
    assert_eq!(counts, [expected, 0, 0].map(serde_json::Value::from).each_ref());
}

#[test]
fn every_rule_of_the_sample_policies_is_what_some_test_expects() {
    for (name, text) in samples() {
        let (set, _) = PolicySet::load([(name.as_str(), text.as_bytes())]);
        let set = set.unwrap();
        let [policy] = set.policies() else { panic!("{name} is not one policy") };
        let rules: BTreeSet<_> = policy.rules.iter().map(|rule| rule.id.clone()).collect();
        let tests = tests_of(&name);
        let rule = |test: &Value| member(member(test, "expect")?, "rule")?.as_str().map(str::to_owned);
        let expected: BTreeSet<_> = tests.iter().filter_map(rule).collect();
        assert_eq!(expected, rules, "{name}");
    }
}
