//! One test binary for what the engine promises.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests read files and the environment"
)]

mod amounts;
mod generate;
mod hostile;
mod jcs;
mod model;
mod properties;
