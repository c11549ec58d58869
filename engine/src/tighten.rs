//! Whether a policy set is seen to permit nothing more than another one, from the way the files are written.
//!
//! A host puts such a set in force at once and gives every other one time to be finished. The answer errs to one side:
//! `false` says that it is not seen, and not that the set permits more.
//!
//! The steps that are seen, each of which only tightens, whatever the other files say:
//!
//! - a rule that denies is added, in any place;
//! - a rule that allows and brings no risk of its own is removed, because the rules behind it are at least as strict;
//! - a rule becomes `deny` and keeps its match, unless it allows and brings a risk of its own;
//! - risk rules are added, and nothing else about risk changes;
//! - a file is added that has no rules but ones that deny;
//! - a file begins with a rule that denies every tool to every agent.

use std::collections::BTreeMap;

use crate::policy::yaml;
use crate::value::{Object, Value};

/// The keys of files and rules that are told to people and decide nothing.
const TOLD: [&str; 5] = ["version", "name", "id", "description", "reason"];
/// The keys of a rule that are compared one by one.
const EFFECTS: [&str; 3] = ["allow", "require_approval", "deny"];

/// Whether the files `after` are seen to permit nothing that the files `before` do not. Both are sets that
/// [`PolicySet::load`](crate::policy::PolicySet::load) takes; of others the answer is `false`, or means nothing.
///
/// ```
/// let before = [("a.yaml", "rules: [{ match: { tool: pay }, allow: true }]")];
/// let after = [("a.yaml", "rules: [{ match: { tool: pay }, deny: true }]")];
/// let bytes = |files: [(&'static str, &'static str); 1]| files.map(|(name, text)| (name, text.as_bytes()));
/// assert!(engine::tighten::only_tightens(bytes(before), bytes(after)));
/// assert!(!engine::tighten::only_tightens(bytes(after), bytes(before)));
/// ```
pub fn only_tightens<'f>(
    before: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    after: impl IntoIterator<Item = (&'f str, &'f [u8])>,
) -> bool {
    let (before, after) = (BTreeMap::from_iter(before), BTreeMap::from_iter(after));
    if after.values().any(|file| read(file).is_some_and(|file| denies_everything(&file))) {
        return true;
    }
    let kept = before.keys().all(|name| after.contains_key(name));
    kept && after.iter().all(|(name, file)| match before.get(name) {
        Some(old) if old == file => true,
        Some(old) => read(old).zip(read(file)).is_some_and(|(old, new)| file_tightens(&old, &new)),
        None => read(file).is_some_and(|new| only_denies(&new)),
    })
}

fn read(file: &[u8]) -> Option<Value> {
    Some(yaml::parse(std::str::from_utf8(file).ok()?).ok()?.root?.to_value())
}

fn member<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    value.as_object()?.get(key)
}

fn items<'v>(value: &'v Value, key: &str) -> Option<&'v [Value]> {
    match member(value, key)? {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

fn rules(file: &Value) -> Option<&[Value]> {
    items(file, "rules")
}

fn denies(rule: &Value) -> bool {
    member(rule, "deny") == Some(&Value::Bool(true))
}

/// Whether the first rule denies every tool, in a file whose opinion counts for every agent.
fn denies_everything(file: &Value) -> bool {
    let enforced = member(file, "mode").is_none_or(|mode| mode.as_str() == Some("enforce"));
    let every_tool = |rule: &Value| {
        let conditions = member(rule, "match").and_then(Value::as_object);
        conditions.is_some_and(|conditions| {
            conditions.len() == 1 && conditions.get("tool").and_then(Value::as_str) == Some("*")
        })
    };
    let first = rules(file).and_then(<[Value]>::first);
    enforced && member(file, "agents").is_none() && first.is_some_and(|rule| denies(rule) && every_tool(rule))
}

/// Whether a file has nothing but rules that deny. Its tool declarations might be read together with another file's
/// rules, so it has none.
fn only_denies(file: &Value) -> bool {
    member(file, "tools").is_none() && rules(file).is_some_and(|rules| rules.iter().all(denies))
}

fn file_tightens(old: &Value, new: &Value) -> bool {
    let (Some(old_rules), Some(new_rules)) = (rules(old), rules(new)) else { return false };
    same_but_for(old, new, &[&TOLD[..], &["rules", "risk"]].concat())
        && risk_tightens(member(old, "risk"), member(new, "risk"))
        && rules_tighten(old_rules, new_rules)
}

/// Whether both mappings have the same members, some keys left aside.
fn same_but_for(old: &Value, new: &Value, aside: &[&str]) -> bool {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return old == new };
    let within = |one: &Object, other: &Object| {
        one.iter().all(|(key, value)| aside.contains(&key) || other.get(key) == Some(value))
    };
    within(old, new) && within(new, old)
}

fn risk_tightens(old: Option<&Value>, new: Option<&Value>) -> bool {
    let (old, new) = match (old, new) {
        (None, None) => return true,
        (Some(old), Some(new)) => (old, new),
        // Thresholds that were not set before may be higher than the ones that count by default.
        (None, Some(new)) => return same_but_for(new, &Value::Object(Object::default()), &["rules"]),
        (Some(_), None) => return false,
    };
    let mut added = items(new, "rules").unwrap_or_default().iter();
    let kept = items(old, "rules").unwrap_or_default();
    same_but_for(old, new, &["rules"]) && kept.iter().all(|rule| added.any(|other| other == rule))
}

/// Walks both lists at once: each new rule is an old one, perhaps stricter, or an added one that denies; old ones that
/// only allow may be missing.
fn rules_tighten(old: &[Value], new: &[Value]) -> bool {
    let mut old = old.iter().peekable();
    for rule in new {
        loop {
            match old.peek() {
                Some(before) if rule_tightens(before, rule) => {
                    old.next();
                    break;
                }
                _ if denies(rule) => break,
                Some(before) if only_allows(before) => {
                    old.next();
                }
                _ => return false,
            }
        }
    }
    old.all(only_allows)
}

fn rule_tightens(old: &Value, new: &Value) -> bool {
    // A missing parameter leaves a rule that allows undetermined, and then its risk counts; one that denies says
    // nothing.
    let brings_risk = member(old, "allow").is_some() && member(old, "risk").is_some();
    if denies(new) && !brings_risk {
        return same_but_for(old, new, &[&TOLD[..], &EFFECTS, &["risk"]].concat());
    }
    same_but_for(old, new, &TOLD)
}

/// Whether a rule does nothing but allow. A rule with its own risk may hold the action that it allows.
fn only_allows(rule: &Value) -> bool {
    member(rule, "allow").is_some() && member(rule, "risk").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: bool, before: &[(&str, &str)], after: &[(&str, &str)]) {
        fn bytes<'f>(files: &'f [(&'f str, &'f str)]) -> impl Iterator<Item = (&'f str, &'f [u8])> {
            files.iter().map(|(name, text)| (*name, text.as_bytes()))
        }
        assert_eq!(only_tightens(bytes(before), bytes(after)), expected, "{before:?}\n{after:?}");
    }

    #[track_caller]
    fn one(expected: bool, before: &str, after: &str) {
        check(expected, &[("a.yaml", before)], &[("a.yaml", after)]);
    }

    const PAY: &str = "rules:\n- { id: pay, match: { tool: pay }, allow: true }\n";

    #[test]
    fn steps_that_tighten_are_seen() {
        one(true, PAY, &format!("# a comment\n{PAY}"));
        one(true, PAY, "rules: [{ id: other, match: { tool: pay }, allow: true, reason: r }]");
        one(true, PAY, "rules: [{ match: { tool: pay }, deny: true }]");
        one(true, PAY, "rules: [{ match: { tool: x }, deny: true }, { match: { tool: pay }, allow: true }]");
        one(true, PAY, "rules: []");
        one(true, PAY, &format!("{PAY}risk: {{ rules: [{{ name: r, when: {{ tool: pay }}, score: 9 }}] }}"));
        check(
            true,
            &[("a.yaml", PAY)],
            &[("a.yaml", PAY), ("b.yaml", "rules: [{ match: { tool: x }, deny: true }]")],
        );
        check(true, &[], &[]);
    }

    #[test]
    fn a_set_that_denies_everything_tightens_whatever_it_replaces() {
        let nothing = ("z.yaml", "rules: [{ match: { tool: '*' }, deny: true }]");
        check(true, &[("a.yaml", PAY), ("b.yaml", PAY)], &[nothing]);
        for not_everything in [
            "rules: [{ match: { tool: '*', amount_gt: 0 }, deny: true }]",
            "rules: [{ match: { tool: 'p*' }, deny: true }]",
            "rules: [{ match: { tool: pay }, allow: true }, { match: { tool: '*' }, deny: true }]",
            "mode: shadow\nrules: [{ match: { tool: '*' }, deny: true }]",
            "agents: [x]\nrules: [{ match: { tool: '*' }, deny: true }]",
        ] {
            check(false, &[("a.yaml", PAY)], &[("z.yaml", not_everything)]);
        }
    }

    #[test]
    fn whatever_else_changes_is_not_seen_to_tighten() {
        let deny = "rules: [{ match: { tool: x }, deny: true }, { match: { tool: pay }, allow: true }]";
        let risk = "risk: { rules: [{ name: r, when: { tool: pay }, score: 9 }] }\n";
        for (before, after) in [
            (deny, PAY),
            ("rules: []", PAY),
            (PAY, "rules: [{ match: { tool: pay }, allow: true }, { match: { tool: x }, allow: true }]"),
            (PAY, "rules: [{ match: { tool: pay }, require_approval: true }]"),
            (
                "rules: [{ match: { tool: 'p*', amount_lt: 9 }, allow: true, risk: high }, { match: { tool: 'p*' }, allow: true }]",
                "rules: [{ match: { tool: 'p*', amount_lt: 9 }, deny: true }, { match: { tool: 'p*' }, allow: true }]",
            ),
            ("rules: [{ match: { tool: pay }, require_approval: true }]", PAY),
            (
                "rules: [{ match: { tool: pay }, require_approval: { approvers: 2 } }]",
                "rules: [{ match: { tool: pay }, require_approval: { approvers: 1 } }]",
            ),
            ("rules: [{ match: { tool: pay }, allow: true, risk: high }]", PAY),
            ("rules: [{ match: { tool: pay }, allow: true, risk: high }]", "rules: []"),
            (&format!("{risk}{PAY}"), PAY),
            (PAY, &format!("{PAY}risk: {{ require_approval_at: never }}")),
            (PAY, &format!("mode: shadow\n{PAY}")),
            (PAY, &format!("agents: [a]\n{PAY}")),
            (&format!("tools: {{ pay: {{ params: {{ a: {{ type: string }} }} }} }}\n{PAY}"), PAY),
            (
                "rules: [{ match: { tool: x }, require_approval: true }, { match: { tool: '*' }, allow: true }]",
                "rules: [{ match: { tool: '*' }, allow: true }, { match: { tool: x }, require_approval: true }]",
            ),
        ] {
            one(false, before, after);
        }
        check(false, &[("a.yaml", PAY), ("b.yaml", "rules: []")], &[("a.yaml", PAY)]);
        check(false, &[("a.yaml", PAY)], &[("a.yaml", PAY), ("b.yaml", PAY)]);
        check(false, &[("a.yaml", PAY)], &[("b.yaml", PAY)]);
        let declares = "tools: { pay: {} }\nrules: [{ match: { tool: x }, deny: true }]";
        check(false, &[("a.yaml", PAY)], &[("a.yaml", PAY), ("b.yaml", declares)]);
    }
}
