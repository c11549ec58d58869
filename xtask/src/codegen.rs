//! `cargo xtask codegen`: what others need to know of the code, written where they read it: the engine's wire types for
//! TypeScript, the policy language for editors, and the reference of the command line.
//!
//! The files are committed, so that the npm package builds from what a reader sees; `--check` tells when they are
//! stale.

mod http;

use crate::error::{Error, Result, While};
use crate::process;
use crate::workspace::Workspace;
use std::fs;

/// Both features for both examples of the engine, so that it is built once.
const ENGINE: &[&str] = &["-p", "engine", "--features", "schema,types"];

/// The files, and the example that prints each.
const FILES: [(&str, &[&str], &str); 2] = [
    ("pkg/src/generated/wire.ts", ENGINE, "wire_types"),
    ("policies/policy.schema.json", ENGINE, "policy_schema"),
];

/// The reference of the command line. It is checked by a test of the command line, which has the program built already.
const REFERENCE: (&str, &[&str], &str) = ("docs/CLI.md", &["-p", "cli"], "reference");

/// The page of the HTTP API.
const HTTP_PAGE: &str = "docs/HTTP.md";

/// Writes the generated files, or only compares them.
///
/// # Errors
/// When they cannot be made, or `check` finds one that is stale.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<()> {
    for (file, package, example) in FILES {
        one(workspace, check, file, package, example)?;
    }
    if !check {
        let (file, package, example) = REFERENCE;
        one(workspace, check, file, package, example)?;
    }
    let document = process::read(
        process::cargo()
            .args(["run", "--quiet", "--locked", "-p", "api", "--features", "schema", "--example", "openapi"])
            .current_dir(&workspace.root),
    )?;
    let document = serde_json::from_str(&document).while_trying_to(|| "read the OpenAPI document".into())?;
    keep(workspace, check, HTTP_PAGE, &http::page(&document))
}

fn one(workspace: &Workspace, check: bool, file: &str, package: &[&str], example: &str) -> Result<()> {
    let made = process::read(
        process::cargo()
            .args(["run", "--quiet", "--locked", "--example", example])
            .args(package)
            .current_dir(&workspace.root),
    )?;
    keep(workspace, check, file, &made)
}

/// Writes `made` to `file` where that differs, or only says so.
fn keep(workspace: &Workspace, check: bool, file: &str, made: &str) -> Result<()> {
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
