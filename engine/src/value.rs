//! JSON values as the engine sees them: every number is an IEEE 754 double, every object is sorted the way
//! RFC 8785 sorts it and holds each key once.
//!
//! Reading is in [`crate::json`], printing in [`crate::canonical`]; this module does neither.

use std::cmp::Ordering;

use serde::{Serialize, Serializer};

use crate::canonical::{Canonical, NotJson};
use crate::{json, order};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A finite double. Negative zero is read as zero.
    Number(f64),
    /// Text.
    String(String),
    /// A list.
    Array(Vec<Value>),
    /// An object with sorted, unique keys.
    Object(Object),
}

/// The kind of a [`Value`], as policies and messages name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number.
    Number,
    /// Text.
    String,
    /// A list.
    Array,
    /// An object.
    Object,
}

impl Type {
    /// The name in messages: `a number`, `null`, …
    pub fn described(self) -> &'static str {
        match self {
            Type::Null => "null",
            Type::Boolean => "a boolean",
            Type::Number => "a number",
            Type::String => "a string",
            Type::Array => "a list",
            Type::Object => "an object",
        }
    }
}

impl Value {
    /// The kind of this value.
    pub fn kind(&self) -> Type {
        match self {
            Value::Null => Type::Null,
            Value::Bool(_) => Type::Boolean,
            Value::Number(_) => Type::Number,
            Value::String(_) => Type::String,
            Value::Array(_) => Type::Array,
            Value::Object(_) => Type::Object,
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// The members, if this is an object.
    pub fn as_object(&self) -> Option<&Object> {
        if let Value::Object(object) = self { Some(object) } else { None }
    }
}

/// Anything serialisable as a value.
///
/// # Errors
/// When it has no JSON form; see [`Canonical::serialize`].
pub fn to_value<T: Serialize + ?Sized>(source: &T) -> Result<Value, NotJson> {
    let printed = Canonical::serialize(source)?;
    json::parse_canonical(printed.as_bytes(), usize::MAX).map_err(serde::ser::Error::custom)
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}

/// The members of a JSON object, sorted by the UTF-16 code units of their keys (RFC 8785 §3.2.3), each key once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Object(Vec<(String, Value)>);

impl Object {
    /// Sorts `members`.
    ///
    /// # Errors
    /// The first key, in sorted order, that occurs twice.
    pub fn from_members(mut members: Vec<(String, Value)>) -> Result<Self, String> {
        order::sort_by(&mut members, |a, b| key_order(&a.0, &b.0));
        let repeated = members.windows(2).find_map(|pair| match pair {
            [(first, _), (second, _)] if first == second => Some(second.clone()),
            _ => None,
        });
        match repeated {
            Some(key) => Err(key),
            None => Ok(Object(members)),
        }
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        // A short object is searched faster from the front than by halves.
        if self.0.len() <= 8 {
            return self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value);
        }
        let index = self.0.binary_search_by(|(name, _)| key_order(name, key)).ok()?;
        self.0.get(index).map(|(_, value)| value)
    }

    /// The members in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The members in canonical order, to keep.
    pub fn into_members(self) -> Vec<(String, Value)> {
        self.0
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The order of RFC 8785 §3.2.3: by UTF-16 code units.
///
/// The bytes of UTF-8 are in the order of code points. That of code units differs only where a character beyond the
/// Basic Multilingual Plane (first byte from 0xF0) meets one from U+E000 to U+FFFF (first byte 0xEE or 0xEF).
pub fn key_order(a: &str, b: &str) -> Ordering {
    let differing = a.bytes().zip(b.bytes()).find(|(one, other)| one != other);
    match differing {
        Some((one @ 0xee.., other @ 0xee..)) if one >= 0xf0 || other >= 0xf0 => {
            a.encode_utf16().cmp(b.encode_utf16())
        }
        Some((one, other)) => one.cmp(&other),
        None => a.len().cmp(&b.len()),
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(bool) => serializer.serialize_bool(*bool),
            Value::Number(number) => serializer.serialize_f64(*number),
            Value::String(text) => serializer.serialize_str(text),
            Value::Array(items) => serializer.collect_seq(items),
            Value::Object(object) => serializer.collect_map(object.iter()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_their_utf16_units() {
        let keys = [
            "",
            "a",
            "aa",
            "b",
            "é",
            "\u{d7ff}",
            "\u{e000}",
            "\u{ffff}",
            "😂",
            "\u{10ffff}",
            "a😂",
            "a\u{ffff}",
        ];
        for one in keys {
            for other in keys {
                let expected = one.encode_utf16().cmp(other.encode_utf16());
                assert_eq!(key_order(one, other), expected, "{one:?} and {other:?}");
            }
        }
    }
}
