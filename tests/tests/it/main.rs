//! One test binary: the corpus through every host, and the product end to end.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that does not find what it needs fails"
)]

/// A test for each folder of the corpus on one host.
macro_rules! corpus_tests {
    ($tally:expr) => {
        #[test]
        fn decisions() {
            $tally.assert_same("decide");
        }

        #[test]
        fn canonical_forms() {
            $tally.assert_same("canonical");
        }

        #[test]
        fn findings() {
            $tally.assert_same("diagnostics");
        }
    };
}

mod cli;
mod disk_full;
mod docs;
mod durability;
mod hosts;
mod http;
mod language;
mod module;
mod native;
mod process;
mod records;
mod schema;
mod siege;
mod start;
mod wasmtime;
