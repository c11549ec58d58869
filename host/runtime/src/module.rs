//! The engine module: the bytes that this program carries, their digest, and their compiled form.
//!
//! Compiling takes a good part of a second, so the compiled form is kept in a folder that only its owner can
//! write, named by the digest of the module and the version of the compiler.
#![expect(
    unsafe_code,
    reason = "wasmtime trusts a compiled module; `Module::kept` says why this one can be trusted"
)]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use engine::hash::EngineHash;
use wasmtime::{Config, Engine, InstancePre, Linker, OptLevel, Store, StoreLimits, StoreLimitsBuilder};

use super::{Instance, MAX_MEMORY_BYTES, RuntimeError, Wasmtime, cache};

/// The bytes of `engine.wasm`.
pub const ENGINE_WASM: &[u8] = include_bytes!(env!("FARAMESH_ENGINE_WASM"));

/// Part of the name of a compiled module: it changes with the compiler and its settings.
const COMPILER: &str = "wasmtime-48-fuel-2";

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
    cache: Option<PathBuf>,
}

impl Module {
    /// The module that this program carries, compiled, or the compiled form that an earlier start left in `cache`.
    /// Without a cache it is compiled.
    ///
    /// # Errors
    /// When the module does not compile, or imports anything. A cache that cannot be read or written only costs
    /// time.
    pub fn embedded(cache: Option<&Path>) -> Result<Self, RuntimeError> {
        Module::compile(ENGINE_WASM, engine_hash(), cache)
    }

    /// Whether `cache` holds the compiled form of the module that this program carries, whole.
    ///
    /// # Errors
    /// When the folder is not one that can be trusted, or cannot be read.
    pub fn is_kept(cache: &Path) -> std::io::Result<bool> {
        Ok(cache::read(cache, &kept_name(engine_hash()))?.is_some())
    }

    /// The module of another version of the engine, as a store kept it.
    ///
    /// # Errors
    /// As for [`Module::embedded`].
    pub fn other(&self, wasm: &[u8]) -> Result<Self, RuntimeError> {
        Module::compile(wasm, EngineHash::of(wasm), self.cache.as_deref())
    }

    fn compile(wasm: &[u8], hash: EngineHash, cache: Option<&Path>) -> Result<Self, RuntimeError> {
        let start = |error| RuntimeError::Start(Wasmtime(error).into());
        let mut config = Config::new();
        config.consume_fuel(true);
        config.cranelift_opt_level(OptLevel::Speed);
        config.wasm_backtrace_max_frames(None);
        let engine = Engine::new(&config).map_err(start)?;
        let name = kept_name(hash);
        let module = match cache.and_then(|cache| Module::kept(&engine, cache, &name)) {
            Some(module) => module,
            None => {
                let module = wasmtime::Module::new(&engine, wasm).map_err(start)?;
                if let Some(cache) = cache {
                    // Without a cache the next start takes longer; nothing else depends on it.
                    let written = module.serialize().map_err(std::io::Error::other);
                    if let Err(error) = written.and_then(|compiled| cache::write(cache, &name, &compiled)) {
                        not_kept(cache, &error);
                    }
                } else {
                    tracing::warn!(
                        "there is no folder to keep the compiled engine in, so every start compiles it; set `FARAMESH_CACHE_DIR`, `XDG_CACHE_HOME` or `HOME`"
                    );
                }
                module
            }
        };
        let pre = Linker::new(&engine).instantiate_pre(&module).map_err(start)?;
        Ok(Module { engine, pre, hash, cache: cache.map(Path::to_owned) })
    }

    /// The compiled form from an earlier start; none if there is none that can be trusted.
    fn kept(engine: &Engine, cache: &Path, name: &str) -> Option<wasmtime::Module> {
        let compiled = cache::read(cache, name).unwrap_or_else(|error| {
            not_kept(cache, &error);
            None
        })?;
        // SAFETY: `deserialize` runs these bytes. They are the ones that `cache::write` was given for this very
        // module and compiler, by a program of this user: their digest was compared after they were read, in a
        // folder and from a file that only this user can write. It copies them, so the file is not looked at again.
        unsafe { wasmtime::Module::deserialize(engine, compiled) }.ok()
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

fn kept_name(hash: EngineHash) -> String {
    format!("engine-{hash}-{COMPILER}-{}.cwasm", std::env::consts::ARCH)
}

fn not_kept(cache: &Path, error: &std::io::Error) {
    let folder = cache.display().to_string();
    tracing::warn!(folder, %error, "compiled engines are not kept there, so every start compiles the engine");
}
