//! The HTTP face of the server: who asks, what for, and how the answer reads.
//!
//! All routes are in [`router`]; a resource's handlers, requests and answers are in a file of its own; a handler
//! extracts, calls, answers. Domain errors become HTTP in [`error`] and nowhere else. Nothing is decided here.

pub mod actions;
pub mod auth;
pub mod bundle;
pub mod compress;
mod cookie;
pub mod dashboard;
pub mod decisions;
pub mod error;
pub mod events;
pub mod execution;
pub mod extract;
pub mod guard;
pub mod health;
pub mod identity;
pub mod keys;
pub mod load;
pub mod openapi;
mod origin;
pub mod policies;
pub mod policy_tests;
pub mod records;
pub mod router;
pub mod session;
pub mod stats;

use std::sync::Arc;

use store::{Store, Visible};

use crate::actor::Actor;
use crate::bundle::shelf::Shelf;
use crate::clock::Clock;
use crate::events::Waiting;
use crate::gate::Gate;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::policies::Policies;
use crate::presence::Presence;
use crate::sessions::Sessions;

/// The state that the handlers share.
pub struct App {
    /// The one road from an action to an answer.
    pub gate: Gate,
    /// The policy set in force.
    pub policies: Arc<Policies>,
    /// The API keys.
    pub keys: Arc<Keys>,
    /// Which browsers are logged in.
    pub sessions: Sessions,
    /// The store.
    pub store: Arc<dyn Store>,
    /// The signed bundle of the policies.
    pub shelf: Shelf,
    /// The waiting requests.
    pub waiting: Arc<Waiting>,
    /// For which held actions callers wait.
    pub presence: Arc<Presence>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where the server listens.
    pub listening: Listening,
    /// The addresses at which the server listens.
    pub listening_at: Vec<std::net::SocketAddr>,
    /// The secret for proofs about unknown keys.
    pub unknown_keys: String,
    /// Origins whose pages count as the server's own.
    pub allow_origins: Vec<String>,
    /// How long a reader of events may take nothing.
    pub reader_patience: std::time::Duration,
    /// The most bytes of a request's body.
    pub max_body: usize,
    /// How much of the machine requests may use.
    pub load: load::Load,
    /// Whether the store can write, as of a moment ago.
    pub probe: health::Probe,
    /// Which requests have made a key lately.
    pub created: keys::Created,
    /// Held by the one request that audits the store.
    pub auditing: tokio::sync::Mutex<()>,
}

impl App {
    /// The store as this caller sees it. A handler that answers to a caller who may see only its own asks nothing else.
    pub fn seen_by(&self, caller: &Actor) -> Visible<'_> {
        Visible::new(&*self.store, caller.sight())
    }
}

/// Where the server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening {
    /// Whether only this machine can reach it.
    pub loopback: bool,
    /// The port.
    pub port: u16,
}

/// The state of the router.
pub type Shared = Arc<App>;
