//! `cargo xtask build`: the engine module and the dashboard, then the release binary that carries both.

use crate::error::Result;
use crate::workspace::Workspace;
use crate::{dashboard, process, wasm};

/// Builds `target/release/faramesh`.
///
/// # Errors
/// When a build fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    wasm::run(workspace)?;
    dashboard::run(workspace, dashboard::Profile::Release)?;
    process::say(&format!("building {}", workspace.binary("release").display()));
    process::run(
        process::cargo().args(["build", "--release", "-p", "cli", "--locked"]).current_dir(&workspace.root),
    )
}
