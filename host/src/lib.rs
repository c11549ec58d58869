//! Faramesh, the server and the command line: everything that touches the world.
//!
//! A shell around the `engine` crate: it gathers the input of a decision, has `engine.wasm` decide, records, and
//! acts on the answer.

pub mod runtime;
pub mod store;
