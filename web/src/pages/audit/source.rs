//! The records of a stream, fetched in order, a page at a time, byte for byte as they are kept.

use engine::hash::RecordHash;
use engine::record::Head;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::{self, Failure};
use crate::url::encoded;

/// How many records are asked for at once: the most that the server gives.
const PAGE: u64 = 1000;

#[derive(Deserialize)]
struct Heads {
    heads: Vec<HeadView>,
}

#[derive(Deserialize)]
struct HeadView {
    stream: String,
    size: u64,
    record_hash: RecordHash,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    records: Vec<&'a RawValue>,
}

/// Where every stream of the server ends.
///
/// # Errors
/// When the server does not answer, or with a problem.
pub async fn heads() -> Result<Vec<Head>, Failure> {
    let Heads { heads } = api::get("/v1/records/heads").await?;
    let head = |HeadView { stream, size, record_hash }| Head { stream, size, record_hash };
    Ok(heads.into_iter().map(head).collect())
}

/// What is fetched of a stream: the records from `from` up to, but without, `until`.
#[derive(Debug, Clone)]
pub struct Source {
    /// The stream.
    pub stream: String,
    /// The place of the next record.
    pub from: u64,
    /// The place behind the last one.
    pub until: u64,
}

impl Source {
    /// The next records; none when there are no more.
    ///
    /// # Errors
    /// As for [`heads`].
    pub async fn next(&mut self) -> Result<Vec<String>, Failure> {
        let left = self.until.saturating_sub(self.from);
        if left == 0 {
            return Ok(Vec::new());
        }
        let (stream, from, limit) = (encoded(&self.stream), self.from, left.min(PAGE));
        let text = api::get_text(&format!("/v1/records?stream={stream}&from={from}&limit={limit}")).await?;
        let bodies = bodies(&text)?;
        self.from = from.saturating_add(bodies.len() as u64);
        Ok(bodies)
    }
}

/// The records of an answer.
///
/// # Errors
/// When it is no list of records.
pub fn bodies(answer: &str) -> Result<Vec<String>, Failure> {
    let Page { records } = serde_json::from_str(answer).map_err(|error| {
        Failure::here("unreadable_answer", format!("the server's answer is no list of records: {error}"))
    })?;
    // A record that is no JSON any more comes as a string.
    let body =
        |record: &RawValue| serde_json::from_str(record.get()).unwrap_or_else(|_| record.get().to_owned());
    Ok(records.into_iter().map(body).collect())
}
