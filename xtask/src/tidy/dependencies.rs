//! The dependencies: licences of everything, which crate may use which, and the short list behind the engine.
//!
//! It asks cargo, which knows what a lock file means.

use super::{arrows, licences};
use crate::error::{Result, While};
use crate::process;
use crate::toolchain::WASM_TARGET;
use serde_json::Value;
use std::path::Path;

/// Everything that is compiled for the engine. A new name here is a decision, and belongs into `docs/DESIGN.md`:
/// none of these knows a clock, randomness, a file or a network.
const BEHIND_THE_ENGINE: &[&str] = &[
    "arraydeque",
    "block-buffer",
    "cfg-if",
    "crypto-common",
    "digest",
    "engine",
    "hybrid-array",
    "proc-macro2",
    "quote",
    "regex-lite",
    "ryu-js",
    "saphyr-parser",
    "serde",
    "serde_core",
    "serde_derive",
    "sha2",
    "syn",
    "thiserror",
    "thiserror-impl",
    "typenum",
    "unicode-ident",
];

/// The findings about the dependencies of the workspace at `root`.
///
/// # Errors
/// When cargo cannot be asked.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let text = process::read(
        process::cargo().args(["metadata", "--format-version", "1", "--locked"]).current_dir(root),
    )?;
    let metadata: Value =
        serde_json::from_str(&text).while_trying_to(|| "read what `cargo metadata` printed".into())?;
    for package in metadata.get("packages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        let text = |key| package.get(key).and_then(Value::as_str).unwrap_or_default();
        if !licences::are_allowed(text("license")) {
            findings.push(format!("Cargo.lock: `{}` has the licence `{}`", text("name"), text("license")));
        }
    }

    findings.extend(arrows::check(&metadata));

    let tree = process::read(
        process::cargo()
            .args(["tree", "-p", "engine", "-e", "normal", "--prefix", "none", "--format", "{p}", "--locked"])
            .args(["--target", WASM_TARGET])
            .current_dir(root),
    )?;
    let mut strangers: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !BEHIND_THE_ENGINE.contains(name))
        .collect();
    strangers.sort_unstable();
    strangers.dedup();
    findings.extend(strangers.iter().map(|name| {
        format!("engine/Cargo.toml: `{name}` is new behind the engine; see BEHIND_THE_ENGINE in xtask/src/tidy/dependencies.rs")
    }));
    Ok(findings)
}
