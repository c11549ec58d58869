//! How a database file is created, opened, locked and migrated. Nothing here reads or writes its content.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::StoreError;

/// Each brings the schema from the version that is its index to the next. Forward only, and never edited once out.
const MIGRATIONS: [&str; 6] = [
    include_str!("migrations/0001_keep_actions_records_policies_and_keys.sql"),
    include_str!("migrations/0002_take_in_streams_of_others.sql"),
    include_str!("migrations/0003_keep_what_statistics_count.sql"),
    include_str!("migrations/0004_tell_people_apart_by_their_keys.sql"),
    include_str!("migrations/0005_mark_what_wrappers_decided_otherwise.sql"),
    include_str!("migrations/0006_answer_again_from_records.sql"),
];

/// How long to wait for another process, a backup say, that holds the database.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// More than all statements of one connection, so that none is parsed twice.
const CACHED_STATEMENTS: usize = 64;

/// Makes the file and its folder if they are missing, for their owner only, and says where the file really is.
pub(super) fn create_file(path: &Path) -> Result<PathBuf, StoreError> {
    let failed = |error: io::Error| StoreError::because(format!("cannot create `{}`", path.display()), error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(failed)?;
    }
    // SQLite creates its further files with the same mode.
    match owner_only().write(true).create_new(true).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    std::fs::canonicalize(path).map_err(failed)
}

/// Takes the lock that keeps a second server from the database, until the file that it gives is dropped.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = OsString::from(path);
    name.push(".lock");
    let failed = |error: io::Error| StoreError::because(format!("cannot lock `{}`", path.display()), error);
    let file = owner_only().write(true).create(true).truncate(false).open(name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The one connection that writes, with the schema up to date.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // Before anything is changed, even the journal mode: the file may belong to a newer version.
    version(&connection)?;
    // A larger cache is not faster, because each commit walks over all of it. Checkpoints have their own thread.
    // FULL makes every commit wait until the log is on stable storage: a reported record must never be lost.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -16384;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864;",
    )?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// The connection that moves the log into the database and does nothing else.
pub(super) fn open_checkpointer(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // FULL here too: the log may start over only when the database is on stable storage.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")?;
    Ok(connection)
}

/// A connection that can only read.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // There are several of these; the system keeps pages for all of them.
    connection.execute_batch("PRAGMA cache_size = -8192;")?;
    let found = version(&connection)?;
    if found < known() {
        let message = format!(
            "the database has schema version {found}; a server of this version brings it to {} when it starts",
            known()
        );
        return Err(StoreError::failed(message));
    }
    Ok(connection)
}

/// An empty database with the schema of this version, which is nowhere but in memory.
pub(super) fn empty() -> Result<Connection, StoreError> {
    let mut connection = Connection::open_in_memory()?;
    migrate(&mut connection)?;
    Ok(connection)
}

fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

fn version(connection: &Connection) -> Result<u32, StoreError> {
    let found = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known() {
        return Err(StoreError::TooNew { found, known: known() });
    }
    Ok(found)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found = version(connection)?;
    for (index, migration) in (0..).zip(MIGRATIONS).filter(|(index, _)| *index >= found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", index + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
