//! `cargo xtask codegen`: what other languages need to know of the Rust types, written where they read it.
//!
//! The files are committed, so that the npm package builds from what a reader sees; `--check` tells when they are
//! stale.

use crate::error::{Error, Result, While};
use crate::process;
use crate::workspace::Workspace;
use std::fs;

/// The TypeScript of the engine's wire types.
const WIRE_TYPES: &str = "pkg/src/generated/wire.ts";

/// Writes the generated files, or only compares them.
///
/// # Errors
/// When they cannot be made, or `check` finds one that is stale.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<()> {
    let made = process::read(
        process::cargo()
            .args([
                "run",
                "--quiet",
                "--locked",
                "-p",
                "engine",
                "--example",
                "wire_types",
                "--features",
                "types",
            ])
            .current_dir(&workspace.root),
    )?;
    let path = workspace.root.join(WIRE_TYPES);
    if fs::read_to_string(&path).is_ok_and(|kept| kept == made) {
        return Ok(());
    }
    if check {
        return Err(Error::new(format!("`{WIRE_TYPES}` is stale; run `cargo xtask codegen`")));
    }
    process::say(&format!("writing {WIRE_TYPES}"));
    fs::write(&path, made).while_trying_to(|| format!("write `{WIRE_TYPES}`"))
}
