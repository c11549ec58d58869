//! SHA-256 digests, one type for each thing that is hashed, so that one cannot stand where another is meant.
//!
//! All are written as 64 lowercase hexadecimal digits. FIPS 180-4.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Digest(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.with_hex(str::to_owned)
    }

    /// What `read` makes of the 64 hexadecimal digits, which are nowhere kept.
    fn with_hex<T>(self, read: impl FnOnce(&str) -> T) -> T {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let mut hex = [[0; 2]; 32];
        for (pair, byte) in hex.iter_mut().zip(self.0) {
            let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
            *pair = [digit(byte >> 4), digit(byte & 0xf)];
        }
        // Digits are ASCII.
        read(std::str::from_utf8(hex.as_flattened()).unwrap_or_default())
    }
}

/// The beginning of a text of which only the end is not known yet.
#[derive(Debug, Clone)]
pub(crate) struct Beginning {
    hasher: Sha256,
    length: usize,
}

impl Beginning {
    /// Hashes the beginning.
    pub(crate) fn of(beginning: &[u8]) -> Self {
        Beginning { hasher: Sha256::new_with_prefix(beginning), length: beginning.len() }
    }

    /// The digest of `whole`, which begins with what was hashed already.
    fn continued(&self, whole: &[u8]) -> Digest {
        let rest = whole.get(self.length..).unwrap_or_default();
        Digest(self.hasher.clone().chain_update(rest).finalize().into())
    }
}

impl Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_hex(|hex| f.write_str(hex))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_hex(|hex| f.write_str(hex))
    }
}

/// Text that is not 64 lowercase hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotADigest;

impl Display for NotADigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SHA-256 digest is 64 lowercase hexadecimal digits")
    }
}

impl std::error::Error for NotADigest {}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let nibble = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
            b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
            _ => None,
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(NotADigest);
        }
        let mut digest = [0; 32];
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            let (Some(high), Some(low)) = (nibble(*high), nibble(*low)) else { return Err(NotADigest) };
            *byte = (high << 4) | low;
        }
        Ok(Digest(digest))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_hex(|hex| serializer.serialize_str(hex))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "types")]
impl schemars::JsonSchema for Digest {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
    }
}

macro_rules! digest_of {
    ($(#[doc = $doc:literal] $name:ident;)*) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS), ts(type = "string"))]
        #[serde(transparent)]
        pub struct $name(Digest);

        impl $name {
            /// Hashes `bytes`.
            pub fn of(bytes: &[u8]) -> Self {
                $name(Digest::of(bytes))
            }

            /// The 64 hexadecimal digits.
            pub fn to_hex(self) -> String {
                self.0.to_hex()
            }

            /// What `read` makes of the 64 hexadecimal digits.
            pub fn with_hex<T>(self, read: impl FnOnce(&str) -> T) -> T {
                self.0.with_hex(read)
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = NotADigest;
            fn from_str(text: &str) -> Result<Self, NotADigest> {
                text.parse().map($name)
            }
        }
    )*};
}

digest_of! {
    #[doc = "The digest of an action's canonical form."]
    RequestHash;
    #[doc = "The digest of an action's bytes as they came, for one that cannot be read."]
    RawHash;
    #[doc = "The digest of one policy file's bytes."]
    FileHash;
    #[doc = "The digest of the policy files' names and digests."]
    PolicyHash;
    #[doc = "The digest of everything a decision depends on."]
    ProvenanceId;
    #[doc = "The digest of a record."]
    RecordHash;
    #[doc = "The digest of the engine's wasm module."]
    EngineHash;
}

impl ProvenanceId {
    /// Hashes `whole`, which starts with `beginning`.
    pub(crate) fn continuing(beginning: &Beginning, whole: &[u8]) -> Self {
        ProvenanceId(beginning.continued(whole))
    }
}

impl RecordHash {
    /// What stands before the first record of a stream: 64 zeros.
    pub const ZERO: RecordHash = RecordHash(Digest([0; 32]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_published_one() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_hex(), hex);
        assert_eq!(hex.parse::<Digest>().unwrap(), Digest::of(b""));
        assert!(hex.to_uppercase().parse::<Digest>().is_err());
        assert!(hex[1..].parse::<Digest>().is_err());
    }
}
