//! Moves the content of the write-ahead log into the database, on its own thread, so that no commit waits for it.
//!
//! The writer checks the log after each commit and says when there is enough to move. The log is on stable storage
//! already, so the time of the move affects only how long the log grows, not safety.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::schema::{BUSY_TIMEOUT, open_checkpointer};
use crate::StoreError;

/// How many pages of the log are worth moving: 16 MiB.
const ENOUGH_PAGES: i64 = 4096;

/// How many pages the log may have before the writer stops for it: 64 MiB. The log restarts by itself if all of it is
/// moved before the next commit arrives, but under load that moment never comes.
const TOO_MANY_PAGES: i64 = 16384;

/// The thread that moves pages. It ends when this is dropped.
pub(super) struct Checkpoints {
    /// None only while it is dropped.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Held while pages are moved. SQLite lets one connection at a time do so, and would turn the writer away.
    moving: Arc<Mutex<()>>,
    /// How long the log is when the writer tries again to have it start over.
    restart_at: i64,
}

impl Checkpoints {
    /// Starts the thread for the database at `path`.
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let connection = open_checkpointer(path)?;
        // One place is enough: who is woken moves all there is.
        let (wake, woken) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("store-log".to_owned());
        let moving = Arc::new(Mutex::new(()));
        let thread = thread.spawn({
            let moving = Arc::clone(&moving);
            move || run(&connection, &woken, &moving)
        });
        let thread =
            thread.map_err(|error| StoreError::because("cannot start the thread of the log", error))?;
        Ok(Checkpoints { wake: Some(wake), thread: Some(thread), moving, restart_at: TOO_MANY_PAGES })
    }

    /// To be called by the writer, with its connection, between transactions.
    pub(super) fn after_commit(&mut self, writer: &Connection) {
        // NOOP only tells. When it fails nothing is known, and the next commit asks again.
        let Ok((pages, moved)) = checkpoint(writer, "NOOP") else { return };
        if pages.saturating_sub(moved) >= ENOUGH_PAGES {
            self.wake();
        }
        if pages < TOO_MANY_PAGES {
            self.restart_at = TOO_MANY_PAGES;
        } else if pages >= self.restart_at {
            // Not again at once: a reader may hold on to the log for long.
            self.restart_at = pages.saturating_add(ENOUGH_PAGES);
            // The thread is nearly always at work when the log is this long, so this waits until it has done.
            let _moving = alone(&self.moving);
            // No commit may wait for readers, so neither does this.
            _ = writer.busy_timeout(Duration::ZERO);
            _ = checkpoint(writer, "RESTART");
            _ = writer.busy_timeout(BUSY_TIMEOUT);
        }
    }

    /// To be called when a write failed: without space, a log that starts over is what can still be written to.
    pub(super) fn after_failure(&self) {
        self.wake();
    }

    fn wake(&self) {
        if let Some(wake) = &self.wake {
            // When it is full the thread is about to look anyway.
            _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

fn run(connection: &Connection, woken: &Receiver<()>, moving: &Mutex<()>) {
    while woken.recv().is_ok() {
        let _moving = alone(moving);
        if let Err(error) = checkpoint(connection, "PASSIVE") {
            // Committed pages stay in the log, and the next attempt moves them.
            tracing::warn!(%error, "the log of the database could not be moved into it");
        }
    }
}

/// It guards no value, so one that was given up in a panic is as good as any.
fn alone(moving: &Mutex<()>) -> MutexGuard<'_, ()> {
    moving.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many pages the log has, and how many of them are in the database too.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<(i64, i64)> {
    connection
        .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?
        .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
