//! One test binary: the corpus through every host, and the product end to end.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that does not find what it needs fails"
)]

mod cli;
mod disk_full;
mod docs;
mod durability;
mod hosts;
mod http;
mod module;
mod native;
mod process;
mod records;
mod start;
mod wasmtime;
