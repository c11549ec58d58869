//! Delivery: a reader that subscribes first and reads the store second gets every record, whatever is being committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::canonical::Canonical;
use engine::decision::Outcome;
use engine::value::Value;
use tokio::sync::broadcast::error::RecvError;

use super::super::{MAX_EVENT_BYTES, Store};
use super::Fresh;
use crate::fixtures::{id, new_action, submit};

/// How often the reader comes back, and how often with `FARAMESH_LONG=1`.
const RESUMES: (usize, usize) = (1_000, 10_000);
/// The most records that are read at once.
const PAGE: u32 = 256;

pub(crate) async fn an_event_of_a_large_record_sends_its_reader_to_the_store(store: Fresh) {
    let mut events = store.subscribe();
    for (n, length, carried) in [(1, MAX_EVENT_BYTES / 2, true), (2, MAX_EVENT_BYTES, false)] {
        let mut new = new_action(n, Outcome::Execute);
        new.draft.fields.push(("filler", Canonical::of(&Value::from("x".repeat(length).as_str()))));
        store.submit(new, None).await.unwrap();
        let event = events.try_recv().unwrap();
        assert_eq!((event.record.is_some(), event.about.unwrap().action_id), (carried, id(n)));
    }
}

/// Two writers, and one reader that comes back again and again from where it was, as a page or an exporter does.
pub(crate) async fn readers_that_come_back_under_load_miss_no_record(store: Fresh) {
    let resumes = if std::env::var_os("FARAMESH_LONG").is_some() { RESUMES.1 } else { RESUMES.0 };
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = [1, 2_000_000_000]
        .map(|first: u32| {
            let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut n = first;
                while !stop.load(Ordering::Relaxed) {
                    submit(&*store, n, Outcome::Execute).await;
                    n += 1;
                }
            })
        })
        .into();
    let mut behind = 0;
    let mut came = Vec::new();
    for resume in 0..resumes {
        // As `GET /v1/events` with `Last-Event-ID` does: subscribe, then read, then listen.
        let mut events = store.subscribe();
        catch_up(&*store, &mut behind, &mut came).await;
        let mut take = resume % 3;
        while take > 0 {
            match events.recv().await {
                Ok(event) => {
                    let record = event.record.unwrap();
                    if record.place > behind {
                        (behind, take) = (record.place, take - 1);
                        came.push(record.seq);
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    events = store.subscribe();
                    catch_up(&*store, &mut behind, &mut came).await;
                }
                Err(RecvError::Closed) => panic!("the store is gone"),
            }
        }
        // For a moment nothing listens, as when a line breaks.
        drop(events);
        store.heads().await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let missing: Vec<_> = came.iter().enumerate().filter(|(n, seq)| *n as u64 != **seq).take(3).collect();
    assert!(missing.is_empty(), "after {} of {resumes} resumes: {missing:?}", came.len());
    assert!(came.len() > resumes / 2, "{} records came", came.len());
}

async fn catch_up(store: &dyn Store, behind: &mut u64, came: &mut Vec<u64>) {
    loop {
        let records = store.records_after(*behind, PAGE).await.unwrap();
        for record in &records {
            *behind = record.place;
            came.push(record.seq);
        }
        // A page may end early; only one behind the last record has none.
        if records.is_empty() {
            return;
        }
    }
}
