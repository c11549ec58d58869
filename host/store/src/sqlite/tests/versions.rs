//! Databases of other versions: earlier ones are brought up to date, later ones are refused.

use engine::decision::{Outcome, ReasonCode};
use engine::lifecycle::Status;
use engine::record::RecordKind;
use rusqlite::Connection;

use super::super::SqliteStore;
use super::{file, fresh};
use crate::contract::{self, verified};
use crate::fixtures::{NOW, change, decision, id, request, submit, whole_action};
use crate::stats::Stats;
use crate::{Store, StoreError, Written};

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
