//! The host of Faramesh: the thin shell around the engine that gathers inputs, calls it, and acts on the answer.
//!
//! Everything that touches the world is here, and nothing here decides what an action may do: that is the engine's.
//! [`runtime`] runs `engine.wasm`; [`store`] keeps what was decided before anybody is told of it.

pub mod runtime;
pub mod store;
