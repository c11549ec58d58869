//! Prints a JSON value as YAML 1.2 in block style, so that YAML 1.1 readers take it for the same value too: any
//! text that one of them could read as something else is quoted. Reading YAML is the engine's business.

use std::fmt::Write as _;

use engine::policy::yaml::is_plain;
use serde_json::Value;

/// `value` as YAML, with a line break at the end.
pub(crate) fn print(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Array(items) if !items.is_empty() => sequence(&mut out, items, 0),
        Value::Object(members) if !members.is_empty() => mapping(&mut out, members, 0),
        other => {
            scalar(&mut out, other);
            out.push('\n');
        }
    }
    out
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

fn mapping(out: &mut String, members: &serde_json::Map<String, Value>, depth: usize) {
    for (index, (key, value)) in members.iter().enumerate() {
        // The first member stands on the line that is open already: of the document, or behind a dash.
        if index > 0 || out.is_empty() || out.ends_with('\n') {
            indent(out, depth);
        }
        text(out, key);
        out.push(':');
        nested(out, value, depth);
    }
}

fn sequence(out: &mut String, items: &[Value], depth: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 || out.is_empty() || out.ends_with('\n') {
            indent(out, depth);
        }
        out.push_str("- ");
        match item {
            Value::Object(members) if !members.is_empty() => mapping(out, members, depth.saturating_add(1)),
            Value::Array(items) if !items.is_empty() => sequence(out, items, depth.saturating_add(1)),
            other => {
                scalar(out, other);
                out.push('\n');
            }
        }
    }
}

fn nested(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push('\n');
            mapping(out, members, depth.saturating_add(1));
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            sequence(out, items, depth.saturating_add(1));
        }
        other => {
            out.push(' ');
            scalar(out, other);
            out.push('\n');
        }
    }
}

fn scalar(out: &mut String, value: &Value) {
    match value {
        Value::String(string) => text(out, string),
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

fn text(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        // A JSON string is a double-quoted YAML scalar.
        let quoted = Value::from(text).to_string();
        out.push_str(&super::text::visible_json(&quoted));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(value: &Value, expected: &str) {
        assert_eq!(print(value), expected);
    }

    #[test]
    fn nested_values_stand_in_blocks() {
        check(
            &json!({ "a": 1, "b": [{ "c": "x", "d": [] }, [1, [2]], "two words"], "e": {}, "f": { "g": null } }),
            "a: 1\nb:\n  - c: x\n    d: []\n  - - 1\n    - - 2\n  - two words\ne: {}\nf:\n  g: null\n",
        );
        check(&json!([]), "[]\n");
        check(&json!("x"), "x\n");
    }

    #[test]
    fn text_that_could_be_read_as_something_else_is_quoted() {
        for text in [
            "no",
            "Yes",
            "off",
            "null",
            "~",
            "1",
            "1e3",
            "0x1f",
            "12:30:45",
            "2026-11-22",
            "",
            " x",
            "x ",
            "- x",
            "a: b",
            "x #y",
            "*x",
            "&x",
            "!x",
            "@x",
            "`x",
            "%x",
            "a\nb",
            "\u{85}",
            ".inf",
            "=",
            "<<",
        ] {
            let printed = print(&json!(text));
            assert!(printed.starts_with('"'), "{text:?} was printed as {printed:?}");
        }
        check(&json!({ "no": "plain-text_1.0/x" }), "\"no\": plain-text_1.0/x\n");
        check(&json!("\u{1b}[31m"), "\"\\u001b[31m\"\n");
    }
}
