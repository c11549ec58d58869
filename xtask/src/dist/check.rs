//! `cargo xtask dist --check`: each artifact is installed as its user would, in a folder of its own, and used there.
//!
//! The day of each is the same: a server starts, of three refunds one runs, one is held and one is denied, and the
//! chain of records holds. All of them must say that the same engine decides.

use super::Artifacts;
use crate::error::{Error, Result, While};
use crate::process;
use crate::test::js;
use crate::test::python::Python;
use crate::workspace::{self, Workspace};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const POLICY: &str = "\
rules:
  - { match: { tool: process_refund, amount_gt: 1000 }, deny: true }
  - { match: { tool: process_refund, amount_gt: 150 }, require_approval: true }
  - { match: { tool: process_refund, amount_gte: 0 }, allow: true }
";
/// The result of a refund of each amount.
const DAY: [(&str, i32); 3] = [("45", 0), ("340", 3), ("5000", 1)];

/// Components that are in the program for certain: of the host, of the dashboard, of its editor.
const COMPONENTS: [&str; 3] = ["pkg:cargo/wasmtime@", "pkg:cargo/leptos@", "pkg:npm/%40codemirror/view@"];

const IN_NODE: &str = r#"
import { createGovernor } from "faramesh";
import { readFileSync } from "node:fs";
const policy = readFileSync("policies/refunds.yaml", "utf8");
const governor = createGovernor({ agentId: "support-agent", policy });
for (const [amount, outcome] of [[45, "EXECUTE"], [340, "ABSTAIN"], [5000, "HALT"]]) {
  const decision = governor.decide({ tool: "process_refund", params: { amount } });
  if (decision.outcome !== outcome) throw new Error(`${amount}: ${decision.outcome}`);
}
"#;

/// Tries what [`super::run`] has built.
///
/// # Errors
/// When an artifact is missing or does not work.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let artifacts = Artifacts::of(workspace)?;
    let place = Place::new(workspace.target.join("dist.check"))?;

    process::say("checking SHA256SUMS and the components");
    process::run(
        Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&artifacts.folder),
    )?;
    components(&workspace::read_text(&artifacts.sbom)?)?;

    process::say("trying the archive");
    let folder = place.folder("archive")?;
    process::run(Command::new("tar").arg("-xzf").arg(&artifacts.archive).arg("-C").arg(&folder))?;
    let program = folder.join(&artifacts.stem).join("faramesh");
    needs_no_library(&program)?;
    let version = process::read(Command::new(&program).arg("version"))?;
    day(&[program.as_os_str()], &folder)?;

    process::say("trying the wheel in a fresh environment");
    let folder = place.folder("wheel")?;
    let python = Python::make(&folder.join("venv"))?;
    process::run(python.module("pip").args(["install", "--quiet"]).arg(&artifacts.wheel))?;
    let program = python.program("faramesh");
    same(&version, &process::read(Command::new(&program).arg("version"))?)?;
    day(&[program.as_os_str()], &folder)?;
    let folder = place.folder("module")?;
    day(&[python.path.as_os_str(), "-m".as_ref(), "faramesh".as_ref()], &folder)?;
    process::run(python.command().args(["-c", "import faramesh; faramesh.govern"]))?;

    process::say("trying the npm package in a fresh project");
    let folder = place.folder("npm")?;
    policy(&folder)?;
    write(&folder.join("package.json"), "{ \"private\": true, \"type\": \"module\" }\n")?;
    write(&folder.join("day.js"), IN_NODE)?;
    process::run(
        js::npm(&folder).args(["install", "--silent", "--no-audit", "--no-fund"]).arg(&artifacts.npm),
    )?;
    process::run(Command::new("node").arg("day.js").current_dir(&folder))?;
    let shown = process::read(js::npm(&folder).args(["exec", "--offline", "--", "faramesh", "version"]))?;
    same(&version, &shown)?;

    println!("all artifacts work: {}", version.trim());
    Ok(())
}

/// A folder that begins empty.
struct Place(PathBuf);

impl Place {
    fn new(folder: PathBuf) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder).while_trying_to(|| format!("remove `{}`", folder.display()))?;
        }
        Ok(Place(folder))
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.0.join(name);
        fs::create_dir_all(&folder).while_trying_to(|| format!("make `{}`", folder.display()))?;
        Ok(folder)
    }
}

/// One day of a server that `command` starts in `folder`.
fn day(command: &[&std::ffi::OsStr], folder: &Path) -> Result<()> {
    policy(folder)?;
    let faramesh = || {
        let mut faramesh = Command::new(command.first().copied().unwrap_or_default());
        faramesh.args(command.iter().skip(1)).current_dir(folder);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FARAMESH_") {
                faramesh.env_remove(name);
            }
        }
        faramesh
    };
    let mut server = Server::start(faramesh().args(["server", "start", "--port", "0"]))?;
    let url = server.url()?;
    for (amount, expected) in DAY {
        let status = faramesh()
            .args(["actions", "submit", "--agent", "support-agent", "--tool", "process_refund"])
            .args(["--param", &format!("amount={amount}"), "--url", &url])
            .stdout(Stdio::null())
            .status()
            .while_trying_to(|| "start `faramesh actions submit`".into())?;
        if status.code() != Some(expected) {
            return Err(Error::new(format!("a refund of {amount} ended with {status}, not {expected}")));
        }
    }
    process::run(faramesh().args(["audit", "verify", "--url", &url]))
}

/// A server that ends with this value.
struct Server(Child);

impl Server {
    fn start(command: &mut Command) -> Result<Self> {
        let child = command.stdout(Stdio::piped()).spawn();
        child.map(Server).while_trying_to(|| "start `faramesh server start`".into())
    }

    /// The address that it prints when it listens.
    fn url(&mut self) -> Result<String> {
        let output = self.0.stdout.take();
        let lines = output.into_iter().flat_map(|output| BufReader::new(output).lines());
        lines
            .map_while(std::io::Result::ok)
            .find_map(|line| line.trim().strip_prefix("listening").map(|url| url.trim().to_owned()))
            .ok_or_else(|| Error::new("the server ended before it listened"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn policy(folder: &Path) -> Result<()> {
    let policies = folder.join("policies");
    fs::create_dir_all(&policies).while_trying_to(|| format!("make `{}`", policies.display()))?;
    write(&policies.join("refunds.yaml"), POLICY)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).while_trying_to(|| format!("write `{}`", path.display()))
}

/// A program that asks for a loader would not start where its C library is missing.
fn needs_no_library(program: &Path) -> Result<()> {
    let headers = process::read(
        Command::new("readelf").args(["--wide", "--program-headers", "--dynamic"]).arg(program),
    )?;
    match headers.lines().find(|line| line.contains("INTERP") || line.contains("(NEEDED)")) {
        None => Ok(()),
        Some(line) => Err(Error::new(format!("`{}` is not static: {}", program.display(), line.trim()))),
    }
}

fn components(sbom: &str) -> Result<()> {
    let sbom: Value = serde_json::from_str(sbom).while_trying_to(|| "read the list of components".into())?;
    let list = sbom.get("components").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let purls: Vec<&str> =
        list.iter().filter_map(|component| component.get("purl").and_then(Value::as_str)).collect();
    for expected in COMPONENTS {
        if !purls.iter().any(|purl| purl.starts_with(expected)) {
            return Err(Error::new(format!("the list of components lacks `{expected}`")));
        }
    }
    Ok(())
}

fn same(expected: &str, found: &str) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::new(format!("`{}` and `{}` are not the same version", expected.trim(), found.trim())))
}
