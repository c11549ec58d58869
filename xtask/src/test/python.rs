//! The steps of the Python package: its own environment with the engine module, then ruff, mypy, pytest and the corpus
//! in it.
//!
//! The environment is kept in `target/python-venv` and made anew when what it is made from changes.

use super::Stopped;
use super::steps::Steps;
use crate::error::{Error, Result, While};
use crate::process;
use crate::workspace::{self, Workspace};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The names under which an interpreter may be found, and the versions that will do.
const INTERPRETERS: &[&str] =
    &["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
const NEW_ENOUGH: &str = "import sys; sys.exit(sys.version_info < (3, 10))";

/// What the environment is made from; when one of these changes, it is made anew.
const INGREDIENTS: &[&str] = &["requirements-dev.txt", "pyproject.toml"];

pub(super) fn steps(
    workspace: &Workspace,
    long: bool,
    steps: &mut Steps,
) -> std::result::Result<(), Stopped> {
    let environment = Environment::of(workspace);
    steps.must("python environment", || environment.ensure())?;
    steps.run("ruff", || {
        environment.run_module(&["ruff", "check", "."])?;
        environment.run_module(&["ruff", "format", "--check", "."])
    });
    steps.run("mypy", || environment.run_module(&["mypy"]));
    steps.run("python tests", || {
        let mut python = environment.module(&["pytest"]);
        python.env("FARAMESH_BIN", workspace.binary("debug"));
        if long {
            python.env("FARAMESH_LONG", "1");
        }
        process::run(&mut python)
    });
    steps.run("python corpus", || environment.corpus(workspace));
    Ok(())
}

/// Only the corpus, in the environment that the tests use.
pub(super) fn corpus(workspace: &Workspace) -> Result<()> {
    let environment = Environment::of(workspace);
    environment.ensure()?;
    environment.corpus(workspace)
}

struct Environment {
    folder: PathBuf,
    package: PathBuf,
}

impl Environment {
    fn of(workspace: &Workspace) -> Self {
        let package = workspace.root.join("python");
        Environment { folder: workspace.target.join("python-venv"), package }
    }

    /// Writes the corpus and runs it through the engine that the package carries.
    fn corpus(&self, workspace: &Workspace) -> Result<()> {
        let corpus = format!("corpus{}", std::env::consts::EXE_SUFFIX);
        process::run(
            Command::new(workspace.binary("debug").with_file_name(corpus)).current_dir(&workspace.root),
        )?;
        self.run_module(&["tests.conformance"])
    }

    /// Makes the environment when it is missing or made from something else.
    fn ensure(&self) -> Result<()> {
        let stamp = self.folder.join("made-from");
        let digest = self.ingredients()?;
        if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == digest) {
            return Ok(());
        }
        process::say(&format!("making the Python environment {}", self.folder.display()));
        let interpreter = interpreter()?;
        process::run(Command::new(interpreter).args(["-m", "venv", "--clear"]).arg(&self.folder))
            .map_err(|error| Error::new(format!("{error}; on Debian and Ubuntu, install `python3-venv`")))?;
        self.run_module(&["pip", "install", "--quiet", "-r", "requirements-dev.txt"])?;
        self.run_module(&["pip", "install", "--quiet", "--no-deps", "--editable", "."])?;
        fs::write(&stamp, digest).while_trying_to(|| format!("write `{}`", stamp.display()))
    }

    /// A digest of everything the environment depends on. The folder is in it, because an environment cannot move.
    fn ingredients(&self) -> Result<String> {
        let mut hasher = Sha256::new();
        hasher.update(self.package.as_os_str().as_encoded_bytes());
        for name in INGREDIENTS {
            hasher.update(workspace::read_text(&self.package.join(name))?);
        }
        Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn run_module(&self, arguments: &[&str]) -> Result<()> {
        process::run(&mut self.module(arguments))
    }

    /// `python -m ARGUMENTS` in the package's folder.
    fn module(&self, arguments: &[&str]) -> Command {
        let python = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
        let mut command = Command::new(self.folder.join(python));
        command.arg("-m").args(arguments).current_dir(&self.package);
        command
    }
}

fn interpreter() -> Result<&'static Path> {
    INTERPRETERS
        .iter()
        .find(|name| process::succeeds(Command::new(name).args(["-c", NEW_ENOUGH])))
        .map(Path::new)
        .ok_or_else(|| Error::new("there is no Python 3.10 or newer on PATH"))
}
