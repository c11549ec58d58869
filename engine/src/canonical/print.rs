//! The printer of canonical JSON: values, numbers and strings as RFC 8785 lays them out. It does not know types.

use std::fmt::Write as _;

use crate::text;
use crate::value::Value;

/// Appends the canonical form of `value` to `out`.
pub fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, *number),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (index, (key, member)) in object.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(out, key);
                out.push(':');
                write(out, member);
            }
            out.push('}');
        }
    }
}

/// RFC 8785 §3.2.2.3: the shortest digits that read back as the same double, laid out as ECMAScript does.
pub(super) fn write_number(out: &mut String, number: f64) {
    out.push_str(ryu_js::Buffer::new().format(number));
}

/// RFC 8785 §3.2.2.2: the two-character escapes where there is one, `\u00xx` for the other controls.
pub(super) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    // Runs without an escape, which is nearly all text, are copied whole.
    while let Some(at) = text::first_special(rest.as_bytes()) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = tail.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\t') => out.push_str("\\t"),
            Some('\n') => out.push_str("\\n"),
            Some('\u{c}') => out.push_str("\\f"),
            Some('\r') => out.push_str("\\r"),
            // Writing to a `String` does not fail.
            Some(control) => _ = write!(out, "\\u{:04x}", u32::from(control)),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}
