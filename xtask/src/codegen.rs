//! `cargo xtask codegen`: what others need to know of the engine, written where they read it: its wire types for
//! TypeScript, and the policy language for editors.
//!
//! The files are committed, so that the npm package builds from what a reader sees; `--check` tells when they are
//! stale.

use crate::error::{Error, Result, While};
use crate::process;
use crate::workspace::Workspace;
use std::fs;

/// The files, and the program that prints each.
const FILES: [(&str, &str); 2] =
    [("pkg/src/generated/wire.ts", "wire_types"), ("policies/policy.schema.json", "policy_schema")];

/// Writes the generated files, or only compares them.
///
/// # Errors
/// When they cannot be made, or `check` finds one that is stale.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<()> {
    for (file, example) in FILES {
        one(workspace, check, file, example)?;
    }
    Ok(())
}

fn one(workspace: &Workspace, check: bool, file: &str, example: &str) -> Result<()> {
    let made = process::read(
        process::cargo()
            .args(["run", "--quiet", "--locked", "-p", "engine", "--example", example])
            // Both features for both, so that the engine is built once.
            .args(["--features", "schema,types"])
            .current_dir(&workspace.root),
    )?;
    let path = workspace.root.join(file);
    if fs::read_to_string(&path).is_ok_and(|kept| kept == made) {
        return Ok(());
    }
    if check {
        return Err(Error::new(format!("`{file}` is stale; run `cargo xtask codegen`")));
    }
    process::say(&format!("writing {file}"));
    fs::write(&path, made).while_trying_to(|| format!("write `{file}`"))
}
