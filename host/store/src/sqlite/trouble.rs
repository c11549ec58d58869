//! Why a verb, or a whole transaction, did not happen.

use crate::StoreError;

/// Why nothing of a transaction happened. Not a [`StoreError`], because every caller gets one of their own.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    Failed(crate::Failure),
    StreamTaken(String),
}

impl Failure {
    pub(super) fn failed(what: impl Into<String>) -> Self {
        Failure::Failed(crate::Failure::of(what))
    }

    pub(super) fn error(&self) -> StoreError {
        match self {
            Failure::Failed(failure) => failure.clone().into(),
            Failure::StreamTaken(stream) => StoreError::StreamTaken(stream.clone()),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Failure::Failed(error.into())
    }
}

/// Why a verb did not happen.
pub(super) enum Trouble {
    /// It wrote nothing, and the others of the transaction go on.
    Refused(StoreError),
    /// The database failed, and the transaction with it.
    Broken(Failure),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Trouble::Refused(error)
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Trouble::Broken(error.into())
    }
}
