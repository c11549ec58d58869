//! wasm-bindgen over the compiled dashboard: the module, the JavaScript that starts it, and the snippets it imports.

use crate::error::{Error, Result};
use std::path::Path;
use wasm_bindgen_cli_support::Bindgen;

/// The output of wasm-bindgen.
pub(super) struct Bound {
    /// The module.
    pub(super) wasm: Vec<u8>,
    /// The ES module that loads it.
    pub(super) js: String,
    /// Files that `js` imports, each with its path.
    pub(super) snippets: Vec<(String, String)>,
}

/// Binds the module at `path`.
///
/// # Errors
/// When wasm-bindgen does not understand it.
pub(super) fn bind(path: &Path) -> Result<Bound> {
    let failed = |error: &dyn std::fmt::Display| Error::new(format!("wasm-bindgen: {error:#}"));
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(path)
        .web(true)
        .map_err(|error| failed(&error))?
        .typescript(false)
        .omit_default_module_path(true)
        // The parts use the linker's names for what they share with this module.
        .keep_lld_exports(true)
        .demangle(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    let mut output = bindgen.generate_output().map_err(|error| failed(&error))?;
    let mut snippets: Vec<(String, String)> = output
        .local_modules()
        .iter()
        .map(|(name, content)| (format!("snippets/{name}"), content.clone()))
        .collect();
    for (folder, inline) in output.snippets() {
        snippets.extend(
            inline
                .iter()
                .enumerate()
                .map(|(index, content)| (format!("snippets/{folder}/inline{index}.js"), content.clone())),
        );
    }
    snippets.sort();
    let js = output.js().to_owned();
    Ok(Bound { wasm: output.wasm_mut().emit_wasm(), js, snippets })
}
