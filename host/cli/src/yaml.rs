//! Prints a JSON value as YAML that YAML 1.1 readers take for the same value too. Reading YAML is the engine's business.

use std::fmt::Write as _;

use engine::shown::is_hidden;
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use serde_saphyr::{DoubleQuoted, ser_options};

/// `value` as YAML, with a line break at the end.
pub(crate) fn print(value: &Value) -> String {
    // The printer leaves keys bare whatever they hide, and JSON is YAML too.
    if hides_in_a_key(value) {
        return super::text::visible_json(&format!("{value:#}\n"));
    }
    let options = ser_options! { prefer_block_scalars: false, compact_list_indent: false };
    let printed = serde_saphyr::to_string_with_options(&Shown(value), options);
    let printed = printed.unwrap_or_else(|_| value.to_string());
    let mut out = String::with_capacity(printed.len());
    for c in printed.chars() {
        // These are left in double quotes only, where YAML takes them for escapes.
        match u32::from(c) {
            _ if c == '\n' || !is_hidden(c) => out.push(c),
            code @ 0x1_0000.. => _ = write!(out, "\\U{code:08x}"),
            code => _ = write!(out, "\\u{code:04x}"),
        }
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn hides_in_a_key(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(hides_in_a_key),
        Value::Object(members) => {
            members.iter().any(|(key, value)| key.chars().any(is_hidden) || hides_in_a_key(value))
        }
        _ => false,
    }
}

/// A value whose texts are in double quotes where they hold a character that steers a terminal or hides, so that it can
/// be written as an escape.
struct Shown<'a>(&'a Value);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(text) if text.chars().any(is_hidden) => DoubleQuoted(text).serialize(serializer),
            Value::Array(items) => serializer.collect_seq(items.iter().map(Shown)),
            Value::Object(members) => {
                serializer.collect_map(members.iter().map(|(key, value)| (key, Shown(value))))
            }
            other => other.serialize(serializer),
        }
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
        check(&json!({ "text": "a\nb" }), "text: \"a\\nb\"\n");
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
            assert!(printed.starts_with(['"', '\'']), "{text:?} was printed as {printed:?}");
            let printed = print(&json!({ text: 1 }));
            assert!(printed.starts_with(['"', '\'', '{']), "the key {text:?} was printed as {printed:?}");
        }
        check(&json!({ "no": "plain-text_1.0/x" }), "\"no\": plain-text_1.0/x\n");
    }

    #[test]
    fn nothing_that_hides_passes() {
        check(&json!("\u{1b}[31m"), "\"\\e[31m\"\n");
        check(&json!({ "a": "x\u{ad}\u{200d}\u{e0041}" }), "a: \"x\\u00ad\\u200d\\U000e0041\"\n");
        check(&json!([{ "a\u{202e}": 1 }]), "[\n  {\n    \"a\\u202e\": 1\n  }\n]\n");
        let document = engine::policy::yaml::parse(&print(&json!({ "a": "x\u{202e}\u{e0041}" }))).unwrap();
        let engine::policy::yaml::Kind::Map(entries) = document.root.unwrap().kind else {
            panic!("no mapping")
        };
        assert!(
            matches!(&entries[0].value.kind, engine::policy::yaml::Kind::Text(text) if text == "x\u{202e}\u{e0041}")
        );
    }
}
