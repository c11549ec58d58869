//! Puts into the host what is built before it: the engine module and the dashboard.
//!
//! The module is `include_bytes!(env!("FARAMESH_ENGINE_WASM"))`; the dashboard is a table of its files, `dashboard.rs`
//! in `OUT_DIR`. Neither is built here: that is `cargo xtask wasm`, the only way to get the bytes that are the same
//! everywhere, and `cargo xtask dashboard`. `FARAMESH_ENGINE_WASM` and `FARAMESH_DASHBOARD` name other places.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() {
    engine();
    dashboard();
}

/// What `variable` names, else `standard` in the folder of all that is built.
fn built(variable: &str, standard: &str) -> PathBuf {
    println!("cargo::rerun-if-env-changed={variable}");
    let path = env::var_os(variable).map_or_else(
        || Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../target").join(standard),
        PathBuf::from,
    );
    println!("cargo::rerun-if-changed={}", path.display());
    path
}

fn engine() {
    let path = built("FARAMESH_ENGINE_WASM", "engine/engine.wasm");
    match path.canonicalize() {
        Ok(path) => println!("cargo::rustc-env=FARAMESH_ENGINE_WASM={}", path.display()),
        Err(_) => {
            println!(
                "cargo::error=there is no engine module at `{}`; run `cargo xtask wasm` first",
                path.display()
            );
        }
    }
}

fn dashboard() {
    let folder = built("FARAMESH_DASHBOARD", "dashboard");
    let Some(root) = folder.canonicalize().ok().filter(|root| root.join("index.html").is_file()) else {
        println!(
            "cargo::error=there is no built dashboard in `{}`; run `cargo xtask dashboard` first",
            folder.display()
        );
        return;
    };
    if let Err(error) = table(&root) {
        println!("cargo::error=the dashboard in `{}` cannot be embedded: {error}", folder.display());
    }
}

/// Writes the table of all files in `root`: each with its brotli form, if that lies beside it.
fn table(root: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    collect(root, root, &mut files)?;
    files.sort();
    let mut text = String::from("&[\n");
    for (name, path) in files.iter().filter(|(name, _)| !name.ends_with(".br")) {
        let compressed = format!("{name}.br");
        let brotli = match files.iter().find(|(name, _)| *name == compressed) {
            Some((_, path)) => format!("Some(include_bytes!({path:?}))"),
            None => "None".to_owned(),
        };
        // Writing to a text does not fail.
        _ = writeln!(
            text,
            "    File {{ name: {name:?}, bytes: include_bytes!({path:?}), brotli: {brotli} }},"
        );
    }
    text.push_str("]\n");
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("`OUT_DIR` is not set"))?;
    fs::write(Path::new(&out).join("dashboard.rs"), text)
}

/// The files below `folder`: each with its name below `root`, which has `/` on every system.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Whoever builds the folder may leave notes in it, which are for nobody else.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files)?;
            continue;
        }
        let name = path.strip_prefix(root).map_err(io::Error::other)?;
        let parts: Option<Vec<_>> = name.iter().map(OsStr::to_str).collect();
        let parts = parts.ok_or_else(|| io::Error::other("the name of a file is not UTF-8"))?;
        files.push((parts.join("/"), path));
    }
    Ok(())
}
