//! The policy set in force: read from the folder, recorded, swapped whole.
//!
//! A set that has errors, cannot be read or cannot be recorded never replaces the one in force. What the files
//! mean is the engine's business; reading and writing them is in [`folder`], noticing edits in [`watch`], and what is
//! tested of them in [`tests_file`].

pub mod folder;
pub mod tests_file;
pub mod watch;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use engine::canonical::Canonical;
use engine::diagnostic::Diagnostic;
use engine::hash::{FileHash, PolicyHash};
use engine::record::{Draft, RecordKind};
use engine::value::Value;
use serde::Serialize;

use crate::clock::Clock;
use crate::metrics::{Metrics, Reload};
use crate::principal::Principal;
use crate::runtime::{ENGINE_WASM, Loaded, Module, Pool};
use crate::store::{NewPolicySet, PolicySource, Store, StoreError};

/// A policy set that decides.
pub struct InForce {
    /// What decides.
    pub pool: Pool,
    /// What came of reading the files: their names, and warnings.
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

/// Why what is in the folder is not in force.
#[derive(Debug, Clone, Serialize)]
pub struct Trouble {
    /// The sentence, for people.
    pub reason: String,
    /// The set that was refused; none where the folder cannot be read.
    pub policy_hash: Option<PolicyHash>,
    /// Everything that was found in it.
    pub diagnostics: Vec<serde_json::Value>,
}

/// Why a policy set did not come into force, or a file was not changed.
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
    /// The caller did not say what it believes the file to be.
    #[error("the request does not say which version of the file it changes")]
    PreconditionRequired,
    /// The file is not what the caller believes it to be.
    #[error("the file is not the one that the request names")]
    PreconditionFailed(Option<FileHash>),
    /// The folder cannot be read or written.
    #[error("{0}")]
    Folder(String),
    /// The engine did not answer.
    #[error("the engine failed: {0}")]
    Engine(String),
    /// The store did not record it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the caller of a change believes the file to be.
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
    module: Module,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    current: RwLock<Arc<InForce>>,
    trouble: RwLock<Option<Trouble>>,
    /// Held while the set is changed, so that changes come one after the other.
    turn: tokio::sync::Mutex<()>,
}

impl Policies {
    /// Reads the folder for the first time. Where its files have errors, the empty set is in force, which halts
    /// everything.
    ///
    /// # Errors
    /// When the folder cannot be read, the engine does not answer or the store does not record.
    pub async fn start(
        folder: PathBuf,
        module: Module,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, PolicyError> {
        let sources = read(&folder).await?;
        let (pool, loaded) = compile(&module, &sources).await?;
        let (first, refused) = match pool {
            Some(pool) => ((pool, loaded, sources), None),
            None => match compile(&module, &[]).await? {
                (Some(pool), empty) => ((pool, empty, Vec::new()), Some((loaded, sources))),
                (None, _) => return Err(PolicyError::Engine("it refuses the empty policy set".to_owned())),
            },
        };
        let (pool, loaded, sources) = first;
        let at_ms = clock.now_ms();
        let in_force = Arc::new(
            activate(store.as_ref(), &module, at_ms, pool, loaded, sources, &Principal::System).await?,
        );
        metrics.in_force(in_force.policy_hash());
        let (turn, trouble) = Default::default();
        let current = RwLock::new(in_force);
        let policies = Policies { folder, module, store, clock, metrics, current, trouble, turn };
        if let Some((loaded, sources)) = refused {
            policies.refuse_invalid(&loaded, &sources).await;
        }
        Ok(policies)
    }

    /// The set that decides now. Who holds the answer keeps deciding under it.
    pub fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Why what is in the folder is not in force; none when it is.
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

    /// Brings what is in the folder into force, if it changed and has no errors.
    pub async fn reload(&self) {
        let _turn = self.turn.lock().await;
        let sources = match read_settled(&self.folder, &self.in_force().sources).await {
            Ok(sources) => sources,
            Err(error) => {
                let reason = format!("the policy folder cannot be read: {error}");
                self.refuse(Reload::Unreadable, reason, None, Vec::new(), &[]).await;
                return;
            }
        };
        if sources == self.in_force().sources {
            *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = None;
            return;
        }
        match self.bring_into_force(sources.clone(), &Principal::System).await {
            Ok(_) => {}
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

    /// Writes a policy file and brings the set with it into force. The first part of the answer says whether the
    /// file is new.
    ///
    /// # Errors
    /// When the file is not the one that the caller believes it to be, the set with the new one has errors, or it
    /// cannot be written or recorded. The old file is then in its place.
    pub async fn put(
        &self,
        name: &str,
        content: Vec<u8>,
        expected: Option<Precondition>,
        by: &Principal,
    ) -> Result<(bool, Arc<InForce>), PolicyError> {
        let expected = expected.ok_or(PolicyError::PreconditionRequired)?;
        if !folder::is_policy_name(name) {
            return Err(PolicyError::BadName(name.to_owned()));
        }
        let _turn = self.turn.lock().await;
        let before = read(&self.folder).await?;
        let old = before.iter().find(|source| source.name == name).cloned();
        holds(expected, old.as_ref())?;
        let mut after: Vec<_> = before.into_iter().filter(|source| source.name != name).collect();
        after.push(PolicySource { name: name.to_owned(), content });
        after.sort_by(|a, b| a.name.cmp(&b.name));
        let in_force = self.change(name, after, old.clone(), by).await?;
        Ok((old.is_none(), in_force))
    }

    /// Deletes a policy file and brings the set without it into force.
    ///
    /// # Errors
    /// As [`Policies::put`], and when there is no such file.
    pub async fn delete(
        &self,
        name: &str,
        expected: Option<Precondition>,
        by: &Principal,
    ) -> Result<Arc<InForce>, PolicyError> {
        let expected = expected.ok_or(PolicyError::PreconditionRequired)?;
        let _turn = self.turn.lock().await;
        let before = read(&self.folder).await?;
        let Some(old) = before.iter().find(|source| source.name == name).cloned() else {
            return Err(PolicyError::NotFound(name.to_owned()));
        };
        holds(expected, Some(&old))?;
        let after = before.into_iter().filter(|source| source.name != name).collect();
        self.change(name, after, Some(old), by).await
    }

    /// Writes the one file in which `after` differs from the folder. The set is compiled before anything is
    /// written, and the file put back when the set cannot be recorded.
    async fn change(
        &self,
        name: &str,
        after: Vec<PolicySource>,
        old: Option<PolicySource>,
        by: &Principal,
    ) -> Result<Arc<InForce>, PolicyError> {
        let (pool, loaded) = compile(&self.module, &after).await?;
        let Some(pool) = pool else { return Err(PolicyError::Invalid(Box::new(loaded))) };
        let new = after.iter().find(|source| source.name == name).map(|source| source.content.clone());
        self.write(name, new).await?;
        match self.swap(pool, loaded, after, by).await {
            Ok(in_force) => Ok(in_force),
            Err(error) => {
                self.write(name, old.map(|source| source.content)).await?;
                Err(error)
            }
        }
    }

    async fn write(&self, name: &str, content: Option<Vec<u8>>) -> Result<(), PolicyError> {
        let (folder, name) = (self.folder.clone(), name.to_owned());
        blocking(move || {
            let result = match content {
                Some(content) => folder::write(&folder, &name, &content),
                None => folder::remove(&folder, &name),
            };
            result.map_err(|error| PolicyError::Folder(format!("cannot change `{name}`: {error}")))
        })
        .await?
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
        *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = None;
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

async fn read(folder: &Path) -> Result<Vec<PolicySource>, PolicyError> {
    let folder = folder.to_path_buf();
    blocking(move || {
        folder::read(&folder)
            .map_err(|error| PolicyError::Folder(format!("cannot read `{}`: {error}", folder.display())))
    })
    .await?
}

/// Reads the folder until it stands still, so that a file that is being written is not taken for an edit.
async fn read_settled(folder: &Path, in_force: &[PolicySource]) -> Result<Vec<PolicySource>, PolicyError> {
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(40);
    const TRIES: usize = 10;
    let mut last = read(folder).await?;
    for _ in 0..TRIES {
        if last == in_force {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        let again = read(folder).await?;
        if again == last {
            break;
        }
        last = again;
    }
    Ok(last)
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
