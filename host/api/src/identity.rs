//! The proof that a server knows a key.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Which key the proof is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IdentityQuery {
    /// Random characters of base64url, made by the caller for this one request.
    #[cfg_attr(feature = "schema", schemars(length(min = 22, max = 128)))]
    pub nonce: String,
    /// The id of the key: the part between `fmk_` and the next `_`.
    pub key_id: String,
}

/// The proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identity {
    /// The key that it is about.
    pub key_id: String,
    /// The addresses at which the server listens, such as `127.0.0.1:8000`.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub listening: Vec<SocketAddr>,
    /// An HMAC-SHA256 in hexadecimal digits.
    pub proof: String,
}
