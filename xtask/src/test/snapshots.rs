//! Finds snapshots that no test looks at any more.
//!
//! `insta` writes down every snapshot file that a test compared with, when asked by an environment variable. A
//! snapshot that is not in that list shows what nothing prints.

use crate::error::{Error, Result, While};
use crate::workspace::{self, Workspace};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file in which `insta` lists the compared snapshots.
pub(super) struct References(PathBuf);

impl References {
    /// An empty list.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn empty(workspace: &Workspace) -> Result<Self> {
        let path = workspace.target.join("snapshot-references.txt");
        let cannot = || format!("write `{}`", path.display());
        fs::create_dir_all(&workspace.target).while_trying_to(cannot)?;
        fs::write(&path, "").while_trying_to(cannot)?;
        Ok(Self(path))
    }

    /// Makes the tests that `command` runs add to the list.
    pub(super) fn ask_for<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("INSTA_SNAPSHOT_REFERENCES_FILE", &self.0)
    }

    /// Compares the list with the snapshots that are there. Only a whole and successful test run fills the list.
    ///
    /// # Errors
    /// When there is a snapshot that no test compared with.
    pub(super) fn check(&self, workspace: &Workspace) -> Result<()> {
        let referenced = workspace::read_text(&self.0)?;
        let referenced: BTreeSet<PathBuf> =
            referenced.lines().filter_map(|line| Path::new(line).canonicalize().ok()).collect();
        let unreferenced: Vec<String> = workspace::files(&workspace.root)?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "snap"))
            .filter(|path| path.canonicalize().is_ok_and(|path| !referenced.contains(&path)))
            .map(|path| format!("\n  {}", path.display()))
            .collect();
        if unreferenced.is_empty() {
            return Ok(());
        }
        Err(Error::new(format!(
            "no test compares with these snapshots; remove them:{}",
            unreferenced.concat()
        )))
    }
}
