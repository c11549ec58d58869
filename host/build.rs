//! Embeds the dashboard, as a table of its files: `dashboard.rs` in `OUT_DIR`.
//!
//! It is not built here: that is `cargo xtask dashboard`. `FARAMESH_DASHBOARD` names another folder.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=FARAMESH_DASHBOARD");
    let standard =
        || Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../target/dashboard");
    let folder = env::var_os("FARAMESH_DASHBOARD").map_or_else(standard, PathBuf::from);
    println!("cargo::rerun-if-changed={}", folder.display());
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

/// Writes the table of all files in `root`: each with its brotli form, if that exists.
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
        // The build of the folder may leave notes in it, which are not served.
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
