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

/// Builds the npm package and measures it beside its peers in Node.
///
/// # Errors
/// When something cannot be installed or built, or the benchmark itself fails.
pub(crate) fn peers(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    js::ensure_node()?;
    wasm::run(workspace)?;
    js::build(workspace)?;
    let folder = workspace.root.join("tests/peers");
    js::install(&folder)?;
    process::say("measuring in Node; close other programs first");
    process::run(Command::new("node").arg("run.mjs").args(arguments).current_dir(&folder))
}

/// Builds the npm package and measures how long a fresh isolate of workerd takes to its first decision.
///
/// # Errors
/// When something cannot be installed or built, or the benchmark itself fails.
pub(crate) fn worker(workspace: &Workspace) -> Result<()> {
    js::ensure_node()?;
    wasm::run(workspace)?;
    js::build(workspace)?;
    let folder = workspace.root.join("tests/js");
    js::install(&folder)?;
    process::say("measuring in workerd; close other programs first");
    process::run(Command::new("node").arg("workerd-start.mjs").current_dir(&folder))
}
