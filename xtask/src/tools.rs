//! Programs of others that a command needs and that not every machine has: pinned, and kept in `target/tools`.
//!
//! They are compiled by cargo from crates.io, which is said before, and once for each version.

use crate::error::Result;
use crate::process;
use crate::workspace::Workspace;
use std::path::PathBuf;

/// A crate that is a program.
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
    /// Of its features, only these are needed.
    features: &'static [&'static str],
}

/// Builds the book.
pub(crate) const MDBOOK: Tool = Tool { name: "mdbook", version: "0.5.4", features: &["search"] };

/// Lists the crates of a program.
pub(crate) const CYCLONEDX: Tool = Tool { name: "cargo-cyclonedx", version: "0.5.9", features: &[] };

impl Tool {
    /// Where the program is, installed when this version of it is missing.
    ///
    /// # Errors
    /// When it cannot be compiled.
    pub(crate) fn ensure(&self, workspace: &Workspace) -> Result<PathBuf> {
        let Tool { name, version, features } = self;
        let folder = workspace.target.join("tools").join(format!("{name}-{version}"));
        let program = folder.join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        if program.is_file() {
            return Ok(program);
        }
        process::say(&format!("installing {name} {version} into target/tools, once; this compiles it"));
        process::run(
            process::cargo()
                .args(["install", "--quiet", "--locked", "--no-default-features", "--features"])
                .arg(features.join(","))
                .args([*name, "--version", &format!("={version}"), "--root"])
                .arg(&folder)
                .arg("--target-dir")
                .arg(workspace.target.join("tools/build"))
                // Outside of the checkout, whose flags and toolchain are not meant for it.
                .current_dir(&workspace.root),
        )?;
        Ok(program)
    }
}
