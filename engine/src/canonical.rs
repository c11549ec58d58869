//! A value in, its canonical bytes out: the JSON Canonicalization Scheme, RFC 8785.
//!
//! Keys stand in the order of their UTF-16 code units, numbers as ECMAScript prints them, strings with the
//! fewest escapes, and there is no white space. This is the only code in the project that prints a float.

mod print;
mod ser;

use std::cmp::Ordering;
use std::fmt::{self, Display};

use serde::Serialize;

use crate::json::{self, JsonError};
use crate::order;
use crate::value::{Value, key_order};

pub use print::write;
use print::write_string;
pub use ser::NotJson;

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
    /// When `source` has no JSON form: a map with a key that is not text, or the same key twice, a number that is
    /// not finite or an integer that a double does not hold, bytes.
    pub fn serialize<T: Serialize + ?Sized>(source: &T) -> Result<Self, NotJson> {
        let mut out = String::with_capacity(512);
        append(&mut out, source)?;
        Ok(Canonical(out))
    }

    /// A JSON string.
    pub fn text(text: &str) -> Self {
        let mut out = String::with_capacity(text.len().saturating_add(2));
        write_string(&mut out, text);
        Canonical(out)
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
        Canonical::object_and(parts, None).0
    }

    /// An object of parts and one member more that is made of them: a hash of what it stands in.
    pub fn object_with(
        parts: &[(&str, &Canonical)],
        key: &str,
        value: impl FnOnce(&Canonical) -> Canonical,
    ) -> Self {
        let (without, (at, last)) = Canonical::object_and(parts, Some(key));
        let value = value(&without);
        let mut member = String::with_capacity(key.len().saturating_add(value.0.len()).saturating_add(4));
        if last && !parts.is_empty() {
            member.push(',');
        }
        write_string(&mut member, key);
        member.push(':');
        member.push_str(&value.0);
        if !last {
            member.push(',');
        }
        let mut with = without.0;
        with.insert_str(at, &member);
        Canonical(with)
    }

    /// An object, and where in it `key` would stand: the byte, and whether that is behind all members.
    fn object_and(parts: &[(&str, &Canonical)], key: Option<&str>) -> (Self, (usize, bool)) {
        let mut sorted: Vec<_> = parts.iter().collect();
        order::sort_by(&mut sorted, |a, b| key_order(a.0, b.0));
        sorted.dedup_by(|later, earlier| later.0 == earlier.0);
        let mut out = String::with_capacity(
            parts.iter().map(|(key, part)| key.len().saturating_add(part.0.len()).saturating_add(4)).sum(),
        );
        let mut place = None;
        out.push('{');
        for (index, (name, part)) in sorted.into_iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            if key.is_some_and(|key| place.is_none() && key_order(key, name) == Ordering::Less) {
                place = Some((out.len(), false));
            }
            write_string(&mut out, name);
            out.push(':');
            out.push_str(&part.0);
        }
        let place = place.unwrap_or((out.len(), true));
        out.push('}');
        (Canonical(out), place)
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

/// An object as it is written, member by member, by who knows the keys and gives them in canonical order.
#[derive(Debug)]
pub(crate) struct ObjectWriter {
    out: String,
    last: &'static str,
}

impl ObjectWriter {
    /// An object without members.
    pub(crate) fn new() -> Self {
        let mut out = String::with_capacity(512);
        out.push('{');
        ObjectWriter { out, last: "" }
    }

    /// The same members, with as much room for more.
    pub(crate) fn copied(&self) -> Self {
        let mut out = String::with_capacity(512);
        out.push_str(&self.out);
        ObjectWriter { out, last: self.last }
    }

    /// Adds text.
    pub(crate) fn text(&mut self, key: &'static str, text: &str) {
        self.key(key);
        write_string(&mut self.out, text);
    }

    /// Adds a value.
    pub(crate) fn value(&mut self, key: &'static str, value: &Value) {
        self.key(key);
        write(&mut self.out, value);
    }

    /// Adds what is canonical already.
    pub(crate) fn part(&mut self, key: &'static str, part: &Canonical) {
        self.key(key);
        self.out.push_str(&part.0);
    }

    /// What is written so far.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.out.as_bytes()
    }

    /// The object.
    pub(crate) fn end(mut self) -> Canonical {
        self.out.push('}');
        Canonical(self.out)
    }

    fn key(&mut self, key: &'static str) {
        debug_assert!(key_order(self.last, key) == Ordering::Less, "`{key}` comes before `{}`", self.last);
        if !self.last.is_empty() {
            self.out.push(',');
        }
        self.last = key;
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
    }
}

impl Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Appends the canonical form of anything serialisable to `out`.
///
/// # Errors
/// As for [`Canonical::serialize`]; `out` then ends somewhere in it.
pub(crate) fn append<T: Serialize + ?Sized>(out: &mut String, source: &T) -> Result<(), NotJson> {
    source.serialize(ser::Printer(out))
}

/// Reads a document that this module printed.
///
/// # Errors
/// As for [`json::parse_printed`], and [`json::JsonErrorCode::Shape`] when the bytes are not in canonical form.
pub fn parse(bytes: &[u8], max_bytes: usize) -> Result<Value, JsonError> {
    let value = json::parse_printed(bytes, max_bytes)?;
    if Canonical::of(&value).as_bytes() == bytes {
        return Ok(value);
    }
    Err(JsonError::shape("the document is not in canonical form"))
}

/// Anything serialisable as a value.
///
/// # Errors
/// When it has no JSON form; see [`Canonical::serialize`].
pub fn to_value<T: Serialize + ?Sized>(source: &T) -> Result<Value, NotJson> {
    let printed = Canonical::serialize(source)?;
    json::parse_printed(printed.as_bytes(), usize::MAX).map_err(serde::ser::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonErrorCode;

    #[test]
    fn parts_are_put_in_order() {
        let one = Canonical::of(&Value::Number(1.0));
        let text = Canonical::of(&Value::from("x"));
        assert_eq!(Canonical::object(&[("b", &one), ("a", &text)]).as_str(), r#"{"a":"x","b":1}"#);
        let with = |parts: &[(&str, &Canonical)], key| {
            Canonical::object_with(parts, key, Canonical::clone).into_string()
        };
        assert_eq!(with(&[("c", &one), ("b", &one)], "a"), r#"{"a":{"b":1,"c":1},"b":1,"c":1}"#);
        assert_eq!(with(&[("c", &one), ("a", &one)], "b"), r#"{"a":1,"b":{"a":1,"c":1},"c":1}"#);
        assert_eq!(with(&[("b", &one), ("a", &one)], "c"), r#"{"a":1,"b":1,"c":{"a":1,"b":1}}"#);
        assert_eq!(with(&[], "c"), r#"{"c":{}}"#);
    }

    #[test]
    fn what_serialises_is_put_in_order() {
        #[derive(Serialize)]
        struct Unordered {
            b: Option<u8>,
            #[serde(rename = "\u{20ac}")]
            euro: f64,
            a: Vec<&'static str>,
            c: std::collections::BTreeMap<&'static str, Variant>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "snake_case")]
        enum Variant {
            Plain,
            Wrapped(i64),
            Named { z: bool, y: () },
        }
        let c =
            [("q\"", Variant::Plain), ("k", Variant::Wrapped(-5)), ("j", Variant::Named { z: true, y: () })];
        let source = Unordered { b: None, euro: 1e21, a: vec!["x\n", "y"], c: c.into_iter().collect() };
        assert_eq!(
            Canonical::serialize(&source).unwrap().as_str(),
            "{\"a\":[\"x\\n\",\"y\"],\"b\":null,\"c\":{\"j\":{\"named\":{\"y\":null,\"z\":true}},\
             \"k\":{\"wrapped\":-5},\"q\\\"\":\"plain\"},\"€\":1e+21}"
        );
        for refused in [f64::NAN, f64::INFINITY] {
            assert!(Canonical::serialize(&refused).is_err());
        }
        assert!(Canonical::serialize(&(1_u64 << 53)).is_err());
        assert!(Canonical::serialize(&std::collections::BTreeMap::from([(1, 2)])).is_err());
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

    #[test]
    fn printed_documents_are_read_back_and_others_are_refused() {
        let value = json::parse(b"[1e20,-123456789012345680000.0]", 99).unwrap();
        let printed = Canonical::of(&value);
        assert_eq!(printed.as_str(), "[100000000000000000000,-123456789012345680000]");
        let refused = json::parse(printed.as_bytes(), 99).unwrap_err();
        assert_eq!(refused.code, JsonErrorCode::IntegerTooLarge);
        assert_eq!(parse(printed.as_bytes(), 99).unwrap(), value);
        for other in ["[1e20]", "[ 1]", "[100000000000000000001]", "{\"b\":1,\"a\":1}"] {
            assert_eq!(parse(other.as_bytes(), 99).unwrap_err().code, JsonErrorCode::Shape, "{other}");
        }
    }
}
