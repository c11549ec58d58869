//! A bounded amount of something that all requests share, of which no caller gets more than a share.
//!
//! Bytes, turns and open streams are all counted in this way, so that one caller can neither use up the machine nor
//! keep the others out. How much there is of each is in [`crate::http::load`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// An amount, and who holds how much of it.
#[derive(Debug)]
pub struct Quota {
    free: Arc<Semaphore>,
    share: usize,
    /// How many requests of one caller may hold or wait for a part at once.
    line: usize,
    /// How long a request waits for its part.
    patience: Duration,
    callers: Arc<Mutex<HashMap<String, Caller>>>,
}

/// One caller that holds a part of a quota, or waits for one.
#[derive(Debug)]
struct Caller {
    share: Arc<Semaphore>,
    requests: usize,
}

/// Why there was nothing left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// The caller has its whole share already.
    Caller,
    /// Others have the rest.
    Server,
}

impl Quota {
    /// `total` in all, at most `share` of it for one caller, of which at most `line` requests hold a part or wait
    /// for one at a time, each for at most `patience`.
    pub fn new(total: usize, share: usize, line: usize, patience: Duration) -> Self {
        Quota {
            free: Arc::new(Semaphore::new(total)),
            share: share.min(total),
            line,
            patience,
            callers: Arc::default(),
        }
    }

    /// A part of the quota for `who`, as soon as there is one.
    ///
    /// # Errors
    /// If there is none within the patience of this quota, or `who` has too many requests in line.
    pub async fn take(&self, who: &str, amount: usize) -> Result<Part, Busy> {
        let (share, request) = self.stand_in_line(who)?;
        let mut part = Part { share, free: Arc::clone(&self.free), held: None, _request: request };
        part.grow(amount, self.patience).await?;
        Ok(part)
    }

    /// More for one that holds a part already.
    ///
    /// # Errors
    /// As [`Quota::take`].
    pub async fn grow(&self, part: &mut Part, amount: usize) -> Result<(), Busy> {
        part.grow(amount, self.patience).await
    }

    fn stand_in_line(&self, who: &str) -> Result<(Arc<Semaphore>, Request), Busy> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let caller = callers
            .entry(who.to_owned())
            .or_insert_with(|| Caller { share: Arc::new(Semaphore::new(self.share)), requests: 0 });
        if caller.requests >= self.line {
            return Err(Busy::Caller);
        }
        caller.requests += 1;
        let request = Request { who: who.to_owned(), callers: Arc::clone(&self.callers) };
        Ok((Arc::clone(&caller.share), request))
    }
}

/// A part of a quota, given back when it is dropped.
#[derive(Debug)]
pub struct Part {
    share: Arc<Semaphore>,
    free: Arc<Semaphore>,
    held: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    _request: Request,
}

impl Part {
    async fn grow(&mut self, amount: usize, patience: Duration) -> Result<(), Busy> {
        // More than there can ever be is never free.
        let amount = u32::try_from(amount).unwrap_or(u32::MAX);
        let deadline = tokio::time::Instant::now() + patience;
        // The own share comes first: who waits for that takes nothing away from the others.
        let own = Arc::clone(&self.share).acquire_many_owned(amount);
        let Ok(Ok(own)) = tokio::time::timeout_at(deadline, own).await else { return Err(Busy::Caller) };
        let rest = Arc::clone(&self.free).acquire_many_owned(amount);
        let Ok(Ok(rest)) = tokio::time::timeout_at(deadline, rest).await else { return Err(Busy::Server) };
        match &mut self.held {
            None => self.held = Some((own, rest)),
            Some((held_own, held_rest)) => {
                held_own.merge(own);
                held_rest.merge(rest);
            }
        }
        Ok(())
    }

    /// Gives back all but `amount`.
    pub fn shrink_to(&mut self, amount: usize) {
        let Some((own, rest)) = &mut self.held else { return };
        for permit in [own, rest] {
            drop(permit.split(permit.num_permits().saturating_sub(amount)));
        }
    }
}

/// A request that holds a part or waits for one.
#[derive(Debug)]
struct Request {
    who: String,
    callers: Arc<Mutex<HashMap<String, Caller>>>,
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(caller) = callers.get_mut(&self.who) {
            caller.requests = caller.requests.saturating_sub(1);
            if caller.requests == 0 {
                callers.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(5);

    #[tokio::test]
    async fn one_caller_leaves_the_rest_to_others() {
        let quota = Quota::new(10, 6, 100, SHORT);
        let first = quota.take("a", 4).await.unwrap();
        assert_eq!(quota.take("a", 4).await.unwrap_err(), Busy::Caller);
        let second = quota.take("b", 6).await.unwrap();
        assert_eq!(quota.take("c", 1).await.unwrap_err(), Busy::Server);
        drop(first);
        quota.take("c", 4).await.unwrap();
        drop(second);
    }

    #[tokio::test]
    async fn a_long_line_of_one_caller_is_cut() {
        let quota = Quota::new(1, 1, 2, Duration::from_secs(60));
        let _held = quota.take("a", 1).await.unwrap();
        let waiting = quota.take("a", 1);
        tokio::pin!(waiting);
        assert!(futures_are_pending(&mut waiting).await);
        assert_eq!(quota.take("a", 1).await.unwrap_err(), Busy::Caller);
    }

    #[tokio::test]
    async fn a_part_that_shrinks_or_goes_is_free_again_and_its_caller_forgotten() {
        let quota = Quota::new(10, 10, 100, SHORT);
        let mut part = quota.take("a", 2).await.unwrap();
        part.grow(8, SHORT).await.unwrap();
        assert_eq!(quota.free.available_permits(), 0);
        part.shrink_to(3);
        assert_eq!(quota.free.available_permits(), 7);
        drop(part);
        assert_eq!(quota.free.available_permits(), 10);
        assert!(quota.callers.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn more_than_there_is_is_never_given() {
        let quota = Quota::new(10, 5, 100, SHORT);
        assert_eq!(quota.take("a", 6).await.unwrap_err(), Busy::Caller);
        assert_eq!(quota.take("a", usize::MAX).await.unwrap_err(), Busy::Caller);
        quota.take("a", 5).await.unwrap();
    }

    async fn futures_are_pending<F: Future>(future: &mut std::pin::Pin<&mut F>) -> bool {
        tokio::select! {
            biased;
            _ = future.as_mut() => false,
            () = std::future::ready(()) => true,
        }
    }
}
