//! How much of the machine requests may use at once: bytes, turns and open streams.
//!
//! Every figure is shared by all callers and has a share for one of them, see [`crate::quota`]. Most requests are small
//! and use none of it.

use std::time::Duration;

use super::auth::Caller;
use super::error::Problem;
use crate::quota::{Busy, Part, Quota};

/// The bytes of a body that are not counted: connections bound them, and nearly every action fits.
pub const FREE_BODY: usize = 16 * 1024;
/// The bytes of an action up to which it is decided on the thread that answers: well under a millisecond.
pub const SMALL_ACTION: usize = runtime::SMALL_ACTION;
/// The bytes after which a page of a list ends, the last entry left aside.
pub const PAGE: usize = store::PAGE_BYTES;
/// The memory for a page while it is read and printed: its rows, its text, and a large last entry.
const PAGE_IN_WORK: usize = 2 * PAGE + 4 * engine::json::MAX_BYTES;

/// Bodies in flight, beyond the free part of each.
const BODIES: usize = 24 * 1024 * 1024;
/// Pages in flight.
const PAGES: usize = 4 * PAGE_IN_WORK;
/// Large events in flight.
const EVENTS: usize = 24 * 1024 * 1024;
/// How long a request waits for its part.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many requests of one caller wait at once for a turn.
const LINE: usize = 32;

/// The shared resources of all requests.
#[derive(Debug)]
pub struct Load {
    /// Bytes of bodies.
    pub bodies: Quota,
    /// Bytes of lists.
    pub pages: Quota,
    /// Large actions that are decided.
    pub deciding: Quota,
    /// Policies that are compiled to be looked at, and simulations.
    pub compiling: Quota,
    /// Requests that look through all actions: for a text, or for the start of an id. The store does two at a time.
    pub searching: Quota,
    /// Open streams of events.
    pub streams: Quota,
    /// Pages of records that streams of events read to catch up.
    pub catching_up: Quota,
    /// Bytes of large events that wait for their readers.
    pub events: Quota,
    /// Requests that wait for an approval.
    pub waits: Quota,
}

impl Load {
    /// The quotas of a server with this many connections.
    pub fn new(connections: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let part = |of_eight: usize| (connections / 8).saturating_mul(of_eight).max(1);
        Load {
            bodies: Quota::new(BODIES, BODIES / 2, connections, PATIENCE),
            pages: Quota::new(PAGES, PAGES / 2, LINE, PATIENCE),
            deciding: Quota::new(cores.max(2), (cores / 2).max(1), LINE, PATIENCE),
            compiling: Quota::new((cores / 2).max(1), (cores / 4).max(1), LINE, 2 * PATIENCE),
            searching: Quota::new(4 * LINE, LINE / 2, LINE, PATIENCE),
            // Three quarters of the connections can be held for long, and one quarter never.
            streams: Quota::new(part(1), part(1).div_ceil(2), usize::MAX, Duration::ZERO),
            catching_up: Quota::new(4, 2, usize::MAX, 2 * PATIENCE),
            events: Quota::new(EVENTS, EVENTS / 2, usize::MAX, 2 * PATIENCE),
            waits: Quota::new(part(5), part(4), usize::MAX, Duration::ZERO),
        }
    }

    /// A turn at deciding an action of so many bytes; none is needed for a small one.
    ///
    /// # Errors
    /// 429 or 503 if there is none.
    pub async fn turn_to_decide(&self, caller: &Caller, bytes: usize) -> Result<Option<Part>, Problem> {
        if bytes <= SMALL_ACTION {
            return Ok(None);
        }
        Ok(Some(self.deciding.take(caller.counted_as(), 1).await?))
    }

    /// Room for a page of a list.
    ///
    /// # Errors
    /// 429 or 503 if there is none.
    pub async fn room_for_a_page(&self, caller: &Caller) -> Result<Part, Problem> {
        Ok(self.pages.take(caller.counted_as(), PAGE_IN_WORK).await?)
    }

    /// A turn at compiling policies.
    ///
    /// # Errors
    /// 429 or 503 if there is none.
    pub async fn turn_to_compile(&self, caller: &Caller) -> Result<Part, Problem> {
        Ok(self.compiling.take(caller.counted_as(), 1).await?)
    }

    /// A turn at looking for actions in a way that reads all of them: by text, or by the start of an id.
    ///
    /// # Errors
    /// 429 or 503 if there is none.
    pub async fn turn_to_search(&self, who: &str) -> Result<Part, Problem> {
        Ok(self.searching.take(who, 1).await?)
    }
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Self {
        match busy {
            Busy::Caller => Problem::too_many_requests(),
            Busy::Server => Problem::busy(),
        }
    }
}
