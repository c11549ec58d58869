//! wasm-bindgen over the compiled engine: the JavaScript that calls it, and the module closed again.
//!
//! wasm-bindgen leaves two imports in a module whose functions take only strings, bytes and numbers. Both are closed
//! inside the module here, so that the engine has nothing to ask its host for, whichever interface is used.

use crate::error::{Error, Result};
use walrus::{FunctionId, ImportKind, Module};
use wasm_bindgen_cli_support::Bindgen;

/// The output of wasm-bindgen for the compiled engine.
pub(super) struct Bound {
    /// The module, without imports.
    pub(super) wasm: Vec<u8>,
    /// The ES module that calls it.
    pub(super) js: String,
    /// The types of that.
    pub(super) types: String,
}

/// The table that wasm-bindgen keeps JavaScript values in; none ever gets to the engine.
const VALUES: &str = "__wbindgen_externrefs";

/// Generates the bindings of the compiled engine and closes its imports.
///
/// # Errors
/// When wasm-bindgen does not understand the module, or it imports what cannot be closed.
pub(super) fn bind(compiled: Vec<u8>) -> Result<Bound> {
    let failed = |error: &dyn std::fmt::Display| Error::new(format!("wasm-bindgen: {error:#}"));
    let mut bindgen = Bindgen::new();
    bindgen
        .input_bytes("engine", compiled)
        .web(true)
        .map_err(|error| failed(&error))?
        .typescript(true)
        .omit_default_module_path(true)
        .reset_state_function(true)
        .remove_name_section(true)
        .remove_producers_section(true);
    let mut output = bindgen.generate_output().map_err(|error| failed(&error))?;
    let (js, types) = (output.js().to_owned(), output.ts().unwrap_or_default().to_owned());
    let module = output.wasm_mut();
    close(module)?;
    Ok(Bound { wasm: module.emit_wasm(), js, types })
}

/// Puts a function of the module's own in the place of each import.
fn close(module: &mut Module) -> Result<()> {
    let imports: Vec<(String, FunctionId)> = module
        .imports
        .iter()
        .map(|import| match import.kind {
            ImportKind::Function(function) => Ok((import.name.clone(), function)),
            _ => Err(Error::new(format!("engine.wasm imports `{}`, which is no function", import.name))),
        })
        .collect::<Result<_>>()?;
    for (name, function) in imports {
        // Throwing is for JavaScript misusing the bindings, and a trap says that too. The table is for JavaScript
        // values, of which there are none.
        let traps = match name.as_str() {
            name if name.contains("__wbindgen_throw") => true,
            name if name.contains("__wbindgen_init_externref_table") => false,
            name => {
                return Err(Error::new(format!(
                    "engine.wasm imports `{name}`, and it may import nothing: the engine never asks its host for anything"
                )));
            }
        };
        module
            .replace_imported_func(function, |(body, _)| {
                if traps {
                    body.unreachable();
                }
            })
            .map_err(|error| Error::new(format!("close the import `{name}`: {error}")))?;
    }
    _ = module.exports.remove(VALUES);
    walrus::passes::gc::run(module);
    Ok(())
}
