//! The engine module: the bytes that this program carries, their digest, and their compiled form.
//!
//! Compiling takes a good part of a second, so the compiled form is kept in a folder that only its owner can
//! write, named by the digest of the module and the version of the compiler.
#![expect(
    unsafe_code,
    reason = "wasmtime trusts a compiled module; `read_cached` says why this one can be trusted"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::hash::EngineHash;
use wasmtime::{Config, Engine, InstancePre, Linker, OptLevel, Store, StoreLimits, StoreLimitsBuilder};

use super::{Instance, MAX_MEMORY_BYTES, RuntimeError};

/// The bytes of `engine.wasm`.
pub const ENGINE_WASM: &[u8] = include_bytes!(env!("FARAMESH_ENGINE_WASM"));

/// Part of the name of a compiled module: it changes with the compiler and with what it is told.
const COMPILER: &str = "wasmtime-48-fuel-1";

/// The SHA-256 of `engine.wasm`: the name of this engine on every host.
pub fn engine_hash() -> EngineHash {
    static HASH: LazyLock<EngineHash> = LazyLock::new(|| EngineHash::of(ENGINE_WASM));
    *HASH
}

/// The compiled engine, ready to be instantiated.
#[derive(Clone)]
pub struct Module {
    engine: Engine,
    pre: InstancePre<StoreLimits>,
    hash: EngineHash,
    cache: PathBuf,
}

impl Module {
    /// The module that this program carries, compiled, or the compiled form that an earlier start left in `cache`.
    ///
    /// # Errors
    /// When the module does not compile, or imports anything. A cache that cannot be read or written only costs
    /// time.
    pub fn embedded(cache: &Path) -> Result<Self, RuntimeError> {
        Module::compile(ENGINE_WASM, engine_hash(), cache)
    }

    /// The module of another version of the engine, as a store kept it.
    ///
    /// # Errors
    /// As for [`Module::embedded`].
    pub fn other(&self, wasm: &[u8]) -> Result<Self, RuntimeError> {
        Module::compile(wasm, EngineHash::of(wasm), &self.cache)
    }

    fn compile(wasm: &[u8], hash: EngineHash, cache: &Path) -> Result<Self, RuntimeError> {
        let start = |error: wasmtime::Error| RuntimeError::Start(format!("{error:#}"));
        let mut config = Config::new();
        config.consume_fuel(true);
        config.cranelift_opt_level(OptLevel::Speed);
        config.wasm_backtrace_max_frames(None);
        let engine = Engine::new(&config).map_err(start)?;
        let file = cache.join(format!("engine-{hash}-{COMPILER}-{}.cwasm", std::env::consts::ARCH));
        let module = match read_cached(&engine, &file) {
            Some(module) => module,
            None => {
                let module = wasmtime::Module::new(&engine, wasm).map_err(start)?;
                if let Ok(compiled) = module.serialize() {
                    // Without a cache the next start takes longer; nothing else depends on it.
                    _ = write_cached(cache, &file, &compiled);
                }
                module
            }
        };
        let pre = Linker::new(&engine).instantiate_pre(&module).map_err(start)?;
        Ok(Module { engine, pre, hash, cache: cache.to_owned() })
    }

    /// The digest of the module.
    pub fn hash(&self) -> EngineHash {
        self.hash
    }

    /// A fresh instance without policies.
    ///
    /// # Errors
    /// When the module cannot be instantiated.
    pub fn instance(&self) -> Result<Instance, RuntimeError> {
        let limits =
            StoreLimitsBuilder::new().memory_size(MAX_MEMORY_BYTES).trap_on_grow_failure(true).build();
        let mut store = Store::new(&self.engine, limits);
        store.limiter(|limits| limits);
        Instance::start(store, &self.pre)
    }
}

fn read_cached(engine: &Engine, file: &Path) -> Option<wasmtime::Module> {
    let kept = fs::symlink_metadata(file).ok()?;
    if !kept.is_file() || !only_ours(&kept) {
        return None;
    }
    // SAFETY: `deserialize_file` runs what the file holds. The file is named by the digest of the module and the
    // compiler, was renamed into place whole by `write_cached`, belongs to the user this program runs as, and
    // nobody else can write it; whoever could, could as well replace this program or its database.
    unsafe { wasmtime::Module::deserialize_file(engine, file) }.ok()
}

#[cfg(unix)]
fn only_ours(file: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let us = fs::metadata("/proc/self").or_else(|_| std::env::current_exe().and_then(fs::metadata));
    us.is_ok_and(|us| us.uid() == file.uid()) && file.mode() & 0o022 == 0
}

#[cfg(not(unix))]
fn only_ours(_: &fs::Metadata) -> bool {
    // Who may write a file cannot be told here, so compiled modules are not taken from disk.
    false
}

fn write_cached(cache: &Path, file: &Path, compiled: &[u8]) -> std::io::Result<()> {
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(cache)?;
    // A name that nobody else writes under, in this process or another.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let partial: PathBuf = cache.join(format!(".engine-{}-{number}.partial", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&partial).and_then(|mut out| out.write_all(compiled));
    let renamed = written.and_then(|()| fs::rename(&partial, file));
    if renamed.is_err() {
        // What is left of a failed attempt would never be read.
        _ = fs::remove_file(&partial);
    }
    renamed
}
