//! The tests of the engine's promises, in one binary.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests read files and the environment"
)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "in a test a panic is the finding"
)]

mod amounts;
mod failure;
mod generate;
mod hostile;
mod jcs;
mod model;
mod properties;
mod records;
mod work;
