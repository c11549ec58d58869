//! The unsaved text: it stays in the browser's tab while the user looks at another page.

use engine::hash::FileHash;
use gloo::storage::{SessionStorage, Storage as _};
use serde::{Deserialize, Serialize};

/// An edited file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The digest of the file that it was begun with; none for a new one.
    pub hash: Option<FileHash>,
    /// The text.
    pub text: String,
    /// The samples as a file, if they were changed and can be written.
    pub samples: Option<String>,
}

impl Draft {
    /// Keeps it for the file `name`.
    pub fn keep(&self, name: &str) {
        // If nothing may be stored, unsaved text is lost, as in any other page.
        _ = SessionStorage::set(key(name), self);
    }

    /// Removes and returns the stored draft for the file `name`.
    pub fn take(name: &str) -> Option<Self> {
        let draft = SessionStorage::get(key(name)).ok();
        SessionStorage::delete(key(name));
        draft
    }
}

fn key(name: &str) -> String {
    format!("faramesh-draft-{name}")
}
