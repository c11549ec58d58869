//! The signed bundle of the policy set in force, and the key to check it with.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::auth::Caller;
use super::error::Problem;
use super::extract::{is_unchanged, json, json_text, with_etag};
use crate::actor::Permission;
use crate::bundle::key::JwkSet;

/// `GET /v1/bundle`: RFC 9110 §13.1.2 for `If-None-Match`. The answer 304 says that there is no newer bundle, and
/// never that the one at hand lasts longer.
pub async fn bundle(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.needs(Permission::SeeOwn)?;
    let Some(bundle) = app.shelf.bundle(&app.policies, app.clock.as_ref()) else {
        let detail = "no policy is in force, so there is nothing to bundle and every action halts";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_policy", detail));
    };
    let unchanged = is_unchanged(&headers, bundle.payload_hash);
    let response = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { json_text(bundle.text) };
    let mut response = with_etag(response, bundle.payload_hash);
    // A client that caches it asks each time whether there is a newer one.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// `GET /.well-known/jwks.json`: the public keys of the server, RFC 7517 §5.
pub async fn keys(State(app): State<Shared>) -> Result<Response, Problem> {
    json(&JwkSet { keys: vec![app.shelf.key().public().to_jwk()] })
}
