//! How values read on one line: control characters made visible, long text cut, hashes and durations in short.
//!
//! Every text from an agent goes through [`visible`] before it reaches a terminal.

use engine::decision::Outcome;
use serde_json::Value;

/// The outcome for a word from a server. A word that this version does not know becomes `HALT`.
pub(crate) fn outcome(word: Option<&str>) -> Outcome {
    match word {
        Some("EXECUTE") => Outcome::Execute,
        Some("ABSTAIN") => Outcome::Abstain,
        _ => Outcome::Halt,
    }
}

pub(crate) use engine::shown::{name, visible, visible_json};

/// At most `most` characters, the last being `…` or `...` when something is left out.
pub(crate) fn shortened(text: &str, most: usize, ellipsis: &str) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let keep = most.saturating_sub(ellipsis.chars().count());
    let mut out: String = text.chars().take(keep).collect();
    out.push_str(ellipsis);
    out
}

/// Arguments on one line of about `most` characters, those named in `first` before the others.
pub(crate) fn arguments(params: &Value, first: &[String], most: usize, ellipsis: &str) -> String {
    let line = engine::shown::arguments(&engine_value(params), first, most);
    if ellipsis == "…" { line } else { line.replace('…', ellipsis) }
}

/// A value on one line: text bare where that is clear, everything else as JSON.
pub(crate) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if engine::shown::is_word(text) => text.clone(),
        other => visible(&other.to_string()),
    }
}

/// A value from a server as the engine has it.
fn engine_value(value: &Value) -> engine::value::Value {
    use engine::value::{Object, Value as EngineValue};
    match value {
        Value::Null => EngineValue::Null,
        Value::Bool(bool) => EngineValue::Bool(*bool),
        Value::Number(number) => EngineValue::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => EngineValue::from(text.as_str()),
        Value::Array(items) => EngineValue::Array(items.iter().map(engine_value).collect()),
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| (name.clone(), engine_value(member))).collect();
            EngineValue::Object(Object::from_members(members).unwrap_or_default())
        }
    }
}

/// The text at `pointer` (RFC 6901), made visible; a dash if there is none.
pub(crate) fn at(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => visible(text),
        Some(other) => visible(&other.to_string()),
    }
}

/// The first 8 characters of an id.
pub(crate) fn short_id(id: &str) -> String {
    visible(&id.chars().take(8).collect::<String>())
}

/// A duration for people: `0.08 ms`, `12.4 ms`, `1.20 s`.
pub(crate) fn duration(us: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a duration in µs is far below 2^53")]
    let ms = us as f64 / 1000.0;
    match us {
        0..10_000 => format!("{ms:.2} ms"),
        10_000..1_000_000 => format!("{ms:.1} ms"),
        _ => format!("{:.2} s", ms / 1000.0),
    }
}

/// `1 record`, `2 records`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_passes() {
        let hostile = "\u{1b}[2Jx\u{9b}31m\u{202e}\u{7f}\r\n\u{feff}\u{ad}\u{200d}";
        let shown = visible(hostile);
        assert_eq!(shown, r"\u001b[2Jx\u009b31m\u202e\u007f\r\n\ufeff\u00ad\u200d");
        let line = arguments(&json!({ hostile: hostile }), &[], 200, "…");
        assert!(!line.chars().any(engine::shown::is_hidden), "{line}");
        let json = json!({ "a": hostile });
        let tamed = visible_json(&json.to_string());
        assert!(!tamed.chars().any(engine::shown::is_hidden), "{tamed}");
        assert_eq!(serde_json::from_str::<Value>(&tamed).unwrap(), json);
    }

    #[test]
    fn an_unknown_outcome_is_a_halt() {
        for word in [None, Some(""), Some("execute"), Some("PERMIT"), Some("HALT")] {
            assert_eq!(outcome(word), Outcome::Halt);
        }
        assert_eq!(outcome(Some("EXECUTE")), Outcome::Execute);
        assert_eq!(outcome(Some("ABSTAIN")), Outcome::Abstain);
    }

    #[test]
    fn arguments_read_short_and_the_compared_ones_come_first() {
        let params = json!({ "amount": "340", "customer_id": "c-1", "note": "two words", "items": [1, "b"] });
        let first = ["customer_id".to_owned()];
        assert_eq!(
            arguments(&params, &first, 80, "…"),
            r#"customer_id=c-1 amount="340" items=[1,"b"] note="two words""#
        );
        assert_eq!(arguments(&params, &first, 12, "..."), "customer_id=c-1 +3 more");
        assert_eq!(arguments(&json!({ "a": "abcdef" }), &[], 3, "..."), r#"a="abc"...+3"#);
        assert_eq!((scalar(&json!("340")), scalar(&json!(340))), (r#""340""#.to_owned(), "340".to_owned()));
    }

    #[test]
    fn durations_read_in_the_unit_that_fits() {
        assert_eq!(duration(0), "0.00 ms");
        assert_eq!(duration(84), "0.08 ms");
        assert_eq!(duration(12_440), "12.4 ms");
        assert_eq!(duration(1_200_000), "1.20 s");
    }
}
