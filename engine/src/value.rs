//! JSON values as the engine sees them: every number is an IEEE 754 double, every object is sorted the way
//! RFC 8785 sorts it and holds each key once.
//!
//! Reading is in [`crate::json`], printing in [`crate::canonical`]; this module does neither.

use std::cmp::Ordering;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::order;

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

/// For programs that read what the engine printed; what callers send is read by [`crate::json`], which is stricter.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Value, E> {
        Ok(Value::Bool(bool))
    }

    #[expect(clippy::cast_precision_loss, reason = "every number is a double")]
    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "every number is a double")]
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(item) = items.next_element()? {
            values.push(item);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(member) = members.next_entry()? {
            values.push(member);
        }
        let object = Object::from_members(values);
        object
            .map(Value::Object)
            .map_err(|key| A::Error::custom(format_args!("the key `{key}` is there twice")))
    }
}

#[cfg(feature = "types")]
impl schemars::JsonSchema for Value {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        true.into()
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
