//! Files that commands read: actions (one, or a line each), states, and `-` for standard input.

use std::io::Read as _;
use std::path::Path;

use super::client::quoted;
use super::exit::Failure;

/// The most bytes of a file with many actions, so that a wrong file is refused and not read into memory: 1 GiB.
const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;

/// Reads a file, or standard input for `-`.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let result = if path == "-" {
        std::io::stdin().lock().take(MAX_FILE_BYTES).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes))
    };
    match result {
        Ok(_) => Ok(bytes),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// The failure that a file cannot be read.
pub(crate) fn unreadable(path: &str, error: &std::io::Error) -> Failure {
    let why = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    };
    Failure::usage(format!("{} cannot be read: {why}", quoted(path)))
}

/// The content of a file with one or many actions, as raw bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Actions {
    /// One document.
    One(Vec<u8>),
    /// A document a line: the file's name ends in `.jsonl`. With each is the number of its line.
    Lines(Vec<Vec<u8>>, Vec<usize>),
}

impl Actions {
    /// Reads a file of actions.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(path: &str) -> Result<Self, Failure> {
        let bytes = read(path)?;
        let many = Path::new(path).extension().is_some_and(|end| end.eq_ignore_ascii_case("jsonl"));
        if !many {
            return Ok(Actions::One(bytes));
        }
        let (numbers, documents) = numbered(&bytes).unzip();
        Ok(Actions::Lines(documents, numbers))
    }

    /// Every document, in order.
    pub(crate) fn documents(&self) -> &[Vec<u8>] {
        match self {
            Actions::One(document) => std::slice::from_ref(document),
            Actions::Lines(documents, _) => documents,
        }
    }

    /// Whether there is a document a line.
    pub(crate) fn is_lines(&self) -> bool {
        matches!(self, Actions::Lines(..))
    }

    /// The line of the file in which a document is, counted from 1; none for a file that is one document.
    pub(crate) fn line(&self, index: usize) -> Option<usize> {
        match self {
            Actions::One(_) => None,
            Actions::Lines(_, numbers) => numbers.get(index).copied(),
        }
    }
}

/// The lines that are not blank.
pub(crate) fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    numbered(bytes).map(|(_, line)| line).collect()
}

/// The lines that are not blank, with their numbers from 1.
fn numbered(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii));
    lines.filter(|(_, line)| !line.is_empty()).map(|(number, line)| (number, line.to_vec()))
}
