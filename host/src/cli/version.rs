//! `faramesh --version`: the version, and the digest of the engine that decides.

use engine::hash::EngineHash;
use serde_json::json;

use super::exit::{Exit, Outcome};
use super::screen::{Format, Screen};

/// The digest of the engine's module that this program carries.
pub(crate) fn engine_hash() -> EngineHash {
    EngineHash::of(host::runtime::ENGINE_WASM)
}

pub(crate) fn run(screen: &Screen) -> Outcome {
    let (version, engine_hash) = (env!("CARGO_PKG_VERSION"), engine_hash());
    match screen.format() {
        Format::Table => screen.data(&format!("faramesh {version} (engine {engine_hash})"))?,
        Format::Json | Format::Jsonl | Format::Yaml => screen.value(&json!({
            "engine_hash": engine_hash,
            "runtime_version": engine::RUNTIME_VERSION,
            "version": version,
        }))?,
    }
    Ok(Exit::Done)
}
