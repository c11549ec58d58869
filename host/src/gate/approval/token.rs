//! Approval tokens: what a link holds so that one approver can answer without a key.
//!
//! A token is made for the holder of one key and for one version of an action. Any answer gives the action a new
//! version, so it spends every token at once. Nothing is kept of a token: it is derived from a secret of the action,
//! and is `<key id>.<HMAC-SHA-256 in base64url>`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use store::ActionRow;

/// The token of this key's holder for the current version of the action; none if it does not wait for an answer.
pub fn token(row: &ActionRow, key_id: &str) -> Option<String> {
    let tag = hmac::sign(&secret(row)?, message(row, key_id).as_bytes());
    Some(format!("{key_id}.{}", URL_SAFE_NO_PAD.encode(tag)))
}

/// The id of the key that `given` was made for; none if it is not a token for the current version of the action.
pub fn made_for<'a>(row: &ActionRow, given: &'a str) -> Option<&'a str> {
    let (key_id, tag) = given.split_once('.')?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    hmac::verify(&secret(row)?, message(row, key_id).as_bytes(), &tag).ok()?;
    Some(key_id)
}

fn secret(row: &ActionRow) -> Option<hmac::Key> {
    let secret = row.approval_secret.as_deref()?;
    Some(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
}

fn message(row: &ActionRow, key_id: &str) -> String {
    format!("approval\n{}\n{}\n{key_id}", row.id, row.version)
}
