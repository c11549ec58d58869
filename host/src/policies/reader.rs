//! Reads the policy folder within a time: a file system over the network may never answer.
//!
//! At most one thread waits for it, however often it is asked.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::folder::Listing;

/// How long reading or changing the folder may take.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// Reads the folder.
pub(super) struct Reader {
    read: Arc<dyn Fn() -> io::Result<Listing> + Send + Sync>,
    limit: Duration,
    /// The read that is under way, perhaps for an earlier caller that did not wait for it.
    running: Mutex<Option<JoinHandle<io::Result<Listing>>>>,
}

impl Reader {
    pub(super) fn new(
        read: impl Fn() -> io::Result<Listing> + Send + Sync + 'static,
        limit: Duration,
    ) -> Self {
        Reader { read: Arc::new(read), limit, running: Mutex::default() }
    }

    /// Reads the folder as it is now.
    ///
    /// # Errors
    /// When it cannot be read, or not in time.
    pub(super) async fn read(&self) -> io::Result<Listing> {
        let limit = self.limit;
        let reading = tokio::time::timeout(limit, async {
            let mut running = self.running.lock().await;
            if let Some(earlier) = running.as_mut() {
                // It saw the folder of an earlier time.
                _ = earlier.await;
            }
            let read = Arc::clone(&self.read);
            let this = running.insert(tokio::task::spawn_blocking(move || read()));
            let listing = this.await;
            *running = None;
            listing.map_err(io::Error::other)?
        });
        reading.await.unwrap_or_else(|_| Err(too_long(limit)))
    }
}

/// The error of a folder that does not answer.
pub(super) fn too_long(limit: Duration) -> io::Error {
    let message = format!("the file system has not answered for {} seconds", limit.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, message)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_read_that_hangs_is_given_up_once_and_read_again_when_it_ends() {
        let (end, ended) = mpsc::channel::<()>();
        let (ended, reads) = (std::sync::Mutex::new(ended), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&reads);
        let read = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            // An error when the other end is gone: then nothing hangs any more.
            _ = ended.lock().unwrap().recv();
            Ok(Listing::default())
        };
        let reader = Reader::new(read, Duration::from_millis(20));
        for _ in 0..3 {
            assert_eq!(reader.read().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
        assert_eq!(reads.load(Ordering::SeqCst), 1, "one thread waits, and no other");
        drop(end);
        let patient = Reader { limit: Duration::from_secs(20), ..reader };
        assert!(patient.read().await.is_ok());
        assert_eq!(
            reads.load(Ordering::SeqCst),
            2,
            "what the first read saw is not taken for the folder of now"
        );
    }
}
