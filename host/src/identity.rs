//! How a server proves that it knows a key, before a client on the same machine sends it.
//!
//! Any program may listen on a free port of the machine, including one where a server was a moment ago. A client
//! therefore first asks for a proof: an HMAC over its own nonce and over the server's addresses, keyed with the
//! digest of the secret, which the server stores. A program that relays the question to the server gets a proof that
//! names the server's own address and not the one that was asked.

use std::net::{IpAddr, SocketAddr};

use engine::hash::Digest;
use ring::hmac;
use serde::{Deserialize, Serialize};

/// Keeps these proofs apart from every other use of an HMAC.
const LABEL: &str = "faramesh server identity v1";

/// How long a nonce may be, in characters of base64url.
pub const NONCE: std::ops::RangeInclusive<usize> = 22..=128;

/// The answer of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The key that it is about.
    pub key_id: String,
    /// Where the server listens, such as `127.0.0.1:8000`.
    pub listening: Vec<SocketAddr>,
    /// The HMAC-SHA256 in hexadecimal digits.
    pub proof: String,
}

impl Identity {
    /// The answer about the key whose secret has this digest, in hexadecimal digits.
    pub fn of(secret_hash: &str, key_id: &str, nonce: &str, listening: &[SocketAddr]) -> Self {
        let tag = hmac::sign(&key(secret_hash), message(key_id, nonce, listening).as_bytes());
        let proof = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Identity { key_id: key_id.to_owned(), listening: listening.to_vec(), proof }
    }

    /// Whether the server that answered knows the key `fmk_<key_id>_<secret>`.
    pub fn is_proven(&self, key_id: &str, secret: &str, nonce: &str) -> bool {
        let secret_hash = Digest::of(secret.as_bytes()).to_hex();
        let Some(proof) = bytes(&self.proof) else { return false };
        let message = message(key_id, nonce, &self.listening);
        self.key_id == key_id && hmac::verify(&key(&secret_hash), message.as_bytes(), &proof).is_ok()
    }

    /// Whether the server listens at the address that was asked, so that no other program is between.
    pub fn listens_at(&self, asked: SocketAddr) -> bool {
        self.listening.iter().any(|listening| {
            let every = match (listening.ip(), asked.ip()) {
                (IpAddr::V4(own), IpAddr::V4(_)) => own.is_unspecified(),
                // The address of all addresses of IPv6 takes those of IPv4 with it.
                (IpAddr::V6(own), _) => own.is_unspecified(),
                (IpAddr::V4(_), IpAddr::V6(_)) => false,
            };
            listening.port() == asked.port() && (every || listening.ip() == asked.ip())
        })
    }
}

/// The id and the secret of a key.
pub fn parts(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix("fmk_")?.split_once('_')
}

/// Whether it can be a nonce.
pub fn is_nonce(text: &str) -> bool {
    NONCE.contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn key(secret_hash: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret_hash.as_bytes())
}

fn message(key_id: &str, nonce: &str, listening: &[SocketAddr]) -> String {
    let listening: Vec<_> = listening.iter().map(SocketAddr::to_string).collect();
    [LABEL, key_id, nonce, &listening.join(",")].join("\n")
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    hex.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "0123456789abcdefghijkl";

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_who_knows_the_secret_and_says_where_it_listens_proves_it() {
        let hash = Digest::of(b"secret").to_hex();
        let identity = Identity::of(&hash, "00112233", NONCE, &[at("127.0.0.1:8000")]);
        assert!(identity.is_proven("00112233", "secret", NONCE));
        assert!(!identity.is_proven("00112233", "other", NONCE));
        assert!(!identity.is_proven("00112234", "secret", NONCE));
        assert!(!identity.is_proven("00112233", "secret", "1123456789abcdefghijkl"));
        let moved = Identity { listening: vec![at("127.0.0.1:9000")], ..identity.clone() };
        assert!(!moved.is_proven("00112233", "secret", NONCE));
        let empty = Identity { proof: String::new(), ..identity };
        assert!(!empty.is_proven("00112233", "secret", NONCE));
    }

    #[test]
    fn the_proof_is_the_one_that_other_clients_compute() {
        // HMAC-SHA256 of Python's `hmac`, keyed with the hexadecimal digits of SHA-256("secret").
        let hash = Digest::of(b"secret").to_hex();
        let identity = Identity::of(&hash, "00112233", NONCE, &[at("127.0.0.1:8000"), at("[::1]:8000")]);
        assert_eq!(identity.proof, "fda7f7c48e029747be3cec0de6b82528b35ccafb275f1907c5c7410b9ddbff07");
    }

    #[test]
    fn a_server_listens_only_where_it_says() {
        let listens = |own: &str, asked: &str| Identity::of("", "", NONCE, &[at(own)]).listens_at(at(asked));
        assert!(listens("127.0.0.1:8000", "127.0.0.1:8000"));
        assert!(listens("0.0.0.0:8000", "127.0.0.1:8000"));
        assert!(listens("[::]:8000", "127.0.0.1:8000") && listens("[::]:8000", "[::1]:8000"));
        assert!(!listens("127.0.0.1:8000", "127.0.0.1:8001"));
        assert!(!listens("127.0.0.1:8000", "[::1]:8000"));
        assert!(!listens("0.0.0.0:8000", "[::1]:8000"));
        assert!(!listens("127.0.0.1:8000", "127.0.0.2:8000"));
    }

    #[test]
    fn a_nonce_is_long_enough_and_on_one_line() {
        assert!(is_nonce(NONCE));
        for text in ["", "short", "0123456789abcdefghijk\n", "0123456789abcdefghijkl m"] {
            assert!(!is_nonce(text), "{text}");
        }
    }
}
