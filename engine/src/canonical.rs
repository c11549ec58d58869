//! A value in, its canonical bytes out: the JSON Canonicalization Scheme, RFC 8785.
//!
//! Keys stand in the order of their UTF-16 code units, numbers as ECMAScript prints them, strings with the
//! fewest escapes, and there is no white space. This is the only code in the project that prints a float.

use std::fmt::{self, Display, Write as _};

use serde::Serialize;

use crate::order;
use crate::value::{NotJson, Value, key_order, to_value};

/// Text that is known to be canonical JSON, because only this module makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical(String);

impl Canonical {
    /// The canonical form of `value`.
    pub fn of(value: &Value) -> Self {
        let mut out = String::with_capacity(256);
        write(&mut out, value);
        Canonical(out)
    }

    /// The canonical form of anything serialisable.
    ///
    /// # Errors
    /// When `source` has no JSON form; see [`to_value`].
    pub fn serialize<T: Serialize + ?Sized>(source: &T) -> Result<Self, NotJson> {
        to_value(source).map(|value| Canonical::of(&value))
    }

    /// Text that the engine's module printed, and so canonical already. For a host that keeps such text and puts
    /// it into records; text from anywhere else goes through [`crate::json::parse`].
    pub fn printed_by_the_engine(text: &str) -> Self {
        Canonical(text.to_owned())
    }

    /// An object of parts that are canonical already.
    ///
    /// `parts` may come in any order; of two parts with one key the first stays.
    pub fn object(parts: &[(&str, &Canonical)]) -> Self {
        let mut sorted: Vec<_> = parts.iter().collect();
        order::sort_by(&mut sorted, |a, b| key_order(a.0, b.0));
        sorted.dedup_by(|later, earlier| later.0 == earlier.0);
        let mut out = String::with_capacity(
            parts.iter().map(|(key, part)| key.len().saturating_add(part.0.len()).saturating_add(4)).sum(),
        );
        out.push('{');
        for (index, (key, part)) in sorted.into_iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_string(&mut out, key);
            out.push(':');
            out.push_str(&part.0);
        }
        out.push('}');
        Canonical(out)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes, in UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The text, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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
pub(crate) fn write_number(out: &mut String, number: f64) {
    out.push_str(ryu_js::Buffer::new().format(number));
}

/// RFC 8785 §3.2.2.2: the two-character escapes where there is one, `\u00xx` for the other controls.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    // Runs without an escape, which is nearly all text, are copied whole.
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn parts_are_put_in_order() {
        let one = Canonical::of(&Value::Number(1.0));
        let text = Canonical::of(&Value::from("x"));
        assert_eq!(Canonical::object(&[("b", &one), ("a", &text)]).as_str(), r#"{"a":"x","b":1}"#);
    }

    #[test]
    fn numbers_are_printed_as_ecmascript_does() {
        for (text, canonical) in [
            ("45.0", "45"),
            ("4.5e1", "45"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("1e21", "1e+21"),
            ("123456789012345680000.0", "123456789012345680000"),
            ("1e-7", "1e-7"),
            ("0.000001", "0.000001"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("9007199254740991", "9007199254740991"),
            ("333333333.33333329", "333333333.3333333"),
        ] {
            let value = json::parse(text.as_bytes(), json::MAX_BYTES).unwrap();
            assert_eq!(Canonical::of(&value).as_str(), canonical, "for {text}");
        }
    }
}
