//! `cargo xtask test`: everything CI checks, in the order in which it is cheap to fail.
//!
//! All steps run even when one of them failed, so that one run tells everything; only a build that fails stops it.
//! The commands are the plain ones of each tool, so that a step can be repeated by hand.

mod e2e;
pub(crate) mod js;
pub(crate) mod python;
mod snapshots;
mod steps;

use crate::error::{Error, Result};
use crate::workspace::Workspace;
use crate::{codegen, dashboard, process, tidy, toolchain, wasm};
use std::process::Command;
use steps::Steps;

/// The parts to check.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    part: Part,
    /// Whether properties try 100,000 cases each.
    long: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    All,
    Lint,
    Rust,
    Python,
    Js,
    E2e,
}

impl Options {
    /// Reads `[rust|python|js|e2e|lint] [--long]`.
    ///
    /// # Errors
    /// When there is anything else.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self { part: Part::All, long: false };
        for argument in arguments {
            let part = match argument.as_str() {
                "--long" if !options.long => {
                    options.long = true;
                    continue;
                }
                "lint" => Part::Lint,
                "rust" => Part::Rust,
                "python" => Part::Python,
                "js" => Part::Js,
                "e2e" => Part::E2e,
                _ => Part::All,
            };
            if part == Part::All || options.part != Part::All {
                return Err(Error::new(format!(
                    "`cargo xtask test` does not know what to do with `{argument}`; \
                     it takes one of `rust`, `python`, `js`, `e2e`, `lint`, and `--long`"
                )));
            }
            options.part = part;
        }
        Ok(options)
    }

    fn includes(&self, part: Part) -> bool {
        self.part == Part::All || self.part == part
    }
}

/// Runs the steps that `options` ask for and prints what became of each.
///
/// # Errors
/// When a step failed.
pub(crate) fn run(workspace: &Workspace, options: Options) -> Result<()> {
    let mut steps = Steps::start();
    if let Err(step) = run_steps(workspace, &options, &mut steps) {
        println!("==> stopping: nothing after `{}` can be checked before it works", step.0);
    }
    steps.finish()
}

/// Runs the corpus on every host and prints the table of them.
///
/// # Errors
/// When a host differs, or is missing.
pub(crate) fn conformance(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::start();
    if let Err(step) = run_conformance(workspace, &mut steps) {
        println!("==> stopping: nothing after `{}` can be checked before it works", step.0);
    }
    steps.finish()
}

fn run_conformance(workspace: &Workspace, steps: &mut Steps) -> std::result::Result<(), Stopped> {
    let root = &workspace.root;
    let cargo = |arguments: &[&str]| {
        let mut cargo = process::cargo();
        cargo.args(arguments).current_dir(root).env("FARAMESH_BIN", workspace.binary("debug"));
        cargo
    };
    forget_hosts(workspace);
    steps.must("toolchain", || toolchain::ensure_wasm_target(root))?;
    steps.must("engine.wasm", || wasm::run(workspace))?;
    steps.must("dashboard", || dashboard::run(workspace, dashboard::Profile::Release))?;
    steps.must("build", || process::run(&mut cargo(&BUILD_PROGRAMS)))?;
    steps.run("native, wasmtime, command line, HTTP", || {
        process::run(&mut cargo(&["test", "--locked", "-p", "conformance", "--test", "it", "--", "hosts::"]))
    });
    steps.run("Node, workerd, Chromium", || js::corpus(workspace));
    steps.run("Python", || python::corpus(workspace));
    steps.run("table of hosts", || process::run(&mut cargo(&PRINT_TABLE)));
    Ok(())
}

const BUILD_PROGRAMS: [&str; 9] =
    ["build", "--locked", "-p", "cli", "-p", "surface", "-p", "conformance", "--bins"];
const PRINT_TABLE: [&str; 7] = ["run", "--quiet", "--locked", "-p", "conformance", "--bin", "hosts"];

/// So that no host is counted by what an earlier run wrote.
fn forget_hosts(workspace: &Workspace) {
    _ = std::fs::remove_dir_all(workspace.root.join("target/hosts"));
}

/// The name of the step without which the others mean nothing.
struct Stopped(&'static str);

fn run_steps(
    workspace: &Workspace,
    options: &Options,
    steps: &mut Steps,
) -> std::result::Result<(), Stopped> {
    let root = &workspace.root;
    let cargo = |arguments: &[&str]| {
        let mut cargo = process::cargo();
        cargo.args(arguments).current_dir(root).env("FARAMESH_BIN", workspace.binary("debug"));
        if options.long {
            cargo.env("FARAMESH_LONG", "1");
        }
        cargo
    };

    if options.part == Part::All {
        forget_hosts(workspace);
    }
    steps.must("toolchain", || {
        toolchain::ensure_wasm_target(root)?;
        toolchain::ensure_components(root)
    })?;
    if options.includes(Part::Lint) {
        steps.run("format", || process::run(&mut cargo(&["fmt", "--all", "--check"])));
        steps.run("tidy", || tidy::run(workspace));
        steps.run("codegen", || codegen::run(workspace, true));
    }
    steps.must("engine.wasm", || wasm::run(workspace))?;
    steps.must("dashboard", || dashboard::run(workspace, dashboard::Profile::Release))?;
    if options.includes(Part::Lint) {
        steps.run("clippy", || {
            // The dashboard is a program for the browser and is looked at as one.
            let mut rest = cargo(&["clippy", "--workspace", "--exclude", "web"]);
            process::run(rest.args(["--all-targets", "--locked", "--", "-D", "warnings"]))
        });
        steps.run("clippy of the dashboard", || {
            let mut web = cargo(&["clippy", "-p", "web", "--target", toolchain::WASM_TARGET, "--target-dir"]);
            web.arg(workspace.target.join("web"));
            process::run(web.args(["--all-targets", "--locked", "--", "-D", "warnings"]))
        });
    }
    if options.includes(Part::Rust) {
        // All targets at once, so that the tests below and the binary are built with the same features, once.
        steps.must("build", || {
            process::run(&mut cargo(&[
                "build",
                "--workspace",
                "--exclude",
                "web",
                "--all-targets",
                "--locked",
            ]))
        })?;
        let references = snapshots::References::empty(workspace);
        let tested = steps.run("rust tests", || {
            let references = references.as_ref().map_err(|error| Error::new(error.to_string()))?;
            process::run(references.ask_for(&mut cargo(&[
                "test",
                "--workspace",
                "--exclude",
                "web",
                "--no-fail-fast",
                "--locked",
            ])))
        });
        if let (true, Ok(references)) = (tested, &references) {
            steps.run("snapshots", || references.check(workspace));
        }
        steps.run("policy tests", || {
            let mut faramesh = Command::new(workspace.binary("debug"));
            process::run(faramesh.args(["policy", "test", "policies"]).current_dir(root))
        });
    }
    if matches!(options.part, Part::Python | Part::Js | Part::E2e) {
        steps.must("build", || {
            let programs = ["build", "--locked", "-p", "cli", "-p", "surface", "-p", "conformance", "--bins"];
            process::run(&mut cargo(&programs))
        })?;
    }
    if options.includes(Part::Js) {
        js::steps(workspace, options.long, steps)?;
    }
    if options.includes(Part::E2e) {
        e2e::steps(workspace, steps)?;
    }
    if options.includes(Part::Python) {
        python::steps(workspace, options.long, steps)?;
    }
    if options.part == Part::All {
        // Only now has every host been asked.
        steps.run("table of hosts", || process::run(&mut cargo(&PRINT_TABLE)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options> {
        Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn one_part_and_long_are_understood_in_any_order() {
        assert_eq!(parse("").unwrap(), Options { part: Part::All, long: false });
        assert_eq!(parse("js").unwrap(), Options { part: Part::Js, long: false });
        assert_eq!(parse("e2e").unwrap(), Options { part: Part::E2e, long: false });
        assert_eq!(parse("--long rust").unwrap(), Options { part: Part::Rust, long: true });
        assert_eq!(parse("python --long").unwrap(), Options { part: Part::Python, long: true });
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["rsut", "rust lint", "--long --long", "all"] {
            assert!(parse(text).is_err(), "`{text}` was understood");
        }
    }
}
