//! Warm instances that all hold one policy set.

use std::sync::{Mutex, PoisonError};

use engine::hash::PolicyHash;
use engine::policy::PolicySource;
use serde_json::value::RawValue;

use super::{Instance, Loaded, Module, RuntimeError, SMALL_ACTION, Verdict, apart};

/// Instances of the engine with one policy set. Calls may come from many threads at once.
pub struct Pool {
    module: Module,
    files: Vec<PolicySource>,
    policy_hash: PolicyHash,
    /// The idle instances and the handle under which each holds the policies.
    idle: Mutex<Vec<(Instance, u32)>>,
    /// How many idle ones are kept; more are made when more calls come at once.
    kept: usize,
}

impl Pool {
    /// Loads `files` into a first instance. There is a pool only when no finding about them is an error.
    ///
    /// # Errors
    /// When the engine cannot be started or stops.
    pub fn new(module: &Module, files: &[PolicySource]) -> Result<(Option<Self>, Loaded), RuntimeError> {
        let mut first = module.instance()?;
        let loaded = first.load(files)?;
        let pool = loaded.handle.map(|handle| Pool {
            module: module.clone(),
            files: files.to_vec(),
            policy_hash: loaded.policy_hash,
            idle: Mutex::new(vec![(first, handle)]),
            kept: std::thread::available_parallelism().map_or(1, usize::from).saturating_add(1),
        });
        Ok((pool, loaded))
    }

    /// The hash of the policies.
    pub fn policy_hash(&self) -> PolicyHash {
        self.policy_hash
    }

    /// Decides an action; see [`Instance::decide`].
    ///
    /// # Errors
    /// When the engine gave no answer: the action is not decided.
    pub fn decide(&self, action: &[u8], state: &[u8]) -> Result<Verdict, RuntimeError> {
        self.with(action.len(), |instance, handle| instance.decide(handle, action, state))
    }

    /// Decides an action again from its canonical form; see [`Instance::decide_recorded`].
    ///
    /// # Errors
    /// When the engine gave no answer: the action is not decided.
    pub fn decide_recorded(&self, canonical: &[u8], state: &[u8]) -> Result<Verdict, RuntimeError> {
        self.with(canonical.len(), |instance, handle| instance.decide_recorded(handle, canonical, state))
    }

    /// Explains an action from its canonical form; see [`Instance::explain_recorded`].
    ///
    /// # Errors
    /// When the engine gave no answer, or the bytes are not a canonical action.
    pub fn explain_recorded(&self, canonical: &[u8], state: &[u8]) -> Result<Box<RawValue>, RuntimeError> {
        self.with(canonical.len(), |instance, handle| instance.explain_recorded(handle, canonical, state))
    }

    /// Explains the decision on an action; see [`Instance::explain`].
    ///
    /// # Errors
    /// When the engine gave no answer, or the action cannot be read.
    pub fn explain(&self, action: &[u8], state: &[u8]) -> Result<Box<RawValue>, RuntimeError> {
        self.with(action.len(), |instance, handle| instance.explain(handle, action, state))
    }

    fn with<T>(
        &self,
        bytes: usize,
        call: impl FnOnce(&mut Instance, u32) -> Result<T, RuntimeError>,
    ) -> Result<T, RuntimeError> {
        // A panic while the list was held leaves a list of whole instances.
        let taken = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (mut instance, handle) = match taken {
            Some(warm) => warm,
            None => apart(|| self.warm_up())?,
        };
        let call = || call(&mut instance, handle);
        let answer = if bytes > SMALL_ACTION { apart(call) } else { call() };
        // INVARIANT: only an instance whose last call ended in an answer is used again.
        if matches!(answer, Ok(_) | Err(RuntimeError::Refused(_))) {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < self.kept {
                idle.push((instance, handle));
            }
        }
        answer
    }

    fn warm_up(&self) -> Result<(Instance, u32), RuntimeError> {
        let mut instance = self.module.instance()?;
        let loaded = instance.load(&self.files)?;
        let handle = loaded
            .handle
            .ok_or_else(|| RuntimeError::Garbled("policies that were sound have errors now".into()))?;
        Ok((instance, handle))
    }
}
