//! A look at the folder: finished edits are activated, faulty ones are refused, the rest waits.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use engine::policy::PolicySource;
use engine::principal::Principal;
use engine::tighten::only_tightens;
use store::Store;

use super::folder::{Listing, Stamp};
use super::places::Places;
use super::reader::Reader;
use super::samples::{self, Samples};
use super::settle::{Pending, Settling, Writers};
use super::watch::{Shared, Watching};
use super::{Policies, PolicyError, Trouble, blocking, compile, unreadable};
use crate::metrics::Reload;

/// The result of a look at the folder.
#[derive(Debug, Default)]
pub struct Look {
    /// When to look again, because something waits.
    pub next: Option<Duration>,
    /// Where changes can happen; none where the folder could not be read.
    pub places: Option<Places>,
}

impl Policies {
    /// Looks at the folder, and activates finished edits without errors.
    pub async fn look(&self, told: &Shared) -> Look {
        let mut settling = self.turn.lock().await;
        let before = told.so_far();
        let seen = self.reader.read().await.map_err(|error| error.to_string());
        let now = Instant::now();
        settling.looked(seen.as_ref().map_err(String::as_str), now);
        let in_force = self.in_force();
        let places = seen.as_ref().ok().map(|listing| listing.places.clone());
        let changed = match &seen {
            Ok(listing) if listing.mistakes.is_empty() && listing.sources == in_force.sources => {
                told.forget_finished(before);
                self.wait_for(None);
                *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = None;
                return Look { next: None, places };
            }
            Ok(listing) => names_of_changed(&in_force.sources, &listing.sources),
            Err(_) => Vec::new(),
        };
        let writers = told.writers(&changed);
        let left = settling.left(now);
        if left.is_zero() && writers.open.is_empty() {
            told.forget_finished(before);
            self.wait_for(None);
            self.settle(seen).await;
            return Look { next: None, places };
        }
        if let Ok(listing) = &seen
            && let Err(error) = self.tighten(listing, &settling, &writers, now).await
        {
            // It is tried again once the folder is unchanged for long enough.
            tracing::error!(%error, "a policy set that only tightens could not come into force at once");
        }
        // Some of it may be in force by now.
        let waiting = match &seen {
            Ok(listing) => names_of_changed(&self.in_force().sources, &listing.sources),
            Err(_) => changed,
        };
        let all_in_force = waiting.is_empty() && seen.is_ok_and(|listing| listing.mistakes.is_empty());
        self.wait_for((!all_in_force).then(|| Pending::of(waiting, &writers)));
        // A file that is still being written waits for an event.
        Look { next: Some(left).filter(|left| !left.is_zero()), places }
    }

    /// Activates a folder that is not changing, or refuses it.
    pub(super) async fn settle(&self, seen: Result<Listing, String>) {
        let listing = match seen {
            Ok(listing) => listing,
            Err(error) => {
                let reason = format!("the policy folder cannot be read: {error}");
                self.refuse(Reload::Unreadable, reason, None, Vec::new(), &[]).await;
                return;
            }
        };
        if !listing.mistakes.is_empty() {
            self.refuse_unread(&listing).await;
            return;
        }
        let sources = listing.sources;
        match self.bring_into_force(sources.clone(), &Principal::System).await {
            Ok(_) => *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = None,
            Err(PolicyError::Invalid(loaded)) => self.refuse_invalid(&loaded, &sources).await,
            // It is tried again when the folder is next looked at.
            Err(error) => {
                tracing::error!(%error, "a policy set could not come into force");
                self.metrics.reloaded(Reload::Failed);
                let trouble =
                    Trouble { reason: error.to_string(), policy_hash: None, diagnostics: Vec::new() };
                *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
            }
        }
    }

    /// Activates the finished files together with the old versions of the others, if that only tightens: a file that is
    /// still being written, or a mistake elsewhere in the folder, must not delay a rule that denies.
    async fn tighten(
        &self,
        listing: &Listing,
        settling: &Settling,
        writers: &Writers,
        now: Instant,
    ) -> Result<(), PolicyError> {
        let in_force = self.in_force();
        let is_finished = |source: &&PolicySource| {
            settling.is_finished(&source.name, writers, now) && !in_force.sources.contains(source)
        };
        let finished: Vec<_> = listing.sources.iter().filter(is_finished).cloned().collect();
        let mut next = in_force.sources.clone();
        // Each separately: one that permits more must not delay another one that denies.
        let next = blocking(move || {
            for source in finished {
                let mut with = next.clone();
                with.retain(|old| old.name != source.name);
                with.push(source);
                with.sort_by(|a, b| a.name.cmp(&b.name));
                if only_tightens(files(&next), files(&with)) {
                    next = with;
                }
            }
            next
        });
        let next = next.await?;
        if next == in_force.sources {
            return Ok(());
        }
        let (Some(pool), loaded) = compile(&self.module, &next).await? else { return Ok(()) };
        let recorded = self.store.decisions(samples::MAX_RECORDED, samples::MAX_BYTES).await?;
        let (tests, now_ms) = (listing.tests.clone(), self.clock.now_ms());
        let tried = blocking(move || {
            let loosened = Samples::of(&recorded, &tests).loosened(&in_force.pool, &pool, now_ms);
            (pool, loosened)
        });
        let (pool, loosened) = tried.await?;
        if loosened.map_err(|error| PolicyError::Engine(error.to_string()))? {
            tracing::warn!("a policy set permits a known action that the one in force does not, so it waits");
            return Ok(());
        }
        self.swap(pool, loaded, next, &Principal::System).await?;
        Ok(())
    }

    /// Remembers what waits, and says so once.
    fn wait_for(&self, pending: Option<Pending>) {
        let mut waiting = self.pending.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(new) = pending.as_ref().filter(|new| waiting.as_ref() != Some(new)) {
            tracing::info!(reason = new.reason, files = new.files.join(", "), "a policy set is pending");
        }
        *waiting = pending;
    }
}

/// The first listing, once it has been unchanged for `settled`, or is the one that was in force last; none if it keeps
/// changing. Then later looks handle it, like every edit.
pub(super) async fn first_listing(
    reader: &Reader,
    folder: &Path,
    mut watching: Watching,
    store: &dyn Store,
    settled: Duration,
) -> Result<(Watching, Option<Listing>), PolicyError> {
    const TRIES: usize = 10;
    let last = store.policy_history(1).await?.into_iter().next();
    let mut before: Option<Listing> = None;
    for _ in 0..TRIES {
        let mut listing = reader.read().await.map_err(|error| unreadable(folder, &error))?;
        let added;
        (watching, added) = watching.moved_to(listing.places.clone()).await;
        if added {
            listing = reader.read().await.map_err(|error| unreadable(folder, &error))?;
        }
        let names: Vec<_> = listing.sources.iter().map(|source| source.name.clone()).collect();
        let hashes = listing.sources.iter().map(|source| (source.name.clone(), source.hash()));
        let known = last.as_ref().is_some_and(|last| last.files.iter().cloned().eq(hashes));
        let age = age(&listing);
        // A clock of another machine may have set the times: then only two looks tell.
        let stands_still = age.is_none_or(|age| age >= settled) || before.as_ref() == Some(&listing);
        if known || (stands_still && watching.told.writers(&names).open.is_empty()) {
            return Ok((watching, Some(listing)));
        }
        before = Some(listing);
        tokio::time::sleep(settled).await;
    }
    Ok((watching, None))
}

/// How long ago the newest file was changed; none without files.
fn age(listing: &Listing) -> Option<Duration> {
    let newest = listing.stamps.iter().map(Stamp::changed_ns).max()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let age = i128::try_from(now.as_nanos()).unwrap_or_default().saturating_sub(newest);
    Some(u64::try_from(age).map_or(Duration::ZERO, Duration::from_nanos))
}

/// The names of the files in which two sets differ.
fn names_of_changed(before: &[PolicySource], after: &[PolicySource]) -> Vec<String> {
    let differs = |one: &&PolicySource, others: &[PolicySource]| !others.contains(one);
    let gone_or_changed = before.iter().filter(|source| differs(source, after));
    let new_or_changed = after.iter().filter(|source| differs(source, before));
    let names = gone_or_changed.chain(new_or_changed).map(|source| source.name.clone());
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

fn files(sources: &[PolicySource]) -> impl Iterator<Item = (&str, &[u8])> {
    sources.iter().map(|source| (source.name.as_str(), source.content.as_slice()))
}
