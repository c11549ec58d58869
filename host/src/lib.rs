//! The host of Faramesh: everything that touches the world around the engine.
//!
//! Start with [`gate`], the one road from an action to an answer. [`server`] puts the parts together, [`http`]
//! offers them to callers, [`store`] remembers, [`runtime`] runs the engine's module.

pub mod audit;
pub mod bundle;
pub mod clock;
pub mod config;
pub mod events;
pub mod gate;
pub mod http;
pub mod identity;
pub mod keys;
pub mod metrics;
pub mod policies;
pub mod presence;
pub mod principal;
pub mod private_file;
pub mod quota;
pub mod runtime;
pub mod server;
pub mod sessions;
pub mod store;
