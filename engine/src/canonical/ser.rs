//! From any serialisable type to canonical JSON, in one pass and through the one printer. Only what the project's
//! own types need is here: no bytes, no tuple variants.
//!
//! Fields that a type declares in canonical order are printed as they come; others are put in order at the end of
//! their object.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::{self, Display, Write as _};
use std::ops::Range;

use serde::ser::{self, Impossible, Serialize, Serializer};

use super::print::{write_number, write_string};
use crate::json::MAX_SAFE_INTEGER;
use crate::order;
use crate::value::key_order;

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

fn not_json<T>(why: &str) -> Result<T, NotJson> {
    Err(NotJson(why.to_owned()))
}

/// Appends to a text.
pub(super) struct Printer<'o>(pub(super) &'o mut String);

impl Printer<'_> {
    fn word(self, word: &str) -> Result<(), NotJson> {
        self.0.push_str(word);
        Ok(())
    }

    /// An integer that a double holds exactly; a larger one would silently become another number.
    fn integer(self, magnitude: u64, negative: bool) -> Result<(), NotJson> {
        if magnitude > MAX_SAFE_INTEGER {
            return Err(NotJson(format!("the integer {magnitude} is over 2^53 - 1")));
        }
        if negative {
            self.0.push('-');
        }
        // Writing to a `String` does not fail.
        _ = write!(self.0, "{magnitude}");
        Ok(())
    }
}

impl<'o> Serializer for Printer<'o> {
    type Ok = ();
    type Error = NotJson;
    type SerializeSeq = Items<'o>;
    type SerializeTuple = Items<'o>;
    type SerializeTupleStruct = Items<'o>;
    type SerializeTupleVariant = Impossible<(), NotJson>;
    type SerializeMap = Members<'o>;
    type SerializeStruct = Members<'o>;
    type SerializeStructVariant = Members<'o>;

    fn serialize_bool(self, v: bool) -> Result<(), NotJson> {
        self.word(if v { "true" } else { "false" })
    }
    fn serialize_i8(self, v: i8) -> Result<(), NotJson> {
        self.serialize_i64(i64::from(v))
    }
    fn serialize_i16(self, v: i16) -> Result<(), NotJson> {
        self.serialize_i64(i64::from(v))
    }
    fn serialize_i32(self, v: i32) -> Result<(), NotJson> {
        self.serialize_i64(i64::from(v))
    }
    fn serialize_i64(self, v: i64) -> Result<(), NotJson> {
        self.integer(v.unsigned_abs(), v < 0)
    }
    fn serialize_u8(self, v: u8) -> Result<(), NotJson> {
        self.integer(u64::from(v), false)
    }
    fn serialize_u16(self, v: u16) -> Result<(), NotJson> {
        self.integer(u64::from(v), false)
    }
    fn serialize_u32(self, v: u32) -> Result<(), NotJson> {
        self.integer(u64::from(v), false)
    }
    fn serialize_u64(self, v: u64) -> Result<(), NotJson> {
        self.integer(v, false)
    }
    fn serialize_f32(self, v: f32) -> Result<(), NotJson> {
        self.serialize_f64(f64::from(v))
    }
    fn serialize_f64(self, v: f64) -> Result<(), NotJson> {
        if !v.is_finite() {
            return not_json("a number is not finite");
        }
        write_number(self.0, v);
        Ok(())
    }
    fn serialize_char(self, v: char) -> Result<(), NotJson> {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, v: &str) -> Result<(), NotJson> {
        write_string(self.0, v);
        Ok(())
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<(), NotJson> {
        not_json("bytes have no JSON form")
    }
    fn serialize_none(self) -> Result<(), NotJson> {
        self.word("null")
    }
    fn serialize_some<T: Serialize + ?Sized>(self, v: &T) -> Result<(), NotJson> {
        v.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), NotJson> {
        self.word("null")
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NotJson> {
        self.word("null")
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), NotJson> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, v: &T) -> Result<(), NotJson> {
        v.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        v: &T,
    ) -> Result<(), NotJson> {
        let mut members = Members::open(self, None);
        members.member(Cow::Borrowed(variant), v)?;
        members.close()
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'o>, NotJson> {
        self.0.push('[');
        Ok(Items { out: self.0, first: true })
    }
    fn serialize_tuple(self, length: usize) -> Result<Items<'o>, NotJson> {
        self.serialize_seq(Some(length))
    }
    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Items<'o>, NotJson> {
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
    fn serialize_map(self, _: Option<usize>) -> Result<Members<'o>, NotJson> {
        Ok(Members::open(self, None))
    }
    fn serialize_struct(self, _: &'static str, fields: usize) -> Result<Members<'o>, NotJson> {
        let mut members = Members::open(self, None);
        members.members.reserve(fields);
        Ok(members)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members<'o>, NotJson> {
        Ok(Members::open(self, Some(variant)))
    }
}

/// A list as it is printed.
pub(super) struct Items<'o> {
    out: &'o mut String,
    first: bool,
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, v: &T) -> Result<(), NotJson> {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        v.serialize(Printer(self.out))
    }
}

/// An object as it is printed: where each member stands, so that they can be put in order.
pub(super) struct Members<'o> {
    out: &'o mut String,
    /// Behind the opening brace.
    start: usize,
    members: Vec<(Cow<'static, str>, Range<usize>)>,
    in_order: bool,
    /// The key of a map, until its value comes.
    key: Option<String>,
    /// Set for a struct variant: the object stands inside of another one.
    variant: bool,
}

impl<'o> Members<'o> {
    fn open(printer: Printer<'o>, variant: Option<&str>) -> Self {
        let out = printer.0;
        if let Some(variant) = variant {
            out.push('{');
            write_string(out, variant);
            out.push(':');
        }
        out.push('{');
        let start = out.len();
        Members { out, start, members: Vec::new(), in_order: true, key: None, variant: variant.is_some() }
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: Cow<'static, str>, v: &T) -> Result<(), NotJson> {
        let start = self.begin(&key);
        v.serialize(Printer(self.out))?;
        self.members.push((key, start..self.out.len()));
        Ok(())
    }

    /// Prints the key, and says where it starts. It is the same for every type of value, so it stands by itself.
    #[expect(clippy::ptr_arg, reason = "whose the text is says whether it can need escapes")]
    fn begin(&mut self, key: &Cow<'static, str>) -> usize {
        if let Some((last, _)) = self.members.last() {
            self.in_order &= key_order(last, key) == Ordering::Less;
            self.out.push(',');
        }
        let start = self.out.len();
        match key {
            // The name of a field of ours, which is a word.
            Cow::Borrowed(word) => {
                debug_assert!(
                    crate::text::first_special(word.as_bytes()).is_none(),
                    "`{word}` needs escapes"
                );
                self.out.push('"');
                self.out.push_str(word);
                self.out.push('"');
            }
            Cow::Owned(key) => write_string(self.out, key),
        }
        self.out.push(':');
        start
    }

    fn close(mut self) -> Result<(), NotJson> {
        if !self.in_order {
            order::sort_by(&mut self.members, |one, other| key_order(&one.0, &other.0));
            let twice = self.members.windows(2).find_map(|pair| match pair {
                [(one, _), (other, _)] if one == other => Some(one),
                _ => None,
            });
            if let Some(key) = twice {
                return Err(NotJson(format!("the key `{key}` occurs twice")));
            }
            let texts: Vec<&str> =
                self.members.iter().filter_map(|(_, range)| self.out.get(range.clone())).collect();
            let ordered = texts.join(",");
            self.out.truncate(self.start);
            self.out.push_str(&ordered);
        }
        self.out.push('}');
        if self.variant {
            self.out.push('}');
        }
        Ok(())
    }
}

macro_rules! items {
    ($($of:ident: $method:ident;)*) => {$(
        impl ser::$of for Items<'_> {
            type Ok = ();
            type Error = NotJson;
            fn $method<T: Serialize + ?Sized>(&mut self, v: &T) -> Result<(), NotJson> {
                self.item(v)
            }
            fn end(self) -> Result<(), NotJson> {
                self.out.push(']');
                Ok(())
            }
        }
    )*};
}

items! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
}

macro_rules! members {
    ($($of:ident;)*) => {$(
        impl ser::$of for Members<'_> {
            type Ok = ();
            type Error = NotJson;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, v: &T) -> Result<(), NotJson> {
                self.member(Cow::Borrowed(key), v)
            }
            fn end(self) -> Result<(), NotJson> {
                self.close()
            }
        }
    )*};
}

members! {
    SerializeStruct;
    SerializeStructVariant;
}

impl ser::SerializeMap for Members<'_> {
    type Ok = ();
    type Error = NotJson;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotJson> {
        let mut printed = String::new();
        key.serialize(Printer(&mut printed))?;
        // A key is text, so what was printed is a JSON string, which the reader gives back as it was.
        match crate::json::parse(printed.as_bytes(), usize::MAX) {
            Ok(crate::value::Value::String(text)) => {
                self.key = Some(text);
                Ok(())
            }
            _ => not_json("a key is not text"),
        }
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, v: &T) -> Result<(), NotJson> {
        match self.key.take() {
            Some(key) => self.member(Cow::Owned(key), v),
            None => not_json("a value without a key"),
        }
    }
    fn end(self) -> Result<(), NotJson> {
        self.close()
    }
}
