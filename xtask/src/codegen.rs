//! `cargo xtask codegen`: what others need to know of the code, written where they read it: the OpenAPI document and its
//! page, the types of the JavaScript and Python packages, the policy language for editors, and the reference of the
//! command line.
//!
//! The files are committed, so that the packages build from the same files that people read; `--check` tells when they
//! are stale.

mod http;

use crate::error::{Error, Result, While};
use crate::process;
use crate::workspace::Workspace;
use std::fs;

/// The program that prints the wire in other languages.
const API: &[&str] = &["-p", "api", "--features", "schema", "--example", "codegen", "--"];

/// The program that prints the policy language.
const POLICY_SCHEMA: &[&str] = &["-p", "engine", "--features", "schema", "--example", "policy_schema", "--"];

/// The files, the program that prints each, and how it is called there.
const FILES: [(&str, &[&str], &[&str]); 5] = [
    (OPENAPI, API, &["openapi"]),
    ("pkg/src/generated/wire.ts", API, &["engine.ts"]),
    ("pkg/src/generated/api.ts", API, &["api.ts"]),
    ("python/src/faramesh/_generated.py", API, &["python"]),
    ("policies/policy.schema.json", POLICY_SCHEMA, &[]),
];

/// The reference of the command line. It is checked by a test of the command line, which has the program built already.
const REFERENCE: (&str, &[&str]) = ("docs/CLI.md", &["-p", "cli", "--example", "reference"]);

/// The OpenAPI document.
const OPENAPI: &str = "host/src/http/openapi.json";
/// The page of the HTTP API.
const HTTP_PAGE: &str = "docs/HTTP.md";

/// Writes the generated files, or only compares them.
///
/// # Errors
/// When they cannot be made, or `check` finds one that is stale.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<()> {
    for (file, program, called) in FILES {
        keep(workspace, check, file, &print(workspace, program, called)?)?;
    }
    if !check {
        let (file, program) = REFERENCE;
        keep(workspace, check, file, &print(workspace, program, &[])?)?;
    }
    let document = fs::read_to_string(workspace.root.join(OPENAPI));
    let document = document.while_trying_to(|| format!("read `{OPENAPI}`"))?;
    let document = serde_json::from_str(&document).while_trying_to(|| "read the OpenAPI document".into())?;
    keep(workspace, check, HTTP_PAGE, &http::page(&document))
}

fn print(workspace: &Workspace, program: &[&str], called: &[&str]) -> Result<String> {
    let mut run = process::cargo();
    run.args(["run", "--quiet", "--locked"]).args(program).args(called).current_dir(&workspace.root);
    process::read(&mut run)
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
