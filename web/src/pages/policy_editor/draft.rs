//! What somebody wrote and has not saved: it stays in the browser's tab while they look at another page.

use gloo::storage::{SessionStorage, Storage as _};
use serde::{Deserialize, Serialize};

/// An edited file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The digest of the file that it was begun with; none for a new one.
    pub hash: Option<String>,
    /// The text.
    pub text: String,
    /// The samples as a file, if they were changed and can be written.
    pub samples: Option<String>,
}

impl Draft {
    /// Keeps it for the file `name`.
    pub fn keep(&self, name: &str) {
        // Where nothing may be stored, what is not saved is lost, as in any other page.
        _ = SessionStorage::set(key(name), self);
    }

    /// Takes out what was kept for the file `name`.
    pub fn take(name: &str) -> Option<Self> {
        let draft = SessionStorage::get(key(name)).ok();
        SessionStorage::delete(key(name));
        draft
    }
}

fn key(name: &str) -> String {
    format!("faramesh-draft-{name}")
}
