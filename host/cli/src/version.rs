//! `faramesh --version`: the version, and the digest of the engine that decides.

use runtime::engine_hash;
use serde_json::json;

use super::exit::{Exit, Outcome};
use super::screen::{Format, Screen};

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
