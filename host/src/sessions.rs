//! Sessions of browsers, and the links that begin one without a key.
//!
//! A session represents the key it was begun with and ends with it: the permissions of its holder are looked up in
//! [`crate::keys`] each time. Everything is in memory, so a restart ends all sessions. Only the SHA-256 of a secret is
//! kept. Cookies and headers are known only in [`crate::http::session`].

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::hash::Digest;

use crate::keys::{Holder, Keys, random_secret};

/// How long a session lasts from its last request.
pub const IDLE: Duration = Duration::from_secs(12 * 3600);
/// How long a session lasts at most.
pub const LONGEST: Duration = Duration::from_secs(7 * 86_400);
/// How long a link may wait to be used.
pub const LINK_AGE: Duration = Duration::from_secs(3600);
/// The most sessions, and the most links, at a time: a new one ends the one that was used least lately.
const MOST: usize = 1000;

/// All sessions and links of a server. Times are Unix milliseconds and come from the caller.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    sessions: HashMap<Digest, Session>,
    links: HashMap<Digest, Link>,
}

#[derive(Debug)]
struct Session {
    key_id: String,
    begun_ms: i64,
    seen_ms: i64,
}

impl Session {
    fn ends_ms(&self) -> i64 {
        after(self.begun_ms, LONGEST).min(after(self.seen_ms, IDLE))
    }
}

#[derive(Debug)]
struct Link {
    key_id: String,
    expires_at_ms: i64,
}

/// A valid session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The key it was begun with, and the current permissions of that key.
    pub holder: Holder,
    /// When it ends if nothing more is asked.
    pub ends_ms: i64,
}

/// The machine gives no random bytes.
pub type NoRandomness = getrandom::Error;

impl Sessions {
    /// Begins a session for the key with this id, and gives its secret.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn begin(&self, key_id: &str, now_ms: i64) -> Result<String, NoRandomness> {
        let secret = random_secret()?;
        let session = Session { key_id: key_id.to_owned(), begun_ms: now_ms, seen_ms: now_ms };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.sessions.retain(|_, session| now_ms < session.ends_ms());
        make_room(&mut held.sessions, |session| session.seen_ms);
        held.sessions.insert(Digest::of(secret.as_bytes()), session);
        Ok(secret)
    }

    /// The session with this secret, if there is one and its key still works. An invalid session is forgotten; for a
    /// valid one, this counts as a use.
    pub fn see(&self, secret: &str, keys: &Keys, now_ms: i64) -> Option<Standing> {
        self.look(secret, keys, now_ms, true)
    }

    /// The same, without counting as a request: a page that only listens does not keep its session alive.
    pub fn peek(&self, secret: &str, keys: &Keys, now_ms: i64) -> Option<Standing> {
        self.look(secret, keys, now_ms, false)
    }

    fn look(&self, secret: &str, keys: &Keys, now_ms: i64, touch: bool) -> Option<Standing> {
        let hash = Digest::of(secret.as_bytes());
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = held.sessions.get_mut(&hash)?;
        let holder = keys.holder(&session.key_id).filter(|_| now_ms < session.ends_ms());
        let Some(holder) = holder else {
            held.sessions.remove(&hash);
            return None;
        };
        if touch {
            session.seen_ms = session.seen_ms.max(now_ms);
        }
        let ends_ms = session.ends_ms().min(holder.expires_at_ms.unwrap_or(i64::MAX));
        Some(Standing { holder, ends_ms })
    }

    /// Ends the session with this secret.
    pub fn end(&self, secret: &str) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.sessions.remove(&Digest::of(secret.as_bytes()));
    }

    /// Makes a link that logs in once as the key with this id, and gives its token and until when it works.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn link(&self, key_id: &str, now_ms: i64) -> Result<(String, i64), NoRandomness> {
        let token = random_secret()?;
        let expires_at_ms = after(now_ms, LINK_AGE);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.links.retain(|_, link| now_ms < link.expires_at_ms);
        make_room(&mut held.links, |link| link.expires_at_ms);
        let link = Link { key_id: key_id.to_owned(), expires_at_ms };
        held.links.insert(Digest::of(token.as_bytes()), link);
        Ok((token, expires_at_ms))
    }

    /// Uses up a link, and gives the id of its key; none for a token that is unknown, used or expired.
    pub fn redeem(&self, token: &str, now_ms: i64) -> Option<String> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let link = held.links.remove(&Digest::of(token.as_bytes()))?;
        (now_ms < link.expires_at_ms).then_some(link.key_id)
    }
}

/// The token that a page has to send with every request that changes something. It is derived from the secret of the
/// session, which no script can read, and does not reveal it.
pub fn csrf_token(secret: &str) -> String {
    Digest::of(format!("csrf {secret}").as_bytes()).to_hex()
}

fn after(ms: i64, duration: Duration) -> i64 {
    ms.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// Takes the oldest out of a full map.
fn make_room<T>(map: &mut HashMap<Digest, T>, age: impl Fn(&T) -> i64) {
    if map.len() < MOST {
        return;
    }
    let oldest = map.iter().min_by_key(|(_, entry)| age(entry)).map(|(hash, _)| *hash);
    if let Some(oldest) = oldest {
        map.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_than_so_many_and_the_oldest_goes_first() {
        let sessions = Sessions::default();
        let count = i64::try_from(MOST).unwrap() + 5;
        let links: Vec<_> = (0..count).map(|ms| sessions.link("k", ms).unwrap().0).collect();
        for ms in 0..count {
            sessions.begin("k", ms).unwrap();
        }
        let held = sessions.0.lock().unwrap();
        assert_eq!((held.sessions.len(), held.links.len()), (MOST, MOST));
        assert_eq!(held.sessions.values().map(|session| session.seen_ms).min(), Some(5));
        drop(held);
        assert_eq!(sessions.redeem(&links[4], 0), None);
        assert_eq!(sessions.redeem(&links[5], 0), Some("k".to_owned()));
    }

    #[test]
    fn a_csrf_token_is_of_one_session_and_shows_nothing_that_is_kept() {
        let (one, two) = (random_secret().unwrap(), random_secret().unwrap());
        assert_ne!(csrf_token(&one), csrf_token(&two));
        assert_ne!(csrf_token(&one), Digest::of(one.as_bytes()).to_hex());
        assert_eq!(csrf_token(&one), csrf_token(&one));
    }
}
