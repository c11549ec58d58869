//! The imports of a module, and the module without its custom sections.
//!
//! Custom sections hold names, debug information and the versions of tools; nothing in them runs.

use crate::error::{Error, Result, While};
use wasmparser::{Encoding, Parser, Payload};

/// A module as [`strip`] leaves it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stripped {
    /// How many things it imports.
    pub(crate) imports: u32,
    /// Its bytes: every section but the custom ones, each as it was.
    pub(crate) wasm: Vec<u8>,
}

/// Takes the custom sections out of `module`.
///
/// # Errors
/// If it is not a wasm module, or is cut off.
pub(crate) fn strip(module: &[u8]) -> Result<Stripped> {
    let mut stripped = Stripped { imports: 0, wasm: Vec::new() };
    // A section is copied from where the one before it ended, so with its id and its length as they were written.
    let mut end = 0;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.while_trying_to(|| "read the wasm module".into())?;
        let (is_custom, range) = match &payload {
            Payload::Version { encoding: Encoding::Component, .. } => {
                return Err(Error::new("this is a wasm component, and a module is wanted"));
            }
            Payload::Version { range, .. } => (false, range.clone()),
            Payload::ImportSection(imports) => {
                stripped.imports += imports.count();
                (false, imports.range())
            }
            payload => match payload.as_section() {
                Some((_, range)) => (matches!(payload, Payload::CustomSection(_)), range),
                // The functions inside of the code section, and the end.
                None => continue,
            },
        };
        if !is_custom {
            stripped.wasm.extend_from_slice(module.get(end..range.end).unwrap_or_default());
        }
        end = range.end;
    }
    Ok(stripped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(sections: &[&[u8]]) -> Vec<u8> {
        [&b"\0asm\x01\0\0\0"[..], &sections.concat()].concat()
    }

    #[test]
    fn custom_sections_are_taken_out_and_nothing_else() {
        // The length of a section may be written in more bytes than it needs; it stays as it was.
        let all = module(&[b"\0\x02\x01x", b"\x01\x81\0\x00", b"\0\x02\x01x", b"\x0a\x01\x00"]);
        let wasm = module(&[b"\x01\x81\0\x00", b"\x0a\x01\x00"]);
        assert_eq!(strip(&all).unwrap(), Stripped { imports: 0, wasm });
    }

    #[test]
    fn imports_are_counted() {
        let one = module(&[b"\x01\x04\x01\x60\x00\x00", b"\x02\x07\x01\x01e\x01f\x00\x00"]);
        assert_eq!(strip(&one).unwrap(), Stripped { imports: 1, wasm: one.clone() });
        let none = module(&[b"\x01\x01\x00", b"\x02\x01\x00"]);
        assert_eq!(strip(&none).unwrap().imports, 0);
    }

    #[test]
    fn what_is_no_module_is_refused() {
        for broken in [
            &b"not wasm"[..],
            &module(&[b"\x01"]),
            &module(&[b"\x01\x05\x00"]),
            &module(&[b"\x01\xff\xff\xff\xff\xff\x01"]),
            b"\0asm\x0d\0\x01\0",
        ] {
            assert!(strip(broken).is_err(), "{broken:?} was read as a module");
        }
    }
}
