//! A few connections that only read, so that no list, however long, ever holds up the writer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::schema::open_reader;
use crate::StoreError;

/// More than this and readers only wait for each other's disk.
const CONNECTIONS: usize = 4;
/// How many of them may run a large read at a time: a request that starts an action reads one row, and does not wait
/// for lists, searches and lookups by the start of an id.
const LONG: usize = 2;

/// The connections, and the turns at them.
#[derive(Clone)]
pub(super) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

impl Readers {
    /// Opens the first connection now, to learn whether that works, and the others when they are needed.
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let first = open_reader(&path)?;
        let turns = Arc::new(Semaphore::new(CONNECTIONS));
        let (idle, long) = (Arc::new(Mutex::new(vec![first])), Arc::new(Semaphore::new(LONG)));
        Ok(Readers { path: Arc::new(path), idle, turns, long })
    }

    /// As [`Readers::read`], for what may read much.
    pub(super) async fn read_much<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let turn = Arc::clone(&self.long).acquire_owned().await;
        let turn = turn.map_err(|error| StoreError::because("reading stopped", error))?;
        // The slot is released after the read, even if the caller has gone.
        self.read(move |db| {
            let _turn = turn;
            query(db)
        })
        .await
    }

    /// Runs `query` on a thread that may block, over one snapshot of the database.
    pub(super) async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|error| StoreError::because("reading stopped", error))?;
        let readers = self.clone();
        let reading = spawn_blocking(move || {
            let _turn = turn;
            let idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = idle.map_or_else(|| open_reader(&readers.path), Ok)?;
            let answer = {
                let transaction = connection.unchecked_transaction()?;
                query(&transaction)
            };
            readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            answer
        });
        reading.await.map_err(|error| StoreError::because("reading stopped", error))?
    }
}
