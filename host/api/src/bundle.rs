//! The signed bundle of the policies in force, and the keys to check it with.

use serde::{Deserialize, Serialize};

/// A signed document: a DSSE envelope.
///
/// The payload is canonical JSON with `bundle_version`, `engine_hash`, `expires_at`, `files` (`name`, `hash`, `content`
/// in base64), `issued_at`, `max_age_seconds`, `policy_hash`, `policy_version` and `runtime_version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The document, in base64.
    #[cfg_attr(feature = "schema", schemars(extend("contentEncoding" = "base64")))]
    pub payload: String,
    /// Always `application/vnd.faramesh.bundle+json`.
    #[cfg_attr(feature = "schema", schemars(extend("const" = "application/vnd.faramesh.bundle+json")))]
    pub payload_type: String,
    /// At least one.
    pub signatures: Vec<Signature>,
}

/// One signature of an [`Envelope`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Signature {
    /// The thumbprint of the key (RFC 7638). It is a hint: a reader trusts keys, not names of keys.
    #[serde(default)]
    pub keyid: String,
    /// Ed25519 over the DSSE pre-authentication encoding, in base64.
    #[cfg_attr(feature = "schema", schemars(extend("contentEncoding" = "base64")))]
    pub sig: String,
}

/// A public key as RFC 8037 writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Jwk {
    /// `OKP`.
    #[cfg_attr(feature = "schema", schemars(extend("const" = "OKP")))]
    pub kty: String,
    /// `Ed25519`.
    #[cfg_attr(feature = "schema", schemars(extend("const" = "Ed25519")))]
    pub crv: String,
    /// The 32 bytes in base64url.
    pub x: String,
    /// The thumbprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub kid: Option<String>,
    /// `sig`.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("const" = "sig")))]
    pub usage: Option<String>,
    /// `EdDSA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("const" = "EdDSA")))]
    pub alg: Option<String>,
}

/// Several public keys, as RFC 7517 §5 writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<Jwk>,
}
