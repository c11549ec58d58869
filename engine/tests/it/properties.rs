//! What holds for every policy and every action. `FARAMESH_LONG=1` runs 100,000 cases of the reference and half of
//! it of the others; without it a fiftieth of that.

use engine::action::Action;
use engine::canonical::{self, Canonical};
use engine::chain::Verifier;
use engine::decide::{decide, decide_bytes, decide_recorded};
use engine::decision::{Decision, Outcome, ReasonCode};
use engine::explain::explain;
use engine::json;
use engine::policy::{Mode, PolicySet};
use engine::record::{Draft, Head, RecordKind};
use engine::risk::RiskScore;
use engine::state::State;
use engine::tighten::only_tightens;
use engine::truth::Truth;
use engine::value::Value;
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::generate::{FileSpec, action, file, files, params, step, value};
use crate::model;

fn config(long: u32) -> Config {
    let cases = if std::env::var_os("FARAMESH_LONG").is_some() { long } else { long / 50 };
    Config { failure_persistence: None, ..Config::with_cases(cases) }
}

const REFERENCE: u32 = 100_000;
const OTHERS: u32 = 50_000;

fn load(files: &[FileSpec]) -> PolicySet {
    let texts: Vec<(String, String)> =
        files.iter().enumerate().map(|(index, file)| (format!("f{index}.yaml"), file.yaml())).collect();
    let (set, diagnostics) =
        PolicySet::load(texts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())));
    set.unwrap_or_else(|| panic!("{diagnostics:?}\n{}", texts[0].1))
}

fn ask(set: &PolicySet, tool: &str, params: &Value) -> Decision {
    decide_bytes(set, &action(tool, params), &State::default()).decision
}

fn tool() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just("t"), 1 => Just("u"), 1 => Just("v")]
}

/// Whether a rule matched in some file, so that there is something for another file to tighten.
fn matched(set: &PolicySet, tool: &str, params: &Value) -> bool {
    let action = Action::parse(&action(tool, params), json::MAX_BYTES).unwrap();
    let explanation = explain(set, &action, &State::default());
    explanation.policies.iter().flat_map(|policy| &policy.rules).any(|rule| rule.truth == Truth::True)
}

/// Whether every group of approvers that was needed is needed still. Anybody at all is a part of every group.
fn requires_as_much(was: &Decision, is: &Decision) -> bool {
    let requires =
        |decision: &Decision| decision.approval.clone().map(|approval| approval.requires).unwrap_or_default();
    let (was, is) = (requires(was), requires(is));
    was.iter().all(|group| is.contains(group) || (group.roles.is_empty() && group.approvers <= 1))
}

proptest! {
    #![proptest_config(config(REFERENCE))]

    #[test]
    fn the_reference_agrees(files in files(), tool in tool(), params in params()) {
        let decision = ask(&load(&files), tool, &params);
        let (outcome, score) = model::decide(&files, tool, &params);
        prop_assert_eq!(decision.outcome as u8, outcome, "{:?}", decision);
        prop_assert_eq!(decision.risk_score.get(), score, "{:?}", decision);
    }
}

proptest! {
    #![proptest_config(config(OTHERS))]

    /// The theorem of the contract: what no rule can compare is decided at least as strictly as anything that
    /// could stand in its place. Conditions that are never undetermined are left aside: `exists` and `contains`.
    #[test]
    fn undetermined_is_at_least_as_strict_as_any_value(
        files in files(), params in params(), other in value(), missing in any::<bool>(),
    ) {
        let files: Vec<FileSpec> = files.into_iter().map(FileSpec::without_the_never_undetermined).collect();
        // A type that no generated condition compares `a` with: an object under another key, or nothing at all.
        let incomparable = crate::generate::object(vec![("z", Value::Null)]);
        let with = |a: Option<Value>| {
            let rest = params.as_object().unwrap().iter().filter(|(key, _)| *key != "a");
            let mut members: Vec<(&str, Value)> = rest.map(|(key, value)| (key, value.clone())).collect();
            members.extend(a.map(|value| ("a", value)));
            crate::generate::object(members)
        };
        let set = load(&files);
        // A missing parameter is undetermined only where a rule names the tool without a glob.
        let named = files.iter().all(|file| !file.yaml().contains('*') && file.rules.iter().all(|rule| {
            rule.conditions.iter().any(|c| matches!(c, crate::generate::Cond::Tool("t")))
        }) && file.risk.iter().all(|rule| {
            rule.conditions.iter().any(|c| matches!(c, crate::generate::Cond::Tool("t")))
        }));
        let unknown = if missing && named { with(None) } else { with(Some(incomparable)) };
        let strict = ask(&set, "t", &unknown);
        let known = ask(&set, "t", &with(Some(other)));
        prop_assert!(strict.outcome >= known.outcome, "{strict:?}\n{known:?}");
    }

    #[test]
    fn no_match_halts(files in files(), tool in tool(), params in params()) {
        let set = load(&files);
        if !matched(&set, tool, &params) {
            let decision = ask(&set, tool, &params);
            prop_assert_eq!(decision.outcome, Outcome::Halt);
            prop_assert!(matches!(decision.reason_code, ReasonCode::DefaultDeny | ReasonCode::UndeterminedDeny));
        }
    }

    #[test]
    fn risk_only_tightens(files in files(), tool in tool(), params in params()) {
        let without: Vec<FileSpec> = files.iter().cloned().map(|mut file| {
            file.risk.clear();
            file.require_approval_at = Some("never");
            file.deny_at = Some("never");
            file
        }).collect();
        let (with, without) = (ask(&load(&files), tool, &params), ask(&load(&without), tool, &params));
        prop_assert!(with.outcome >= without.outcome);
        prop_assert!(with.risk_score >= without.risk_score);
    }

    #[test]
    fn adding_a_file_never_loosens(files in files(), more in file(), tool in tool(), params in params()) {
        let before = load(&files);
        // Where no rule matches there is nothing to tighten: the action halts because nobody spoke of it.
        if matched(&before, tool, &params) {
            let mut all = files.clone();
            all.push(more);
            prop_assert!(ask(&load(&all), tool, &params).outcome >= ask(&before, tool, &params).outcome);
        }
    }

    /// Files that are changed by steps of every kind: of those that are seen to only tighten, none permits more.
    #[test]
    fn a_set_that_is_seen_to_only_tighten_never_loosens(
        files in files(), steps in prop::collection::vec(step(), 1..4), asked in prop::collection::vec((tool(), params()), 8),
    ) {
        let changed = steps.iter().fold(files.clone(), |files, step| step.taken(files));
        let texts = |files: &[FileSpec]| -> Vec<(String, String)> {
            files.iter().enumerate().map(|(index, file)| (format!("f{index}.yaml"), file.yaml())).collect()
        };
        let (old, new) = (texts(&files), texts(&changed));
        fn bytes(files: &[(String, String)]) -> impl Iterator<Item = (&str, &[u8])> {
            files.iter().map(|(name, text)| (name.as_str(), text.as_bytes()))
        }
        if only_tightens(bytes(&old), bytes(&new)) {
            let (before, after) = (load(&files), load(&changed));
            for (tool, params) in asked {
                let (was, is) = (ask(&before, tool, &params), ask(&after, tool, &params));
                prop_assert!(is.outcome >= was.outcome, "{was:?}\n{is:?}\n{old:?}\n{new:?}");
                prop_assert!(is.outcome != Outcome::Abstain || requires_as_much(&was, &is), "{was:?}\n{is:?}");
            }
        }
    }

    #[test]
    fn an_undetermined_rule_never_permits(files in files(), tool in tool(), params in params()) {
        let set = load(&files);
        let decision = ask(&set, tool, &params);
        if decision.outcome == Outcome::Execute {
            prop_assert!(matched(&set, tool, &params));
            prop_assert_eq!(decision.reason_code, ReasonCode::PolicyAllow);
        }
    }

    #[test]
    fn the_order_of_files_and_keys_changes_nothing(files in files(), tool in tool(), params in params()) {
        let texts: Vec<(String, String)> =
            files.iter().enumerate().map(|(index, file)| (format!("f{index}.yaml"), file.yaml())).collect();
        let forward = PolicySet::load(texts.iter().map(|(name, text)| (name.as_str(), text.as_bytes()))).0.unwrap();
        let backward =
            PolicySet::load(texts.iter().rev().map(|(name, text)| (name.as_str(), text.as_bytes()))).0.unwrap();
        prop_assert_eq!(forward.policy_hash(), backward.policy_hash());
        let canonical = Action::parse(&action(tool, &params), json::MAX_BYTES).unwrap();
        let one = decide_bytes(&forward, &action(tool, &params), &State::default()).decision;
        let other = decide_bytes(&backward, canonical.canonical().as_bytes(), &State::default()).decision;
        let again = decide_recorded(&backward, canonical.canonical().as_bytes(), &State::default()).decision;
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(&one, &again);
    }

    #[test]
    fn a_shadow_file_changes_nothing(files in files(), shadow in file(), tool in tool(), params in params()) {
        let before = ask(&load(&files), tool, &params);
        let mut texts: Vec<(String, String)> =
            files.iter().enumerate().map(|(index, file)| (format!("f{index}.yaml"), file.yaml())).collect();
        texts.push(("shadow.yaml".into(), format!("mode: shadow\n{}", shadow.yaml())));
        let set = PolicySet::load(texts.iter().map(|(name, text)| (name.as_str(), text.as_bytes()))).0.unwrap();
        let after = ask(&set, tool, &params);
        prop_assert_eq!((before.outcome, before.reason_code, before.reason, before.risk_score),
            (after.outcome, after.reason_code, after.reason, after.risk_score));
        prop_assert_eq!(before.rule, after.rule);
    }

    /// An explanation asks the same conditions as the decision that it explains.
    #[test]
    fn an_explanation_tells_of_its_decision(files in files(), tool in tool(), params in params()) {
        let set = load(&files);
        let action = Action::parse(&action(tool, &params), json::MAX_BYTES).unwrap();
        let explanation = explain(&set, &action, &State::default());
        prop_assert_eq!(&explanation.decision, &decide(&set, &action, &State::default()));
        for policy in &explanation.policies {
            for rule in &policy.rules {
                let all = rule.conditions.iter().map(|condition| condition.truth).min();
                prop_assert_eq!(all, Some(rule.truth), "{:?}", rule);
            }
        }
        let counted: u32 = explanation.policies.iter().filter(|policy| policy.mode == Mode::Enforce)
            .flat_map(|policy| &policy.risk_rules).filter(|rule| rule.truth != Truth::False)
            .map(|rule| u32::from(rule.score.get())).sum();
        prop_assert!(explanation.decision.risk_score.get() >= u8::try_from(counted.min(100)).unwrap());
    }

    #[test]
    fn canonical_is_idempotent(value in json_value(3)) {
        let once = Canonical::of(&value);
        let read = canonical::parse(once.as_bytes(), json::MAX_BYTES).unwrap();
        prop_assert_eq!(&read, &value);
        prop_assert_eq!(Canonical::of(&read), once);
    }

    #[test]
    fn spelling_never_changes_the_hash(params in params(), indent in 0..4_usize) {
        let canonical = Canonical::of(&params).into_string();
        let spelled = spell(&params, indent);
        let of = |params: &str| {
            let text = format!("{{\"tool\":\"t\",\"agent_id\":\"a\",\"params\":{params}}}");
            Action::parse(text.as_bytes(), json::MAX_BYTES).unwrap().request_hash()
        };
        prop_assert_eq!(of(&canonical), of(&spelled));
    }

    #[test]
    fn any_bytes_have_a_decision(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let answer = decide_bytes(&PolicySet::empty(), &bytes, &State::default());
        prop_assert_eq!(answer.decision.outcome, Outcome::Halt);
    }

    #[test]
    fn any_text_is_read_or_refused_as_a_policy(text in "[ -~\n\t\u{e9}]{0,200}") {
        let (set, diagnostics) = PolicySet::load([("p.yaml", text.as_bytes())]);
        prop_assert!(set.is_some() || !diagnostics.is_empty());
        for found in diagnostics {
            prop_assert!(found.line >= 1 && found.column >= 1 && found.span.start <= found.span.end);
        }
    }

    #[test]
    fn any_changed_record_breaks_the_chain(at in 0..400_usize, bit in 0..8_u32, which in 0..3_usize) {
        let mut head = Head::genesis("s");
        let draft = Draft {
            kind: RecordKind::Result, at_ms: 1, action_id: Some("a".into()),
            fields: vec![("success", Canonical::of(&Value::Bool(true)))],
        };
        let mut bodies: Vec<Vec<u8>> =
            (0..3).map(|_| draft.seal(&mut head).body.into_string().into_bytes()).collect();
        let length = bodies[which].len();
        bodies[which][at % length] ^= 1 << bit;
        let mut verifier = Verifier::new("s");
        let broken = bodies.iter().find_map(|body| verifier.next(body).err());
        prop_assert_eq!(broken.map(|found| found.seq), Some(which as u64));
    }
}

fn json_value(depth: u32) -> impl Strategy<Value = Value> {
    let number = any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| Value::Number(n + 0.0));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number,
        ".{0,8}".prop_map(Value::String),
    ];
    leaf.prop_recursive(depth, 32, 4, |inner| {
        let members = prop::collection::btree_map(".{0,4}", inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::Array),
            members.prop_map(|map| {
                Value::Object(engine::value::Object::from_members(map.into_iter().collect()).unwrap())
            }),
        ]
    })
}

/// The same value in another spelling: keys the other way round, white space, numbers with an exponent, escapes.
fn spell(value: &Value, indent: usize) -> String {
    let space = " ".repeat(indent);
    match value {
        Value::Number(number) => format!("{}e-1", number * 10.0),
        Value::String(text) => {
            let escaped: String = text.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
            format!("\"{escaped}\"")
        }
        Value::Array(items) => {
            let each: Vec<String> = items.iter().map(|item| spell(item, indent)).collect();
            format!("[{space}{}\n]", each.join(&format!("{space},\t")))
        }
        Value::Object(object) => {
            let mut each: Vec<String> = object
                .iter()
                .map(|(key, member)| format!("{space}\"{key}\"{space}:{}", spell(member, indent)))
                .collect();
            each.reverse();
            format!("{{\r\n{}{space}}}", each.join(","))
        }
        other => Canonical::of(other).into_string(),
    }
}

#[test]
fn a_thousand_fresh_loads_agree() {
    let text =
        "rules:\n  - match: { tool: t, a_gt: 1 }\n    deny: true\n  - match: { tool: t }\n    allow: true\n";
    let files = [("a.yaml", text), ("b.yaml", "rules: [{match: {tool: '*'}, require_approval: true}]")];
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..1000 {
        let mut order: Vec<_> = files.to_vec();
        order.rotate_left(round % 2);
        let set = PolicySet::load(order.iter().map(|(name, text)| (*name, text.as_bytes()))).0.unwrap();
        let params = crate::generate::object(vec![("a", Value::Number(1.0))]);
        let answer = decide_bytes(&set, &action("t", &params), &State::default());
        seen.insert(answer.canonical().unwrap().into_string());
    }
    assert_eq!(seen.len(), 1);
}

#[test]
fn scores_stop_at_a_hundred() {
    assert_eq!(RiskScore::new(101), None);
    assert_eq!(RiskScore::new(99).unwrap().plus(RiskScore::new(2).unwrap()).get(), 100);
}

/// Nothing becomes an outcome by accident.
mod by_construction {
    use engine::decision::Outcome;
    use static_assertions::{assert_impl_all, assert_not_impl_any};

    assert_not_impl_any!(Outcome: Default, From<bool>, From<u8>);
    assert_impl_all!(Outcome: Ord, Copy);
}
