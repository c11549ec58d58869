//! Where things are in this repository, and which of them are newer than others.

use crate::error::{Error, Result, While};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders that hold nothing a person wrote.
const GENERATED: &[&str] = &[
    "target",
    ".git",
    ".faramesh",
    ".venv",
    "__pycache__",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    "node_modules",
    "dist",
    "glue",
];

/// The folders of one checkout.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Cargo's output folder; `CARGO_TARGET_DIR` can move it.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Finds the checkout that this program belongs to.
    ///
    /// It asks the environment and not the compiler, so that no path of one machine gets into a binary.
    ///
    /// # Errors
    /// When the program was not started by cargo.
    pub(crate) fn find() -> Result<Self> {
        let root = std::env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .and_then(|xtask| xtask.parent().map(Path::to_path_buf))
            .ok_or_else(|| Error::new("cannot tell where the repository is; start this as `cargo xtask`"))?;
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(folder).while_trying_to(|| "find CARGO_TARGET_DIR".into())?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The engine module. `host/runtime/build.rs` looks for it here whatever `CARGO_TARGET_DIR` says.
    pub(crate) fn engine_module(&self) -> PathBuf {
        self.root.join("target/engine/engine.wasm")
    }

    /// The dashboard as files. `host/build.rs` looks for it here whatever `CARGO_TARGET_DIR` says.
    pub(crate) fn dashboard(&self) -> PathBuf {
        self.root.join("target/dashboard")
    }

    /// The `faramesh` binary of a profile folder (`debug` or `release`).
    pub(crate) fn binary(&self, profile: &str) -> PathBuf {
        self.target.join(profile).join(format!("faramesh{}", std::env::consts::EXE_SUFFIX))
    }
}

/// Every file under `folder` that a person wrote, in order of path.
///
/// # Errors
/// When a folder cannot be read.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    visit(folder, &mut |path, is_folder| {
        if !is_folder {
            found.push(path.to_path_buf());
        }
    })?;
    found.sort();
    Ok(found)
}

/// When something under `path` was last changed. Folders count, so that a removed file is noticed as well.
///
/// # Errors
/// When a file or folder cannot be read.
pub(crate) fn last_change(path: &Path) -> Result<SystemTime> {
    let mut newest = modified(path)?;
    if path.is_dir() {
        let mut paths = Vec::new();
        visit(path, &mut |path, _| paths.push(path.to_path_buf()))?;
        for path in paths {
            newest = newest.max(modified(&path)?);
        }
    }
    Ok(newest)
}

/// When the file or folder at `path` itself was last changed.
///
/// # Errors
/// When it is not there.
pub(crate) fn modified(path: &Path) -> Result<SystemTime> {
    fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .while_trying_to(|| format!("see when `{}` was changed", path.display()))
}

/// Reads the text file at `path`.
///
/// # Errors
/// When it is not there or is not UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).while_trying_to(|| format!("read `{}`", path.display()))
}

fn visit(folder: &Path, see: &mut impl FnMut(&Path, bool)) -> Result<()> {
    let unreadable = || format!("read the folder `{}`", folder.display());
    for entry in fs::read_dir(folder).while_trying_to(unreadable)? {
        let entry = entry.while_trying_to(unreadable)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = entry.path();
        // A link is looked at as a file, so that a link to a parent folder cannot make this run for ever.
        let is_folder = entry.file_type().while_trying_to(unreadable)?.is_dir();
        // In a worktree of git, `.git` is a file.
        if name == ".git" || is_folder && (GENERATED.contains(&name.as_ref()) || name.ends_with(".egg-info"))
        {
            continue;
        }
        see(&path, is_folder);
        if is_folder {
            visit(&path, see)?;
        }
    }
    Ok(())
}
