//! Comparing what a case expects with what a host answered.

use engine::canonical::Canonical;
use engine::diagnostic::Diagnostic;
use engine::value::Value;

use crate::member;

/// The differences between `expect` and the decision and error of an answer; empty if there are none.
///
/// A key that is not known is a difference, so that nothing is silently not compared.
pub fn decision_differences(expect: &Value, decision: &Value, error: Option<&Value>) -> Vec<String> {
    let null = Value::Null;
    let of = |key: &str| member(decision, key).unwrap_or(&null);
    let rule = |key: &str| member(of("rule"), key).unwrap_or(&null);
    let mut found = Vec::new();
    let Value::Object(expected) = expect else { return vec!["`expect` is not a mapping".to_owned()] };
    for (key, wanted) in expected.iter() {
        let actual = match key {
            "outcome" | "decision" | "reason_code" | "reason" | "risk_level" | "risk_score"
            | "risk_rules" | "request_hash" | "policy_hash" | "provenance_id" | "raw_hash" | "approval"
            | "key_params" => of(key),
            "rule" => rule("id"),
            "policy" => rule("policy"),
            "line" => rule("line"),
            "error_code" => error.and_then(|error| member(error, "code")).unwrap_or(&null),
            "reason_contains" => {
                let (Value::String(part), Value::String(reason)) = (wanted, of("reason")) else {
                    found.push("`reason_contains` and `reason` are texts".to_owned());
                    continue;
                };
                if !reason.contains(part.as_str()) {
                    found.push(format!("reason: expected a part `{part}`, found `{reason}`"));
                }
                continue;
            }
            "shadow" => {
                found.extend(shadow_differences(wanted, of("shadow")));
                continue;
            }
            _ => {
                found.push(format!("`{key}` is not a key of `expect`"));
                continue;
            }
        };
        if actual != wanted {
            found.push(format!("{key}: expected {}, found {}", Canonical::of(wanted), Canonical::of(actual)));
        }
    }
    found
}

fn shadow_differences(wanted: &Value, actual: &Value) -> Vec<String> {
    let list = |value: &Value| if let Value::Array(items) = value { items.clone() } else { Vec::new() };
    let (wanted, actual) = (list(wanted), list(actual));
    if wanted.len() != actual.len() {
        return vec![format!("shadow: expected {} entries, found {}", wanted.len(), actual.len())];
    }
    let mut found = Vec::new();
    for (wanted, actual) in wanted.iter().zip(&actual) {
        let Value::Object(keys) = wanted else { return vec!["an entry of `shadow` is a mapping".to_owned()] };
        for (key, wanted) in keys.iter() {
            let is = member(actual, key).unwrap_or(&Value::Null);
            let is = if key == "rule" { member(is, "id").unwrap_or(&Value::Null) } else { is };
            if is != wanted {
                let (wanted, is) = (Canonical::of(wanted), Canonical::of(is));
                found.push(format!("shadow.{key}: expected {wanted}, found {is}"));
            }
        }
    }
    found
}

/// The differences between the expected and the actual diagnostics of a case.
pub fn diagnostic_differences(expect: &Value, given: &[Diagnostic]) -> Vec<String> {
    let Value::Array(expected) = expect else { return vec!["`expect` is not a list".to_owned()] };
    let given: Vec<Value> = given.iter().filter_map(|one| engine::canonical::to_value(one).ok()).collect();
    let text = |value: &Value, key: &str| match member(value, key) {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    let warnings_wanted = expected.iter().any(|one| text(one, "severity") == "warning");
    let compared: Vec<&Value> =
        given.iter().filter(|one| warnings_wanted || text(one, "severity") == "error").collect();
    let shown: Vec<String> = compared.iter().map(|one| Canonical::of(one).into_string()).collect();
    if compared.len() != expected.len() {
        return vec![format!(
            "expected {} diagnostics, found {}: {}",
            expected.len(),
            compared.len(),
            shown.join("\n")
        )];
    }
    let mut found = Vec::new();
    for (wanted, actual) in expected.iter().zip(compared) {
        let Value::Object(keys) = wanted else { return vec!["a diagnostic is a mapping".to_owned()] };
        for (key, wanted) in keys.iter() {
            let part_of = key.strip_suffix("_contains");
            let is = member(actual, part_of.unwrap_or(key)).unwrap_or(&Value::Null);
            let fits = match (part_of, wanted, is) {
                (Some(_), Value::String(part), Value::String(whole)) => whole.contains(part.as_str()),
                (Some(_), ..) => false,
                (None, ..) => wanted == is,
            };
            if !fits {
                let (wanted, is) = (Canonical::of(wanted), Canonical::of(is));
                found.push(format!("{key}: expected {wanted}, found {is}"));
            }
        }
    }
    found
}
