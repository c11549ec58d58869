//! The parts of the Rust toolchain that `rust-toolchain.toml` names, and programs of the system.
//!
//! With `RUSTUP_AUTO_INSTALL=0`, as on some build machines, cargo does not install them by itself.

use crate::error::{Error, Result};
use crate::process;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Installs the standard library for [`WASM_TARGET`] when it is missing.
///
/// # Errors
/// When it is missing and rustup cannot install it.
pub(crate) fn ensure_wasm_target(root: &Path) -> Result<()> {
    ensure_target(root, WASM_TARGET)
}

/// Installs the standard library for `target` when it is missing.
///
/// # Errors
/// When it is missing and rustup cannot install it.
pub(crate) fn ensure_target(root: &Path, target: &str) -> Result<()> {
    let folder = process::read(
        Command::new("rustc").args(["--print", "target-libdir", "--target", target]).current_dir(root),
    )?;
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    process::say(&format!("installing the {target} standard library"));
    rustup(root, &["target", "add", target])
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

/// Installs programs that are missing, each named with the Debian package that has it, where this runs as root on
/// Debian.
///
/// # Errors
/// When one is missing and cannot be installed.
pub(crate) fn ensure_programs(programs: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> =
        programs.iter().filter(|(program, _)| find(program).is_err()).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!("apt-get install {}", missing.join(" "));
    let is_root = process::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || find("apt-get").is_err() {
        return Err(Error::new(format!(
            "{} is missing; on Debian, `{by_hand}` as root installs it",
            missing.join(" and ")
        )));
    }
    process::say(&format!("installing {}", missing.join(" and ")));
    let apt = |arguments: &[&str]| {
        process::run(
            Command::new("apt-get")
                .args(["-qq", "-o", "DPkg::Lock::Timeout=300"])
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    apt(&["update"])?;
    apt(&[&["install", "-y", "--no-install-recommends"], missing.as_slice()].concat())
}

/// Where a program is on PATH, or where the variable of its name says.
///
/// # Errors
/// When it is not there.
pub(crate) fn find(program: &str) -> Result<PathBuf> {
    let named = std::env::var_os(program.to_uppercase()).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    named
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join(OsStr::new(&file))))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| Error::new(format!("there is no `{program}` on PATH")))
}
