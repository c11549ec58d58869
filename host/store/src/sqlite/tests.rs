//! The contract over SQLite, and what only a file on a disk can suffer: other processes, other versions, no space,
//! other people's hands.

use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use engine::canonical::Canonical;
use engine::decision::{Outcome, ReasonCode};
use engine::lifecycle::Status;
use engine::record::{Draft, RecordKind};
use engine::value::Value;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::oneshot;

use super::writer::Op;
use super::{SqliteStore, WAITING_BYTES};
use crate::contract::{self, all_records, checked, for_each_contract, verified};
use crate::fixtures::{NOW, change, decision, draft, id, new_action, request, submit, whole_action};
use crate::stats::Stats;
use crate::{Filter, Sight, Store, StoreError, Written};

macro_rules! over_sqlite {
    ($($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (_folder, store) = fresh();
            contract::$name(Arc::new(store)).await;
        }
    )*};
}
for_each_contract!(over_sqlite);

fn fresh() -> (TempDir, SqliteStore) {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(file(&folder)).unwrap();
    (folder, store)
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("data").join("faramesh.db")
}

/// A writer that stands still inside a transaction until it is told to go on.
struct Held(std::sync::mpsc::Sender<()>);

impl Held {
    fn go_on(self) {
        self.0.send(()).unwrap();
    }
}

impl SqliteStore {
    /// Runs `work` in the writer, inside the transaction of whatever else is written then.
    async fn run(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.write(|reply| Op::Run(Box::new(work), reply)).await
    }

    /// Holds the writer up inside the transaction of what was asked for before.
    async fn hold(self: &Arc<Self>) -> Held {
        let (inside, entered) = oneshot::channel();
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let store = Arc::clone(self);
        tokio::spawn(async move {
            let hold = move |_: &Connection| {
                inside.send(()).unwrap();
                wait.recv().unwrap();
                Ok(())
            };
            store.run(hold).await.unwrap();
        });
        entered.await.unwrap();
        Held(go_on)
    }

    /// Runs `sql` in the writer, inside the transaction of whatever else is written then.
    async fn sql(&self, sql: &str) -> Result<(), StoreError> {
        let sql = sql.to_owned();
        self.run(move |database| database.execute_batch(&sql)).await
    }
}

#[tokio::test]
async fn reopening_goes_on_with_the_chain() {
    let (folder, store) = fresh();
    assert!(store.is_new());
    let stream = store.stream().to_owned();
    assert_eq!(stream.len(), "server-".len() + 8);
    submit(&store, 1, Outcome::Execute).await;
    store.close().await;
    let closed = store.submit(new_action(2, Outcome::Execute), None).await;
    assert!(matches!(closed, Err(StoreError::Failed(_))), "{closed:?}");

    let store = SqliteStore::open(file(&folder)).unwrap();
    assert!(!store.is_new());
    assert_eq!(store.stream(), stream);
    submit(&store, 2, Outcome::Execute).await;
    assert_eq!(verified(&store).await.size, 2);
    assert_eq!(store.heads().await.unwrap().len(), 1);
}

/// Brings the table of requests that are answered again to what it was before version 6.
const ANSWERS_AS_TEXT: &str = "DROP TABLE idempotency;
     CREATE TABLE idempotency (scope TEXT NOT NULL, key TEXT NOT NULL, body_hash TEXT NOT NULL,
                               response TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;
     CREATE UNIQUE INDEX idempotency_by_key ON idempotency (scope, key);";

#[tokio::test]
async fn a_request_of_the_version_before_is_answered_again_and_never_done_again() {
    let (folder, store) = fresh();
    let Written::Fresh(first) = store.submit(whole_action(1, Outcome::Execute), None).await.unwrap() else {
        panic!("replayed")
    };
    let start = change(&first, Status::Executing, RecordKind::Start);
    store.advance(start, None).await.unwrap();
    store.close().await;
    drop(store);
    let other = Connection::open(file(&folder)).unwrap();
    other.execute_batch(ANSWERS_AS_TEXT).unwrap();
    let answer =
        serde_json::json!({ "id": id(1), "status": "allowed", "receipt": first.receipt }).to_string();
    for (key, response) in [("whole", answer.as_str()), ("lost", "{}"), ("damaged", "{")] {
        let sql = "INSERT INTO idempotency VALUES ('alice', ?1, 'body', ?2, ?3)";
        other.execute(sql, (key, response, NOW)).unwrap();
    }
    other.execute_batch("PRAGMA user_version = 5").unwrap();
    drop(other);

    let store = SqliteStore::open(file(&folder)).unwrap();
    let answered = |key| store.answered(request("alice", key, "body"), NOW + 1);
    assert_eq!(format!("{:?}", answered("whole").await.unwrap().unwrap()), format!("{first:?}"));
    for key in ["lost", "damaged"] {
        let refused = answered(key).await;
        assert!(matches!(refused, Err(StoreError::Failed(_))), "{key}: {refused:?}");
    }
    assert!(answered("new").await.unwrap().is_none());
}

#[tokio::test]
async fn a_database_of_the_version_before_is_brought_up_to_date() {
    let (folder, store) = fresh();
    let stream = store.stream().to_owned();
    submit(&store, 1, Outcome::Execute).await;
    store.close().await;
    drop(store);
    let other = Connection::open(file(&folder)).unwrap();
    other
        .execute_batch(
            "ALTER TABLE actions DROP COLUMN contradicted; DROP INDEX startable_actions; ALTER TABLE actions DROP COLUMN start_by_ms;
             ALTER TABLE actions DROP COLUMN principal_key_id; ALTER TABLE streams DROP COLUMN owner_key_id;
             ALTER TABLE streams DROP COLUMN owner; DROP TABLE held_locally;
             ALTER TABLE actions DROP COLUMN first_outcome; ALTER TABLE actions DROP COLUMN first_risk_score;
             ALTER TABLE actions DROP COLUMN first_policy; ALTER TABLE actions DROP COLUMN first_rule;
             PRAGMA user_version = 1;",
        )
        .unwrap();
    other.execute_batch(ANSWERS_AS_TEXT).unwrap();
    drop(other);
    assert!(matches!(SqliteStore::open_read_only(file(&folder)), Err(StoreError::Failed(_))));
    let store = SqliteStore::open(file(&folder)).unwrap();
    assert_eq!((store.stream(), store.is_new()), (stream.as_str(), false));
    submit(&store, 2, Outcome::Execute).await;
    assert_eq!(verified(&store).await.size, 2);
}

#[tokio::test]
async fn statistics_of_a_database_of_before_are_made_from_its_records() {
    let (folder, store) = fresh();
    let Written::Fresh(held) = store.submit(contract::held_by_rule(1), None).await.unwrap() else {
        panic!("replayed")
    };
    store.submit(contract::denied_by_rule(2), None).await.unwrap();
    let mut granted = change(&held, Status::Approved, RecordKind::Approval);
    granted.decision = Some(decision(Outcome::Execute, ReasonCode::ApprovalGranted));
    store.advance(granted, None).await.unwrap();
    submit(&store, 3, Outcome::Execute).await;
    // The decisions of these records say nothing of a score.
    let of_score = |mut stats: Stats, count| {
        stats.scores[0].count -= count;
        stats.risk[0].count -= count;
        stats
    };
    let before = of_score(contract::whole(&store).await, 1);
    store.close().await;
    drop(store);
    let downgrade = "ALTER TABLE actions DROP COLUMN contradicted; DROP INDEX startable_actions; ALTER TABLE actions DROP COLUMN start_by_ms;
         ALTER TABLE actions DROP COLUMN principal_key_id; ALTER TABLE streams DROP COLUMN owner_key_id;
         ALTER TABLE actions DROP COLUMN first_outcome; ALTER TABLE actions DROP COLUMN first_risk_score;
         ALTER TABLE actions DROP COLUMN first_policy; ALTER TABLE actions DROP COLUMN first_rule;
         PRAGMA user_version = 2;";
    Connection::open(file(&folder)).unwrap().execute_batch(&[downgrade, ANSWERS_AS_TEXT].concat()).unwrap();
    let store = SqliteStore::open(file(&folder)).unwrap();
    assert_eq!(contract::whole(&store).await, before);
    store.close().await;
    drop(store);
    // A damaged record does not prevent a server from starting.
    let other = Connection::open(file(&folder)).unwrap();
    other.execute_batch(&[downgrade, ANSWERS_AS_TEXT].concat()).unwrap();
    other
        .execute_batch("UPDATE records SET body = '{' WHERE number = (SELECT max(number) FROM actions)")
        .unwrap();
    drop(other);
    let store = SqliteStore::open(file(&folder)).unwrap();
    assert_eq!(contract::whole(&store).await, before);
}

#[tokio::test]
async fn a_store_that_nothing_was_written_to_is_still_new() {
    let (folder, store) = fresh();
    let stream = store.stream().to_owned();
    store.close().await;
    let store = SqliteStore::open(file(&folder)).unwrap();
    assert!(store.is_new());
    assert_eq!(store.stream(), stream);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, store) = fresh();
    submit(&store, 1, Outcome::Execute).await;
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.path().join("data")), 0o700);
    for name in ["faramesh.db", "faramesh.db-wal", "faramesh.db-shm", "faramesh.db.lock"] {
        assert_eq!(mode(folder.path().join("data").join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_second_writer_is_refused_and_a_reader_is_not() {
    let (folder, store) = fresh();
    submit(&store, 1, Outcome::Execute).await;
    let second = SqliteStore::open(file(&folder)).err();
    assert!(matches!(second, Some(StoreError::InUse(_))), "{second:?}");
    #[cfg(unix)]
    {
        // Another name of the same file is the same database.
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink(file(&folder), &link).unwrap();
        assert!(matches!(SqliteStore::open(link), Err(StoreError::InUse(_))));
    }

    let reader = SqliteStore::open_read_only(file(&folder)).unwrap();
    assert_eq!(reader.stream(), store.stream());
    submit(&store, 2, Outcome::Execute).await;
    assert_eq!(verified(&reader).await.size, 2);
    assert_eq!(reader.action(id(2)).await.unwrap().id, id(2));
    let written = reader.submit(new_action(3, Outcome::Execute), None).await;
    assert!(matches!(written, Err(StoreError::Failed(_))), "{written:?}");

    // The reader works without a server too.
    store.close().await;
    drop((store, reader));
    let reader = SqliteStore::open_read_only(file(&folder)).unwrap();
    assert_eq!(verified(&reader).await.size, 2);
    assert!(SqliteStore::open_read_only(folder.path().join("nothing.db")).is_err());
}

#[tokio::test]
async fn a_newer_schema_is_refused_untouched() {
    let (folder, store) = fresh();
    store.close().await;
    drop(store);
    let other = Connection::open(file(&folder)).unwrap();
    other.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA user_version = 99;").unwrap();
    drop(other);
    let before = std::fs::read(file(&folder)).unwrap();
    for refused in [SqliteStore::open(file(&folder)).err(), SqliteStore::open_read_only(file(&folder)).err()]
    {
        assert!(matches!(refused, Some(StoreError::TooNew { found: 99, known: 6 })), "{refused:?}");
    }
    assert!(std::fs::read(file(&folder)).unwrap() == before);
}

#[tokio::test]
async fn callers_who_come_together_share_a_transaction() {
    let (_folder, store) = fresh();
    let before = store.commits();
    // On one thread all are asked before the writer is done with the first.
    let all: Vec<_> = (0..200).map(|n| store.submit(new_action(n, Outcome::Execute), None)).collect();
    let answers = futures_all(all).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Written::Fresh(_)))));
    let commits = store.commits() - before;
    assert!((1..=20).contains(&commits), "200 submits took {commits} transactions");
    assert_eq!(verified(&store).await.size, 200);
}

/// Polls all of `futures` until each is done.
async fn futures_all<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut done: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let Poll::Ready(output) = Pin::new(future).poll(context) {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// One that fails among many: none of the others suffers.
#[tokio::test]
async fn a_refusal_undoes_nobody_elses_work() {
    let (_folder, store) = fresh();
    submit(&store, 0, Outcome::Execute).await;
    let numbers = [1, 0, 2, 0, 3];
    let answers =
        futures_all(numbers.map(|n| store.submit(new_action(n, Outcome::Execute), None)).into()).await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false, true]);
    assert_eq!(verified(&store).await.size, 4);
}

/// Without space nothing is acknowledged, nothing acknowledged is lost, and with space again all goes on.
#[tokio::test]
async fn without_space_every_write_fails_until_there_is_space() {
    let (folder, store) = fresh();
    let mut events = store.subscribe();
    let mut acknowledged = Vec::new();
    for n in 0..20 {
        submit(&store, n, Outcome::Execute).await;
        acknowledged.push(n);
    }
    let before = store.heads().await.unwrap();
    store.sql("PRAGMA max_page_count = 1").await.unwrap();
    let big = |n| {
        let mut new = new_action(n, Outcome::Execute);
        new.tool = "x".repeat(20_000);
        new
    };
    for n in 100..103 {
        let all = vec![store.submit(big(n), None), store.submit(big(n + 100), None)];
        for answer in futures_all(all).await {
            assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
        }
    }
    let lost = store
        .append(Draft { fields: vec![], ..draft(RecordKind::Access, 0, Some("x".repeat(20_000))) })
        .await;
    assert!(matches!(lost, Err(StoreError::Failed(_))), "{lost:?}");
    assert_eq!(store.heads().await.unwrap(), before);

    store.sql("PRAGMA max_page_count = 1000000").await.unwrap();
    submit(&store, 300, Outcome::Execute).await;
    acknowledged.push(300);
    store.close().await;
    let store = SqliteStore::open(file(&folder)).unwrap();
    for n in &acknowledged {
        store.action(id(*n)).await.unwrap();
    }
    assert!(matches!(store.action(id(100)).await, Err(StoreError::NotFound)));
    assert_eq!(verified(&store).await.size, 21);
    // No event was sent for the failed write.
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(event.record.unwrap().seq);
    }
    assert_eq!(told, (0..21).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_comes_during_a_commit_misses_no_record() {
    let (_folder, store) = fresh();
    let store = Arc::new(store);
    submit(&*store, 1, Outcome::Execute).await;
    // While the writer stands still, an action and what holds up its transaction come to wait: they share the next one.
    let first = store.hold().await;
    let mut writing = store.submit(new_action(2, Outcome::Execute), None);
    let sent = poll_fn(|context| Poll::Ready(Pin::new(&mut writing).poll(context).is_pending())).await;
    assert!(sent, "the writer stands still");
    let second = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.hold().await }
    });
    let ops = store.ops.as_ref().unwrap();
    while ops.max_capacity() - ops.capacity() < 2 {
        tokio::task::yield_now().await;
    }
    first.go_on();
    let second = second.await.unwrap();
    let mut events = store.subscribe();
    let behind = store.place(None).await.unwrap();
    assert!(matches!(store.action(id(2)).await, Err(StoreError::NotFound)), "it is not committed yet");
    second.go_on();
    writing.await.unwrap();

    let event = events.try_recv().unwrap();
    assert_eq!(event.about.unwrap().action_id, id(2));
    let record = event.record.unwrap();
    assert!(record.place > behind, "{record:?}");
    assert!(matches!(events.try_recv(), Err(TryRecvError::Empty)));
}

/// A disk that stalls: the writer stands still, and what comes meanwhile waits outside of its queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_that_wait_are_bounded_by_their_bytes() {
    const MIB: usize = 1024 * 1024;
    let (_folder, store) = fresh();
    let store = Arc::new(store);
    let held = store.hold().await;
    let large: Vec<_> = (0..100)
        .map(|_| {
            let (store, filler) = (Arc::clone(&store), Canonical::text(&"x".repeat(MIB)));
            let fields = vec![("filler", filler)];
            let draft = Draft { kind: RecordKind::Access, at_ms: 0, action_id: None, fields };
            tokio::spawn(async move { store.append(draft).await })
        })
        .collect();
    while store.room.available_permits() >= MIB {
        tokio::task::yield_now().await;
    }
    let ops = store.ops.as_ref().unwrap();
    let waiting = ops.max_capacity() - ops.capacity();
    assert!((1..=WAITING_BYTES / MIB).contains(&waiting), "{waiting} wait");
    held.go_on();
    for one in large {
        one.await.unwrap().unwrap();
    }
    assert_eq!((verified(&*store).await.size, store.room.available_permits()), (100, WAITING_BYTES));
}

/// The commit itself fails, after every statement went well.
#[tokio::test]
async fn a_failed_commit_fails_everybody_in_it() {
    let (_folder, store) = fresh();
    let row = submit(&store, 1, Outcome::Execute).await;
    let mut events = store.subscribe();
    let broken = "PRAGMA defer_foreign_keys = ON;
         INSERT INTO records (number, stream_id, seq, kind, body) VALUES (1000, 99, 0, 'start', '{}')";
    let start = change(&row, Status::Executing, RecordKind::Start);
    let (submitted, sql, conflict, started) = tokio::join!(
        store.submit(new_action(2, Outcome::Execute), None),
        store.sql(broken),
        store.submit(new_action(1, Outcome::Execute), None),
        store.advance(start.clone(), None),
    );
    // They may have met in one transaction or not: the first can have been alone.
    assert!(matches!(sql, Err(StoreError::Failed(_))), "{sql:?}");
    assert!(conflict.is_err());
    let recorded = 1 + u64::from(submitted.is_ok()) + u64::from(started.is_ok());
    assert_eq!(verified(&store).await.size, recorded);
    assert_eq!(store.action(id(2)).await.is_ok(), submitted.is_ok());
    assert_eq!(store.action(id(1)).await.unwrap().version, 1 + u64::from(started.is_ok()));
    let told = std::iter::from_fn(|| events.try_recv().ok()).count() as u64;
    assert_eq!(told, recorded - 1);

    submit(&store, 3, Outcome::Execute).await;
    assert_eq!(verified(&store).await.size, recorded + 1);
}

#[tokio::test]
async fn who_finds_the_stream_taken_stops_for_good() {
    let (folder, store) = fresh();
    submit(&store, 1, Outcome::Execute).await;
    let other = Connection::open(file(&folder)).unwrap();
    let head = store.heads().await.unwrap().remove(0);
    other.execute("UPDATE streams SET size = size + 1", []).unwrap();
    for _ in 0..2 {
        let refused = store.submit(new_action(2, Outcome::Execute), None).await;
        assert!(matches!(refused, Err(StoreError::StreamTaken(stream)) if stream == head.stream));
        let refused = store.probe().await;
        assert!(matches!(refused, Err(StoreError::StreamTaken(_))), "{refused:?}");
        // Putting it back does not help: who lost the stream once cannot know what else happened.
        other.execute("UPDATE streams SET size = 1", []).unwrap();
    }
    assert!(matches!(store.action(id(2)).await, Err(StoreError::NotFound)));
    assert_eq!(verified(&store).await, head);
}

#[tokio::test]
async fn a_probe_fails_after_a_record_that_could_not_be_written_until_one_can() {
    let (_folder, store) = fresh();
    store.probe().await.unwrap();
    store
        .sql("CREATE TRIGGER full BEFORE INSERT ON actions BEGIN SELECT RAISE(ROLLBACK, 'full'); END")
        .await
        .unwrap();
    store.probe().await.unwrap();
    let refused = store.submit(new_action(1, Outcome::Execute), None).await;
    assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    // A probe itself could be written all the time.
    for _ in 0..2 {
        let refused = store.probe().await;
        assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    }
    store.sql("DROP TRIGGER full").await.unwrap();
    submit(&store, 1, Outcome::Execute).await;
    store.probe().await.unwrap();
}

#[tokio::test]
async fn a_record_in_our_place_means_the_stream_is_taken() {
    let (folder, store) = fresh();
    submit(&store, 1, Outcome::Execute).await;
    let other = Connection::open(file(&folder)).unwrap();
    other
        .execute("INSERT INTO records (stream_id, seq, kind, body) VALUES (1, 1, 'start', '{}')", [])
        .unwrap();
    let refused = store.append(draft(RecordKind::Access, 0, None)).await;
    assert!(matches!(refused, Err(StoreError::StreamTaken(_))), "{refused:?}");
}

/// An attacker with the file changes, removes, swaps or inserts a record of any kind.
#[tokio::test]
async fn tampering_is_found_at_the_record() {
    let (folder, store) = fresh();
    store.append(draft(RecordKind::Access, 0, None)).await.unwrap();
    for kind in RecordKind::ALL {
        store.append(draft(kind, 1, Some(id(1)))).await.unwrap();
    }
    store.append(draft(RecordKind::Access, 2, None)).await.unwrap();
    store.close().await;
    let head = verified(&store).await;

    for (at, kind) in (1_i64..).zip(RecordKind::ALL) {
        let next = at + 1;
        let hands: [(String, Option<i64>); 9] = [
            (format!("UPDATE records SET body = replace(body, 'alice', 'alicf') WHERE seq = {at}"), Some(at)),
            (format!("UPDATE records SET body = body || ' ' WHERE seq = {at}"), Some(at)),
            (format!("UPDATE records SET body = CAST(x'ff' AS TEXT) WHERE seq = {at}"), Some(at)),
            (format!("DELETE FROM records WHERE seq = {at}"), Some(at)),
            (
                format!("DELETE FROM records WHERE seq = {at}; UPDATE records SET seq = seq - 1 WHERE seq > {at}"),
                Some(at),
            ),
            (
                format!(
                    "UPDATE records SET seq = 1000 WHERE seq = {at}; UPDATE records SET seq = {at} WHERE seq = {next};
                     UPDATE records SET seq = {next} WHERE seq = 1000"
                ),
                Some(at),
            ),
            (
                format!(
                    "UPDATE records SET seq = -seq WHERE seq >= {at}; UPDATE records SET seq = 1 - seq WHERE seq < 0;
                     INSERT INTO records (stream_id, seq, kind, body)
                     SELECT stream_id, {at}, kind, body FROM records WHERE seq = {at} - 1"
                ),
                Some(at),
            ),
            (format!("UPDATE records SET body = (SELECT body FROM records WHERE seq = 0) WHERE seq = {at}"), Some(at)),
            // A chain cannot show that its end is gone; the separate head does.
            (format!("DELETE FROM records WHERE seq >= {at}"), None),
        ];
        for (sql, broken) in hands {
            let copy = folder.path().join("copy.db");
            std::fs::copy(file(&folder), &copy).unwrap();
            Connection::open(&copy).unwrap().execute_batch(&sql).unwrap();
            let reader = SqliteStore::open_read_only(&copy).unwrap();
            let records = reader.records(head.stream.clone(), 0, 1000).await.unwrap();
            let found = checked(&records, &head.stream);
            match broken {
                Some(at) => assert_eq!(found, Err(u64::try_from(at).unwrap()), "{kind}: {sql}"),
                None => assert_ne!(found.unwrap(), head, "{kind}: {sql}"),
            }
        }
    }
}

/// An action is read out of its record, so a record that is no longer one takes the action with it, and no other.
#[tokio::test]
async fn an_action_whose_record_was_touched_does_not_read() {
    let (folder, store) = fresh();
    for n in [1, 2] {
        submit(&store, n, Outcome::Execute).await;
    }
    store.close().await;
    let hands = [
        "UPDATE records SET body = substr(body, 2) WHERE seq = 0",
        "UPDATE records SET body = replace(body, '\"state\"', '\"stale\"') WHERE seq = 0",
        "UPDATE records SET body = CAST(x'ff' AS TEXT) WHERE seq = 0",
        "UPDATE records SET body = (SELECT body FROM records WHERE seq = 1) WHERE seq = 0",
        "UPDATE records SET number = 77 WHERE seq = 0",
        "DELETE FROM records WHERE seq = 0",
    ];
    for sql in hands {
        let copy = folder.path().join("copy.db");
        std::fs::copy(file(&folder), &copy).unwrap();
        Connection::open(&copy).unwrap().execute_batch(sql).unwrap();
        let reader = SqliteStore::open_read_only(&copy).unwrap();
        let touched = reader.action(id(1)).await;
        assert!(
            matches!(&touched, Err(StoreError::Failed(failure)) if failure.to_string().contains(&id(1))),
            "{sql}: {touched:?}"
        );
        assert_eq!(reader.action(id(2)).await.unwrap().id, id(2), "{sql}");
        assert_eq!(reader.counts().await.unwrap(), [(Status::Allowed, 2)], "{sql}");
    }
}

/// A reader keeps the log from starting over, and once it is gone the log does.
#[tokio::test]
async fn the_log_does_not_grow_without_bound() {
    const MIB: u64 = 1 << 20;
    let (folder, store) = fresh();
    let log = folder.path().join("data").join("faramesh.db-wal");
    let size = || std::fs::metadata(&log).unwrap().len();
    let write = async |n: u32| {
        let mut big = draft(RecordKind::Access, 0, None);
        big.fields.push(("reason", Canonical::of(&Value::from("x".repeat(1 << 20).as_str()))));
        store.append(big).await.unwrap();
        submit(&store, n, Outcome::Execute).await;
    };
    // A reader holds the earlier state, and no write waits for it.
    let other = Connection::open(file(&folder)).unwrap();
    submit(&store, 0, Outcome::Execute).await;
    other.execute_batch("BEGIN").unwrap();
    other.query_row("SELECT count(*) FROM records", [], |row| row.get::<_, i64>(0)).unwrap();
    for n in 1..=80 {
        write(n).await;
    }
    assert!(size() > 80 * MIB, "{}", size());
    other.execute_batch("ROLLBACK").unwrap();
    for n in 81..=140 {
        write(n).await;
        // The first time that the writer tries again is enough, although the thread is just then moving pages.
        assert!(size() < 100 * MIB, "{}", size());
    }
    assert_eq!(verified(&store).await.size, 281);
    store.close().await;
    // The other connection leaves the file where it is, with nothing in it.
    assert_eq!(size(), 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_thread_outlives_the_store() {
    // Descriptors of this one file, because other tests have threads of the same names.
    let open = |folder: &TempDir| {
        let held = std::fs::read_dir("/proc/self/fd").unwrap();
        held.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok())
            .filter(|to| to.starts_with(folder.path()))
            .count()
    };
    for closes in [true, false] {
        let (folder, store) = fresh();
        submit(&store, 1, Outcome::Execute).await;
        assert!(open(&folder) > 0);
        if closes {
            store.close().await;
        }
        drop(store);
        for _ in 0..500 {
            if open(&folder) == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(open(&folder), 0);
    }
}

#[tokio::test]
async fn reading_does_not_wait_for_a_writer() {
    let (folder, store) = fresh();
    submit(&store, 1, Outcome::Execute).await;
    let other = Connection::open(file(&folder)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = store.submit(new_action(2, Outcome::Execute), None);
    let page = tokio::select! {
        biased;
        written = waiting => panic!("written under another's lock: {written:?}"),
        page = store.actions(Filter { limit: 9, ..Filter::default() }, Sight::Everything) => page.unwrap(),
    };
    assert_eq!(page.total, 1);
    other.execute_batch("ROLLBACK").unwrap();
    store.close().await;
    assert_eq!(all_records(&store, store.stream()).await.len(), 2);
}
