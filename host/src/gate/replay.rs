//! Looking back: deciding a recorded action again from what its records name, and explaining its decision.
//!
//! Everything comes from the records and from policy sets kept by their hash; the policies in force have no part.
//! So do the engines: what an earlier version of this program decided is replayed in the module that decided it.

use std::collections::BTreeMap;

use engine::hash::{EngineHash, PolicyHash};
use engine::policy::PolicySource;
use runtime::{Module, RuntimeError};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use serde_json::value::RawValue;
use store::{ActionRow, StoreError, StoredRecord};

use super::{Gate, GateError};

/// The result of deciding again.
#[derive(Debug, Serialize)]
pub struct Replay {
    /// The action.
    pub id: String,
    /// Whether every pass gave the recorded bytes.
    #[serde(rename = "match")]
    pub matches: bool,
    /// Whether every pass was decided by the engine that this server runs.
    pub same_engine: bool,
    /// One for each time the action was decided, oldest first.
    pub passes: Vec<ReplayedPass>,
}

/// One decision, again.
#[derive(Debug, Serialize)]
pub struct ReplayedPass {
    /// The record's kind.
    pub kind: &'static str,
    /// The record's stream.
    pub stream: String,
    /// The record's place.
    pub seq: u64,
    /// The policy set that decided.
    pub policy_hash: PolicyHash,
    /// The engine that decided.
    pub engine_hash: EngineHash,
    /// Whether this server runs the same.
    pub same_engine: bool,
    /// Whether the bytes are the recorded ones.
    #[serde(rename = "match")]
    pub matches: bool,
    /// Where they differ.
    pub differences: Vec<Difference>,
    /// The decision as it is recorded.
    pub recorded: Box<RawValue>,
    /// The decision as it is now.
    pub replayed: Box<RawValue>,
}

/// A field of a decision that differs from the recorded one. A missing field is null.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// Its name.
    pub field: String,
    /// The recorded value.
    pub recorded: Json,
    /// The current value.
    pub replayed: Json,
}

/// The explanation of a decision.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// The action.
    pub id: String,
    /// The policy set that decided, and under which it is explained.
    pub policy_hash: PolicyHash,
    /// Its number.
    pub policy_version: String,
    /// The explanation, as the engine printed it.
    pub explanation: Box<RawValue>,
}

/// The decision in a record. Records of other kinds have no `decision`.
#[derive(Deserialize)]
struct Recorded {
    decision: Option<Box<RawValue>>,
    state: Option<Box<RawValue>>,
    engine_hash: Option<EngineHash>,
}

#[derive(Deserialize)]
struct Decided {
    policy_hash: PolicyHash,
}

impl Gate {
    /// Decides the action again, every pass from its own record.
    ///
    /// # Errors
    /// When the records or a policy set cannot be read, or the engine does not answer.
    pub async fn replay(&self, row: &ActionRow) -> Result<Replay, GateError> {
        let mut passes = Vec::new();
        for record in self.store.records_of(row.id.clone()).await? {
            let Recorded { decision, state, engine_hash } = read(&record.body)?;
            let (Some(recorded), Some(state)) = (decision, state) else { continue };
            let Decided { policy_hash } = read(recorded.get())?;
            let sources = self.store.policy_set(policy_hash).await?;
            let engine_hash = engine_hash.ok_or_else(|| GateError::UnknownEngine("none".to_owned()))?;
            let (ours, action) = (self.policies.module().clone(), row.action.clone());
            let same_engine = engine_hash == ours.hash();
            let other = if same_engine { None } else { Some(self.kept_engine(engine_hash).await?) };
            let replayed = blocking(move || {
                let module = other.map(|wasm| ours.other(&wasm)).transpose()?.unwrap_or(ours);
                decide(&module, &sources, &action, &state)
            });
            let replayed = replayed.await?;
            passes.push(compare(record, policy_hash, engine_hash, same_engine, recorded, replayed)?);
        }
        Ok(Replay {
            id: row.id.clone(),
            matches: !passes.is_empty() && passes.iter().all(|pass| pass.matches),
            same_engine: passes.iter().all(|pass| pass.same_engine),
            passes,
        })
    }

    async fn kept_engine(&self, hash: EngineHash) -> Result<Vec<u8>, GateError> {
        match self.store.engine_module(hash).await {
            Err(StoreError::NotFound) => Err(GateError::UnknownEngine(hash.to_hex())),
            kept => Ok(kept?),
        }
    }

    /// A wrapper's decision by an engine that was never here might differ under this one.
    async fn knows_engine_of(&self, row: &ActionRow) -> Result<(), GateError> {
        for record in self.store.records_of(row.id.clone()).await? {
            let Recorded { engine_hash, .. } = read(&record.body)?;
            if let Some(hash) = engine_hash.filter(|hash| *hash != self.policies.module().hash()) {
                self.kept_engine(hash).await?;
            }
        }
        Ok(())
    }

    /// Explains the decision that holds now, under the policy set that made it.
    ///
    /// # Errors
    /// As [`Gate::replay`].
    pub async fn explain(&self, row: &ActionRow) -> Result<Explained, GateError> {
        let Decided { policy_hash } = read(row.decision.json.get())?;
        let sources = self.store.policy_set(policy_hash).await?;
        if row.is_local() {
            self.knows_engine_of(row).await?;
        }
        let module = self.policies.module().clone();
        let (action, state) = (row.action.clone(), row.decision.state.clone());
        let explanation = blocking(move || {
            let mut instance = module.instance()?;
            let handle = instance.load(&sources)?.handle;
            handle.map(|handle| instance.explain_recorded(handle, bytes(&action), bytes(&state))).transpose()
        })
        .await?;
        let explanation = explanation.ok_or_else(refused)?;
        Ok(Explained {
            id: row.id.clone(),
            policy_hash,
            policy_version: row.policy_version.clone(),
            explanation,
        })
    }
}

fn decide(
    module: &Module,
    sources: &[PolicySource],
    action: &RawValue,
    state: &RawValue,
) -> Result<Option<Box<RawValue>>, RuntimeError> {
    let mut instance = module.instance()?;
    let Some(handle) = instance.load(sources)?.handle else { return Ok(None) };
    Ok(Some(instance.decide_recorded(handle, bytes(action), bytes(state))?.decision))
}

fn compare(
    record: StoredRecord,
    policy_hash: PolicyHash,
    engine_hash: EngineHash,
    same_engine: bool,
    recorded: Box<RawValue>,
    replayed: Option<Box<RawValue>>,
) -> Result<ReplayedPass, GateError> {
    let replayed = replayed.ok_or_else(refused)?;
    let matches = recorded.get() == replayed.get();
    let mut differences = Vec::new();
    if !matches {
        let then: BTreeMap<String, Json> = read(recorded.get())?;
        let now: BTreeMap<String, Json> = read(replayed.get())?;
        let fields: std::collections::BTreeSet<_> = then.keys().chain(now.keys()).collect();
        for field in fields {
            let (recorded, replayed) = (then.get(field), now.get(field));
            if recorded != replayed {
                let (recorded, replayed) =
                    (recorded.cloned().unwrap_or_default(), replayed.cloned().unwrap_or_default());
                differences.push(Difference { field: field.clone(), recorded, replayed });
            }
        }
    }
    Ok(ReplayedPass {
        kind: record.kind.as_str(),
        stream: record.stream,
        seq: record.seq,
        policy_hash,
        engine_hash,
        same_engine,
        matches,
        differences,
        recorded,
        replayed,
    })
}

/// Runs work that takes more than microseconds where it holds up no request.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RuntimeError> + Send + 'static,
) -> Result<T, GateError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(GateError::Failed(format!("the engine failed: {error}"))),
        Err(error) => Err(GateError::Failed(format!("the engine failed: {error}"))),
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, GateError> {
    serde_json::from_str(text).map_err(|error| GateError::Failed(format!("a record cannot be read: {error}")))
}

fn refused() -> GateError {
    GateError::Failed("this engine refuses the recorded policy set".to_owned())
}

fn bytes(json: &RawValue) -> &[u8] {
    json.get().as_bytes()
}
