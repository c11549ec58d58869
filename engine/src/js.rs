//! The calls of [`crate::abi`] as wasm-bindgen offers them to JavaScript, in the same module.
//!
//! It decides nothing and changes nothing on the way: text and bytes go in, text comes out. Only strings, bytes and
//! numbers cross, never JavaScript values, so that the module needs nothing from its host.

use wasm_bindgen::prelude::wasm_bindgen;

use crate::abi;
use crate::hash::Digest;

/// The policies that a program has loaded, by handle, and what can be asked of them.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Engine {
    engine: abi::Engine,
}

#[wasm_bindgen]
impl Engine {
    /// An engine without policies.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Engine::default()
    }

    /// Compiles policy files: for each of them name length, name, content length, content (lengths as `u32`,
    /// little-endian). Answers `{"diagnostics":[…],"files":[…],"handle":n or null,"policy_hash":"…"}`.
    pub fn load(&mut self, files: &[u8]) -> String {
        self.engine.load(files).into_string()
    }

    /// Forgets the policies under `handle`; whether there were any.
    pub fn unload(&mut self, handle: u32) -> bool {
        self.engine.unload(handle)
    }

    /// Decides an action given as JSON text, in a state given as JSON text (empty for none). `form` is 0 for an
    /// action as it was received and 1 for the canonical form of a record.
    ///
    /// The answer has four lines of JSON: the decision, the canonical action or null, the state that was consulted,
    /// and the fault of the action or null. A call that cannot be made has one line, `{"failure":{…}}`.
    pub fn decide(&self, handle: u32, action: &str, state: &str, form: u32) -> String {
        self.engine.decide_in_lines(handle, action.as_bytes(), state.as_bytes(), form)
    }

    /// The same for bytes, which need not be UTF-8 nor JSON.
    pub fn decide_bytes(&self, handle: u32, action: &[u8], state: &[u8], form: u32) -> String {
        self.engine.decide_in_lines(handle, action, state, form)
    }

    /// Explains the decision on an action, as JSON.
    pub fn explain(&self, handle: u32, action: &[u8], state: &[u8], form: u32) -> String {
        self.engine.explain(handle, action, state, form).into_string()
    }

    /// The canonical form of an action and its hash: `{"canonical":{…},"request_hash":"…"}`.
    pub fn canonicalize(&self, action: &[u8]) -> String {
        abi::canonicalize(action).into_string()
    }

    /// A record with its hash, from everything else that it holds: `{"record":{…},"record_hash":"…"}`.
    pub fn seal(&self, record: &[u8]) -> String {
        abi::seal(record).into_string()
    }

    /// The SHA-256 of `bytes`, as 64 hexadecimal digits.
    pub fn sha256(&self, bytes: &[u8]) -> String {
        Digest::of(bytes).to_hex()
    }
}
