//! Approval tokens: what a link holds so that one approver can answer without a key.
//!
//! A token is made for the holder of one key and for one version of an action. Any answer gives the action a new
//! version, so it spends every token at once. Nothing is kept of a token: it is derived from a secret of the action,
//! and is `<key id>.<HMAC-SHA-256 in base64url>`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::hash::Digest;
use subtle::ConstantTimeEq as _;

use crate::store::ActionRow;

/// The block size of SHA-256.
const BLOCK: usize = 64;

/// The token of the holder of this key for the action as it stands; none when it does not wait for an answer.
pub fn token(row: &ActionRow, key_id: &str) -> Option<String> {
    let secret = row.approval_secret.as_deref()?;
    let of = format!("approval\n{}\n{}\n{key_id}", row.id, row.version);
    let mac = URL_SAFE_NO_PAD.encode(hmac(secret.as_bytes(), of.as_bytes()));
    Some(format!("{key_id}.{mac}"))
}

/// The id of the key that `given` was made for; none when it is not a token for the action as it stands.
pub fn made_for<'a>(row: &ActionRow, given: &'a str) -> Option<&'a str> {
    let (key_id, _) = given.split_once('.')?;
    let right = token(row, key_id)?;
    bool::from(given.as_bytes().ct_eq(right.as_bytes())).then_some(key_id)
}

/// HMAC-SHA-256, RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK];
    let hashed = Digest::of(key);
    let short = if key.len() > BLOCK { hashed.as_bytes().as_slice() } else { key };
    for (byte, of_key) in block.iter_mut().zip(short) {
        *byte = *of_key;
    }
    let padded = |pad: u8, rest: &[u8]| {
        let mut bytes: Vec<u8> = block.iter().map(|byte| byte ^ pad).collect();
        bytes.extend_from_slice(rest);
        *Digest::of(&bytes).as_bytes()
    };
    padded(0x5c, &padded(0x36, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 4231, test cases 2, 3 and 6.
    #[test]
    fn the_mac_is_the_one_of_the_standard() {
        for (key, message, mac) in [
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 20],
                vec![0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(hex(&hmac(&key, &message)), mac);
        }
    }
}
