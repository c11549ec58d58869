//! Why a verb did not do its work.
//!
//! An error is shown as one sentence, with that of its cause in it; the cause itself is kept as the `source`.

use std::error::Error;
use std::fmt::{self, Display};
use std::sync::Arc;

use super::ActionRow;
use super::intake::Refusal;

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// A prefix fits more than one action.
    #[error("the prefix fits more than one action")]
    Ambiguous,
    /// Another request was faster: the action in its current state.
    #[error("the action has changed")]
    Conflict(Box<ActionRow>),
    /// Another policy set is in force than the one that it was prepared under.
    #[error("another policy set is in force")]
    Outdated,
    /// A key that it rests on was revoked.
    #[error("a key that the change rests on was revoked")]
    KeyRevoked,
    /// The idempotency key was used with another body.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// A name that is taken.
    #[error("the name is taken")]
    NameTaken,
    /// A cursor that this store did not give.
    #[error("the cursor is not one of this server's")]
    BadCursor,
    /// Records from outside do not fit the stored ones.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The database was made by a newer version.
    #[error("the database has schema version {found}, this program knows versions up to {known}")]
    TooNew {
        /// The version found.
        found: u32,
        /// The newest known.
        known: u32,
    },
    /// Another server has the database open for writing.
    #[error("another server uses the database `{0}`")]
    InUse(String),
    /// Another process appends to the same stream.
    #[error("another process appends to the stream `{0}`, so this one has stopped writing")]
    StreamTaken(String),
    /// The database refused: no space, no access, damage.
    #[error("the database failed: {0}")]
    Failed(#[from] Failure),
}

/// An error of a library. It is shared, because a transaction that fails answers all its callers.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// The database did not do its part: no space, no access, damage.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The sentence; empty where the cause says it all.
    what: String,
    cause: Option<Cause>,
}

impl Failure {
    pub(crate) fn of(what: impl Into<String>) -> Self {
        Failure { what: what.into(), cause: None }
    }

    pub(crate) fn because(what: impl Into<String>, cause: impl Error + Send + Sync + 'static) -> Self {
        Failure { what: what.into(), cause: Some(Arc::new(cause)) }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            None => f.write_str(&self.what),
            Some(cause) if self.what.is_empty() => cause.fmt(f),
            Some(cause) => write!(f, "{}: {cause}", self.what),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl StoreError {
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        StoreError::Failed(Failure::of(what))
    }

    pub(crate) fn because(what: impl Into<String>, cause: impl Error + Send + Sync + 'static) -> Self {
        StoreError::Failed(Failure::because(what, cause))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_failure_is_one_sentence_and_keeps_its_cause() {
        let error =
            StoreError::because("cannot lock `a.db`", io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(error.to_string(), "the database failed: cannot lock `a.db`: permission denied");
        let cause =
            error.source().and_then(Error::source).and_then(|cause| cause.downcast_ref::<io::Error>());
        assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::PermissionDenied));
    }
}
