//! The steps of the JavaScript hosts: the npm package, the engine's calls inside Node and Chromium, and everything in
//! `tests/js`.
//!
//! Packages are installed when a `package-lock.json` has changed. Node is expected to be there; Chromium and its driver
//! are installed where this runs as root on Debian, and asked for elsewhere.

use super::Stopped;
use super::steps::Steps;
use crate::error::{Error, Result, While};
use crate::process;
use crate::toolchain;
use crate::workspace::{self, Workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest Node that reads an ES module with `require`.
const NODE: &str = "20.19";
const NEW_ENOUGH: &str = "const [major, minor] = process.versions.node.split('.').map(Number); process.exit(major * 100 + minor < 2019 ? 1 : 0)";

/// The programs of the browser, each with the Debian package that has it.
const BROWSER: [(&str, &str); 2] = [("chromium", "chromium"), ("chromedriver", "chromium-driver")];

pub(super) fn steps(
    workspace: &Workspace,
    long: bool,
    steps: &mut Steps,
) -> std::result::Result<(), Stopped> {
    let package = workspace.root.join("pkg");
    let binary = workspace.binary("debug");
    steps.must("node and chromium", || {
        ensure_node()?;
        ensure_browser()
    })?;
    steps.must("npm package", || build(workspace))?;
    steps.run("npm package tests", || {
        process::run(npm(&package).args(["run", "--silent", "test"]).env("FARAMESH_BIN", &binary))
    });
    steps.run("engine calls in node", || process::run(&mut engine_calls(workspace)));
    steps.run("engine calls in chromium", || {
        let mut tests = engine_calls(workspace);
        process::run(
            tests.env("WASM_BINDGEN_USE_BROWSER", "1").env("CHROMEDRIVER", toolchain::find("chromedriver")?),
        )
    });
    steps.run("dashboard tests in chromium", || {
        let mut tests = process::cargo();
        tests
            .args(["test", "--locked", "-p", "web", "--test", "it", "--target", "wasm32-unknown-unknown"])
            .arg("--target-dir")
            .arg(workspace.target.join("web"))
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner(workspace))
            .env("WASM_BINDGEN_USE_BROWSER", "1")
            .env("CHROMEDRIVER", toolchain::find("chromedriver")?)
            .current_dir(&workspace.root);
        process::run(&mut tests)
    });
    steps.run("code editor tests", || {
        process::run(npm(&workspace.root.join("web/editor")).args(["run", "--silent", "test"]))
    });
    steps.run("javascript hosts", || {
        let mut node = Command::new("node");
        node.arg("run.mjs").current_dir(workspace.root.join("tests/js")).env("FARAMESH_BIN", &binary);
        if long {
            node.arg("--long");
        }
        process::run(&mut node)
    });
    Ok(())
}

/// Builds the npm package, `pkg/dist`.
///
/// # Errors
/// When npm or the compiler fails.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    build_folder(&workspace.root.join("pkg"))
}

/// Installs the dependencies of the package in `folder` and runs its build.
///
/// # Errors
/// When npm or the build fails.
pub(crate) fn build_folder(folder: &Path) -> Result<()> {
    install(folder)?;
    process::run(npm(folder).args(["run", "--silent", "build"]))
}

/// Only the corpus, on every host of this file.
///
/// # Errors
/// When a host is missing or differs.
pub(super) fn corpus(workspace: &Workspace) -> Result<()> {
    ensure_node()?;
    ensure_browser()?;
    let folder = workspace.root.join("tests/js");
    install(&folder)?;
    process::run(
        process::cargo()
            .args(["run", "--quiet", "--locked", "-p", "conformance", "--bin", "corpus"])
            .current_dir(&workspace.root),
    )?;
    ["node.mjs", "workerd.mjs", "chromium.mjs"]
        .into_iter()
        .try_for_each(|host| process::run(Command::new("node").arg(host).current_dir(&folder)))
}

/// Installs what the `package-lock.json` of `folder` names, unless these very packages are there.
///
/// # Errors
/// When npm fails.
pub(crate) fn install(folder: &Path) -> Result<()> {
    let locked = workspace::read_text(&folder.join("package-lock.json"))?;
    // `tests/js/run.mjs` reads the same file, when it is started by hand.
    let stamp = folder.join("node_modules/.installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == locked) {
        return Ok(());
    }
    process::say(&format!("installing the packages of {}", folder.display()));
    // Their install scripts only look for programs that they bring along anyway.
    process::run(npm(folder).args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--prefer-offline",
    ]))?;
    fs::write(&stamp, locked).while_trying_to(|| format!("write `{}`", stamp.display()))
}

pub(crate) fn npm(folder: &Path) -> Command {
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.current_dir(folder);
    npm
}

/// The tests that wasm-bindgen runs inside a JavaScript host.
fn engine_calls(workspace: &Workspace) -> Command {
    let mut cargo = process::cargo();
    cargo
        .args(["test", "--locked", "-p", "surface", "--target", "wasm32-unknown-unknown"])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner(workspace))
        .current_dir(&workspace.root);
    cargo
}

fn runner(workspace: &Workspace) -> PathBuf {
    workspace.target.join("debug").join(format!("wasm-test-runner{}", std::env::consts::EXE_SUFFIX))
}

/// # Errors
/// When there is no Node, or an old one.
pub(crate) fn ensure_node() -> Result<()> {
    if process::succeeds(Command::new("node").args(["-e", NEW_ENOUGH])) {
        return Ok(());
    }
    Err(Error::new(format!("there is no Node {NODE} or newer on PATH; https://nodejs.org has it")))
}

/// # Errors
/// When there is no browser, and none can be installed.
pub(super) fn ensure_browser() -> Result<()> {
    toolchain::ensure_programs(&BROWSER)
}
