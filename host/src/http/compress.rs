//! Compressed answers, for lists that are long and hold no secret.
//!
//! The length of a compressed answer tells what of it repeats. In an answer that holds a secret beside a text of an
//! agent's choosing, that would tell the secret, guess by guess (BREACH). So an answer is compressed only when its
//! handler says that no secret is in it: new keys, sessions, one-time links and approval tokens are sent as they are.

use axum::http::Extensions;
use axum::response::Response;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// Answers of fewer bytes are not worth compressing.
const WORTH_COMPRESSING: u16 = 1024;

/// Marks an answer that holds no secret.
#[derive(Debug, Clone, Copy)]
struct WithoutSecrets;

/// Says that no secret is in the answer, so that it may be compressed.
pub async fn without_secrets(mut response: Response) -> Response {
    response.extensions_mut().insert(WithoutSecrets);
    response
}

/// Compresses what is marked, for clients that accept it.
pub fn layer() -> CompressionLayer<impl Predicate> {
    let is_marked = |_, _, _: &_, extensions: &Extensions| extensions.get::<WithoutSecrets>().is_some();
    CompressionLayer::new()
        .gzip(true)
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(WORTH_COMPRESSING).and(is_marked))
}
