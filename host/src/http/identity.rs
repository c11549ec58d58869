//! `GET /v1/identity`: the proof that this server knows a key, for a client that is about to send it.
//!
//! Every caller may ask. The answer about an unknown key looks like any other, so nothing is revealed about which keys
//! exist.

use axum::extract::State;
use axum::response::Response;
use engine::hash::Digest;
use serde::Deserialize;

use super::Shared;
use super::error::Problem;
use super::extract::{Params, json};
use crate::identity::{Identity, is_nonce};

/// The subject of the proof.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityParams {
    nonce: String,
    key_id: String,
}

/// `GET /v1/identity`
pub async fn identity(
    State(app): State<Shared>,
    Params(IdentityParams { nonce, key_id }): Params<IdentityParams>,
) -> Result<Response, Problem> {
    if !is_nonce(&nonce) {
        let detail = "`nonce` must be 22 to 128 characters of base64url";
        return Err(Problem::bad_request("invalid_query", detail));
    }
    if key_id.len() > 64 || !key_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Problem::bad_request("invalid_query", "`key_id` is the part of a key after `fmk_`"));
    }
    let of_nobody = || Digest::of(format!("{} {key_id}", app.unknown_keys).as_bytes()).to_hex();
    let secret_hash = app.keys.secret_hash(&key_id).unwrap_or_else(of_nobody);
    json(&Identity::of(&secret_hash, &key_id, &nonce, &app.listening_at))
}
