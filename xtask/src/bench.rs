//! `cargo xtask bench`: runs the measurements that live in `tests/src/bin/bench/`.
//!
//! It measures nothing itself: the engine is called, and figures are printed, over there.

use crate::error::Result;
use crate::workspace::Workspace;
use crate::{process, wasm};

/// Builds the benchmark in release mode and runs it with `arguments`.
///
/// # Errors
/// When a build fails, or the benchmark itself does.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    wasm::run(workspace)?;
    process::say("measuring a release build; close other programs first");
    process::run(
        process::cargo()
            .args(["run", "--release", "--locked", "-p", "conformance", "--bin", "bench", "--"])
            .args(arguments)
            .current_dir(&workspace.root),
    )
}
