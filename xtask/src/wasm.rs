//! `cargo xtask wasm`: the engine as one wasm module, the same bytes on every machine.
//!
//! The digest of this module is the `engine_hash` of every record, so a person with the same commit must be able to
//! build it again, in whatever folder. It is not optimised further by outside tools.
//!
//! It comes with `engine.js`, which calls it from JavaScript.

mod bindings;
pub(crate) mod compile;
mod reproducible;
pub(crate) mod sections;

use crate::error::{Error, Result, While};
use crate::process;
use crate::workspace::Workspace;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::path::Path;

pub(crate) use reproducible::check as check_reproducible;

/// The largest engine, compressed, that a browser or an edge worker should have to fetch.
const MAX_GZIP_BYTES: usize = 224 * 1024;

/// Builds `target/engine/engine.wasm`, its digest, and its JavaScript and types, and puts the module into the Python
/// package; each file keeps its time if its content is the same.
///
/// # Errors
/// When the build fails, or the module imports something or is too large.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let path = workspace.engine_module();
    process::say("building target/engine/engine.wasm");
    let compile::Built { wasm: module, js, types } = compile::module(&workspace.root, &workspace.target)?;
    let digest = sha256(&module);
    let compressed = gzip(&module)?;
    println!("engine.wasm: {} bytes, {compressed} with gzip -9, sha256 {digest}", module.len());
    if compressed > MAX_GZIP_BYTES {
        return Err(Error::new(format!(
            "engine.wasm has {compressed} bytes with gzip -9, which is over the limit of {MAX_GZIP_BYTES}"
        )));
    }
    write_if_changed(&path.with_extension("js"), js.as_bytes())?;
    write_if_changed(&path.with_extension("d.ts"), types.as_bytes())?;
    // The Python package contains the module; it is not a source, so git does not have it.
    write_if_changed(&workspace.root.join("python/src/faramesh/engine.wasm"), &module)?;
    write_if_changed(&path, &module)?;
    write_if_changed(&path.with_extension("wasm.sha256"), format!("{digest}  engine.wasm\n").as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn gzip(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .map(|compressed| compressed.len())
        .while_trying_to(|| "compress engine.wasm".into())
}

fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let cannot = || format!("write `{}`", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).while_trying_to(cannot)?;
    }
    fs::write(path, content).while_trying_to(cannot)
}
