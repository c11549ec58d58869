//! The policy set in force: read from the folder, recorded, swapped whole.
//!
//! A set that has errors, cannot be read or cannot be recorded never replaces the one in force. An edit of the folder
//! takes effect when it is finished: one that only tightens at once, any other when nothing has changed for a second.
//!
//! The engine knows the meaning of the files. [`names`] says which are read, [`folder`] reads them, `change` writes
//! one, [`watch`] notices edits, [`settle`] says when they are finished, `look` acts on that, `edit` changes one
//! through the API, and [`tests_file`] has the tests next to them.

mod change;
mod edit;
pub mod folder;
mod look;
pub mod names;
pub mod places;
mod reader;
mod samples;
pub mod settle;
pub mod tests_file;
pub mod watch;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use engine::canonical::Canonical;
use engine::diagnostic::Diagnostic;
use engine::hash::{FileHash, PolicyHash};
use engine::policy::PolicySource;
use engine::principal::Principal;
use engine::record::{Draft, RecordKind};
use engine::value::Value;
use runtime::{ENGINE_WASM, Loaded, Module, Pool};
use serde::Serialize;
use store::{NewPolicySet, Store, StoreError};
use tokio::sync::mpsc;

use self::folder::Listing;
use self::look::first_listing;
use self::reader::Reader;
use self::settle::{Pending, Settling};
use self::watch::Watching;
use crate::clock::Clock;
use crate::metrics::{Metrics, Reload};

/// A policy set that decides.
pub struct InForce {
    /// The policies that decide.
    pub pool: Pool,
    /// The result of reading the files: their names, and warnings.
    pub loaded: Loaded,
    /// The number of the set on this database.
    pub policy_version: String,
    /// The files.
    pub sources: Vec<PolicySource>,
}

impl InForce {
    /// The hash of the set.
    pub fn policy_hash(&self) -> PolicyHash {
        self.loaded.policy_hash
    }
}

/// Why the content of the folder is not in force.
#[derive(Debug, Clone, Serialize)]
pub struct Trouble {
    /// The sentence, for people.
    pub reason: String,
    /// The set that was refused; none where the folder cannot be read.
    pub policy_hash: Option<PolicyHash>,
    /// Everything that was found in it.
    pub diagnostics: Vec<serde_json::Value>,
}

/// Why a policy set was not activated, or a file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The set has errors.
    #[error("the policy set has errors")]
    Invalid(Box<Loaded>),
    /// The name cannot be one of a policy file.
    #[error("`{0}` cannot be the name of a policy file")]
    BadName(String),
    /// There is no such file.
    #[error("there is no policy file `{0}`")]
    NotFound(String),
    /// There are no tests of this policy.
    #[error("there is no file of tests of `{0}`")]
    NoTests(String),
    /// The tests cannot be read.
    #[error("the tests cannot be read")]
    InvalidTests(Box<Diagnostic>),
    /// The caller did not state the expected version of the file.
    #[error("the request does not say which version of the file it changes")]
    PreconditionRequired,
    /// The file is not the version that the caller expects.
    #[error("the file is not the one that the request names")]
    PreconditionFailed(Option<FileHash>),
    /// The folder cannot be read or written.
    #[error("{0}")]
    Folder(String),
    /// A file of the folder cannot be changed.
    #[error("cannot change `{name}`: {error}")]
    NotChanged {
        /// Its name.
        name: String,
        /// Why.
        error: std::io::Error,
    },
    /// Files in the folder that were meant to be read are not.
    #[error("files in the policy folder are not read")]
    NotRead(Vec<Diagnostic>),
    /// No set is in force that the change could start from, and the folder is being changed.
    #[error("the policy folder is being changed")]
    Unsettled,
    /// The engine did not answer.
    #[error("the engine failed: {0}")]
    Engine(String),
    /// The store did not record it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The version of the file that the caller of a change expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Not there (`If-None-Match: *`).
    Absent,
    /// There, whatever it is (`If-Match: *`).
    Present,
    /// Exactly this (`If-Match: "<hash>"`).
    Hash(FileHash),
}

/// The policy set in force, and the folder it comes from.
pub struct Policies {
    folder: PathBuf,
    reader: Reader,
    module: Module,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    current: RwLock<Arc<InForce>>,
    trouble: RwLock<Option<Trouble>>,
    pending: RwLock<Option<Pending>>,
    /// The watches on the folder, until [`watch::follow`] takes them.
    watching: std::sync::Mutex<Option<(Watching, mpsc::Receiver<()>)>>,
    /// Fires when another set is in force.
    moved_on: tokio::sync::Notify,
    /// Held while the set is changed, so that changes come one after the other.
    turn: tokio::sync::Mutex<Settling>,
}

impl Policies {
    /// Reads the folder for the first time, once it has been unchanged for `settled`. If its files have errors, or it
    /// keeps changing, the empty set is in force, which halts everything.
    ///
    /// # Errors
    /// When the folder cannot be read, the engine does not answer or the store does not record.
    pub async fn start(
        folder: PathBuf,
        module: Module,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        settled: Duration,
    ) -> Result<Self, PolicyError> {
        let read = {
            let folder = folder.clone();
            move || folder::read(&folder)
        };
        let reader = Reader::new(read, reader::LIMIT);
        let (watching, told) = Watching::new();
        let (watching, listing) = first_listing(&reader, &folder, watching, store.as_ref(), settled).await?;
        let (sources, not_read) = match &listing {
            Some(listing) => (listing.sources.clone(), !listing.mistakes.is_empty()),
            None => (Vec::new(), true),
        };
        let (pool, loaded) = compile(&module, &sources).await?;
        let (first, refused) = match pool {
            Some(pool) if !not_read => ((pool, loaded, sources), false),
            _ => match compile(&module, &[]).await? {
                (Some(pool), empty) => ((pool, empty, Vec::new()), true),
                (None, _) => return Err(PolicyError::Engine("it refuses the empty policy set".to_owned())),
            },
        };
        let (pool, loaded, sources) = first;
        let at_ms = clock.now_ms();
        let in_force = Arc::new(
            activate(store.as_ref(), &module, at_ms, pool, loaded, sources, &Principal::System).await?,
        );
        metrics.in_force(in_force.policy_hash());
        let (trouble, pending, moved_on) = Default::default();
        let mut settling = Settling::new(settled);
        if let Some(listing) = &listing {
            let now = Instant::now();
            settling.looked(Ok(listing), now.checked_sub(settled).unwrap_or(now));
        }
        let (current, turn) = (RwLock::new(in_force), tokio::sync::Mutex::new(settling));
        let watching = std::sync::Mutex::new(Some((watching, told)));
        let policies = Policies {
            folder,
            reader,
            module,
            store,
            clock,
            metrics,
            current,
            trouble,
            pending,
            moved_on,
            watching,
            turn,
        };
        if let Some(listing) = listing.filter(|_| refused) {
            policies.settle(Ok(listing)).await;
        }
        Ok(policies)
    }

    fn take_watching(&self) -> Option<(Watching, mpsc::Receiver<()>)> {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The set that decides now. A holder of the answer keeps deciding under it.
    pub fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until another set than the one with this number is in force. The store knows of a new set a moment before
    /// it decides here.
    pub async fn moved_on_from(&self, policy_version: &str) {
        const MOMENT: std::time::Duration = std::time::Duration::from_secs(1);
        let moved_on = self.moved_on.notified();
        tokio::pin!(moved_on);
        moved_on.as_mut().enable();
        if self.in_force().policy_version == policy_version {
            // If it takes longer, the waiting code looks again.
            _ = tokio::time::timeout(MOMENT, moved_on).await;
        }
    }

    /// Why the content of the folder is not in force; none if it is.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The engine.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The unfinished changes in the folder; none if there are none.
    pub fn pending(&self) -> Option<Pending> {
        self.pending.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn bring_into_force(
        &self,
        sources: Vec<PolicySource>,
        by: &Principal,
    ) -> Result<Arc<InForce>, PolicyError> {
        match compile(&self.module, &sources).await? {
            (Some(pool), loaded) => self.swap(pool, loaded, sources, by).await,
            (None, loaded) => Err(PolicyError::Invalid(Box::new(loaded))),
        }
    }

    async fn swap(
        &self,
        pool: Pool,
        loaded: Loaded,
        sources: Vec<PolicySource>,
        by: &Principal,
    ) -> Result<Arc<InForce>, PolicyError> {
        let at_ms = self.clock.now_ms();
        // INVARIANT: a set is recorded before it decides.
        let in_force = activate(self.store.as_ref(), &self.module, at_ms, pool, loaded, sources, by).await?;
        let in_force = Arc::new(in_force);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&in_force);
        self.moved_on.notify_waiters();
        self.metrics.reloaded(Reload::InForce);
        self.metrics.in_force(in_force.policy_hash());
        tracing::info!(
            policy_hash = %in_force.policy_hash(),
            policy_version = in_force.policy_version,
            files = in_force.sources.len(),
            "a policy set is in force"
        );
        Ok(in_force)
    }

    async fn refuse_unread(&self, listing: &Listing) {
        let diagnostics: Vec<_> =
            listing.mistakes.iter().filter_map(|found| serde_json::to_value(found).ok()).collect();
        let reason = "files in the policy folder are not read; the set before them stays in force".to_owned();
        if self.refuse(Reload::Unreadable, reason, None, diagnostics, &[]).await {
            for found in &listing.mistakes {
                tracing::error!(file = found.file, help = found.help, "{}", found.message);
            }
        }
    }

    async fn refuse_invalid(&self, loaded: &Loaded, sources: &[PolicySource]) {
        let diagnostics: Vec<_> =
            loaded.diagnostics.iter().filter_map(|found| serde_json::to_value(found).ok()).collect();
        let reason = "the policy files have errors; the set before them stays in force".to_owned();
        if self.refuse(Reload::Invalid, reason, Some(loaded.policy_hash), diagnostics, sources).await {
            for found in &loaded.diagnostics {
                let place = format!("{}:{}:{}", found.file, found.line, found.column);
                tracing::error!(place, message = found.message, "the policy files have errors");
            }
        }
    }

    /// Keeps the set in force and says why, once for each distinct content: true when it is news.
    async fn refuse(
        &self,
        reload: Reload,
        reason: String,
        policy_hash: Option<PolicyHash>,
        diagnostics: Vec<serde_json::Value>,
        sources: &[PolicySource],
    ) -> bool {
        let known = self.trouble().is_some_and(|known| {
            known.policy_hash == policy_hash && known.reason == reason && known.diagnostics == diagnostics
        });
        if known {
            return false;
        }
        tracing::error!(reason, "the policy folder is not in force");
        self.metrics.reloaded(reload);
        let at_ms = self.clock.now_ms();
        match policy_draft(
            &self.module,
            at_ms,
            false,
            policy_hash,
            sources,
            &diagnostics,
            &Principal::System,
            Some(&reason),
        ) {
            Ok(draft) => {
                if let Err(error) = self.store.append(draft).await {
                    tracing::error!(%error, "a refused policy set could not be recorded");
                }
            }
            Err(error) => tracing::error!(%error, "a refused policy set could not be recorded"),
        }
        let trouble = Trouble { reason, policy_hash, diagnostics };
        *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
        true
    }
}

fn holds(expected: Precondition, old: Option<&PolicySource>) -> Result<(), PolicyError> {
    let hash = old.map(PolicySource::hash);
    let holds = match expected {
        Precondition::Absent => hash.is_none(),
        Precondition::Present => hash.is_some(),
        Precondition::Hash(expected) => hash == Some(expected),
    };
    if holds { Ok(()) } else { Err(PolicyError::PreconditionFailed(hash)) }
}

/// Compiles a set. Without a pool in the answer it has errors.
///
/// # Errors
/// When the engine does not answer.
pub async fn compile(
    module: &Module,
    sources: &[PolicySource],
) -> Result<(Option<Pool>, Loaded), PolicyError> {
    let (module, sources) = (module.clone(), sources.to_vec());
    blocking(move || Pool::new(&module, &sources))
        .await?
        .map_err(|error| PolicyError::Engine(error.to_string()))
}

fn unreadable(folder: &Path, error: &std::io::Error) -> PolicyError {
    PolicyError::Folder(format!("cannot read `{}`: {error}", folder.display()))
}

/// Work on the file system, which may never answer. Its effect may still happen later.
async fn within_limit<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PolicyError> {
    let late = |_| PolicyError::Folder(reader::too_long(reader::LIMIT).to_string());
    tokio::time::timeout(reader::LIMIT, blocking(work)).await.map_err(late)?
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PolicyError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| PolicyError::Engine(error.to_string()))
}

async fn activate(
    store: &dyn Store,
    module: &Module,
    at_ms: i64,
    pool: Pool,
    loaded: Loaded,
    sources: Vec<PolicySource>,
    by: &Principal,
) -> Result<InForce, PolicyError> {
    let diagnostics: Vec<_> =
        loaded.diagnostics.iter().filter_map(|found| serde_json::to_value(found).ok()).collect();
    let policy_hash = loaded.policy_hash;
    let draft = policy_draft(module, at_ms, true, Some(policy_hash), &sources, &diagnostics, by, None)?;
    let version = store
        .activate(NewPolicySet { policy_hash, files: sources.clone(), engine_module: ENGINE_WASM, draft })
        .await?;
    Ok(InForce { pool, loaded, policy_version: version.policy_version, sources })
}

#[expect(clippy::too_many_arguments, reason = "the fields of one record, each used once")]
fn policy_draft(
    module: &Module,
    at_ms: i64,
    in_force: bool,
    policy_hash: Option<PolicyHash>,
    sources: &[PolicySource],
    diagnostics: &[serde_json::Value],
    by: &Principal,
    reason: Option<&str>,
) -> Result<Draft, PolicyError> {
    let text = |text: &str| Canonical::of(&Value::from(text));
    let diagnostics =
        Canonical::serialize(diagnostics).map_err(|error| PolicyError::Engine(error.to_string()))?;
    let hashes: Vec<_> =
        sources.iter().map(|source| (source.name.as_str(), text(&source.hash().to_hex()))).collect();
    let parts: Vec<_> = hashes.iter().map(|(name, hash)| (*name, hash)).collect();
    let mut fields = vec![
        ("diagnostics", diagnostics),
        ("engine_hash", text(&module.hash().to_hex())),
        ("files", Canonical::object(&parts)),
        ("in_force", Canonical::of(&Value::Bool(in_force))),
        ("policy_hash", policy_hash.map_or_else(|| Canonical::of(&Value::Null), |hash| text(&hash.to_hex()))),
    ];
    fields.extend(by.fields());
    if let Some(reason) = reason {
        fields.push(("reason", text(reason)));
    }
    Ok(Draft { kind: RecordKind::Policy, at_ms, action_id: None, fields })
}
