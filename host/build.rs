//! Tells the host where the engine module is: `include_bytes!(env!("FARAMESH_ENGINE_WASM"))`.
//!
//! It does not build the module: that is `cargo xtask wasm`, the only way to get the bytes that are the same
//! everywhere. `FARAMESH_ENGINE_WASM` names another file.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    let path = env::var_os("FARAMESH_ENGINE_WASM").map_or_else(
        || {
            Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default())
                .join("../target/engine/engine.wasm")
        },
        PathBuf::from,
    );
    println!("cargo::rerun-if-env-changed=FARAMESH_ENGINE_WASM");
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
