//! Notices edits of the policy folder.
//!
//! The operating system reports changes, and which files are still being written; polling covers folders for which it
//! does not. The effect of an edit is not decided here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{mpsc, watch};

use super::Policies;
use super::places::Places;
use super::settle::Writers;
use crate::events::closed;

/// How long the folder must have been quiet before it is looked at: an editor writes a file in several steps.
const QUIET: Duration = Duration::from_millis(60);
/// The longest wait for quiet, so that a folder that is written all the time is still looked at.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the folder is looked at without being told.
const POLL: Duration = Duration::from_secs(2);
/// How often to poll a folder without notifications, or one with a file that is still being written.
const CLOSE_POLL: Duration = Duration::from_millis(500);
/// Whether the system tells when a file is closed.
const TELLS_OF_CLOSING: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Looks at the folder whenever it changes, until the server stops.
pub async fn follow(policies: Arc<Policies>, mut closing: watch::Receiver<bool>) {
    // It was set up before the folder was first read, so that no write since then is missed.
    let Some((mut watching, mut told)) = policies.take_watching() else { return };
    loop {
        let looking = async {
            let look = policies.look(&watching.told).await;
            let Some(places) = look.places else { return (watching, look.next, false) };
            let (watching, changed) = watching.moved_to(places).await;
            (watching, look.next, changed)
        };
        let (next, changed);
        tokio::select! {
            () = closed(&mut closing) => return,
            looked = looking => (watching, next, changed) = looked,
        }
        // The new watch does not report events from before it existed.
        if changed {
            continue;
        }
        let poll = if watching.is_whole() { POLL } else { CLOSE_POLL };
        tokio::select! {
            () = closed(&mut closing) => return,
            () = tokio::time::sleep(next.map_or(poll, |next| next.clamp(QUIET, CLOSE_POLL))) => {}
            _ = told.recv() => {
                let quiet = async { while tokio::time::timeout(QUIET, told.recv()).await.is_ok() {} };
                _ = tokio::time::timeout(PATIENCE, quiet).await;
            }
        }
    }
}

/// The last notification about one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Written,
    Finished,
}

/// The notifications of the operating system.
#[derive(Debug, Default)]
pub struct Told {
    places: Places,
    /// The last notification about a file, and its number among all notifications.
    last: BTreeMap<PathBuf, (Last, u64)>,
    count: u64,
}

/// The same, filled by the thread of the watcher.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<Mutex<Told>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which policies are being written, and which are finished.
    pub fn writers(&self, names: &[String]) -> Writers {
        let told = self.lock();
        let mut writers = Writers::default();
        for name in names {
            let last = |place: &Path| told.last.get(place).map(|(last, _)| *last);
            let end = last(&told.places.end(name));
            let links = told.places.linked.iter().filter(|(_, names)| names.contains(name));
            let on_the_way = links.map(|(place, _)| place).chain(&told.places.to_folder);
            // A plain file may just have taken the place of a link.
            let itself = last(&told.places.folder.join(name));
            if end == Some(Last::Written) || itself == Some(Last::Written) {
                writers.open.insert(name.clone());
            } else if end == Some(Last::Finished)
                || on_the_way.into_iter().any(|place| last(place) == Some(Last::Finished))
            {
                writers.finished.insert(name.clone());
            }
        }
        writers
    }

    /// How much was told so far.
    pub fn so_far(&self) -> u64 {
        self.lock().count
    }

    /// Forgets which files were finished when `before` was told: that is in force or refused, and the next change is
    /// another one.
    pub fn forget_finished(&self, before: u64) {
        self.lock().last.retain(|_, (last, number)| *last == Last::Written || *number > before);
    }

    /// Takes in an event; true when it can be about a policy.
    fn take_in(&self, event: &notify::Result<Event>) -> bool {
        let mut told = self.lock();
        let event = match event {
            Ok(event) if !event.need_rescan() => event,
            // Something was lost: nothing is known of any file.
            _ => {
                told.last.clear();
                return true;
            }
        };
        let concerned: Vec<PathBuf> =
            event.paths.iter().filter(|path| told.places.concerns(path)).cloned().collect();
        let last = match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) if TELLS_OF_CLOSING => Some(Last::Written),
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Last::Finished),
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) if TELLS_OF_CLOSING => Some(Last::Finished),
            // Both halves of it were told before.
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return !concerned.is_empty(),
            EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_) => None,
            // Reading the folder is an event too; it must not lead to reading it again.
            EventKind::Access(_) => return false,
            _ => return !concerned.is_empty(),
        };
        let concerns = !concerned.is_empty();
        told.count = told.count.saturating_add(1);
        let number = told.count;
        for path in concerned {
            match last {
                Some(last) => told.last.insert(path, (last, number)),
                None => told.last.remove(&path),
            };
        }
        concerns
    }
}

/// The watches that are set.
pub struct Watching {
    /// The notification.
    pub told: Shared,
    tell: mpsc::Sender<()>,
    watcher: Option<RecommendedWatcher>,
    /// The folders that are watched; a folder that cannot be is not tried again until another one takes its place.
    folders: BTreeMap<PathBuf, (Identity, bool)>,
}

impl Watching {
    /// No watches, and what wakes when one has something to tell.
    pub fn new() -> (Self, mpsc::Receiver<()>) {
        let (tell, told) = mpsc::channel(1);
        (Watching { told: Shared::default(), tell, watcher: None, folders: BTreeMap::new() }, told)
    }

    /// Watches these places and no others; true when a watch was added, so that something before it may be unknown.
    pub async fn moved_to(mut self, places: Places) -> (Self, bool) {
        // Adding a watch asks the file system, which may take its time.
        let moved = tokio::task::spawn_blocking(move || {
            let added = self.watch(places);
            (self, added)
        });
        match moved.await {
            Ok(moved) => moved,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Whether every change is told.
    fn is_whole(&self) -> bool {
        self.watcher.is_some() && self.folders.values().all(|(_, watched)| *watched)
    }

    fn watch(&mut self, places: Places) -> bool {
        let wanted = places.watched();
        self.told.lock().places = places;
        if self.watcher.is_none() {
            let (told, tell) = (self.told.clone(), self.tell.clone());
            let started = notify::recommended_watcher(move |event: notify::Result<Event>| {
                if told.take_in(&event) {
                    // A full channel says already what this would say.
                    _ = tell.try_send(());
                }
            });
            match started {
                Ok(watcher) => self.watcher = Some(watcher),
                Err(error) if self.folders.is_empty() => unwatched(&error),
                Err(_) => {}
            }
        }
        let Some(watcher) = &mut self.watcher else {
            // So that it is said once.
            self.folders.extend(wanted.into_iter().map(|folder| (folder, (None, false))));
            return false;
        };
        let gone: Vec<PathBuf> =
            self.folders.keys().filter(|folder| !wanted.contains(*folder)).cloned().collect();
        for folder in gone {
            self.folders.remove(&folder);
            // The system may have ended the watch together with the folder.
            _ = watcher.unwatch(&folder);
        }
        let mut added = false;
        for folder in wanted {
            let identity = identity(&folder);
            match self.folders.get(&folder) {
                Some((known, _)) if *known == identity => continue,
                Some(_) => _ = watcher.unwatch(&folder),
                None => {}
            }
            let watched = watcher.watch(&folder, RecursiveMode::NonRecursive);
            if let Err(error) = &watched {
                unwatched(error);
            }
            added |= watched.is_ok();
            self.folders.insert(folder, (identity, watched.is_ok()));
        }
        added
    }
}

fn unwatched(error: &notify::Error) {
    tracing::warn!(%error, "the policy folder is not watched, only looked at every half second");
}

/// Distinguishes a folder from another one that took its place.
type Identity = Option<(u64, u64)>;

#[cfg(unix)]
fn identity(folder: &Path) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(folder).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(folder: &Path) -> Identity {
    folder.is_dir().then_some((0, 0))
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange, Flag, RemoveKind};

    use super::*;

    const WRITE: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    const CLOSE: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));
    const RENAME: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::To));

    fn told() -> (Shared, PathBuf) {
        let folder = PathBuf::from("/policies");
        let places = Places { folder: folder.clone(), ..Places::default() };
        (Shared(Arc::new(Mutex::new(Told { places, ..Told::default() }))), folder)
    }

    fn of(kind: EventKind, path: &Path) -> notify::Result<Event> {
        Ok(Event::new(kind).add_path(path.to_owned()))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_is_open_from_its_first_write_until_it_is_closed_or_replaced() {
        let (told, folder) = told();
        let (file, name) = (folder.join("a.yaml"), ["a.yaml".to_owned()]);
        let state = || {
            let writers = told.writers(&name);
            (writers.open.len(), writers.finished.len())
        };
        assert_eq!(state(), (0, 0));
        for (kind, expected) in [
            (EventKind::Create(CreateKind::File), (0, 0)),
            (WRITE, (1, 0)),
            (CLOSE, (0, 1)),
            (WRITE, (1, 0)),
            (RENAME, (0, 1)),
            (EventKind::Remove(RemoveKind::File), (0, 0)),
        ] {
            assert!(told.take_in(&of(kind, &file)));
            assert_eq!(state(), expected, "after {kind:?}");
        }
        let before = told.so_far();
        told.take_in(&of(CLOSE, &file));
        told.forget_finished(before);
        assert_eq!(state(), (0, 1), "a look that began before the file was closed has not seen it");
        told.forget_finished(told.so_far());
        assert_eq!(state(), (0, 0));
        told.take_in(&of(WRITE, &file));
        told.forget_finished(told.so_far());
        assert_eq!(state(), (1, 0), "a file that is being written is not forgotten");
        assert!(told.take_in(&Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan))));
        assert_eq!(state(), (0, 0), "after events were lost, nothing is known");
    }

    #[test]
    fn reading_and_what_is_elsewhere_does_not_lead_to_a_look() {
        let (told, folder) = told();
        let file = folder.join("a.yaml");
        assert!(!told.take_in(&of(EventKind::Access(AccessKind::Open(AccessMode::Any)), &file)));
        assert!(!told.take_in(&of(CLOSE, Path::new("/elsewhere/a.yaml"))));
        assert!(told.take_in(&of(CLOSE, &file)));
    }
}
