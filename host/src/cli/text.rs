//! How values read on one line: control characters made visible, long text cut, hashes and durations in short.
//!
//! Whatever comes from an agent goes through [`visible`] before a terminal sees it.

use std::fmt::Write as _;

use engine::decision::Outcome;
use serde_json::Value;

/// The outcome a word from a server stands for. A word that this version does not know is taken for `HALT`.
pub(crate) fn outcome(word: Option<&str>) -> Outcome {
    match word {
        Some("EXECUTE") => Outcome::Execute,
        Some("ABSTAIN") => Outcome::Abstain,
        _ => Outcome::Halt,
    }
}

/// Whether a terminal could take `c` for more than a letter: controls, and what turns the direction of writing or
/// has no width.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` on one line, with every character that could steer a terminal written as an escape.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if steers(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// JSON text with the characters that could steer a terminal as `\u` escapes. They can stand only in strings, where
/// the escape means the same; line breaks between tokens stay.
pub(crate) fn tame_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && steers(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

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

/// Arguments in short: `amount=340 customer_id=c-1`, at most `most` characters.
pub(crate) fn arguments(params: &Value, most: usize, ellipsis: &str) -> String {
    let Some(object) = params.as_object() else { return String::new() };
    let mut out = String::new();
    for (key, value) in object {
        if !out.is_empty() {
            out.push(' ');
        }
        let _ = write!(out, "{}={}", visible(key), scalar(value));
        // What will not be seen need not be written; a value can be large.
        if out.len() > most.saturating_mul(4) {
            break;
        }
    }
    shortened(&out, most, ellipsis)
}

/// A value on one line: text bare where that is clear, everything else as JSON.
pub(crate) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => visible(&tame_json(&other.to_string())),
    }
}

/// A value on one line, text without quotes.
pub(crate) fn scalar_text(value: &Value) -> String {
    value.as_str().map_or_else(|| scalar(value), visible)
}

fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "-_.@/:+".contains(c);
    !text.is_empty() && text.chars().all(plain)
}

/// The text at `pointer` (RFC 6901), made visible; a dash where there is none.
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
        let hostile = "\u{1b}[2Jx\u{9b}31m\u{202e}\u{7f}\r\n\u{feff}";
        let shown = visible(hostile);
        assert_eq!(shown, "\\u{1b}[2Jx\\u{9b}31m\\u{202e}\\u{7f}\\r\\n\\u{feff}");
        assert!(!arguments(&json!({ hostile: hostile }), 200, "…").chars().any(steers));
        let json = json!({ "a": hostile });
        let tamed = tame_json(&json.to_string());
        assert!(!tamed.chars().any(steers));
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
    fn arguments_read_short() {
        let params = json!({ "amount": 340, "customer_id": "c-1", "note": "two words", "items": [1, "b"] });
        assert_eq!(
            arguments(&params, 80, "…"),
            r#"amount=340 customer_id=c-1 items=[1,"b"] note="two words""#
        );
        assert_eq!(arguments(&params, 12, "…"), "amount=340 …");
        assert_eq!(arguments(&params, 12, "..."), "amount=34...");
    }

    #[test]
    fn durations_read_in_the_unit_that_fits() {
        assert_eq!(duration(0), "0.00 ms");
        assert_eq!(duration(84), "0.08 ms");
        assert_eq!(duration(12_440), "12.4 ms");
        assert_eq!(duration(1_200_000), "1.20 s");
    }
}
