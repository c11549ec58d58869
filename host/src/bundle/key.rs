//! The key that signs, and the keys that are trusted.
//!
//! A signing key is an Ed25519 key in a PKCS#8 PEM file (RFC 8410) that only its owner can read. Others are told the
//! public half as a JWK (RFC 8037), whose thumbprint (RFC 7638) is its name.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::private_file;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// The characters of a line of PEM (RFC 7468 §2).
const PEM_LINE: usize = 64;
/// More than any key file has.
const MAX_FILE_BYTES: u64 = 16 * 1024;

/// A key that signs.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    pem: String,
    public: PublicKey,
}

/// The public half of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    bytes: [u8; 32],
    id: String,
}

/// A public key as RFC 8037 writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// The 32 bytes in base64url.
    pub x: String,
    /// The thumbprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// `sig`.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// `EdDSA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
}

/// Several public keys, as RFC 7517 §5 writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<Jwk>,
}

/// Why there is no signing key.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The file cannot be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
    /// The file is readable by other users.
    #[error("others than its owner can read it")]
    NotPrivate,
    /// It holds no Ed25519 key.
    #[error("it holds no Ed25519 private key in PKCS#8 PEM")]
    NoKey,
    /// The machine gives no random bytes.
    #[error("the machine gives no random bytes")]
    NoRandom,
}

impl SigningKeyError {
    /// The remedy.
    pub fn help(&self, file: &Path) -> String {
        let shown = file.display();
        match self {
            SigningKeyError::File(_) => "see that the file and its folder can be read and written".to_owned(),
            SigningKeyError::NotPrivate => {
                format!("`chmod 600 {shown}`; if others may have read it, move it away and tell everybody of the new key")
            }
            SigningKeyError::NoKey => {
                "put the key back from a copy; or move the file away, and tell everybody who checks bundles of the \
                 new key that is made then"
                    .to_owned()
            }
            SigningKeyError::NoRandom => "see that the system has a source of randomness".to_owned(),
        }
    }
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn generate() -> Result<Self, SigningKeyError> {
        let document =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| SigningKeyError::NoRandom)?;
        SigningKey::from_der(document.as_ref())
    }

    /// The key of a file, and whether the file was made just now because there was none.
    ///
    /// # Errors
    /// When the file cannot be read or written, is not private, or holds no key. It is never written over.
    pub fn load_or_create(file: &Path) -> Result<(Self, bool), SigningKeyError> {
        match SigningKey::load(file) {
            Err(SigningKeyError::File(error)) if error.kind() == ErrorKind::NotFound => {
                let key = SigningKey::generate()?;
                private_file::create(file, &key.pem)?;
                Ok((key, true))
            }
            loaded => loaded.map(|key| (key, false)),
        }
    }

    /// The key of a file.
    ///
    /// # Errors
    /// As for [`SigningKey::load_or_create`], and when there is no file.
    pub fn load(file: &Path) -> Result<Self, SigningKeyError> {
        let opened = File::open(file)?;
        #[cfg(unix)]
        if std::os::unix::fs::PermissionsExt::mode(&opened.metadata()?.permissions()) & 0o077 != 0 {
            return Err(SigningKeyError::NotPrivate);
        }
        let mut text = String::new();
        match opened.take(MAX_FILE_BYTES).read_to_string(&mut text) {
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(SigningKeyError::NoKey),
            read => read?,
        };
        let inner = text.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let inner: String = inner.ok_or(SigningKeyError::NoKey)?.split_whitespace().collect();
        let der = STANDARD.decode(inner).map_err(|_| SigningKeyError::NoKey)?;
        SigningKey::from_der(&der)
    }

    fn from_der(der: &[u8]) -> Result<Self, SigningKeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| SigningKeyError::NoKey)?;
        let bytes = pair.public_key().as_ref().try_into().map_err(|_| SigningKeyError::NoKey)?;
        let encoded = STANDARD.encode(der);
        let mut pem = format!("{BEGIN}\n");
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, next) = rest.split_at_checked(PEM_LINE).unwrap_or((rest, ""));
            pem.push_str(line);
            pem.push('\n');
            rest = next;
        }
        pem.push_str(END);
        pem.push('\n');
        Ok(SigningKey { pair, pem, public: PublicKey::new(bytes) })
    }

    /// Signs bytes: 64 bytes, RFC 8032.
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.pair.sign(bytes).as_ref().to_vec()
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl PublicKey {
    fn new(bytes: [u8; 32]) -> Self {
        // RFC 7638 §3.2 with the members of RFC 8037 §2, in their order.
        let x = URL_SAFE_NO_PAD.encode(bytes);
        let required = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        PublicKey { bytes, id: URL_SAFE_NO_PAD.encode(digest(&SHA256, required.as_bytes())) }
    }

    /// The key of a JWK.
    pub fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let named = jwk.kty == "OKP" && jwk.crv == "Ed25519";
        let bytes = URL_SAFE_NO_PAD.decode(&jwk.x).ok()?;
        let key = PublicKey::new(bytes.try_into().ok()?);
        (named && jwk.kid.as_ref().is_none_or(|kid| *kid == key.id)).then_some(key)
    }

    /// The keys of a file's text: a JWK, or a set of them.
    pub fn parse(text: &[u8]) -> Option<Vec<Self>> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum File {
            Many(JwkSet),
            One(Jwk),
        }
        let jwks = match serde_json::from_slice(text).ok()? {
            File::Many(set) => set.keys,
            File::One(jwk) => vec![jwk],
        };
        jwks.iter().map(PublicKey::from_jwk).collect()
    }

    /// Its public form, as published.
    pub fn to_jwk(&self) -> Jwk {
        Jwk {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: URL_SAFE_NO_PAD.encode(self.bytes),
            kid: Some(self.id.clone()),
            usage: Some("sig".to_owned()),
            alg: Some("EdDSA".to_owned()),
        }
    }

    /// Its thumbprint.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it made this signature over these bytes.
    pub fn verify(&self, bytes: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.bytes).verify(bytes, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        // RFC 8037, appendix A.3.
        let jwk = Jwk {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into(),
            kid: None,
            usage: None,
            alg: None,
        };
        let key = PublicKey::from_jwk(&jwk).unwrap();
        assert_eq!(key.id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(PublicKey::from_jwk(&Jwk { kid: Some("other".into()), ..jwk.clone() }), None);
        assert_eq!(PublicKey::from_jwk(&Jwk { kty: "EC".into(), ..jwk.clone() }), None);
        assert_eq!(PublicKey::from_jwk(&Jwk { x: "short".into(), ..jwk }), None);
    }

    #[test]
    fn a_key_file_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/signing.pem");
        let (first, made) = SigningKey::load_or_create(&file).unwrap();
        assert!(made);
        let (second, made) = SigningKey::load_or_create(&file).unwrap();
        assert!(!made);
        assert_eq!(first.public(), second.public());
        assert!(second.public().verify(b"text", &first.sign(b"text")));
        assert!(!second.public().verify(b"other", &first.sign(b"text")));
        assert_eq!(fs::read_dir(folder.path().join("data")).unwrap().count(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn a_key_file_that_is_not_what_it_must_be_is_neither_used_nor_written_over() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("signing.pem");
        let (_, _) = SigningKey::load_or_create(&file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(SigningKey::load_or_create(&file), Err(SigningKeyError::NotPrivate)));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let pem = fs::read_to_string(&file).unwrap();
        for garbage in ["", "no key", &pem.replace("PRIVATE", "PUBLIC"), &pem[..pem.len() / 2], "\u{0}"] {
            fs::write(&file, garbage).unwrap();
            assert!(matches!(SigningKey::load_or_create(&file), Err(SigningKeyError::NoKey)), "{garbage}");
            assert_eq!(fs::read_to_string(&file).unwrap(), garbage);
        }
        fs::write(&file, [0xff, 0xfe]).unwrap();
        assert!(matches!(SigningKey::load_or_create(&file), Err(SigningKeyError::NoKey)));
    }
}
