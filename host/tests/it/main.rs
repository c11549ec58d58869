//! The server as its callers see it: one test binary, a file for each resource.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, unreachable_pub)]

mod actions;
mod app;
mod approvals;
mod audit;
mod bundle;
mod compress;
mod contradicted;
mod dashboard;
mod decisions;
mod events;
mod execution;
mod failure;
mod guard;
mod health;
mod intake;
mod interposed;
mod keys;
mod limits;
mod local;
mod local_actions;
mod logs;
mod openapi;
mod permits;
mod policies;
mod policy_tests;
mod published;
mod quorum;
mod records;
mod session;
mod start;
mod stats;
