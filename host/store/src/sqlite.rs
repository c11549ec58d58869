//! The store in one SQLite file: one thread that writes, a few connections that read.
//!
//! The verbs pass their work to [`writer`] and [`readers`] and wait for the answer. One server process at a time
//! writes to a file; reading is possible at the same time.

mod answered;
mod apply;
mod audit;
mod checkpoints;
mod intake;
mod list;
mod people;
mod read;
mod readers;
mod rows;
mod schema;
mod stats;
mod trouble;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use engine::hash::{EngineHash, PolicyHash, RecordHash};
use engine::lifecycle::Status;
use engine::policy::PolicySource;
use engine::principal::Principal;
use engine::record::{Draft, Head};
use rusqlite::Connection;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};

use self::checkpoints::Checkpoints;
use self::readers::Readers;
use self::rows::signed;
use self::writer::{Op, Reply, Writer};
use super::intake::{NewRecords, Taken};
use super::stats::{Span, Stats};
use super::{
    ActionRow, Answer, Change, DecisionRecord, Event, Filter, IdempotentRequest, KeyRow, NewAction,
    NewPolicySet, Page, PolicyVersion, Receipt, Sight, Store, StoreError, StoredRecord, Written,
};
use crate::audit::Audit;

/// How many operations may wait for the writer; further ones wait for a place.
const WAITING_OPS: usize = 1024;

/// How many bytes of operations may wait for the writer together, so that a disk that stalls fills no memory.
const WAITING_BYTES: usize = 64 * 1024 * 1024;

/// How many records a slow subscriber may fall behind before it misses some.
const WAITING_EVENTS: usize = 4096;

/// A store in one SQLite file.
pub struct SqliteStore {
    readers: Readers,
    /// None when the store was opened for reading only.
    ops: Option<mpsc::Sender<Op>>,
    /// One permit for each byte of [`WAITING_BYTES`] that is free.
    room: Semaphore,
    writer: Mutex<Option<JoinHandle<()>>>,
    events: broadcast::Sender<Event>,
    commits: Arc<AtomicU64>,
    stream: String,
    is_new: bool,
}

impl SqliteStore {
    /// Opens the database at `path` for writing; makes it and its folder, for their owner only, if they are missing.
    ///
    /// Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another server has it open, [`StoreError::TooNew`] when a newer version made it,
    /// [`StoreError::Failed`] when it cannot be made, read or brought up to date.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = schema::create_file(path.as_ref())?;
        let lock = schema::lock(&path)?;
        let connection = schema::open_writer(&path)?;
        let (stream_id, head) = own_stream(&connection)?;
        let (stream, is_new) = (head.stream.clone(), head.size == 0);
        let checkpoints = Checkpoints::start(&path)?;
        let readers = Readers::open(path)?;
        let (ops, waiting) = mpsc::channel(WAITING_OPS);
        let (events, _) = broadcast::channel(WAITING_EVENTS);
        let commits = Arc::new(AtomicU64::new(0));
        let stream_end = (stream_id, head);
        let told = (events.clone(), Arc::clone(&commits));
        let writer = Writer::new(connection, stream_end, told, checkpoints, lock);
        let writer = Mutex::new(Some(writer.start(waiting)?));
        let room = Semaphore::new(WAITING_BYTES);
        Ok(SqliteStore { readers, ops: Some(ops), room, writer, events, commits, stream, is_new })
    }

    /// Opens the database at `path` for reading only, which works while a server writes to it.
    ///
    /// The verbs that write answer [`StoreError::Failed`].
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and [`StoreError::Failed`] when there is no such file or an older version made it.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = std::fs::canonicalize(path.as_ref()).map_err(|error| {
            StoreError::because(format!("cannot open `{}`", path.as_ref().display()), error)
        })?;
        let stream = read::heads(&schema::open_reader(&path)?)?.into_iter().next().map(|head| head.stream);
        let stream = stream.ok_or_else(|| StoreError::failed("the database has no stream"))?;
        let readers = Readers::open(path)?;
        let (events, _) = broadcast::channel(1);
        let commits = Arc::new(AtomicU64::new(0));
        Ok(SqliteStore {
            readers,
            ops: None,
            room: Semaphore::new(0),
            writer: Mutex::new(None),
            events,
            commits,
            stream,
            is_new: false,
        })
    }

    /// Whether the store was empty when it was opened, so that its owner writes the first record.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The stream that this store appends to, `server-` and 8 random hexadecimal digits.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// How many transactions were committed since the store was opened.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Finishes the requested writes, then stops writing and releases the lock. Later writes fail.
    pub async fn close(&self) {
        let Some(ops) = &self.ops else { return };
        // An error means that the writer has stopped already.
        _ = ops.send(Op::Close).await;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // Joining may wait for the disk, so it is done where blocking is allowed.
            _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }

    /// Hands an operation to the writer and waits for its answer.
    async fn write<T>(&self, op: impl FnOnce(Reply<T>) -> Op) -> Result<T, StoreError> {
        let ops = self.ops.as_ref().ok_or_else(|| StoreError::failed("it is open for reading only"))?;
        let (reply, answer) = oneshot::channel();
        let op = op(reply);
        // Given back when the operation is answered. One that is larger than all of the room waits until it is alone.
        let bytes = u32::try_from(op.bytes().min(WAITING_BYTES)).unwrap_or(u32::MAX);
        let _room =
            self.room.acquire_many(bytes).await.map_err(|_| StoreError::failed("the store is closed"))?;
        ops.send(op).await.map_err(|_| StoreError::failed("the store is closed"))?;
        answer.await.map_err(|_| StoreError::failed("the store is closed"))?
    }
}

/// The stream of this database; created if there is none.
fn own_stream(connection: &Connection) -> Result<(i64, Head), StoreError> {
    let sql = "SELECT stream, size, record_hash, id FROM streams WHERE owner IS NULL ORDER BY id LIMIT 1";
    let found = read::all(connection, sql, [], |row| Ok((row.get(3)?, rows::head(row, 0)?)))?;
    if let Some(found) = found.into_iter().next() {
        return Ok(found);
    }
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| StoreError::because("no random bytes", error))?;
    let head = Head::genesis(format!("server-{:08x}", u32::from_be_bytes(random)));
    let id = connection
        .prepare("INSERT INTO streams (stream, size, record_hash) VALUES (?1, ?2, ?3)")?
        .insert((&head.stream, signed(head.size), RecordHash::ZERO.to_hex()))?;
    Ok((id, head))
}

impl Store for SqliteStore {
    fn submit(&self, action: NewAction, request: Option<IdempotentRequest>) -> Answer<'_, Written> {
        Box::pin(self.write(|reply| Op::Submit(Box::new(action), request, reply)))
    }

    fn advance(&self, change: Change, request: Option<IdempotentRequest>) -> Answer<'_, Written> {
        Box::pin(self.write(|reply| Op::Advance(Box::new(change), request, reply)))
    }

    fn answered(&self, request: IdempotentRequest, now_ms: i64) -> Answer<'_, Option<ActionRow>> {
        Box::pin(self.readers.read(move |db| answered::answered(db, &request, now_ms)))
    }

    fn append(&self, draft: Draft) -> Answer<'_, Receipt> {
        Box::pin(self.write(|reply| Op::Append(draft, reply)))
    }

    fn activate(&self, set: NewPolicySet) -> Answer<'_, PolicyVersion> {
        Box::pin(self.write(|reply| Op::Activate(set, reply)))
    }

    fn create_key(&self, key: KeyRow, draft: Draft) -> Answer<'_, Receipt> {
        Box::pin(self.write(|reply| Op::CreateKey(Box::new(key), draft, reply)))
    }

    fn revoke_key(&self, id_or_name: String, at_ms: i64, draft: Draft) -> Answer<'_, KeyRow> {
        Box::pin(self.write(move |reply| Op::RevokeKey { id_or_name, at_ms, draft, reply }))
    }

    fn take_in(&self, new: NewRecords) -> Answer<'_, Taken> {
        Box::pin(self.write(|reply| Op::TakeIn(new, reply)))
    }

    fn probe(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let written = self.write(Op::Probe).await?;
            let sql = "SELECT count FROM probes";
            let read = self.readers.read(move |db| Ok(db.query_row(sql, [], |row| row.get(0))?)).await?;
            // Another probe may have come between.
            if rows::unsigned(read) < written {
                return Err(StoreError::failed("what was written does not read back"));
            }
            Ok(())
        })
    }

    fn action(&self, id_or_prefix: String) -> Answer<'_, ActionRow> {
        // Only a whole id is found by an index.
        let whole = rows::id_bytes(&id_or_prefix).is_some();
        let query = move |db: &Connection| read::action(db, &id_or_prefix);
        Box::pin(async move {
            if whole { self.readers.read(query).await } else { self.readers.read_much(query).await }
        })
    }

    fn actions(&self, filter: Filter, sight: Sight) -> Answer<'_, Page> {
        Box::pin(self.readers.read_much(move |db| list::actions(db, &filter, &sight)))
    }

    fn overdue(&self, now_ms: i64, started_before_ms: i64) -> Answer<'_, Vec<ActionRow>> {
        Box::pin(self.readers.read(move |db| read::overdue(db, now_ms, started_before_ms)))
    }

    fn records(&self, stream: String, from: u64, limit: u32) -> Answer<'_, Vec<StoredRecord>> {
        Box::pin(self.readers.read_much(move |db| read::records(db, &stream, from, limit)))
    }

    fn records_of(&self, action_id: String) -> Answer<'_, Vec<StoredRecord>> {
        Box::pin(self.readers.read(move |db| read::records_of(db, &action_id)))
    }

    fn records_after(&self, after: u64, limit: u32) -> Answer<'_, Vec<StoredRecord>> {
        Box::pin(self.readers.read_much(move |db| read::records_after(db, after, limit)))
    }

    fn decisions(&self, limit: u32, most_bytes: usize) -> Answer<'_, Vec<DecisionRecord>> {
        Box::pin(self.readers.read_much(move |db| read::decisions(db, limit, most_bytes)))
    }

    fn place(&self, of: Option<(String, u64)>) -> Answer<'_, u64> {
        Box::pin(self.readers.read(move |db| read::place(db, of)))
    }

    fn head(&self, stream: String) -> Answer<'_, Option<(Head, Option<Principal>)>> {
        Box::pin(
            self.readers.read(move |db| Ok(read::stream(db, &stream)?.map(|(_, head, owner)| (head, owner)))),
        )
    }

    fn heads(&self) -> Answer<'_, Vec<Head>> {
        Box::pin(self.readers.read(read::heads))
    }

    fn policy_set(&self, hash: PolicyHash) -> Answer<'_, Vec<PolicySource>> {
        Box::pin(self.readers.read(move |db| read::policy_set(db, hash)))
    }

    fn engine_module(&self, hash: EngineHash) -> Answer<'_, Vec<u8>> {
        Box::pin(self.readers.read(move |db| read::engine_module(db, hash)))
    }

    fn policy_history(&self, limit: u32) -> Answer<'_, Vec<PolicyVersion>> {
        Box::pin(self.readers.read(move |db| read::policy_history(db, limit)))
    }

    fn keys(&self) -> Answer<'_, Vec<KeyRow>> {
        Box::pin(self.readers.read(read::keys))
    }

    fn counts(&self) -> Answer<'_, Vec<(Status, u64)>> {
        Box::pin(self.readers.read(read::counts))
    }

    fn stats(&self, span: Span) -> Answer<'_, Stats> {
        Box::pin(self.readers.read_much(move |db| stats::stats(db, span)))
    }

    fn audit(&self) -> Answer<'_, Audit> {
        Box::pin(self.readers.read(audit::audit))
    }

    fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }
}
