//! The engine of Faramesh: a pure function from policies, an action and some state to a decision.
//!
//! It has no I/O, no clock and no randomness, and it does not panic: input that cannot be read, a rule that cannot
//! be evaluated, a missing policy all have a decision, and that decision is `HALT`.
//!
//! Data moves one way, and each step has a type that only the step before it can build:
//!
//! 1. [`json`] reads bytes strictly into a [`value::Value`];
//! 2. [`action`] makes an [`action::Action`] of it;
//! 3. [`canonical`] prints it as RFC 8785 says and [`hash`] gives its `request_hash`;
//! 4. [`policy`] reads and checks policy files into a [`policy::PolicySet`];
//! 5. [`mod@decide`] asks the set and adds [`risk`], giving a [`decision::Decision`] in a [`decided::Decided`];
//! 6. [`record`] seals it into the chain that [`chain`] verifies, and [`lifecycle`] says what may happen next.
//!
//! [`abi`] offers the same to a host of the wasm module, and `js` offers it to JavaScript.

#![deny(clippy::arithmetic_side_effects)]

pub mod abi;
pub mod action;
mod arguments;
mod assessment;
mod basis;
pub mod canonical;
pub mod chain;
pub mod decide;
pub mod decided;
pub mod decision;
pub mod diagnostic;
pub mod explain;
pub mod hash;
#[cfg(all(target_arch = "wasm32", feature = "module"))]
pub mod js;
pub mod json;
pub mod lifecycle;
pub mod meter;
mod opinion;
pub mod order;
pub mod policy;
pub mod principal;
mod provenance;
pub mod quorum;
pub mod record;
pub mod risk;
mod shadow;
pub mod shown;
pub mod span;
pub mod state;
pub mod suite;
mod text;
pub mod tighten;
pub mod time;
pub mod truth;
pub mod value;

/// The version of the rules of deciding; part of `provenance_id`.
pub const RUNTIME_VERSION: &str = env!("CARGO_PKG_VERSION");
