//! The steps of the Python package: its own environment with the engine module, then ruff, mypy, pytest and the corpus
//! in it.
//!
//! The environment is kept in `target/python-venv` and created again when its requirements change.

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

/// The requirements of the environment; when one of these changes, it is created again.
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
        Python::make(&self.folder)?;
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
        let mut command = Python::of(&self.folder).command();
        command.arg("-m").args(arguments).current_dir(&self.package);
        command
    }
}

/// The interpreter of a virtual environment.
pub(crate) struct Python {
    pub(crate) path: PathBuf,
}

impl Python {
    /// Makes an environment in `folder` that has nothing in it but pip.
    ///
    /// # Errors
    /// When there is no interpreter, or it has no `venv`.
    pub(crate) fn make(folder: &Path) -> Result<Self> {
        process::run(Command::new(interpreter()?).args(["-m", "venv", "--clear"]).arg(folder))
            .map_err(|error| Error::new(format!("{error}; on Debian and Ubuntu, install `python3-venv`")))?;
        Ok(Self::of(folder))
    }

    fn of(folder: &Path) -> Self {
        Python { path: folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" }) }
    }

    pub(crate) fn command(&self) -> Command {
        Command::new(&self.path)
    }

    /// `python -m MODULE`.
    pub(crate) fn module(&self, module: &str) -> Command {
        let mut command = self.command();
        command.args(["-m", module]);
        command
    }

    /// A program that was installed into the environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.path.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }
}

fn interpreter() -> Result<&'static Path> {
    INTERPRETERS
        .iter()
        .find(|name| process::succeeds(Command::new(name).args(["-c", NEW_ENOUGH])))
        .map(Path::new)
        .ok_or_else(|| Error::new("there is no Python 3.10 or newer on PATH"))
}
