//! Bundles: the policy files of a set in one signed document, for clients that decide offline.
//!
//! The document is a DSSE envelope (<https://github.com/secure-systems-lab/dsse>, version 1.0.2) around a canonical
//! JSON [`Payload`], signed with Ed25519 (RFC 8032). A payload says until when it may be relied on; nothing outside of
//! it, an answer 304 least of all, makes it last longer. Making and checking are here; where the key is kept is in
//! [`key`], and when the server makes a new one in [`shelf`].

pub mod key;
pub mod shelf;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::canonical::Canonical;
use engine::hash::{EngineHash, FileHash, PolicyHash};
use engine::json::MAX_BYTES;
use engine::policy::policy_hash;
use engine::time::rfc3339;
use serde::{Deserialize, Serialize};

use engine::policy::PolicySource;
use key::{PublicKey, SigningKey};
use store::time::parse_time;

/// What DSSE calls the kind of document that is signed.
pub const PAYLOAD_TYPE: &str = "application/vnd.faramesh.bundle+json";

/// The version of the payload's format.
pub const BUNDLE_VERSION: u32 = 1;

/// How long a bundle may be relied on by default.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The most bytes of an envelope that is read: as many as a set of large files needs.
pub const MAX_ENVELOPE_BYTES: usize = 64 * MAX_BYTES;

/// The signed payload.
///
/// ```json
/// {"bundle_version":1,"engine_hash":"…","expires_at":"2026-11-23T15:00:00.000Z",
///  "files":[{"content":"<base64>","hash":"…","name":"support-agent.yaml"}],
///  "issued_at":"2026-11-22T15:00:00.000Z","max_age_seconds":86400,"policy_hash":"…","policy_version":"7",
///  "runtime_version":"0.1.0"}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// [`BUNDLE_VERSION`].
    pub bundle_version: u32,
    /// The engine of its maker.
    pub engine_hash: EngineHash,
    /// `issued_at` and `max_age_seconds` together. RFC 3339.
    pub expires_at: String,
    /// The files, by name.
    pub files: Vec<File>,
    /// When it was made. RFC 3339.
    pub issued_at: String,
    /// How long it may be relied on.
    pub max_age_seconds: u64,
    /// The hash of the set.
    pub policy_hash: PolicyHash,
    /// The number of the set on the server that made it; none for a bundle made from a folder.
    pub policy_version: Option<String>,
    /// The version of the rules of deciding.
    pub runtime_version: String,
}

/// One policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its bytes, in base64 (RFC 4648 §4).
    pub content: String,
    /// Their hash.
    pub hash: FileHash,
    /// Its name.
    pub name: String,
}

/// A signed document, as DSSE writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The document, in base64.
    pub payload: String,
    /// [`PAYLOAD_TYPE`].
    pub payload_type: String,
    /// At least one.
    pub signatures: Vec<Signature>,
}

/// One signature of an [`Envelope`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The thumbprint of the key (RFC 7638). A hint: what counts is that a trusted key made the signature.
    #[serde(default)]
    pub keyid: String,
    /// The signature, in base64.
    pub sig: String,
}

/// A verified bundle: a trusted key signed it, and its content is consistent.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The signed payload.
    pub payload: Payload,
    /// The files, decoded.
    pub sources: Vec<PolicySource>,
    /// The key that signed it.
    pub key_id: String,
}

/// Why a document cannot be relied on as a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It is not an envelope, or its payload is not of our type.
    #[error("this is no bundle: {0}")]
    Unreadable(String),
    /// It is a signed document of another kind.
    #[error("this is a signed document of the type `{0}`, and no bundle")]
    WrongType(String),
    /// No trusted key made one of its signatures.
    #[error("no trusted key signed this bundle")]
    WrongSignature,
    /// A later version of the format.
    #[error("this bundle has the version {0}, and this program knows version {BUNDLE_VERSION}")]
    UnknownVersion(u32),
    /// A file is not what its hash says.
    #[error("the file `{0}` of this bundle is not what its hash says")]
    WrongFile(String),
    /// The files are not the set that the payload names.
    #[error("the files of this bundle are not the policy set that it names")]
    WrongSet,
    /// Its times contradict each other or cannot be read.
    #[error("the times of this bundle cannot be right")]
    WrongTimes,
}

/// The parts of a bundle.
#[derive(Debug, Clone)]
pub struct Contents<'a> {
    /// The files.
    pub sources: &'a [PolicySource],
    /// The number of the set on the server.
    pub policy_version: Option<&'a str>,
    /// The engine of its maker.
    pub engine_hash: EngineHash,
    /// When it is made, in Unix milliseconds.
    pub issued_at_ms: i64,
    /// How long it may be relied on, in whole seconds.
    pub max_age: Duration,
}

impl Payload {
    /// The payload for these files.
    pub fn of(contents: &Contents<'_>) -> Self {
        let Contents { sources, policy_version, engine_hash, issued_at_ms, max_age } = contents;
        let mut files: Vec<File> = sources
            .iter()
            .map(|source| File {
                content: STANDARD.encode(&source.content),
                hash: source.hash(),
                name: source.name.clone(),
            })
            .collect();
        files.sort_by(|one, other| one.name.cmp(&other.name));
        let hashes: Vec<_> = files.iter().map(|file| (file.name.clone(), file.hash)).collect();
        let max_age_ms = i64::try_from(max_age.as_secs().saturating_mul(1000)).unwrap_or(i64::MAX);
        Payload {
            bundle_version: BUNDLE_VERSION,
            engine_hash: *engine_hash,
            expires_at: rfc3339(issued_at_ms.saturating_add(max_age_ms)),
            files,
            issued_at: rfc3339(*issued_at_ms),
            max_age_seconds: max_age.as_secs(),
            policy_hash: policy_hash(&hashes),
            policy_version: policy_version.map(str::to_owned),
            runtime_version: engine::RUNTIME_VERSION.to_owned(),
        }
    }

    /// When it was made, in Unix milliseconds.
    ///
    /// # Errors
    /// If that is not a time.
    pub fn issued_at_ms(&self) -> Result<i64, BundleError> {
        time(&self.issued_at)
    }

    /// When it stops to count, in Unix milliseconds.
    ///
    /// # Errors
    /// If its times are invalid or contradict each other.
    pub fn expires_at_ms(&self) -> Result<i64, BundleError> {
        let (issued, expires) = (time(&self.issued_at)?, time(&self.expires_at)?);
        let age_ms = expires.checked_sub(issued).and_then(|age| u64::try_from(age).ok());
        if age_ms == self.max_age_seconds.checked_mul(1000) {
            Ok(expires)
        } else {
            Err(BundleError::WrongTimes)
        }
    }

    /// The bytes that are signed.
    fn bytes(&self) -> Vec<u8> {
        // A payload has no map and no number that JSON cannot hold.
        Canonical::serialize(self).map(Canonical::into_string).unwrap_or_default().into_bytes()
    }
}

impl Envelope {
    /// Signs a payload.
    pub fn sign(payload: &Payload, key: &SigningKey) -> Self {
        Envelope::seal(PAYLOAD_TYPE, &payload.bytes(), key)
    }

    fn seal(payload_type: &str, payload: &[u8], key: &SigningKey) -> Self {
        let sig = STANDARD.encode(key.sign(&pre_authentication_encoding(payload_type, payload)));
        Envelope {
            payload: STANDARD.encode(payload),
            payload_type: payload_type.to_owned(),
            signatures: vec![Signature { keyid: key.public().id().to_owned(), sig }],
        }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// If it is not an envelope.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        serde_json::from_slice(bytes).map_err(|error| BundleError::Unreadable(error.to_string()))
    }

    /// Checks everything that does not depend on the time: the signature, the format, each file and the set.
    ///
    /// # Errors
    /// The first thing that is wrong. Nothing of the payload is looked at before its signature held.
    pub fn verify(&self, trusted: &[PublicKey]) -> Result<Verified, BundleError> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(BundleError::WrongType(self.payload_type.clone()));
        }
        let bytes =
            STANDARD.decode(&self.payload).map_err(|error| BundleError::Unreadable(error.to_string()))?;
        let signed = pre_authentication_encoding(&self.payload_type, &bytes);
        let key = self
            .signatures
            .iter()
            .filter_map(|signature| STANDARD.decode(&signature.sig).ok())
            .find_map(|signature| trusted.iter().find(|key| key.verify(&signed, &signature)))
            .ok_or(BundleError::WrongSignature)?;
        #[derive(Deserialize)]
        struct Version {
            bundle_version: u32,
        }
        let unreadable = |error: serde_json::Error| BundleError::Unreadable(error.to_string());
        let Version { bundle_version } = serde_json::from_slice(&bytes).map_err(unreadable)?;
        if bundle_version != BUNDLE_VERSION {
            return Err(BundleError::UnknownVersion(bundle_version));
        }
        let payload: Payload = serde_json::from_slice(&bytes).map_err(unreadable)?;
        payload.expires_at_ms()?;
        let sources = payload.files.iter().map(source).collect::<Result<Vec<_>, _>>()?;
        let mut hashes: Vec<_> = payload.files.iter().map(|file| (file.name.clone(), file.hash)).collect();
        hashes.sort();
        let given = hashes.len();
        hashes.dedup_by(|one, other| one.0 == other.0);
        if hashes.len() != given || policy_hash(&hashes) != payload.policy_hash {
            return Err(BundleError::WrongSet);
        }
        Ok(Verified { payload, sources, key_id: key.id().to_owned() })
    }
}

/// One time has one spelling.
fn time(text: &str) -> Result<i64, BundleError> {
    parse_time(text).filter(|ms| rfc3339(*ms) == text).ok_or(BundleError::WrongTimes)
}

fn source(file: &File) -> Result<PolicySource, BundleError> {
    let wrong = || BundleError::WrongFile(file.name.clone());
    let content = STANDARD.decode(&file.content).map_err(|_| wrong())?;
    if FileHash::of(&content) != file.hash {
        return Err(wrong());
    }
    Ok(PolicySource { name: file.name.clone(), content })
}

/// What DSSE signs: the type and the document, each behind its length.
fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_348_800_000;

    fn contents(sources: &[PolicySource]) -> Contents<'_> {
        let engine_hash = EngineHash::of(b"engine");
        let max_age = Duration::from_secs(60);
        Contents { sources, policy_version: Some("7"), engine_hash, issued_at_ms: NOW, max_age }
    }

    fn files() -> Vec<PolicySource> {
        ["b.yaml", "a.yaml"]
            .map(|name| PolicySource {
                name: name.to_owned(),
                content: format!("name: {name}\n").into_bytes(),
            })
            .into()
    }

    fn signed(change: impl FnOnce(&mut Payload)) -> (Envelope, SigningKey) {
        let key = SigningKey::generate().unwrap();
        let mut payload = Payload::of(&contents(&files()));
        change(&mut payload);
        (Envelope::sign(&payload, &key), key)
    }

    fn refused(change: impl FnOnce(&mut Payload)) -> BundleError {
        let (envelope, key) = signed(change);
        envelope.verify(&[key.public().clone()]).unwrap_err()
    }

    #[test]
    fn what_is_signed_is_what_dsse_says() {
        // The example of the DSSE specification.
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn a_bundle_is_read_back_by_whoever_trusts_its_key() {
        let (envelope, key) = signed(|_| {});
        let text = serde_json::to_vec(&envelope).unwrap();
        let verified = Envelope::parse(&text).unwrap().verify(&[key.public().clone()]).unwrap();
        let names: Vec<_> = verified.sources.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, ["a.yaml", "b.yaml"]);
        assert_eq!(verified.payload.expires_at_ms(), Ok(NOW + 60_000));
        assert_eq!(verified.key_id, key.public().id());
    }

    #[test]
    fn a_bundle_of_another_key_is_refused() {
        let (envelope, _) = signed(|_| {});
        let other = SigningKey::generate().unwrap();
        assert_eq!(envelope.verify(&[other.public().clone()]).unwrap_err(), BundleError::WrongSignature);
        assert_eq!(envelope.verify(&[]).unwrap_err(), BundleError::WrongSignature);
    }

    #[test]
    fn no_byte_of_the_payload_can_be_changed() {
        let (envelope, key) = signed(|_| {});
        let bytes = STANDARD.decode(&envelope.payload).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let changed = Envelope { payload: STANDARD.encode(changed), ..envelope.clone() };
            let refused = changed.verify(&[key.public().clone()]).unwrap_err();
            assert_eq!(refused, BundleError::WrongSignature, "{at}");
        }
    }

    #[test]
    fn a_signature_over_another_kind_of_document_does_not_count() {
        let key = SigningKey::generate().unwrap();
        let payload = Payload::of(&contents(&files())).bytes();
        let other = Envelope::seal("application/json", &payload, &key);
        let trusted = [key.public().clone()];
        assert_eq!(other.verify(&trusted).unwrap_err(), BundleError::WrongType("application/json".into()));
        let renamed = Envelope { payload_type: PAYLOAD_TYPE.to_owned(), ..other };
        assert_eq!(renamed.verify(&trusted).unwrap_err(), BundleError::WrongSignature);
    }

    #[test]
    fn a_signed_bundle_that_contradicts_itself_is_refused() {
        assert_eq!(refused(|payload| payload.bundle_version = 2), BundleError::UnknownVersion(2));
        assert_eq!(refused(|payload| payload.max_age_seconds = 61), BundleError::WrongTimes);
        assert_eq!(refused(|payload| payload.expires_at = "soon".into()), BundleError::WrongTimes);
        assert_eq!(refused(|payload| payload.policy_hash = PolicyHash::of(b"")), BundleError::WrongSet);
        assert_eq!(refused(|payload| payload.files[0].name = "c.yaml".into()), BundleError::WrongSet);
        assert_eq!(refused(|payload| payload.files.truncate(1)), BundleError::WrongSet);
        let twice = |payload: &mut Payload| payload.files.push(payload.files[0].clone());
        assert_eq!(refused(twice), BundleError::WrongSet);
        let wrong = |payload: &mut Payload| payload.files[1].content = STANDARD.encode("rules: []\n");
        assert_eq!(refused(wrong), BundleError::WrongFile("b.yaml".into()));
    }
}
