//! The bundle that the server hands out: the same document as long as possible, so that clients need not fetch it
//! again.
//!
//! A new one is made when another policy set is in force, and when half of the time is over for which the last one may
//! be relied on, so that a caller who asks in time never runs out.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::hash::Digest;

use super::key::SigningKey;
use super::{Contents, Envelope, Payload};
use crate::clock::Clock;
use crate::policies::{InForce, Policies};

/// The server's key, and the bundle it signed last.
#[derive(Debug)]
pub struct Shelf {
    key: SigningKey,
    max_age: Duration,
    last: Mutex<Option<Bundle>>,
}

/// A bundle as it is given out.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The envelope as JSON.
    pub text: String,
    /// The SHA-256 of the payload.
    pub payload_hash: Digest,
    policy_version: String,
    issued_at_ms: i64,
}

impl Shelf {
    /// A shelf without a bundle.
    pub fn new(key: SigningKey, max_age: Duration) -> Self {
        Shelf { key, max_age, last: Mutex::default() }
    }

    /// The key whose signature the bundles have.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The bundle of the set in force; none when there is no policy in force.
    pub fn bundle(&self, policies: &Policies, clock: &dyn Clock) -> Option<Bundle> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // INVARIANT: a later signature never covers an earlier set, so the set and the time are read in here.
        let (set, now_ms) = (policies.in_force(), clock.now_ms());
        if set.sources.is_empty() {
            return None;
        }
        if let Some(bundle) = last.as_ref().filter(|bundle| self.serves(bundle, &set, now_ms)) {
            return Some(bundle.clone());
        }
        let payload = Payload::of(&Contents {
            sources: &set.sources,
            policy_version: Some(&set.policy_version),
            engine_hash: policies.module().hash(),
            issued_at_ms: now_ms,
            max_age: self.max_age,
        });
        let envelope = Envelope::sign(&payload, &self.key);
        let bundle = Bundle {
            // An envelope is three strings.
            text: serde_json::to_string(&envelope).unwrap_or_default(),
            payload_hash: Digest::of(&payload.bytes()),
            policy_version: set.policy_version.clone(),
            issued_at_ms: now_ms,
        };
        Some(last.insert(bundle).clone())
    }

    fn serves(&self, bundle: &Bundle, set: &InForce, now_ms: i64) -> bool {
        let half_ms = i64::try_from(self.max_age.as_millis() / 2).unwrap_or(i64::MAX);
        // A clock that went back makes a new one too: no client trusts a bundle from the future.
        let age_ms = now_ms.saturating_sub(bundle.issued_at_ms);
        bundle.policy_version == set.policy_version && (0..half_ms.max(1)).contains(&age_ms)
    }
}
