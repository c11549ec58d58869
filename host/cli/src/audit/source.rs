//! Where records come from: a server, an export, a database. Each is read in order, a page at a time.

use std::io::{BufRead, BufReader};
use std::path::Path;

use engine::hash::RecordHash;
use engine::record::Head;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use store::audit::Audit;
use store::sqlite::SqliteStore;
use store::{Store, StoreError};

use crate::client::{Client, quoted};
use crate::exit::Failure;
use crate::input::unreadable;

/// How many records are read from a database at once.
const PAGE: u32 = 500;
/// How many records a server is asked for at once.
const SERVER_PAGE: u32 = 100;

/// The handler of each record: its stream, where the source knows it, and its text.
pub(super) type Visit<'a> = &'a mut dyn FnMut(Option<&str>, &str) -> Result<(), Failure>;

/// Reads an export: a record a line.
///
/// # Errors
/// When it cannot be read.
pub(super) fn of_file(path: &str, visit: Visit<'_>) -> Result<(), Failure> {
    let fail = |error: std::io::Error| unreadable(path, &error);
    if path == "-" {
        return lines(std::io::stdin().lock(), visit).map_err(fail)?;
    }
    let file = std::fs::File::open(path).map_err(fail)?;
    lines(BufReader::new(file), visit).map_err(fail)?
}

fn lines(mut reader: impl BufRead, visit: Visit<'_>) -> Result<Result<(), Failure>, std::io::Error> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(Ok(()));
        }
        let text = String::from_utf8_lossy(line.trim_ascii_end());
        if text.is_empty() {
            continue;
        }
        if let Err(failure) = visit(None, &text) {
            return Ok(Err(failure));
        }
    }
}

/// Reads every stream of a server, and gives the heads that it names.
///
/// # Errors
/// When the server does not answer, or the key may not see records.
pub(super) fn of_server(client: &Client, visit: Visit<'_>) -> Result<Vec<Head>, Failure> {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        records: Vec<&'a RawValue>,
    }
    let heads = server_heads(client)?;
    for head in &heads {
        let mut from = 0;
        while from < head.size {
            let query = [
                ("stream", head.stream.clone()),
                ("from", from.to_string()),
                ("limit", SERVER_PAGE.to_string()),
            ];
            let text = client.text("/v1/records", &query)?;
            let page: Page<'_> = serde_json::from_str(&text).map_err(|_| strange())?;
            if page.records.is_empty() {
                break;
            }
            for record in page.records {
                // A record that is no longer JSON arrives as a string.
                match serde_json::from_str::<String>(record.get()) {
                    Ok(body) => visit(Some(&head.stream), &body)?,
                    Err(_) => visit(Some(&head.stream), record.get())?,
                }
                from = from.saturating_add(1);
            }
        }
    }
    Ok(heads)
}

fn server_heads(client: &Client) -> Result<Vec<Head>, Failure> {
    let answer = client.get("/v1/records/heads", &[])?;
    let head = |value: &Value| {
        Some(Head {
            stream: value.get("stream")?.as_str()?.to_owned(),
            size: value.get("size")?.as_u64()?,
            record_hash: value.get("record_hash")?.as_str()?.parse().ok()?,
        })
    };
    let heads = answer.get("heads").and_then(Value::as_array).ok_or_else(strange)?;
    heads.iter().map(head).collect::<Option<_>>().ok_or_else(strange)
}

/// Has the server verify its records and compare its rows with them.
///
/// # Errors
/// When it does not answer, or the key may not see records.
pub(super) fn audit_of_server(client: &Client) -> Result<Audit, Failure> {
    serde_json::from_str(&client.text("/v1/records/audit", &[])?).map_err(|_| strange())
}

fn strange() -> Failure {
    Failure::unreachable("the answer of the server is not a list of records")
}

/// A database, read while a server may be writing to it.
pub(super) struct Database {
    store: SqliteStore,
    runtime: tokio::runtime::Runtime,
    shown: String,
}

impl Database {
    /// Opens the file at `path` for reading.
    ///
    /// # Errors
    /// If it does not exist, or is not a database of this program.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let shown = quoted(&path.to_string_lossy());
        if !path.is_file() {
            return Err(Failure::usage(format!("{shown} cannot be read: there is no such file")));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| Failure::refused(format!("no threads to read with: {error}")))?;
        let store = SqliteStore::open_read_only(path)
            .map_err(|error| Failure::usage(format!("{shown} cannot be read: {error}")))?;
        Ok(Database { store, runtime, shown })
    }

    fn failed(&self, error: &StoreError) -> Failure {
        Failure::refused(format!("{} cannot be read: {error}", self.shown))
            .help("a database that a program other than Faramesh wrote to may be damaged")
    }

    /// The heads of all streams.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn heads(&self) -> Result<Vec<Head>, Failure> {
        self.runtime.block_on(self.store.heads()).map_err(|error| self.failed(&error))
    }

    /// Reads the records of `stream` from `from` on.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn records(&self, stream: &str, mut from: u64, visit: Visit<'_>) -> Result<(), Failure> {
        loop {
            let page = self.runtime.block_on(self.store.records(stream.to_owned(), from, PAGE));
            let page = page.map_err(|error| self.failed(&error))?;
            let Some(last) = page.last() else { return Ok(()) };
            from = last.seq.saturating_add(1);
            for record in &page {
                visit(Some(stream), &record.body)?;
            }
        }
    }

    /// Verifies the records and compares every row with them, over one snapshot.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn audit(&self) -> Result<Audit, Failure> {
        self.runtime.block_on(self.store.audit()).map_err(|error| self.failed(&error))
    }

    /// The hash of one record; none where there is no such record, or it does not say.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn record_hash(&self, stream: &str, seq: u64) -> Result<Option<RecordHash>, Failure> {
        #[derive(Deserialize)]
        struct Sealed {
            record_hash: RecordHash,
        }
        let page = self.runtime.block_on(self.store.records(stream.to_owned(), seq, 1));
        let page = page.map_err(|error| self.failed(&error))?;
        let record = page.first().filter(|record| record.seq == seq);
        let sealed = record.and_then(|record| serde_json::from_str::<Sealed>(&record.body).ok());
        Ok(sealed.map(|sealed| sealed.record_hash))
    }
}
