//! The changes from one version of the policies to the next, file by file.

use api::{FileChange, NamedText};
use engine::order::sort_by;

/// How a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is new.
    Added,
    /// Its text is another.
    Changed,
    /// It is gone.
    Removed,
}

impl Kind {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Added => "added",
            Kind::Changed => "changed",
            Kind::Removed => "removed",
        }
    }

    /// A sign for it.
    pub fn sign(self) -> &'static str {
        match self {
            Kind::Added => "+",
            Kind::Changed => "~",
            Kind::Removed => "−",
        }
    }
}

/// A file that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// How.
    pub kind: Kind,
}

/// The files that changed, by name.
pub fn files(change: &FileChange) -> Vec<Change> {
    let of = |kind, names: &[String]| {
        names.iter().map(move |name| Change { name: name.clone(), kind }).collect::<Vec<_>>()
    };
    let mut all = of(Kind::Added, &change.added);
    all.extend(of(Kind::Changed, &change.changed));
    all.extend(of(Kind::Removed, &change.removed));
    sort_by(&mut all, |a, b| a.name.cmp(&b.name));
    all
}

/// The text of a file; nothing where there is none.
pub fn text_of(texts: &[NamedText], name: &str) -> String {
    texts.iter().find(|file| file.name == name).map(|file| file.text.clone()).unwrap_or_default()
}
