//! The one thread that writes. Everything that arrived while it was busy goes into one transaction, so that many
//! callers share one wait for the disk; each is answered only when that transaction is on stable storage.
//!
//! The effect of each operation on the database is in [`super::apply`].

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine::record::{Draft, Head};
use rusqlite::Connection;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::apply::Batch;
use super::checkpoints::Checkpoints;
use super::rows::{self, signed};
use super::trouble::{Failure, Trouble};
use crate::intake::{NewRecords, Taken};
use crate::{
    Change, Event, IdempotentRequest, KeyRow, NewAction, NewPolicySet, PolicyVersion, Receipt, StoreError,
    Written,
};

/// The most operations of one transaction: enough to share the wait, few enough to answer soon.
const LARGEST_BATCH: usize = 512;

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// The operations of the writer.
pub(super) enum Op {
    Submit(Box<NewAction>, Option<IdempotentRequest>, Reply<Written>),
    Advance(Box<Change>, Option<IdempotentRequest>, Reply<Written>),
    Append(Draft, Reply<Receipt>),
    Activate(NewPolicySet, Reply<PolicyVersion>),
    CreateKey(Box<KeyRow>, Draft, Reply<Receipt>),
    RevokeKey {
        id_or_name: String,
        at_ms: i64,
        draft: Draft,
        reply: Reply<KeyRow>,
    },
    TakeIn(NewRecords, Reply<Taken>),
    Probe(Reply<u64>),
    /// Does anything inside the transaction, so that tests can take away the space, break the commit or hold it up.
    #[cfg(test)]
    Run(Run, Reply<()>),
    /// Stops after what came before.
    Close,
}

/// What a test does inside a transaction.
#[cfg(test)]
pub(super) type Run = Box<dyn FnOnce(&Connection) -> rusqlite::Result<()> + Send>;

impl Op {
    /// About how many bytes it holds: its large parts, each as often as it is there.
    pub(super) fn bytes(&self) -> usize {
        let draft = |draft: &Draft| draft.fields.iter().map(|(_, value)| value.as_str().len()).sum::<usize>();
        match self {
            Op::Submit(new, _, _) => {
                let decision = new.decision.json.get().len().saturating_add(new.decision.state.get().len());
                new.action.get().len().saturating_add(decision).saturating_add(draft(&new.draft))
            }
            Op::Advance(change, _, _) => {
                let result = change.result.as_ref().map_or(0, |result| result.get().len());
                result.saturating_add(draft(&change.draft))
            }
            Op::Append(record, _) | Op::CreateKey(_, record, _) | Op::RevokeKey { draft: record, .. } => {
                draft(record)
            }
            Op::Activate(set, _) => {
                let files = set.files.iter().map(|file| file.content.len()).sum::<usize>();
                files.saturating_add(draft(&set.draft))
            }
            // Each record is there as text, and its action and decision once more.
            Op::TakeIn(new, _) => {
                new.records.iter().map(|record| record.body.len()).sum::<usize>().saturating_mul(2)
            }
            Op::Probe(_) | Op::Close => 0,
            #[cfg(test)]
            Op::Run(..) => 0,
        }
    }
}

/// Sends the answer of one operation, or says why the whole transaction failed.
type Answer = Box<dyn FnOnce(Option<&Failure>)>;

/// How long a probe fails after a write that failed, unless one works before. A probe takes less room than a record, so
/// on a full disk it may work where a record does not.
const AILING: Duration = Duration::from_secs(30);

/// The state of the writing thread.
pub(super) struct Writer {
    connection: Connection,
    stream_id: i64,
    head: Head,
    /// Where the stream ends if a commit that was reported as failed happened after all.
    unsure: Option<Head>,
    /// Set once another process appended to the stream. It is never ours again.
    taken: bool,
    /// When a write other than a probe last failed, without a successful one since.
    failed: Option<Instant>,
    events: broadcast::Sender<Event>,
    commits: Arc<AtomicU64>,
    checkpoints: Checkpoints,
    /// Held as long as this thread may write.
    _lock: File,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        (stream_id, head): (i64, Head),
        (events, commits): (broadcast::Sender<Event>, Arc<AtomicU64>),
        checkpoints: Checkpoints,
        lock: File,
    ) -> Self {
        let (unsure, taken, failed) = (None, false, None);
        Writer {
            connection,
            stream_id,
            head,
            unsure,
            taken,
            failed,
            events,
            commits,
            checkpoints,
            _lock: lock,
        }
    }

    /// Starts the thread. It ends when it is told to close, or when no sender is left.
    pub(super) fn start(mut self, mut ops: mpsc::Receiver<Op>) -> Result<JoinHandle<()>, StoreError> {
        let run = move || {
            let mut batch = Vec::with_capacity(LARGEST_BATCH);
            let mut open = true;
            while open && ops.blocking_recv_many(&mut batch, LARGEST_BATCH) > 0 {
                open = !batch.iter().any(|op| matches!(op, Op::Close));
                self.write(&mut batch);
            }
            drop(self.checkpoints);
            // Leaves everything in one file, so that a copy of it is complete. A current reader may prevent it, and
            // then the log stays next to the file.
            _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        thread.spawn(run).map_err(|error| StoreError::because("cannot start the writer", error))
    }

    /// Applies all of `ops` in one transaction and answers them.
    fn write(&mut self, ops: &mut Vec<Op>) {
        let mut answers = Vec::with_capacity(ops.len());
        // Taken from the end, so that what a failure leaves over can be answered too.
        ops.reverse();
        let more_than_probes = ops.iter().any(|op| !matches!(op, Op::Probe(_) | Op::Close));
        let failure = self.transact(ops, &mut answers).err();
        if let Some(failure) = &failure {
            // After some errors SQLite has rolled back by itself.
            if !self.connection.is_autocommit() {
                _ = self.connection.execute_batch("ROLLBACK");
            }
            if let (Failure::StreamTaken(stream), false) = (failure, self.taken) {
                self.taken = true;
                tracing::error!(%stream, "another process appends to the stream, so this one has stopped writing");
            }
            while let Some(op) = ops.pop() {
                refuse(op, failure);
            }
        }
        for answer in answers {
            answer(failure.as_ref());
        }
        if more_than_probes {
            self.failed = failure.is_some().then(Instant::now);
        }
        match failure {
            None => self.checkpoints.after_commit(&self.connection),
            Some(_) => self.checkpoints.after_failure(),
        }
    }

    fn transact(&mut self, ops: &mut Vec<Op>, answers: &mut Vec<Answer>) -> Result<(), Failure> {
        let taken = Failure::StreamTaken(self.head.stream.clone());
        if self.taken {
            return Err(taken);
        }
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let Some(stored) = stored_head(&self.connection, self.stream_id)? else { return Err(taken) };
        if stored != self.head && self.unsure.as_ref() != Some(&stored) {
            return Err(taken);
        }
        self.head = stored;
        self.unsure = None;

        let mut batch = Batch::new(&self.connection, self.stream_id, self.head.clone())?;
        let ailing = self.failed.is_some_and(|at| at.elapsed() < AILING);
        while let Some(op) = ops.pop() {
            let op = match op {
                Op::Probe(reply) if ailing => {
                    let failed = StoreError::failed("the last record could not be written");
                    settle(reply, Err(Trouble::Refused(failed)), answers)?;
                    continue;
                }
                op => op,
            };
            apply(&mut batch, op, answers)?;
            // Some errors roll the transaction back at once. Later operations would each be committed on their own.
            if self.connection.is_autocommit() {
                return Err(Failure::failed("the transaction was undone"));
            }
        }
        let Batch { head, events, .. } = batch;

        if head != self.head {
            // INVARIANT: the stream goes on only from the head that these records were sealed behind.
            let moved = self
                .connection
                .prepare_cached(
                    "UPDATE streams SET size = ?2, record_hash = ?3
                     WHERE id = ?1 AND size = ?4 AND record_hash = ?5",
                )?
                .execute((
                    self.stream_id,
                    signed(head.size),
                    head.record_hash.to_hex(),
                    signed(self.head.size),
                    self.head.record_hash.to_hex(),
                ))?;
            if moved != 1 {
                return Err(taken);
            }
        }
        self.unsure = Some(head.clone());
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.unsure = None;
        self.head = head;
        self.commits.fetch_add(1, Ordering::Relaxed);
        for event in events {
            // An error means that nothing listens.
            _ = self.events.send(event);
        }
        Ok(())
    }
}

/// The end of the stream as the database has it; none when its row is gone or damaged.
fn stored_head(connection: &Connection, stream_id: i64) -> Result<Option<Head>, rusqlite::Error> {
    let mut statement =
        connection.prepare_cached("SELECT stream, size, record_hash FROM streams WHERE id = ?1")?;
    let mut found = statement.query([stream_id])?;
    Ok(found.next()?.and_then(|row| rows::head(row, 0).ok()))
}

fn apply(batch: &mut Batch<'_>, op: Op, answers: &mut Vec<Answer>) -> Result<(), Failure> {
    match op {
        Op::Submit(action, request, reply) => {
            let result = batch.submit(*action, request);
            settle(reply, result, answers)
        }
        Op::Advance(change, request, reply) => {
            let result = batch.advance(*change, request);
            settle(reply, result, answers)
        }
        Op::Append(draft, reply) => {
            let result = batch.append(&draft);
            settle(reply, result, answers)
        }
        Op::Activate(set, reply) => {
            let result = batch.activate(&set);
            settle(reply, result, answers)
        }
        Op::CreateKey(key, draft, reply) => {
            let result = batch.create_key(&key, &draft);
            settle(reply, result, answers)
        }
        Op::RevokeKey { id_or_name, at_ms, draft, reply } => {
            let result = batch.revoke_key(&id_or_name, at_ms, &draft);
            settle(reply, result, answers)
        }
        Op::TakeIn(new, reply) => {
            let result = batch.take_in(new);
            settle(reply, result, answers)
        }
        Op::Probe(reply) => {
            let result = batch.probe();
            settle(reply, result, answers)
        }
        #[cfg(test)]
        Op::Run(run, reply) => {
            let result = run(batch.connection).map_err(Trouble::from);
            settle(reply, result, answers)
        }
        Op::Close => Ok(()),
    }
}

/// Keeps the answer for after the commit, and tells whether there can be one.
fn settle<T: 'static>(
    reply: Reply<T>,
    result: Result<T, Trouble>,
    answers: &mut Vec<Answer>,
) -> Result<(), Failure> {
    let (result, broken) = match result {
        Ok(answer) => (Ok(answer), None),
        Err(Trouble::Refused(error)) => (Err(error), None),
        Err(Trouble::Broken(failure)) => (Err(failure.error()), Some(failure)),
    };
    answers.push(Box::new(move |failure| {
        // The caller may have gone away; the commit stays.
        _ = reply.send(failure.map_or(result, |failure| Err(failure.error())));
    }));
    broken.map_or(Ok(()), Err)
}

fn refuse(op: Op, failure: &Failure) {
    // A caller that has gone away needs no answer.
    match op {
        Op::Submit(_, _, reply) | Op::Advance(_, _, reply) => _ = reply.send(Err(failure.error())),
        Op::Append(_, reply) | Op::CreateKey(_, _, reply) => _ = reply.send(Err(failure.error())),
        Op::Activate(_, reply) => _ = reply.send(Err(failure.error())),
        Op::RevokeKey { reply, .. } => _ = reply.send(Err(failure.error())),
        Op::TakeIn(_, reply) => _ = reply.send(Err(failure.error())),
        Op::Probe(reply) => _ = reply.send(Err(failure.error())),
        #[cfg(test)]
        Op::Run(_, reply) => _ = reply.send(Err(failure.error())),
        Op::Close => {}
    }
}
