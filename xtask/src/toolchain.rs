//! The parts of the Rust toolchain that `rust-toolchain.toml` names.
//!
//! With `RUSTUP_AUTO_INSTALL=0`, as some build machines have it, cargo does not install them by itself.

use crate::error::{Error, Result};
use crate::process;
use std::path::Path;
use std::process::Command;

pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Installs the standard library for [`WASM_TARGET`] when it is missing.
///
/// # Errors
/// When it is missing and rustup cannot install it.
pub(crate) fn ensure_wasm_target(root: &Path) -> Result<()> {
    let folder = process::read(
        Command::new("rustc").args(["--print", "target-libdir", "--target", WASM_TARGET]).current_dir(root),
    )?;
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    process::say(&format!("installing the {WASM_TARGET} standard library"));
    rustup(root, &["target", "add", WASM_TARGET])
}

/// Installs clippy and rustfmt when they are missing.
///
/// # Errors
/// When one is missing and rustup cannot install it.
pub(crate) fn ensure_components(root: &Path) -> Result<()> {
    for (command, component) in [("clippy", "clippy"), ("fmt", "rustfmt")] {
        if !process::succeeds(process::cargo().args([command, "--version"]).current_dir(root)) {
            process::say(&format!("installing {component}"));
            rustup(root, &["component", "add", component])?;
        }
    }
    Ok(())
}

fn rustup(root: &Path, arguments: &[&str]) -> Result<()> {
    process::run(Command::new("rustup").args(arguments).current_dir(root)).map_err(|error| {
        Error::new(format!(
            "{error}; `rustup {}` is needed for the toolchain in rust-toolchain.toml",
            arguments.join(" ")
        ))
    })
}
