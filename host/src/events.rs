//! Wakes requests that wait for one action, and notifies all waiting requests when the server stops.
//!
//! Nothing is buffered here: who is woken reads the store. Streams of all records are in [`crate::http::events`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, futures::Notified, watch};

use store::Event;

/// The waiting requests, by action.
#[derive(Debug, Default)]
pub struct Waiting {
    /// The waiting requests for one action, and their number.
    actions: Mutex<HashMap<String, (Arc<Notify>, usize)>>,
    /// Fires when a request begins to wait.
    begun: Notify,
    closing: watch::Sender<bool>,
}

impl Waiting {
    /// Wakes the requests that wait for an action with each record about it, until the store is gone.
    ///
    /// It listens only while a caller waits, so that records wake no task for nothing. A caller that begins to wait
    /// reads the action after [`Watch::next`] is enabled; a record committed before this listens is in that read, or
    /// [`Waiting::wake_all`] makes the caller read again.
    pub async fn follow(&self, listen: impl Fn() -> Receiver<Event>) {
        loop {
            self.begun.notified().await;
            let mut records = listen();
            // Records committed before this are not among those to come, so every caller looks again.
            self.wake_all();
            if !self.listen_while_somebody_waits(&mut records).await {
                return;
            }
        }
    }

    /// False when the store is gone.
    async fn listen_while_somebody_waits(&self, records: &mut Receiver<Event>) -> bool {
        while self.somebody_waits() {
            match records.recv().await {
                Ok(event) => {
                    if let Some(about) = &event.about {
                        self.wake(&about.action_id);
                    }
                }
                // The missed records are not known, so every caller looks again.
                Err(RecvError::Lagged(_)) => self.wake_all(),
                Err(RecvError::Closed) => return false,
            }
        }
        true
    }

    fn somebody_waits(&self) -> bool {
        !self.actions.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn wake(&self, action_id: &str) {
        let actions = self.actions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((notify, _)) = actions.get(action_id) {
            notify.notify_waiters();
        }
    }

    fn wake_all(&self) {
        let actions = self.actions.lock().unwrap_or_else(PoisonError::into_inner);
        for (notify, _) in actions.values() {
            notify.notify_waiters();
        }
    }

    /// Waits for one action, until the answer is dropped.
    pub fn action<'a>(&'a self, action_id: &'a str) -> Watch<'a> {
        let mut actions = self.actions.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = actions.entry(action_id.to_owned()).or_default();
        entry.1 += 1;
        self.begun.notify_one();
        Watch { waiting: self, action_id, notify: Arc::clone(&entry.0) }
    }

    /// Says that the server stops.
    pub fn close(&self) {
        self.closing.send_replace(true);
        self.wake_all();
    }

    /// Becomes true when the server stops.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }
}

/// Is done when the server stops.
pub async fn closed(closing: &mut watch::Receiver<bool>) {
    // Without a sender there is no server any more.
    _ = closing.wait_for(|closing| *closing).await;
}

/// A request that waits for one action.
#[derive(Debug)]
pub struct Watch<'a> {
    waiting: &'a Waiting,
    action_id: &'a str,
    notify: Arc<Notify>,
}

impl Watch<'_> {
    /// Fires with the next record about the action. Enable it before reading the action, or a record written in between
    /// is missed.
    pub fn next(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut actions = self.waiting.actions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = actions.get_mut(self.action_id) {
            *count -= 1;
            if *count == 0 {
                actions.remove(self.action_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_those_who_wait_for_the_action_are_woken() {
        let waiting = Waiting::default();
        let (a, b) = (waiting.action("a"), waiting.action("b"));
        let (next_a, next_b) = (a.next(), b.next());
        tokio::pin!(next_a, next_b);
        assert!(!next_a.as_mut().enable());
        assert!(!next_b.as_mut().enable());
        waiting.wake("a");
        assert!(next_a.as_mut().enable());
        assert!(!next_b.as_mut().enable());
    }

    #[tokio::test]
    async fn records_are_listened_to_only_while_somebody_waits() {
        let waiting = Arc::new(Waiting::default());
        let (records, _) = tokio::sync::broadcast::channel(4);
        let following = {
            let (waiting, records) = (Arc::clone(&waiting), records.clone());
            tokio::spawn(async move { waiting.follow(|| records.subscribe()).await })
        };
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(records.receiver_count(), 0, "nobody waits");
        let watch = waiting.action("a");
        let next = watch.next();
        // A request that waits when the listening begins looks once: a record may have arrived just before.
        next.await;
        assert_eq!(records.receiver_count(), 1);
        following.abort();
    }

    #[test]
    fn who_leaves_is_forgotten() {
        let waiting = Waiting::default();
        let (first, second) = (waiting.action("a"), waiting.action("a"));
        drop(first);
        assert_eq!(waiting.actions.lock().unwrap().len(), 1);
        drop(second);
        assert!(waiting.actions.lock().unwrap().is_empty());
    }
}
