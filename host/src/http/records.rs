//! Records for auditors: a stream's records in order, and the heads of all streams.

use axum::extract::State;
use axum::response::Response;
use engine::hash::RecordHash;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Shared;
use super::auth::Caller;
use super::error::Problem;
use super::extract::{Params, json, json_text};
use crate::principal::Permission;
use crate::store::StoredRecord;

const MAX_LIMIT: u32 = 1000;
const DEFAULT_LIMIT: u32 = 100;

/// Which records to give.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordParams {
    stream: Option<String>,
    from: Option<u64>,
    limit: Option<u32>,
}

/// `GET /v1/records`: without `stream`, of the only stream there is.
pub async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Params(params): Params<RecordParams>,
) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request("invalid_query", format!("`limit` must be 1 to {MAX_LIMIT}")));
    }
    let heads = app.store.heads().await?;
    let stream = match params.stream {
        Some(stream) if heads.iter().any(|head| head.stream == stream) => stream,
        Some(_) => return Err(Problem::not_found()),
        None => match heads.as_slice() {
            [only] => only.stream.clone(),
            _ => {
                let detail = "`stream` is missing, and there is more than one";
                return Err(Problem::bad_request("invalid_query", detail));
            }
        },
    };
    render(&app.store.records(stream, params.from.unwrap_or_default(), limit).await?, "records")
}

/// The records as a list under `name`, byte for byte as they are stored.
///
/// # Errors
/// When one of them is no JSON: then its bytes cannot be part of a JSON answer.
pub fn render(records: &[StoredRecord], name: &str) -> Result<Response, Problem> {
    let mut text = format!("{{\"{name}\":[");
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        // A record that somebody changed in the database is shown as it is, so that `verify` can name it.
        if serde_json::from_str::<&RawValue>(&record.body).is_ok() {
            text.push_str(&record.body);
        } else {
            let body = serde_json::to_string(&record.body)
                .map_err(|error| Problem::failed(&format!("a record cannot be shown: {error}")))?;
            text.push_str(&body);
        }
    }
    text.push_str("]}");
    Ok(json_text(text))
}

#[derive(Serialize)]
struct HeadView {
    stream: String,
    size: u64,
    record_hash: RecordHash,
}

#[derive(Serialize)]
struct Heads {
    heads: Vec<HeadView>,
}

/// `GET /v1/records/heads`
pub async fn heads(State(app): State<Shared>, caller: Caller) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    let heads = app.store.heads().await?.into_iter();
    let view =
        heads.map(|head| HeadView { stream: head.stream, size: head.size, record_hash: head.record_hash });
    json(&Heads { heads: view.collect() })
}
