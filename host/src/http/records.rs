//! Records for auditors: a stream's records in order, and the heads of streams. And records from wrappers that decide
//! by themselves, on their way in.

use axum::extract::State;
use axum::response::Response;
use engine::hash::RecordHash;
use engine::principal::Principal;
use engine::record::Head;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::StoredRecord;
use store::intake::{Refusal, Taken, is_local};

use super::Shared;
use super::auth::Caller;
use super::error::Problem;
use super::extract::{JsonBytes, Params, json, json_page};
use crate::actor::Permission;
use crate::gate::intake::is_local_name;
use crate::quota::Part;

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

/// `GET /v1/records`: without `stream`, of the only stream that is not a local one. Large records shorten the page;
/// it is empty only after the last record.
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
    let stream = match params.stream {
        Some(stream) if app.store.head(stream.clone()).await?.is_some() => stream,
        Some(_) => return Err(Problem::not_found()),
        None => {
            let heads = app.store.heads().await?.into_iter();
            let mut own = heads.map(|head| head.stream).filter(|stream| !is_local(stream));
            match (own.next(), own.next()) {
                (Some(only), None) => only,
                _ => {
                    let detail = "`stream` is missing, and there is more than one";
                    return Err(Problem::bad_request("invalid_query", detail));
                }
            }
        }
    };
    let room = app.load.room_for_a_page(&caller).await?;
    render(app.store.records(stream, params.from.unwrap_or_default(), limit).await?, "records", room)
}

/// `GET /v1/records/audit`: the chain of every stream, and every row against the records it follows from.
pub async fn audit(State(app): State<Shared>, caller: Caller) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    // It reads the whole database: one at a time, so that the others always find a connection to read with.
    let _turn = app.auditing.lock().await;
    json(&app.store.audit().await?)
}

/// The records as a list under `name`, byte for byte as they are stored.
///
/// # Errors
/// If one of them is not JSON: then its bytes cannot be part of a JSON answer.
pub fn render(records: Vec<StoredRecord>, name: &str, room: Part) -> Result<Response, Problem> {
    let mut text = format!("{{\"{name}\":[");
    for (index, record) in records.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        // A record that was changed in the database is shown unchanged, so that `verify` can name it.
        if serde_json::from_str::<&RawValue>(&record.body).is_ok() {
            text.push_str(&record.body);
        } else {
            text.push_str(no_json(&record.body)?.get());
        }
    }
    text.push_str("]}");
    Ok(json_page(text, room))
}

/// One record as [`render`] shows it.
///
/// # Errors
/// As [`render`].
pub fn shown(body: &str) -> Result<Box<RawValue>, Problem> {
    serde_json::from_str(body).or_else(|_| no_json(body))
}

fn no_json(body: &str) -> Result<Box<RawValue>, Problem> {
    serde_json::value::to_raw_value(body)
        .map_err(|error| Problem::failed(&format!("a record cannot be shown: {error}")))
}

#[derive(Serialize)]
struct HeadView {
    stream: String,
    size: u64,
    record_hash: RecordHash,
}

impl From<Head> for HeadView {
    fn from(head: Head) -> Self {
        HeadView { stream: head.stream, size: head.size, record_hash: head.record_hash }
    }
}

#[derive(Serialize)]
struct Heads {
    heads: Vec<HeadView>,
}

/// `GET /v1/records/heads`
pub async fn heads(State(app): State<Shared>, caller: Caller) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    let heads = app.store.heads().await?.into_iter().map(HeadView::from);
    json(&Heads { heads: heads.collect() })
}

/// Which head to give.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadParams {
    stream: String,
}

/// `GET /v1/records/head`: where a stream ends, so that who brings it can go on. A stream that is not here is empty.
pub async fn head(
    State(app): State<Shared>,
    caller: Caller,
    Params(HeadParams { stream }): Params<HeadParams>,
) -> Result<Response, Problem> {
    let actor = &caller.actor;
    let found = app.store.head(stream.clone()).await?;
    let own = |owner: Option<&Principal>| owner.is_some_and(|owner| actor.principal.is_sender(owner));
    let may_see = actor.may(Permission::SeeAll)
        || found.as_ref().map_or_else(|| is_local_name(&stream), |(_, owner)| own(owner.as_ref()));
    if !may_see {
        return Err(Refusal::ForeignStream(stream).into());
    }
    let head = found.map_or_else(|| Head::genesis(stream), |(head, _)| head);
    json(&HeadView::from(head))
}

/// Records of a wrapper that decided locally.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FromOutside {
    stream: String,
    records: Vec<Box<RawValue>>,
}

#[derive(Serialize)]
struct TakenView {
    #[serde(flatten)]
    head: HeadView,
    accepted: u64,
}

/// `POST /v1/records`: takes in records of a local stream. Sending them again does nothing new, so it needs no
/// `Idempotency-Key`.
pub async fn take_in(
    State(app): State<Shared>,
    caller: Caller,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let principal = caller.needs(Permission::Submit)?;
    let _turn = app.load.turn_to_decide(&caller, body.bytes.len()).await?;
    let FromOutside { stream, records } = body.parse()?;
    let Taken { head, accepted } = app.gate.take_in(principal, stream, records).await?;
    json(&TakenView { head: head.into(), accepted })
}
