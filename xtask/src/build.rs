//! `cargo xtask build`: the engine module, then the release binary that carries it.

use crate::error::Result;
use crate::workspace::Workspace;
use crate::{process, wasm};

/// Builds `target/release/faramesh`.
///
/// # Errors
/// When a build fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    wasm::run(workspace)?;
    process::say(&format!("building {}", workspace.binary("release").display()));
    process::run(
        process::cargo().args(["build", "--release", "-p", "host", "--locked"]).current_dir(&workspace.root),
    )
}
