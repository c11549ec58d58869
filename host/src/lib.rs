//! The host of Faramesh: everything that touches the world around the engine.
//!
//! Start with [`gate`], the one road from an action to an answer. [`server`] puts the parts together, and [`http`] offers
//! them to callers. The crate [`store`] keeps everything, and [`runtime`] runs the engine's module.

pub mod actor;
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
pub mod private_file;
pub mod quota;
pub mod server;
pub mod sessions;
