//! The engine module, run by wasmtime: compiled once, kept warm in instances that hold the policies.
//!
//! Every call has a memory limit and an execution limit. An instance that trapped, ran out of either, or gave an
//! unreadable answer is discarded, and its action counts as not decided. The meaning of answers is not known here.

mod cache;
mod instance;
mod module;
mod pool;

use std::error::Error;
use std::fmt;

use engine::diagnostic::Diagnostic;
use engine::hash::{FileHash, PolicyHash, RequestHash};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use instance::Instance;
pub use module::{ENGINE_WASM, Module, engine_hash};
pub use pool::Pool;

/// The most memory of one instance. A policy of 10,000 rules takes about a quarter of it.
pub const MAX_MEMORY_BYTES: usize = 128 << 20;
/// The fuel of one decision. A common decision takes about 100 thousand. The engine counts its own work and halts
/// what takes more than [`engine::meter::LIMIT`]; each of its steps takes at most 110, so that no action gets here.
pub const DECIDE_FUEL: u64 = 125_000_000_000;
/// The fuel of an explanation: that of a decision, and as much for the trace of it.
pub const EXPLAIN_FUEL: u64 = 2 * DECIDE_FUEL;
/// The fuel of loading policies, some thirty times what a mebibyte of rules takes: memory ends before it.
pub const LOAD_FUEL: u64 = 60_000_000_000;

/// The most bytes of an action that is decided on the thread that asks. A larger one may take tenths of a second, and
/// a thread that answers requests first hands its other work to another one.
pub const SMALL_ACTION: usize = 16 * 1024;

/// Runs `work`, which may take long, so that a thread that answers requests does not hold up the others.
fn apart<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        // There is no other thread, or nothing that could be held up.
        _ => work(),
    }
}

/// The result of loading policies.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Loaded {
    /// Every finding about every file.
    pub diagnostics: Vec<Diagnostic>,
    /// The files, by name; empty when one of them has an error.
    pub files: Vec<FileSummary>,
    /// The instance's handle for them; none if one of them has an error.
    pub handle: Option<u32>,
    /// The hash over all files.
    pub policy_hash: PolicyHash,
}

/// The description of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSummary {
    /// The agents it applies to, as globs; empty means all.
    pub agents: Vec<String>,
    /// Its purpose.
    pub description: Option<String>,
    /// Its name in the folder.
    pub file: String,
    /// The SHA-256 of its bytes.
    pub hash: FileHash,
    /// `enforce` or `shadow`.
    pub mode: String,
    /// Its name.
    pub name: String,
    /// How many rules it has.
    pub rules: usize,
}

/// A decision, as the engine printed it.
#[derive(Debug, Clone, Deserialize)]
pub struct Verdict {
    /// The canonical action; none when it could not be read.
    pub action: Option<Box<RawValue>>,
    /// The decision: [`engine::decision::Decision`].
    pub decision: Box<RawValue>,
    /// Why the action could not be read: [`engine::json::JsonError`].
    #[serde(default)]
    pub error: Option<Box<RawValue>>,
    /// The consulted state.
    pub state: Box<RawValue>,
}

/// An action in canonical form.
#[derive(Debug, Clone, Deserialize)]
pub struct Canonicalized {
    /// The canonical bytes.
    pub canonical: Box<RawValue>,
    /// Their SHA-256.
    pub request_hash: RequestHash,
}

/// The error behind a call that failed.
pub type Cause = Box<dyn Error + Send + Sync>;

/// An error of wasmtime as one sentence: by itself it shows the outermost of its causes alone.
#[derive(Debug)]
struct Wasmtime(wasmtime::Error);

impl fmt::Display for Wasmtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl Error for Wasmtime {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.as_ref())
    }
}

/// Why the engine gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The module cannot be compiled or instantiated.
    #[error("the engine module cannot be started: {0}")]
    Start(#[source] Cause),
    /// The call trapped, or ran out of fuel or memory.
    #[error("the engine stopped: {0}")]
    Trapped(#[source] Cause),
    /// The answer cannot be read.
    #[error("the engine's answer cannot be read: {0}")]
    Garbled(#[source] Cause),
    /// The engine refused the call.
    #[error("{0}")]
    Refused(Refusal),
}

/// The engine's answer to a call that cannot be made.
#[derive(Debug, Clone, Deserialize)]
pub struct Refusal {
    /// The kind, for programs.
    pub code: String,
    /// The sentence, for people.
    pub message: String,
    /// Where an input cannot be read.
    #[serde(default)]
    pub error: Option<Box<RawValue>>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
