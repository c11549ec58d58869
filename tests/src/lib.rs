//! The corpus: the cases in `tests/corpus`, read strictly, and their expectations compared with a host's answers.
//!
//! How each host is asked is in `tests/it/`, `js/` and `../python/tests/`. The format of the cases is in
//! `tests/corpus/README.md`.

mod expect;
pub mod hosts;
pub mod native;
mod read;
pub mod siege;
pub mod tally;

use std::path::PathBuf;

use engine::value::{Object, Value};

pub use expect::{decision_differences, diagnostic_differences};
pub use read::{Case, action_bytes, cases, policy_files};

/// The folder of this repository.
pub fn repository() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.clone(), PathBuf::from)
}

/// The member of a case; an empty object where it has none.
pub fn member<'v>(case: &'v Value, key: &str) -> Option<&'v Value> {
    case.as_object().and_then(|object: &Object| object.get(key))
}
