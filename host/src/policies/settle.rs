//! When a change of the folder is finished: its last observed state, and since when it has not changed.
//!
//! A file is finished at once when it was renamed into its place, or closed by the program that wrote it; any other
//! when it has been unchanged for a second and no program is known to be writing it. The time is an argument, and
//! nothing is read or activated here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use engine::hash::FileHash;
use serde::Serialize;

use super::folder::{Listing, Stamp};

/// How long the folder must be unchanged before a change counts that may permit more than before.
pub const SETTLED: Duration = Duration::from_secs(1);

/// The operating system's notifications about the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writers {
    /// The names of files that a program writes and has not closed.
    pub open: BTreeSet<String>,
    /// The names of files that were renamed into their place or closed, and not written since.
    pub finished: BTreeSet<String>,
}

/// A change of the folder that is not in force yet, and is not refused either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// The sentence, for people.
    pub reason: String,
    /// The names of the files that differ from those in force.
    pub files: Vec<String>,
}

/// The observable state of a file from one look to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    File(Stamp, FileHash),
    Mistake(String),
    Gone,
}

/// The observed state of the folder.
#[derive(Debug, Default)]
pub struct Settling {
    files: BTreeMap<String, (Mark, Instant)>,
    /// Why the folder could not be read at the last look, and since when.
    unreadable: Option<(String, Instant)>,
    /// When the folder could be read again.
    readable_since: Option<Instant>,
    /// How long it must be unchanged.
    settled: Duration,
}

impl Settling {
    /// Without observations so far. The folder must be unchanged for `settled`.
    pub fn new(settled: Duration) -> Self {
        Settling { settled, ..Settling::default() }
    }

    /// Adds an observation at `now`.
    pub fn looked(&mut self, seen: Result<&Listing, &str>, now: Instant) {
        let listing = match seen {
            Ok(listing) => listing,
            Err(why) => {
                if self.unreadable.as_ref().is_none_or(|(known, _)| known != why) {
                    self.unreadable = Some((why.to_owned(), now));
                }
                return;
            }
        };
        if self.unreadable.take().is_some() {
            self.readable_since = Some(now);
        }
        let files = listing.sources.iter().zip(&listing.stamps);
        let files = files.map(|(file, stamp)| (file.name.clone(), Mark::File(*stamp, file.hash())));
        let mistakes = listing.mistakes.iter();
        let mistakes = mistakes.map(|found| (found.file.clone(), Mark::Mistake(found.message.clone())));
        let mut marks: BTreeMap<String, Mark> = files.chain(mistakes).collect();
        for (name, (mark, since)) in &mut self.files {
            let new = marks.remove(name).unwrap_or(Mark::Gone);
            if *mark != new {
                (*mark, *since) = (new, now);
            }
        }
        self.files.extend(marks.into_iter().map(|(name, mark)| (name, (mark, now))));
        // A file that has been gone for longer than anything waits is forgotten.
        let settled = self.settled;
        self.files.retain(|_, (mark, since)| *mark != Mark::Gone || now.duration_since(*since) <= settled);
    }

    /// How long until the whole folder has been unchanged for long enough; zero if it has.
    pub fn left(&self, now: Instant) -> Duration {
        let folder = self.unreadable.as_ref().map(|(_, since)| *since).or(self.readable_since);
        let newest = self.files.values().map(|(_, since)| *since).chain(folder).max();
        newest.map_or(Duration::ZERO, |since| self.left_since(since, now))
    }

    /// Whether a file is finished, so that it counts where it only tightens.
    pub fn is_finished(&self, name: &str, writers: &Writers, now: Instant) -> bool {
        if writers.open.contains(name) {
            return false;
        }
        let stands_still =
            || self.files.get(name).is_some_and(|(_, since)| self.left_since(*since, now).is_zero());
        writers.finished.contains(name) || stands_still()
    }

    fn left_since(&self, since: Instant, now: Instant) -> Duration {
        self.settled.saturating_sub(now.saturating_duration_since(since))
    }
}

impl Pending {
    /// Why a change waits that `left` is left for, or whose files are open.
    pub fn of(files: Vec<String>, writers: &Writers) -> Self {
        let open: Vec<_> = files.iter().filter(|name| writers.open.contains(*name)).collect();
        let reason = match open.as_slice() {
            [] => {
                "a change of the policy folder waits until the folder has stood still for a second".to_owned()
            }
            _ => "a change of the policy folder waits until the program that writes a file closes it"
                .to_owned(),
        };
        Pending { reason, files }
    }
}

#[cfg(test)]
mod tests {
    use engine::policy::PolicySource;

    use super::*;

    const PART: Duration = Duration::from_millis(400);

    fn listing(files: &[(&str, &str)]) -> Listing {
        let source = |(name, text): &(&str, &str)| PolicySource {
            name: (*name).to_owned(),
            content: text.as_bytes().to_vec(),
        };
        Listing {
            sources: files.iter().map(source).collect(),
            stamps: vec![Stamp::default(); files.len()],
            ..Listing::default()
        }
    }

    fn closed(name: &str) -> Writers {
        Writers { finished: BTreeSet::from([name.to_owned()]), ..Writers::default() }
    }

    fn open(name: &str) -> Writers {
        Writers { open: BTreeSet::from([name.to_owned()]), ..Writers::default() }
    }

    #[test]
    fn the_second_begins_with_the_last_change() {
        let start = Instant::now();
        let mut settling = Settling::new(SETTLED);
        settling.looked(Ok(&listing(&[("a.yaml", "1")])), start);
        assert_eq!(settling.left(start), SETTLED);
        settling.looked(Ok(&listing(&[("a.yaml", "1")])), start + PART);
        assert_eq!(settling.left(start + PART), SETTLED - PART, "nothing changed");
        settling.looked(Ok(&listing(&[("a.yaml", "2")])), start + PART * 2);
        assert_eq!(settling.left(start + PART * 2), SETTLED);
        assert_eq!(settling.left(start + PART * 2 + SETTLED), Duration::ZERO);
    }

    #[test]
    fn a_write_of_the_same_bytes_is_a_change() {
        let start = Instant::now();
        let mut settling = Settling::new(SETTLED);
        let mut seen = listing(&[("a.yaml", "1")]);
        settling.looked(Ok(&seen), start);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.yaml"), "1").unwrap();
        seen.stamps = super::super::folder::read(folder.path()).unwrap().stamps;
        settling.looked(Ok(&seen), start + SETTLED);
        assert_eq!(settling.left(start + SETTLED), SETTLED);
    }

    #[test]
    fn a_file_that_is_gone_for_a_moment_and_a_folder_that_is_gone_are_changes() {
        let start = Instant::now();
        let mut settling = Settling::new(SETTLED);
        let both = listing(&[("a.yaml", "1"), ("deny.yaml", "2")]);
        settling.looked(Ok(&both), start);
        let at = start + SETTLED;
        settling.looked(Ok(&listing(&[("a.yaml", "1")])), at);
        assert_eq!(settling.left(at), SETTLED);
        settling.looked(Ok(&both), at + PART);
        assert_eq!(settling.left(at + PART), SETTLED);
        let gone = at + SETTLED * 2;
        settling.looked(Err("no such folder"), gone);
        assert_eq!(settling.left(gone), SETTLED);
        settling.looked(Err("no such folder"), gone + PART);
        assert_eq!(settling.left(gone + PART), SETTLED - PART);
        settling.looked(Ok(&both), gone + PART);
        assert_eq!(settling.left(gone + PART), SETTLED);
        assert!(settling.left(gone + PART + SETTLED).is_zero());
    }

    #[test]
    fn a_mistake_counts_as_a_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("deny.YAML"), "rules: []").unwrap();
        let start = Instant::now();
        let mut settling = Settling::new(SETTLED);
        settling.looked(Ok(&listing(&[])), start);
        settling.looked(Ok(&super::super::folder::read(folder.path()).unwrap()), start + SETTLED);
        assert_eq!(settling.left(start + SETTLED), SETTLED);
    }

    #[test]
    fn a_file_is_finished_when_it_is_closed_or_has_stood_still_and_never_while_it_is_open() {
        let start = Instant::now();
        let mut settling = Settling::new(SETTLED);
        settling.looked(Ok(&listing(&[("a.yaml", "1")])), start);
        assert!(settling.is_finished("a.yaml", &closed("a.yaml"), start));
        assert!(!settling.is_finished("a.yaml", &closed("b.yaml"), start));
        assert!(settling.is_finished("a.yaml", &Writers::default(), start + SETTLED));
        assert!(!settling.is_finished("a.yaml", &open("a.yaml"), start + SETTLED * 60));
        assert!(!settling.is_finished("unseen.yaml", &Writers::default(), start + SETTLED));
    }
}
