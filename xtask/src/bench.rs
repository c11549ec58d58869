//! `cargo xtask bench`: runs the measurements that live in `tests/src/bin/bench/`.
//!
//! It measures nothing itself: the engine is called, and figures are printed, over there.

use crate::error::Result;
use crate::test::js;
use crate::workspace::Workspace;
use crate::{process, wasm};
use std::process::Command;

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

/// Builds the npm package and compares it with its peers in Node.
///
/// # Errors
/// When something cannot be installed or built, or the benchmark itself fails.
pub(crate) fn peers(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    in_node(workspace, "tests/peers", "run.mjs", arguments)
}

/// Builds the npm package and measures how long a fresh isolate of workerd takes to its first decision.
///
/// # Errors
/// When something cannot be installed or built, or the benchmark itself fails.
pub(crate) fn worker(workspace: &Workspace) -> Result<()> {
    in_node(workspace, "tests/js", "workerd-start.mjs", &[])
}

fn in_node(workspace: &Workspace, folder: &str, script: &str, arguments: &[String]) -> Result<()> {
    js::ensure_node()?;
    wasm::run(workspace)?;
    js::build(workspace)?;
    let folder = workspace.root.join(folder);
    js::install(&folder)?;
    process::say("measuring; close other programs first");
    process::run(Command::new("node").arg(script).args(arguments).current_dir(&folder))
}
