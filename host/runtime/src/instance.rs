//! One instance of the engine module: the calls of `engine::abi`, made through wasm memory.

use std::ops::Range;

use engine::abi::{ABI_VERSION, AS_RECEIVED, AS_RECORDED, load_input};
use engine::policy::PolicySource;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use wasmtime::{InstancePre, Memory, Store, StoreLimits, TypedFunc};

use super::{
    Canonicalized, DECIDE_FUEL, EXPLAIN_FUEL, LOAD_FUEL, Loaded, Refusal, RuntimeError, Verdict, Wasmtime,
};

/// A running engine. After an error other than [`RuntimeError::Refused`] it must not be used again.
pub struct Instance {
    store: Store<StoreLimits>,
    memory: Memory,
    buffer: TypedFunc<u32, u32>,
    load: TypedFunc<u32, u64>,
    unload: TypedFunc<u32, u32>,
    decide: TypedFunc<(u32, u32, u32, u32), u64>,
    explain: TypedFunc<(u32, u32, u32, u32), u64>,
    canonicalize: TypedFunc<u32, u64>,
}

#[derive(serde::Deserialize)]
struct Failed {
    failure: Refusal,
}

impl Instance {
    pub(super) fn start(
        mut store: Store<StoreLimits>,
        pre: &InstancePre<StoreLimits>,
    ) -> Result<Self, RuntimeError> {
        let failed = |error| RuntimeError::Start(Wasmtime(error).into());
        store.set_fuel(DECIDE_FUEL).map_err(failed)?;
        let instance = pre.instantiate(&mut store).map_err(failed)?;
        let version: TypedFunc<(), u32> =
            instance.get_typed_func(&mut store, "abi_version").map_err(failed)?;
        let version = version.call(&mut store, ()).map_err(failed)?;
        if version != ABI_VERSION {
            let message = format!("it has version {version} of the interface, {ABI_VERSION} is needed");
            return Err(RuntimeError::Start(message.into()));
        }
        let memory = instance
            .get_memory(&mut store, "memory")
            .ok_or_else(|| RuntimeError::Start("it exports no memory".into()))?;
        Ok(Instance {
            buffer: instance.get_typed_func(&mut store, "buffer").map_err(failed)?,
            load: instance.get_typed_func(&mut store, "load").map_err(failed)?,
            unload: instance.get_typed_func(&mut store, "unload").map_err(failed)?,
            decide: instance.get_typed_func(&mut store, "decide").map_err(failed)?,
            explain: instance.get_typed_func(&mut store, "explain").map_err(failed)?,
            canonicalize: instance.get_typed_func(&mut store, "canonicalize").map_err(failed)?,
            memory,
            store,
        })
    }

    /// Compiles policy files and keeps them.
    ///
    /// # Errors
    /// When the engine stops or answers nothing readable; findings about the files are part of the answer.
    pub fn load(&mut self, files: &[PolicySource]) -> Result<Loaded, RuntimeError> {
        let input = load_input(files.iter().map(|file| (file.name.as_str(), file.content.as_slice())));
        let length = self.put(LOAD_FUEL, &[&input])?;
        let answer = self.load.call(&mut self.store, length).map_err(trapped)?;
        self.read(answer)
    }

    /// Forgets the policies under `handle`.
    ///
    /// # Errors
    /// When the engine stops.
    pub fn unload(&mut self, handle: u32) -> Result<bool, RuntimeError> {
        self.store.set_fuel(LOAD_FUEL).map_err(trapped)?;
        self.unload.call(&mut self.store, handle).map(|there| there == 1).map_err(trapped)
    }

    /// Decides an action. `state` is JSON, or nothing.
    ///
    /// # Errors
    /// When the engine stops, refuses the state, or gives no readable answer. An unreadable action has a decision and
    /// is not an error.
    pub fn decide(&mut self, handle: u32, action: &[u8], state: &[u8]) -> Result<Verdict, RuntimeError> {
        let answer = self.decide_call(handle, action, state, AS_RECEIVED)?;
        self.read(answer)
    }

    /// Decides an action again from its canonical form, as in a record.
    ///
    /// # Errors
    /// As for [`Instance::decide`].
    pub fn decide_recorded(
        &mut self,
        handle: u32,
        canonical: &[u8],
        state: &[u8],
    ) -> Result<Verdict, RuntimeError> {
        let answer = self.decide_call(handle, canonical, state, AS_RECORDED)?;
        self.read(answer)
    }

    /// The bytes that [`Instance::decide`] reads, as they are in the engine's memory.
    ///
    /// # Errors
    /// When the engine stops.
    pub fn decide_raw(&mut self, handle: u32, action: &[u8], state: &[u8]) -> Result<&[u8], RuntimeError> {
        let answer = self.decide_call(handle, action, state, AS_RECEIVED)?;
        self.bytes(answer)
    }

    fn decide_call(
        &mut self,
        handle: u32,
        action: &[u8],
        state: &[u8],
        form: u32,
    ) -> Result<u64, RuntimeError> {
        _ = self.put(DECIDE_FUEL, &[action, state])?;
        let lengths = (handle, length(action)?, length(state)?, form);
        self.decide.call(&mut self.store, lengths).map_err(trapped)
    }

    /// Explains the decision on an action, as [`engine::explain::Explanation`] in JSON.
    ///
    /// # Errors
    /// As for [`Instance::decide`]; an action that cannot be read is refused.
    pub fn explain(
        &mut self,
        handle: u32,
        action: &[u8],
        state: &[u8],
    ) -> Result<Box<RawValue>, RuntimeError> {
        self.explain_call(handle, action, state, AS_RECEIVED)
    }

    /// Explains an action from its canonical form, as in a record.
    ///
    /// # Errors
    /// As for [`Instance::explain`].
    pub fn explain_recorded(
        &mut self,
        handle: u32,
        canonical: &[u8],
        state: &[u8],
    ) -> Result<Box<RawValue>, RuntimeError> {
        self.explain_call(handle, canonical, state, AS_RECORDED)
    }

    fn explain_call(
        &mut self,
        handle: u32,
        action: &[u8],
        state: &[u8],
        form: u32,
    ) -> Result<Box<RawValue>, RuntimeError> {
        _ = self.put(EXPLAIN_FUEL, &[action, state])?;
        let lengths = (handle, length(action)?, length(state)?, form);
        let answer = self.explain.call(&mut self.store, lengths).map_err(trapped)?;
        self.read(answer)
    }

    /// The canonical form of an action and its hash.
    ///
    /// # Errors
    /// When the engine stops; an action that cannot be read is refused.
    pub fn canonicalize(&mut self, action: &[u8]) -> Result<Canonicalized, RuntimeError> {
        let length = self.put(DECIDE_FUEL, &[action])?;
        let answer = self.canonicalize.call(&mut self.store, length).map_err(trapped)?;
        self.read(answer)
    }

    /// The bytes of linear memory that the instance has.
    pub fn memory_bytes(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// The fuel that the last call used, out of its allowance.
    pub fn fuel_used(&self, given: u64) -> u64 {
        given.saturating_sub(self.store.get_fuel().unwrap_or(0))
    }

    /// Fills the tank and writes `parts` behind each other into the engine's buffer.
    fn put(&mut self, fuel: u64, parts: &[&[u8]]) -> Result<u32, RuntimeError> {
        self.store.set_fuel(fuel).map_err(trapped)?;
        let whole: usize = parts.iter().map(|part| part.len()).sum();
        let whole =
            u32::try_from(whole).map_err(|_| RuntimeError::Trapped("the input is too long".into()))?;
        let mut at = self.buffer.call(&mut self.store, whole).map_err(trapped)? as usize;
        for part in parts {
            self.memory
                .write(&mut self.store, at, part)
                .map_err(|error| RuntimeError::Trapped(error.into()))?;
            at = at.saturating_add(part.len());
        }
        Ok(whole)
    }

    fn bytes(&self, answer: u64) -> Result<&[u8], RuntimeError> {
        let (address, length) = ((answer >> 32) as usize, (answer & 0xffff_ffff) as usize);
        let range: Range<usize> = address..address.saturating_add(length);
        let memory = self.memory.data(&self.store);
        memory.get(range).ok_or_else(|| RuntimeError::Garbled("it lies outside of the memory".into()))
    }

    fn read<T: DeserializeOwned>(&self, answer: u64) -> Result<T, RuntimeError> {
        let bytes = self.bytes(answer)?;
        // Looked for first, because some answers are read as whatever JSON they are.
        if bytes.starts_with(b"{\"failure\":")
            && let Ok(failed) = serde_json::from_slice::<Failed>(bytes)
        {
            return Err(RuntimeError::Refused(failed.failure));
        }
        serde_json::from_slice(bytes).map_err(|error| RuntimeError::Garbled(error.into()))
    }
}

fn length(bytes: &[u8]) -> Result<u32, RuntimeError> {
    u32::try_from(bytes.len()).map_err(|_| RuntimeError::Trapped("the input is too long".into()))
}

fn trapped(error: wasmtime::Error) -> RuntimeError {
    RuntimeError::Trapped(Wasmtime(error).into())
}
