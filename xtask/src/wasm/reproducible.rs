//! `cargo xtask wasm --check-reproducible`: does another folder give the same bytes?
//!
//! It copies the checkout into two folders with names of different length, builds each from nothing, and compares
//! the digests with the one of this checkout. It cannot vary the machine and the operating system.

use super::{compile, run as build_here, sha256};
use crate::error::{Error, Result, While};
use crate::process;
use crate::workspace::{self, Workspace};
use std::fs;
use std::path::{Path, PathBuf};

/// Builds the module in two other folders and compares.
///
/// # Errors
/// When a build fails or the bytes differ.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    build_here(workspace)?;
    let here = fs::read(workspace.engine_module()).while_trying_to(|| "read engine.wasm".into())?;
    let parent = std::env::temp_dir().join(format!("faramesh-reproducible-{}", std::process::id()));
    let result = ["a", "a folder with/a longer name"].iter().try_for_each(|name| {
        let copy = parent.join(name);
        process::say(&format!("building the engine again in {}", copy.display()));
        copy_sources(&workspace.root, &copy)?;
        let there = compile::module(&copy, &copy.join("target"))?.wasm;
        if there == here {
            return Ok(());
        }
        let kept = workspace.target.join("engine-that-differs.wasm");
        fs::write(&kept, &there).while_trying_to(|| format!("write `{}`", kept.display()))?;
        Err(Error::new(format!(
            "the engine built in another folder differs: {} here, {} there (kept as `{}`)",
            sha256(&here),
            sha256(&there),
            kept.display()
        )))
    });
    fs::remove_dir_all(&parent).while_trying_to(|| format!("remove `{}`", parent.display()))?;
    result?;
    println!("engine.wasm is the same in all three folders: sha256 {}", sha256(&here));
    Ok(())
}

fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    for path in workspace::files(from)? {
        let Ok(relative) = path.strip_prefix(from) else { continue };
        let copy: PathBuf = to.join(relative);
        let cannot = || format!("copy `{}`", path.display());
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder).while_trying_to(cannot)?;
        }
        fs::copy(&path, &copy).while_trying_to(cannot)?;
    }
    Ok(())
}
