//! A policy file as its bytes, on its way from a folder, a database or a bundle into the engine.

use crate::hash::FileHash;

/// One policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySource {
    /// The file's name.
    pub name: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

impl PolicySource {
    /// The SHA-256 of the bytes.
    pub fn hash(&self) -> FileHash {
        FileHash::of(&self.content)
    }
}
