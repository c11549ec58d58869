//! Reads requests: bodies, queries, and repeated requests. An unreadable part is a problem document.

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::decision::ReasonCode;
use engine::hash::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::IdempotentRequest;
use tokio::time::Instant;

use super::Shared;
use super::error::Problem;
use super::load::{FREE_BODY, Load};
use crate::quota::Part;

/// The bytes of a body that is declared as JSON, or not declared.
#[derive(Debug)]
pub struct JsonBytes {
    /// The bytes.
    pub bytes: Bytes,
    /// The method and the path.
    target: String,
    idempotency_key: Option<HeaderValue>,
}

impl FromRequest<Shared> for JsonBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "the body must be JSON: send `Content-Type: application/json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
        }
        let idempotency_key = request.headers().get("idempotency-key").cloned();
        let target = match idempotency_key {
            Some(_) => format!("{} {}", request.method(), request.uri().path()),
            None => String::new(),
        };
        let bytes = read(request, app).await?;
        Ok(JsonBytes { bytes, target, idempotency_key })
    }
}

impl JsonBytes {
    /// The body as `T`.
    ///
    /// # Errors
    /// 400 with the fault and its position; unknown fields are a fault too.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let body: &[u8] = if self.bytes.is_empty() { b"{}" } else { &self.bytes };
        serde_json::from_slice(body).map_err(|error| {
            Problem::bad_request("invalid_body", format!("the body cannot be read: {error}"))
                .with("line", error.line())
                .with("column", error.column())
        })
    }

    /// The request as one that counts once under its `Idempotency-Key`; none without the header.
    ///
    /// # Errors
    /// 400 for a key that cannot be one.
    pub fn once(&self, principal: &str) -> Result<Option<IdempotentRequest>, Problem> {
        let Some(key) = self.idempotency_key()? else { return Ok(None) };
        Ok(Some(IdempotentRequest {
            scope: format!("{principal} {}", self.target),
            key: key.to_owned(),
            body_hash: Digest::of(&self.bytes).to_hex(),
        }))
    }

    /// The `Idempotency-Key`, if there is one.
    ///
    /// # Errors
    /// 400 for one that cannot be a key.
    pub fn idempotency_key(&self) -> Result<Option<&str>, Problem> {
        let Some(key) = &self.idempotency_key else { return Ok(None) };
        match key.to_str() {
            Ok(key) if (1..=255).contains(&key.len()) => Ok(Some(key)),
            _ => Err(Problem::bad_request(
                "invalid_idempotency_key",
                "`Idempotency-Key` has 1 to 255 visible ASCII characters",
            )),
        }
    }
}

/// How long the body of a request may take.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How long a body may pause.
const BODY_PAUSE: Duration = Duration::from_secs(10);
/// How much of a body that nothing is done with is read and thrown away, so that the answer is not lost in a connection
/// that is cut while its caller still writes.
const DISCARDED: usize = 12 * engine::json::MAX_BYTES;
/// How long that may take.
const DISCARD_TIME: Duration = Duration::from_secs(3);

/// Takes in a whole body of at most `most` bytes for `who`. Beyond [`FREE_BODY`] its bytes are part of what all bodies
/// may take, which they are until the answer's second part is dropped.
///
/// # Errors
/// 413 over the limit, with the outcome that it means for an action; 408 for one that takes too long; 429 or 503 when
/// the bodies in flight take all that they may.
pub async fn take_in(
    mut body: Body,
    most: usize,
    load: &Load,
    who: &str,
) -> Result<(Bytes, Option<Part>), Problem> {
    let deadline = Instant::now() + BODY_TIME;
    let too_large = || {
        let detail = format!("the body has more than {most} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
            .halting(ReasonCode::InvalidAction)
    };
    // INVARIANT: the body is stored in one buffer with exactly its bytes: it may arrive one byte at a time.
    let mut taken = Vec::new();
    let (mut room, mut part) = (FREE_BODY.min(most), None);
    if body.size_hint().lower() > most as u64 {
        discard(body).await;
        return Err(too_large());
    }
    while let Some(piece) = next_piece(&mut body, deadline).await? {
        let size = taken.len().saturating_add(piece.len());
        if size > most {
            discard(body).await;
            return Err(too_large());
        }
        if size > room {
            // Doubling asks seldom, and never keeps more than twice of what came.
            let wanted = size.max(room.saturating_mul(2)).min(most);
            match &mut part {
                None => part = Some(load.bodies.take(who, wanted - room).await?),
                Some(part) => load.bodies.grow(part, wanted - room).await?,
            }
            room = wanted;
        }
        if taken.capacity() < size {
            taken.reserve_exact(size.max(taken.len().saturating_mul(2)).min(room) - taken.len());
        }
        taken.extend_from_slice(&piece);
    }
    Ok((Bytes::from(taken), part))
}

/// The next bytes of a body, none at its end.
async fn next_piece(body: &mut Body, deadline: Instant) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
        let frame = tokio::time::timeout_at(deadline.min(Instant::now() + BODY_PAUSE), frame).await;
        match frame {
            Ok(None) => return Ok(None),
            Ok(Some(Ok(frame))) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
            Ok(Some(Err(_))) => {
                let detail = "the body could not be read to its end";
                return Err(Problem::bad_request("incomplete_body", detail));
            }
            Err(_) => {
                let detail = "the body did not come in time";
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail));
            }
        }
    }
}

/// Reads the rest of a body that nothing is done with, within bounds, and keeps nothing of it.
pub async fn discard(mut body: Body) {
    let (deadline, mut left) = (Instant::now() + DISCARD_TIME, DISCARDED);
    while let Ok(Some(piece)) = next_piece(&mut body, deadline).await {
        left = match left.checked_sub(piece.len().max(1)) {
            Some(left) => left,
            None => return,
        };
    }
}

/// The body that [`super::guard`] has taken in.
///
/// # Errors
/// 400 if there is none, which does not happen behind the guard.
pub async fn read(request: Request, app: &Shared) -> Result<Bytes, Problem> {
    Bytes::from_request(request, app)
        .await
        .map_err(|_| Problem::bad_request("incomplete_body", "the body could not be read to its end"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = value.to_str().ok().and_then(|value| value.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| {
        let essence = essence.to_ascii_lowercase();
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    })
}

/// The query as `T`; parameters that `T` does not have are wrong.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, app).await;
        query.map(|Query(params)| Params(params)).map_err(|rejection| {
            let reason = rejection.body_text();
            let reason = reason.strip_prefix("Failed to deserialize query string: ").unwrap_or(&reason);
            Problem::bad_request("invalid_query", format!("the query cannot be read: {reason}"))
        })
    }
}

/// Text that is JSON already.
pub fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// JSON text, and its share of the memory for pages. The share is held until the last byte is written, however slowly
/// its reader reads.
pub fn json_page(text: String, mut room: Part) -> Response {
    struct Page {
        text: String,
        _room: Part,
    }
    impl AsRef<[u8]> for Page {
        fn as_ref(&self) -> &[u8] {
            self.text.as_bytes()
        }
    }
    room.shrink_to(text.capacity());
    let bytes = Bytes::from_owner(Page { text, _room: room });
    ([(header::CONTENT_TYPE, "application/json")], bytes).into_response()
}

/// A value as JSON.
///
/// # Errors
/// When it has no JSON form.
pub fn json<T: Serialize>(value: &T) -> Result<Response, Problem> {
    serde_json::to_string(value).map(json_text).map_err(|error| Problem::failed(&error.to_string()))
}

/// The body of a request that says all it has to say in its path.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The answer with the digest of its content as its `ETag` (RFC 9110 §8.8.3).
pub fn with_etag(mut response: Response, digest: impl Display) -> Response {
    // 64 hexadecimal digits in quotes are always a header value.
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{digest}\"")) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// Whether `If-None-Match` names this digest, RFC 9110 §13.1.2: the caller then has the content already.
pub fn is_unchanged(headers: &HeaderMap, digest: impl Display) -> bool {
    let etag = format!("\"{digest}\"");
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}
