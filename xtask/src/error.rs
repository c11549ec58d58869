//! A failure, as a sentence for the person at the terminal.
//!
//! No code branches on an error here, so there is one type and it holds text.

use std::fmt;

pub(crate) type Result<T> = std::result::Result<T, Error>;

#[derive(Debug)]
pub(crate) struct Error(String);

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Adds the activity during which something failed.
pub(crate) trait While<T> {
    /// `what` completes the sentence "could not …".
    fn while_trying_to(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> While<T> for std::result::Result<T, E> {
    fn while_trying_to(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::new(format!("could not {}: {error}", what())))
    }
}
