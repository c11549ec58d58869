//! Says where the engine module is that the runtime embeds: `include_bytes!(env!("FARAMESH_ENGINE_WASM"))`.
//!
//! It is not built here: that is `cargo xtask wasm`, the only way to get the bytes that are the same everywhere.
//! `FARAMESH_ENGINE_WASM` names another file.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=FARAMESH_ENGINE_WASM");
    let standard = || {
        Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default())
            .join("../../target/engine/engine.wasm")
    };
    let path = env::var_os("FARAMESH_ENGINE_WASM").map_or_else(standard, PathBuf::from);
    println!("cargo::rerun-if-changed={}", path.display());
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
