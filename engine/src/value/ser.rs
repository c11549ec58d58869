//! From any serialisable type to a [`Value`], so that everything the engine says leaves through the one
//! canonical printer. Only what the engine's own types need is here: no bytes, no enum variants with data that
//! are not newtypes or structs.

use std::fmt::{self, Display};

use serde::ser::{self, Serialize};

use super::{Object, Value};

/// Turns `source` into a [`Value`].
///
/// # Errors
/// When a map has a key that is not text, or the same key twice, or a number is not finite.
pub fn to_value<T: Serialize + ?Sized>(source: &T) -> Result<Value, NotJson> {
    source.serialize(ToValue)
}

/// Why a type has no JSON form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotJson(String);

impl Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotJson {}

impl ser::Error for NotJson {
    fn custom<T: Display>(message: T) -> Self {
        NotJson(message.to_string())
    }
}

struct ToValue;

struct Items(Vec<Value>);

struct Members {
    done: Vec<(String, Value)>,
    key: Option<String>,
    /// Set for a struct variant: the name under which the members stand.
    variant: Option<&'static str>,
}

impl Members {
    fn new() -> Self {
        Members { done: Vec::new(), key: None, variant: None }
    }

    fn object(self) -> Result<Value, NotJson> {
        let object = Object::from_members(self.done)
            .map_err(|key| NotJson(format!("the key `{key}` occurs twice")))?;
        let object = Value::Object(object);
        match self.variant {
            None => Ok(object),
            Some(name) => named(name, object),
        }
    }
}

fn named(name: &str, value: Value) -> Result<Value, NotJson> {
    Object::from_members(vec![(name.to_owned(), value)]).map(Value::Object).map_err(NotJson)
}

impl ser::Serializer for ToValue {
    type Ok = Value;
    type Error = NotJson;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = ser::Impossible<Value, NotJson>;
    type SerializeMap = Members;
    type SerializeStruct = Members;
    type SerializeStructVariant = Members;

    fn serialize_bool(self, v: bool) -> Result<Value, NotJson> {
        Ok(Value::Bool(v))
    }
    fn serialize_i8(self, v: i8) -> Result<Value, NotJson> {
        self.serialize_f64(f64::from(v))
    }
    fn serialize_i16(self, v: i16) -> Result<Value, NotJson> {
        self.serialize_f64(f64::from(v))
    }
    fn serialize_i32(self, v: i32) -> Result<Value, NotJson> {
        self.serialize_f64(f64::from(v))
    }
    fn serialize_i64(self, v: i64) -> Result<Value, NotJson> {
        integer(v.unsigned_abs(), v < 0)
    }
    fn serialize_u8(self, v: u8) -> Result<Value, NotJson> {
        self.serialize_f64(f64::from(v))
    }
    fn serialize_u16(self, v: u16) -> Result<Value, NotJson> {
        self.serialize_f64(f64::from(v))
    }
    fn serialize_u32(self, v: u32) -> Result<Value, NotJson> {
        self.serialize_f64(f64::from(v))
    }
    fn serialize_u64(self, v: u64) -> Result<Value, NotJson> {
        integer(v, false)
    }
    fn serialize_f32(self, v: f32) -> Result<Value, NotJson> {
        self.serialize_f64(f64::from(v))
    }
    fn serialize_f64(self, v: f64) -> Result<Value, NotJson> {
        if v.is_finite() { Ok(Value::Number(v)) } else { Err(NotJson("a number is not finite".to_owned())) }
    }
    fn serialize_char(self, v: char) -> Result<Value, NotJson> {
        Ok(Value::String(v.to_string()))
    }
    fn serialize_str(self, v: &str) -> Result<Value, NotJson> {
        Ok(Value::String(v.to_owned()))
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<Value, NotJson> {
        Err(NotJson("bytes have no JSON form".to_owned()))
    }
    fn serialize_none(self) -> Result<Value, NotJson> {
        Ok(Value::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, v: &T) -> Result<Value, NotJson> {
        v.serialize(self)
    }
    fn serialize_unit(self) -> Result<Value, NotJson> {
        Ok(Value::Null)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, NotJson> {
        Ok(Value::Null)
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, NotJson> {
        Ok(Value::String(variant.to_owned()))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        v: &T,
    ) -> Result<Value, NotJson> {
        v.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        v: &T,
    ) -> Result<Value, NotJson> {
        named(variant, v.serialize(self)?)
    }
    fn serialize_seq(self, length: Option<usize>) -> Result<Items, NotJson> {
        Ok(Items(Vec::with_capacity(length.unwrap_or(0))))
    }
    fn serialize_tuple(self, length: usize) -> Result<Items, NotJson> {
        self.serialize_seq(Some(length))
    }
    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Items, NotJson> {
        self.serialize_seq(Some(length))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NotJson> {
        Err(NotJson(format!("the variant `{variant}` has no JSON form")))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Members, NotJson> {
        Ok(Members::new())
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members, NotJson> {
        Ok(Members::new())
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members, NotJson> {
        Ok(Members { variant: Some(variant), ..Members::new() })
    }
}

/// An integer that a double holds exactly; a larger one would silently become another number.
fn integer(magnitude: u64, negative: bool) -> Result<Value, NotJson> {
    if magnitude > crate::json::MAX_SAFE_INTEGER {
        return Err(NotJson(format!("the integer {magnitude} is over 2^53 - 1")));
    }
    #[expect(clippy::cast_precision_loss, reason = "checked to be at most 2^53 - 1 in the line above")]
    let number = magnitude as f64;
    Ok(Value::Number(if negative { -number } else { number }))
}

impl ser::SerializeSeq for Items {
    type Ok = Value;
    type Error = NotJson;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, v: &T) -> Result<(), NotJson> {
        self.0.push(v.serialize(ToValue)?);
        Ok(())
    }
    fn end(self) -> Result<Value, NotJson> {
        Ok(Value::Array(self.0))
    }
}

impl ser::SerializeTuple for Items {
    type Ok = Value;
    type Error = NotJson;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, v: &T) -> Result<(), NotJson> {
        ser::SerializeSeq::serialize_element(self, v)
    }
    fn end(self) -> Result<Value, NotJson> {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeTupleStruct for Items {
    type Ok = Value;
    type Error = NotJson;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, v: &T) -> Result<(), NotJson> {
        ser::SerializeSeq::serialize_element(self, v)
    }
    fn end(self) -> Result<Value, NotJson> {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeMap for Members {
    type Ok = Value;
    type Error = NotJson;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotJson> {
        match key.serialize(ToValue)? {
            Value::String(text) => {
                self.key = Some(text);
                Ok(())
            }
            _ => Err(NotJson("a key is not text".to_owned())),
        }
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, v: &T) -> Result<(), NotJson> {
        let key = self.key.take().ok_or_else(|| NotJson("a value without a key".to_owned()))?;
        self.done.push((key, v.serialize(ToValue)?));
        Ok(())
    }
    fn end(self) -> Result<Value, NotJson> {
        self.object()
    }
}

impl ser::SerializeStruct for Members {
    type Ok = Value;
    type Error = NotJson;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, v: &T) -> Result<(), NotJson> {
        self.done.push((key.to_owned(), v.serialize(ToValue)?));
        Ok(())
    }
    fn end(self) -> Result<Value, NotJson> {
        self.object()
    }
}

impl ser::SerializeStructVariant for Members {
    type Ok = Value;
    type Error = NotJson;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, v: &T) -> Result<(), NotJson> {
        ser::SerializeStruct::serialize_field(self, key, v)
    }
    fn end(self) -> Result<Value, NotJson> {
        self.object()
    }
}
