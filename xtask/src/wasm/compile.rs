//! From the engine crate to the bytes of its module, and the JavaScript that calls it.
//!
//! Differences between machines are removed here: paths, compiler flags from outside, and custom sections.

use super::{bindings, sections};
use crate::error::{Error, Result, While};
use crate::process;
use crate::toolchain::{self, WASM_TARGET};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The stack of the module, in bytes.
///
/// Recursion is bounded: JSON and YAML nest 64 deep, conditions 16 deep. One MiB leaves 16 KiB for each of 64 levels. The
/// stack is below the data (`--stack-first`), so an overflow is a trap, and a trap is `HALT`; it never overwrites data.
const STACK_BYTES: u32 = 1 << 20;

/// The artifacts built from the engine crate.
pub(super) struct Built {
    /// The module.
    pub(super) wasm: Vec<u8>,
    /// An ES module that calls it.
    pub(super) js: String,
    /// The types of that.
    pub(super) types: String,
}

/// Compiles the engine of the checkout at `root`, with cargo's files in `target`, and strips the module.
///
/// # Errors
/// When it does not compile, or the module imports something or holds a path of this machine.
pub(super) fn module(root: &Path, target: &Path) -> Result<Built> {
    toolchain::ensure_wasm_target(root)?;
    let names = neutral_names(root, target)?;
    let mut cargo = process::cargo();
    cargo
        .args(["rustc", "-p", "engine", "--lib", "--features", "module", "--target", WASM_TARGET])
        .args(["--profile", "wasm", "--crate-type", "cdylib", "--locked", "--quiet"])
        .arg("--target-dir")
        .arg(target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(&names))
        .current_dir(root);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PROFILE_") {
            cargo.env_remove(name);
        }
    }
    process::run(&mut cargo)?;
    let built = target.join(WASM_TARGET).join("wasm/engine.wasm");
    let bytes = std::fs::read(&built).while_trying_to(|| format!("read `{}`", built.display()))?;
    let bindings::Bound { wasm, js, types } = bindings::bind(bytes)?;
    let sections::Stripped { imports, wasm } = sections::strip(&wasm)?;
    if imports > 0 {
        return Err(Error::new(format!(
            "engine.wasm has imports ({imports}), and it may have none: the engine never asks its host for anything"
        )));
    }
    for (folder, _) in &names {
        let folder = folder.as_os_str().as_encoded_bytes();
        if wasm.windows(folder.len()).any(|window| window == folder) {
            return Err(Error::new(format!(
                "engine.wasm holds `{}`, a path of this machine, so another machine would build another module",
                String::from_utf8_lossy(folder)
            )));
        }
    }
    Ok(Built { wasm, js, types })
}

/// The folders of this machine, each with its replacement in the module.
///
/// Of several that fit a path the compiler takes the last.
pub(crate) fn neutral_names(root: &Path, target: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut names =
        vec![(root.to_path_buf(), "/faramesh".to_owned()), (target.to_path_buf(), "/target".to_owned())];
    names.extend(dependency_folders(root)?.into_iter().map(|folder| (folder, "/crates".to_owned())));
    names.push(standard_library(root)?);
    Ok(names)
}

/// The compiler flags, in cargo's own encoding, which allows spaces in paths. They replace all flags from outside.
fn flags(names: &[(PathBuf, String)]) -> OsString {
    // Fixed-width SIMD is everywhere since 2023 (Safari 16.4 was the last); the module is smaller and faster with it.
    let mut flags: Vec<OsString> = vec![
        format!("-Clink-arg=-zstack-size={STACK_BYTES}").into(),
        "-Clink-arg=--stack-first".into(),
        "-Ctarget-feature=+simd128".into(),
    ];
    flags.extend(renaming(names));
    flags.join(OsStr::new("\u{1f}"))
}

/// The compiler flags that put these names into a module.
pub(crate) fn renaming(names: &[(PathBuf, String)]) -> impl Iterator<Item = OsString> {
    names.iter().map(|(folder, name)| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(folder);
        flag.push("=");
        flag.push(name);
        flag
    })
}

/// The folders in which cargo keeps the sources of dependencies.
fn dependency_folders(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let text = process::read(
        process::cargo()
            .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", WASM_TARGET])
            .current_dir(root),
    )?;
    let metadata: Value =
        serde_json::from_str(&text).while_trying_to(|| "read what `cargo metadata` printed".into())?;
    let packages = metadata.get("packages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Ok(packages
        .iter()
        .filter(|package| package.get("source").is_some_and(Value::is_string))
        .filter_map(|package| package.get("manifest_path").and_then(Value::as_str))
        .filter_map(|manifest| Path::new(manifest).parent()?.parent())
        .map(Path::to_path_buf)
        .collect())
}

/// The sources of the standard library, which a machine with the `rust-src` component has in a folder of its own,
/// go by the name that the compiler uses where that component is missing.
fn standard_library(root: &Path) -> Result<(PathBuf, String)> {
    let sysroot = process::read(Command::new("rustc").args(["--print", "sysroot"]).current_dir(root))?;
    let version = process::read(Command::new("rustc").arg("-vV").current_dir(root))?;
    let commit = version
        .lines()
        .find_map(|line| line.strip_prefix("commit-hash: "))
        .ok_or_else(|| Error::new("`rustc -vV` does not name the commit of the compiler"))?;
    Ok((Path::new(sysroot.trim()).join("lib/rustlib/src/rust"), format!("/rustc/{commit}")))
}
