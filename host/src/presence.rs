//! The callers that wait for the answer to a held action: approvers want to know whether any still does.
//!
//! Waking the waiting requests is in [`crate::events`]. Nothing here outlasts the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Clock;

/// How long a caller who stopped waiting still counts as waiting: wrappers ask again and again.
const AWAITED_MS: i64 = 60_000;
/// How many actions are remembered for which no one waits just now.
const REMEMBERED: usize = 10_000;

/// Which actions callers wait for, or did a moment ago.
pub struct Presence {
    clock: Arc<dyn Clock>,
    awaited: Mutex<HashMap<String, Awaited>>,
}

#[derive(Default)]
struct Awaited {
    /// How many wait now.
    now: usize,
    /// When the last of them stopped, Unix milliseconds.
    left_ms: i64,
}

/// A caller who waits, until it is dropped.
pub struct Present {
    presence: Arc<Presence>,
    action_id: String,
}

impl Presence {
    /// No one waits for anything.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Presence { clock, awaited: Mutex::default() }
    }

    /// A caller begins to wait for an action.
    pub fn begin(self: &Arc<Self>, action_id: &str) -> Present {
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.entry(action_id.to_owned()).or_default().now += 1;
        Present { presence: Arc::clone(self), action_id: action_id.to_owned() }
    }

    /// Whether a caller waits for the action, or did within the last minute.
    pub fn is_awaited(&self, action_id: &str) -> bool {
        let now_ms = self.clock.now_ms();
        let awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.get(action_id).is_some_and(|one| one.counts(now_ms))
    }
}

impl Awaited {
    fn counts(&self, now_ms: i64) -> bool {
        self.now > 0 || now_ms.saturating_sub(self.left_ms) <= AWAITED_MS
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let now_ms = self.presence.clock.now_ms();
        let mut awaited = self.presence.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = awaited.get_mut(&self.action_id) {
            one.now = one.now.saturating_sub(1);
            one.left_ms = now_ms;
        }
        if awaited.len() > REMEMBERED {
            awaited.retain(|_, one| one.counts(now_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HandClock;

    #[test]
    fn a_caller_who_left_counts_for_a_minute() {
        let clock = Arc::new(HandClock::at(0));
        let presence = Arc::new(Presence::new(clock.clone()));
        assert!(!presence.is_awaited("a"));
        let (first, second) = (presence.begin("a"), presence.begin("a"));
        clock.advance(1_000_000);
        assert!(presence.is_awaited("a") && !presence.is_awaited("b"));
        drop(first);
        clock.advance(1_000_000);
        assert!(presence.is_awaited("a"));
        drop(second);
        clock.advance(AWAITED_MS);
        assert!(presence.is_awaited("a"));
        clock.advance(1);
        assert!(!presence.is_awaited("a"));
    }
}
