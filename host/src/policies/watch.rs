//! Notices edits of the policy folder.
//!
//! The operating system says when something changed; looking every two seconds covers folders for which it does
//! not, and a folder that vanishes and comes back. What an edit means is not decided here.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{mpsc, watch};

use super::Policies;
use crate::events::closed;

/// How long the folder must have been quiet: an editor writes a file in several steps.
const QUIET: Duration = Duration::from_millis(60);
/// The longest wait for quiet, so that a folder that is written all the time is still read.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the folder is looked at without being told.
const POLL: Duration = Duration::from_secs(2);

/// Reloads the folder whenever it changes, until the server stops.
pub async fn follow(policies: Arc<Policies>, mut closing: watch::Receiver<bool>) {
    let (tell, mut told) = mpsc::channel(1);
    // A folder that cannot be watched is not tried again until another one takes its place.
    let mut watched: Option<(Option<RecommendedWatcher>, Identity)> = None;
    loop {
        let identity = identity(policies.folder());
        if watched.as_ref().map(|(_, of)| of) != identity.as_ref() {
            watched = identity.map(|identity| (start(policies.folder(), tell.clone()), identity));
        }
        policies.reload().await;
        tokio::select! {
            () = closed(&mut closing) => return,
            () = tokio::time::sleep(POLL) => {}
            _ = told.recv() => {
                let quiet = async { while tokio::time::timeout(QUIET, told.recv()).await.is_ok() {} };
                _ = tokio::time::timeout(PATIENCE, quiet).await;
            }
        }
    }
}

fn start(folder: &Path, tell: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let on_event = move |event: notify::Result<notify::Event>| {
        // Reading the folder is an event too; it must not lead to reading it again.
        let read_only = matches!(&event, Ok(event) if matches!(event.kind, EventKind::Access(kind)
            if kind != AccessKind::Close(AccessMode::Write)));
        if !read_only {
            // A full channel says already what this would say.
            _ = tell.try_send(());
        }
    };
    let started = notify::recommended_watcher(on_event).and_then(|mut watcher| {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    match started {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "the policy folder is not watched, only looked at every two seconds");
            None
        }
    }
}

/// What tells a folder from another one that took its place.
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(folder: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(folder).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(folder: &Path) -> Option<Identity> {
    folder.is_dir().then_some((0, 0))
}
