//! The records of a stream, fetched in order, a page at a time, byte for byte as they are kept.

use api::{RecordPage, StreamHeads};
use engine::record::Head;
use serde_json::value::RawValue;

use crate::server::{self, Failure};
use crate::url::encoded;

/// How many records are asked for at once: the most that the server gives.
const PAGE: u64 = 1000;

/// Where every stream of the server ends.
///
/// # Errors
/// When the server does not answer, or with a problem.
pub async fn heads() -> Result<Vec<Head>, Failure> {
    let StreamHeads { heads } = server::get("/v1/records/heads").await?;
    Ok(heads)
}

/// A range of a stream to fetch: the records from `from` up to, but without, `until`.
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
        let text =
            server::get_text(&format!("/v1/records?stream={stream}&from={from}&limit={limit}")).await?;
        let bodies = bodies(&text)?;
        self.from = from.saturating_add(bodies.len() as u64);
        Ok(bodies)
    }
}

/// The records of an answer.
///
/// # Errors
/// If it is not a list of records.
pub fn bodies(answer: &str) -> Result<Vec<String>, Failure> {
    let RecordPage { records } = serde_json::from_str(answer).map_err(|error| {
        Failure::here("unreadable_answer", format!("the server's answer is no list of records: {error}"))
    })?;
    // A record that is no JSON any more comes as a string.
    let body = |record: Box<RawValue>| {
        serde_json::from_str(record.get()).unwrap_or_else(|_| record.get().to_owned())
    };
    Ok(records.into_iter().map(body).collect())
}
