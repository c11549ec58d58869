//! How the fields of a record's body become members of its JSON object, and are read back.
//!
//! The words and shapes are in [`super::body`]; here is only what a text, a number or a hash looks like.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use super::kind::RecordKind;
use crate::canonical::Canonical;
use crate::decision::ReasonCode;
use crate::hash::{Digest, EngineHash, FileHash, PolicyHash, RecordHash, RequestHash};
use crate::json::JsonError;
use crate::lifecycle::Status;
use crate::principal::{Principal, PrincipalFields, Via};
use crate::time::Timestamp;
use crate::value::{Object, Value};

/// The members of a body, in any order.
pub(super) type Members = Vec<(&'static str, Canonical)>;

/// One value, as the value of one member.
pub(super) trait Part: Sized {
    /// The shape, for messages: `a string`.
    const SHAPE: &'static str;

    fn print(&self) -> Canonical;

    fn parse(value: &Value) -> Option<Self>;

    /// About how many bytes it takes, where that can be many.
    fn length(&self) -> usize {
        0
    }
}

/// A field of a body: one member of the record, or several.
pub(super) trait Member: Sized {
    fn write(&self, key: &'static str, out: &mut Members);

    fn read(key: &'static str, record: &Object) -> Result<Self, JsonError>;

    fn size(&self) -> usize;
}

impl<T: Part> Member for T {
    fn write(&self, key: &'static str, out: &mut Members) {
        out.push((key, self.print()));
    }

    fn read(key: &'static str, record: &Object) -> Result<Self, JsonError> {
        let value = record.get(key).filter(|value| **value != Value::Null).ok_or_else(|| lacks(key))?;
        T::parse(value).ok_or_else(|| JsonError::shape(format!("its `{key}` is not {}", T::SHAPE)))
    }

    fn size(&self) -> usize {
        self.length()
    }
}

/// Null stands for none. A member that is missing is read as none too: earlier versions left some out.
impl<T: Part> Member for Option<T> {
    fn write(&self, key: &'static str, out: &mut Members) {
        out.push((key, self.as_ref().map_or_else(null, Part::print)));
    }

    fn read(key: &'static str, record: &Object) -> Result<Self, JsonError> {
        match record.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => T::read(key, record).map(Some),
        }
    }

    fn size(&self) -> usize {
        self.as_ref().map_or(0, Part::length)
    }
}

pub(super) fn null() -> Canonical {
    Canonical::of(&Value::Null)
}

pub(super) fn lacks(key: &str) -> JsonError {
    JsonError::shape(format!("it has no `{key}`"))
}

impl Part for Canonical {
    const SHAPE: &'static str = "JSON";

    fn print(&self) -> Canonical {
        self.clone()
    }

    fn parse(value: &Value) -> Option<Self> {
        Some(Canonical::of(value))
    }

    fn length(&self) -> usize {
        self.as_bytes().len()
    }
}

impl Part for String {
    const SHAPE: &'static str = "a string";

    fn print(&self) -> Canonical {
        Canonical::text(self)
    }

    fn parse(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }

    fn length(&self) -> usize {
        self.len()
    }
}

impl Part for bool {
    const SHAPE: &'static str = "true or false";

    fn print(&self) -> Canonical {
        Canonical::of(&Value::Bool(*self))
    }

    fn parse(value: &Value) -> Option<Self> {
        if let Value::Bool(bool) = value { Some(*bool) } else { None }
    }
}

impl Part for u64 {
    const SHAPE: &'static str = "a whole number";

    fn print(&self) -> Canonical {
        #[expect(clippy::cast_precision_loss, reason = "nothing that is counted here reaches 2^53")]
        Canonical::of(&Value::Number(*self as f64))
    }

    fn parse(value: &Value) -> Option<Self> {
        /// 2^53.
        const TOO_LARGE: f64 = 9_007_199_254_740_992.0;
        match value {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded beside")]
            Value::Number(number) if number.fract() == 0.0 && (0.0..TOO_LARGE).contains(number) => {
                Some(*number as u64)
            }
            _ => None,
        }
    }
}

impl Part for Vec<String> {
    const SHAPE: &'static str = "a list of strings";

    fn print(&self) -> Canonical {
        Canonical::of(&Value::Array(self.iter().map(|text| Value::from(text.as_str())).collect()))
    }

    fn parse(value: &Value) -> Option<Self> {
        let Value::Array(items) = value else { return None };
        items.iter().map(Part::parse).collect()
    }

    fn length(&self) -> usize {
        self.iter().map(String::len).sum()
    }
}

/// Text with a type of its own.
macro_rules! texts {
    ($($type:ty: $shape:literal;)*) => {$(
        impl Part for $type {
            const SHAPE: &'static str = $shape;

            fn print(&self) -> Canonical {
                Canonical::text(&self.to_string())
            }

            fn parse(value: &Value) -> Option<Self> {
                value.as_str()?.parse().ok()
            }
        }
    )*};
}

texts! {
    Digest: "a SHA-256";
    EngineHash: "a SHA-256";
    FileHash: "a SHA-256";
    PolicyHash: "a SHA-256";
    RecordHash: "a SHA-256";
    RequestHash: "a SHA-256";
    Timestamp: "an RFC 3339 time in UTC with milliseconds";
}

/// Words of which all are known.
macro_rules! words {
    ($($type:ty: $shape:literal;)*) => {$(
        impl Part for $type {
            const SHAPE: &'static str = $shape;

            fn print(&self) -> Canonical {
                Canonical::text(self.as_str())
            }

            fn parse(value: &Value) -> Option<Self> {
                let word: StrDeserializer<'_, Error> = value.as_str()?.into_deserializer();
                <$type>::deserialize(word).ok()
            }
        }
    )*};
}

words! {
    RecordKind: "a kind of record";
    ReasonCode: "a reason code";
    Status: "a status";
    Via: "`key`, `link` or `claimed`";
}

impl Part for BTreeMap<String, FileHash> {
    const SHAPE: &'static str = "an object of files and their hashes";

    fn print(&self) -> Canonical {
        let hashes: Vec<_> = self.iter().map(|(name, hash)| (name.as_str(), hash.print())).collect();
        let members: Vec<_> = hashes.iter().map(|(name, hash)| (*name, hash)).collect();
        Canonical::object(&members)
    }

    fn parse(value: &Value) -> Option<Self> {
        let files = value.as_object()?.iter();
        files.map(|(name, hash)| Some((name.to_owned(), FileHash::parse(hash)?))).collect()
    }
}

/// The members of a principal, with a null for each that it does not have.
pub(super) fn write_full(principal: &Principal, out: &mut Members) {
    let or_null = |text: Option<&str>| text.map_or_else(null, Canonical::text);
    out.push(("principal", Canonical::text(principal.name())));
    out.push(("via", or_null(principal.via().map(Via::as_str))));
    out.push(("key_id", or_null(principal.key_id())));
    out.push(("claimed_by", or_null(principal.claimed_by())));
}

/// The flat members of a principal; those that it does not have are left out.
impl Member for Principal {
    fn write(&self, _: &'static str, out: &mut Members) {
        out.push(("principal", Canonical::text(self.name())));
        out.extend(self.via().map(|via| ("via", via.print())));
        out.extend(self.key_id().map(|id| ("key_id", Canonical::text(id))));
        out.extend(self.claimed_by().map(|stream| ("claimed_by", Canonical::text(stream))));
    }

    fn read(_: &'static str, record: &Object) -> Result<Self, JsonError> {
        Ok(Principal::from(PrincipalFields {
            principal: Member::read("principal", record)?,
            via: Member::read("via", record)?,
            key_id: Member::read("key_id", record)?,
            claimed_by: Member::read("claimed_by", record)?,
        }))
    }

    fn size(&self) -> usize {
        self.name().len()
    }
}

impl Member for Option<Principal> {
    fn write(&self, key: &'static str, out: &mut Members) {
        if let Some(principal) = self {
            principal.write(key, out);
        }
    }

    fn read(key: &'static str, record: &Object) -> Result<Self, JsonError> {
        record.get("principal").map(|_| Principal::read(key, record)).transpose()
    }

    fn size(&self) -> usize {
        self.as_ref().map_or(0, Member::size)
    }
}
