//! The `faramesh` program, run as people and scripts run it. The answers of the server and the engine are tested in
//! detail elsewhere; these tests check arguments, output and exit codes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that does not find what it needs fails"
)]

mod audit;
mod basics;
mod bundle;
mod dashboard;
mod keys_sent;
mod local;
mod offline;
mod online;
mod program;
mod reference;
mod suites;
mod watch;
