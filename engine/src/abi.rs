//! The C ABI of the wasm module: bytes in, bytes out, and nothing is imported.
//!
//! A call takes its input from one buffer that the engine owns and leaves its answer in another:
//!
//! 1. `buffer(length)` gives the address of at least `length` bytes; the host writes its input there;
//! 2. the call returns `(address << 32) | length` of its answer, which stays valid until the next call.
//!
//! | export | input in the buffer | answer |
//! | --- | --- | --- |
//! | `abi_version()` | – | the number 1, not an address |
//! | `load(length)` | for each file: name length, name, content length, content (lengths as `u32`, little-endian) | `{"diagnostics":[…],"files":[…],"handle":n or null,"policy_hash":"…"}` |
//! | `unload(handle)` | – | 1 if the handle was there, else 0; not an address |
//! | `decide(handle, action, state, form)` | `action` bytes of JSON, then `state` bytes of JSON (0 means `{}`) | `{"action":…,"decision":{…},"error"?:{…},"state":{…}}` |
//! | `explain(handle, action, state, form)` | the same | an [`crate::explain::Explanation`], or a failure |
//! | `canonicalize(length)` | an action | `{"canonical":{…},"request_hash":"…"}`, or a failure |
//! | `seal(length)` | a record without `record_hash` | `{"record":{…},"record_hash":"…"}`, or a failure |
//!
//! `form` says what the action's bytes are: [`AS_RECEIVED`] from a caller, or [`AS_RECORDED`], the canonical form that
//! this engine printed before.
//!
//! A call that cannot be made answers `{"failure":{"code":"…","message":"…"}}` with more about it where there is
//! more. Policies are compiled once, by `load`, and kept under their handle; deciding reads no YAML.
//!
//! This is the only module with `unsafe` code, and only in the wasm build: turning the numbers of a call into
//! slices of the buffer. `js.rs` offers the same calls to JavaScript, in the same module.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::canonical::{self, Canonical, NotJson};
use crate::decide::{decide_bytes, decide_recorded};
use crate::decided::Decided;
use crate::diagnostic::Diagnostic;
use crate::explain::{explain_bytes, explain_recorded};
use crate::hash::{FileHash, PolicyHash};
use crate::json::{self, JsonError};
use crate::policy::{Mode, PolicySet, policy_hash};
use crate::record::seal_json;
use crate::state::State;

/// The version of this interface.
pub const ABI_VERSION: u32 = 1;

/// The action's bytes are a caller's.
pub const AS_RECEIVED: u32 = 0;
/// The action's bytes are the canonical form that a record holds.
pub const AS_RECORDED: u32 = 1;

/// The policies that a host has loaded, by handle.
#[derive(Debug, Default)]
pub struct Engine {
    sets: BTreeMap<u32, PolicySet>,
    last_handle: u32,
}

/// What loading policy files leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct Loaded {
    /// All findings; with an error among them nothing is loaded.
    pub diagnostics: Vec<Diagnostic>,
    /// The files, when they were loaded.
    pub files: Vec<LoadedFile>,
    /// What to call the policies by; null when they have errors.
    pub handle: Option<u32>,
    /// The hash of these files.
    pub policy_hash: PolicyHash,
}

/// One file of a loaded policy set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct LoadedFile {
    /// The agents it speaks of, as globs.
    pub agents: Vec<String>,
    /// What it says of itself.
    pub description: Option<String>,
    /// The file's name.
    pub file: String,
    /// The hash of its bytes.
    pub hash: FileHash,
    /// Whether it takes part.
    pub mode: Mode,
    /// The policy's name.
    pub name: String,
    /// How many rules it has.
    pub rules: usize,
}

impl Engine {
    /// An engine without policies.
    pub const fn new() -> Self {
        Engine { sets: BTreeMap::new(), last_handle: 0 }
    }

    /// Compiles policy files, given as [`load`'s input](self).
    pub fn load(&mut self, input: &[u8]) -> Canonical {
        let Some(files) = files(input) else {
            return failure(
                "invalid_input",
                "the list of files is cut off or has a name that is not UTF-8",
                None,
            );
        };
        let (set, diagnostics) = PolicySet::load(files.iter().copied());
        let hashes: Vec<(String, FileHash)> =
            files.iter().map(|(name, bytes)| ((*name).to_owned(), FileHash::of(bytes))).collect();
        let mut loaded =
            Loaded { diagnostics, files: Vec::new(), handle: None, policy_hash: policy_hash(&hashes) };
        if let Some(set) = set {
            loaded.files = set.policies().iter().map(loaded_file).collect();
            self.last_handle = self.last_handle.saturating_add(1);
            loaded.handle = Some(self.last_handle);
            self.sets.insert(self.last_handle, set);
        }
        answer(&loaded)
    }

    /// Forgets the policies under `handle`; whether there were any.
    pub fn unload(&mut self, handle: u32) -> bool {
        self.sets.remove(&handle).is_some()
    }

    /// Decides an action.
    pub fn decide(&self, handle: u32, action: &[u8], state: &[u8], form: u32) -> Canonical {
        let decided = self.decided(handle, action, state, form);
        let answer = decided.and_then(|decided| decided.canonical().map_err(|error| no_json_form(&error)));
        answer.unwrap_or_else(|failure| failure)
    }

    /// Decides an action and prints each part of the answer on a line: the decision, the canonical action or null,
    /// the consulted state, and what is wrong with the action or null. Canonical JSON holds no line breaks.
    pub fn decide_in_lines(&self, handle: u32, action: &[u8], state: &[u8], form: u32) -> String {
        let lines = self.decided(handle, action, state, form).and_then(|decided| {
            let mut out = String::with_capacity(1024);
            canonical::append(&mut out, &decided.decision).map_err(|error| no_json_form(&error))?;
            out.push('\n');
            out.push_str(decided.action.as_ref().map_or("null", Canonical::as_str));
            out.push('\n');
            out.push_str(decided.state.canonical().as_str());
            out.push('\n');
            canonical::append(&mut out, &decided.error).map_err(|error| no_json_form(&error))?;
            Ok(out)
        });
        lines.unwrap_or_else(Canonical::into_string)
    }

    fn decided(&self, handle: u32, action: &[u8], state: &[u8], form: u32) -> Result<Decided, Canonical> {
        let (set, state) = self.prepared(handle, state)?;
        Ok(match form {
            AS_RECORDED => decide_recorded(set, action, &state),
            // Bytes of unknown origin are read as strictly as a caller's.
            _ => decide_bytes(set, action, &state),
        })
    }

    /// Explains the decision on an action.
    pub fn explain(&self, handle: u32, action: &[u8], state: &[u8], form: u32) -> Canonical {
        let (set, state) = match self.prepared(handle, state) {
            Ok(prepared) => prepared,
            Err(failure) => return failure,
        };
        let explained = match form {
            AS_RECORDED => explain_recorded(set, action, &state),
            _ => explain_bytes(set, action, &state),
        };
        match explained {
            Ok(explanation) => answer(&explanation),
            Err(error) => invalid_action(&error),
        }
    }

    fn prepared(&self, handle: u32, state: &[u8]) -> Result<(&PolicySet, State), Canonical> {
        let set = self
            .sets
            .get(&handle)
            .ok_or_else(|| failure("unknown_handle", "no policies are loaded under this handle", None))?;
        let state = State::parse(state).map_err(|error| {
            failure("invalid_state", &format!("the state cannot be read: {error}"), Some(&error))
        })?;
        Ok((set, state))
    }
}

/// The canonical form of an action and its hash.
pub fn canonicalize(action: &[u8]) -> Canonical {
    match Action::parse(action, json::MAX_BYTES) {
        Ok(action) => {
            let hash = Canonical::text(&action.request_hash().to_hex());
            Canonical::object(&[("canonical", action.canonical()), ("request_hash", &hash)])
        }
        Err(error) => invalid_action(&error),
    }
}

/// A record with its hash, from everything else that it holds.
pub fn seal(record: &[u8]) -> Canonical {
    match seal_json(record) {
        Ok((record, hash)) => {
            let hash = Canonical::text(&hash.to_hex());
            Canonical::object(&[("record", &record), ("record_hash", &hash)])
        }
        Err(error) => {
            failure("invalid_record", &format!("the record cannot be sealed: {error}"), Some(&error))
        }
    }
}

fn loaded_file(policy: &crate::policy::Policy) -> LoadedFile {
    LoadedFile {
        agents: policy.agents.iter().map(|glob| glob.as_str().to_owned()).collect(),
        description: policy.description.clone(),
        file: policy.file.clone(),
        hash: policy.hash,
        mode: policy.mode,
        name: policy.name.clone(),
        rules: policy.rules.len(),
    }
}

fn invalid_action(error: &JsonError) -> Canonical {
    failure("invalid_action", &format!("the action cannot be read: {error}"), Some(error))
}

fn failure(code: &str, message: &str, error: Option<&JsonError>) -> Canonical {
    let error = error.and_then(|error| Canonical::serialize(error).ok());
    let (code, message) = (Canonical::text(code), Canonical::text(message));
    let mut parts = vec![("code", &code), ("message", &message)];
    parts.extend(error.as_ref().map(|error| ("error", error)));
    Canonical::object(&[("failure", &Canonical::object(&parts))])
}

fn answer<T: Serialize>(value: &T) -> Canonical {
    Canonical::serialize(value).unwrap_or_else(|error| no_json_form(&error))
}

fn no_json_form(error: &NotJson) -> Canonical {
    failure("no_json_form", &error.to_string(), None)
}

/// The files of [`load`'s input](self); none when it is cut off.
fn files(mut input: &[u8]) -> Option<Vec<(&str, &[u8])>> {
    fn part<'i>(input: &mut &'i [u8]) -> Option<&'i [u8]> {
        let (length, rest) = input.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (part, rest) = rest.split_at_checked(length)?;
        *input = rest;
        Some(part)
    }
    let mut files = Vec::new();
    while !input.is_empty() {
        let name = std::str::from_utf8(part(&mut input)?).ok()?;
        files.push((name, part(&mut input)?));
    }
    Some(files)
}

/// [`load`'s input](self) for files given as name and bytes. A file over 4 GiB, which no limit lets through, is
/// given as an empty name, which is refused.
pub fn load_input<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Vec<u8> {
    let mut input = Vec::new();
    for (name, content) in files {
        for part in [name.as_bytes(), content] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            input.extend_from_slice(&length.to_le_bytes());
            input.extend_from_slice(part);
        }
    }
    input
}

#[cfg(all(target_arch = "wasm32", feature = "module"))]
mod exports {
    #![expect(unsafe_code, reason = "the host hands over addresses and lengths of its own making")]

    use std::cell::RefCell;

    use super::{ABI_VERSION, Engine, canonicalize as canonicalize_action, seal as seal_record};
    use crate::canonical::Canonical;

    /// Buffers above this are given back after the call, so that one large policy does not keep its memory.
    const KEPT_BYTES: usize = 64 * 1024;

    struct Module {
        engine: Engine,
        input: Vec<u8>,
        output: String,
    }

    thread_local! {
        /// A wasm module without threads has one of these.
        static MODULE: RefCell<Module> = const {
            RefCell::new(Module { engine: Engine::new(), input: Vec::new(), output: String::new() })
        };
    }

    fn call(length: u32, run: impl FnOnce(&mut Engine, &[u8]) -> Canonical) -> u64 {
        MODULE.with_borrow_mut(|module| {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let input = module.input.get(..length).unwrap_or_default();
            module.output = run(&mut module.engine, input).into_string();
            if module.input.len() > KEPT_BYTES {
                module.input = Vec::new();
            }
            // On wasm32 addresses and lengths have 32 bits.
            let address = module.output.as_ptr().addr() as u64;
            (address << 32) | module.output.len() as u64
        })
    }

    #[unsafe(no_mangle)]
    extern "C" fn abi_version() -> u32 {
        ABI_VERSION
    }

    #[unsafe(no_mangle)]
    extern "C" fn buffer(length: u32) -> *mut u8 {
        MODULE.with_borrow_mut(|module| {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if module.input.len() < length {
                module.input.resize(length, 0);
            }
            module.input.as_mut_ptr()
        })
    }

    #[unsafe(no_mangle)]
    extern "C" fn load(length: u32) -> u64 {
        call(length, |engine, input| engine.load(input))
    }

    #[unsafe(no_mangle)]
    extern "C" fn unload(handle: u32) -> u32 {
        MODULE.with_borrow_mut(|module| u32::from(module.engine.unload(handle)))
    }

    #[unsafe(no_mangle)]
    extern "C" fn decide(handle: u32, action: u32, state: u32, form: u32) -> u64 {
        call(action.saturating_add(state), |engine, input| {
            let (action, state) = split(input, action);
            engine.decide(handle, action, state, form)
        })
    }

    #[unsafe(no_mangle)]
    extern "C" fn explain(handle: u32, action: u32, state: u32, form: u32) -> u64 {
        call(action.saturating_add(state), |engine, input| {
            let (action, state) = split(input, action);
            engine.explain(handle, action, state, form)
        })
    }

    #[unsafe(no_mangle)]
    extern "C" fn canonicalize(length: u32) -> u64 {
        call(length, |_, input| canonicalize_action(input))
    }

    #[unsafe(no_mangle)]
    extern "C" fn seal(length: u32) -> u64 {
        call(length, |_, input| seal_record(input))
    }

    fn split(input: &[u8], action: u32) -> (&[u8], &[u8]) {
        input.split_at_checked(usize::try_from(action).unwrap_or(usize::MAX)).unwrap_or_default()
    }
}
