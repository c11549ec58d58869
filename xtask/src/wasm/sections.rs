//! The sections of a wasm module (WebAssembly core specification, §5.5).
//!
//! It reads the frame of each section and the number of imports, and leaves the rest to the compiler that reads the
//! module next. Custom sections hold names, debug information and the versions of tools; nothing in them runs.

use crate::error::{Error, Result};

const HEADER: &[u8] = b"\0asm\x01\0\0\0";
const CUSTOM: u8 = 0;
const IMPORT: u8 = 2;

/// One section: its id, its content, and both with the length between them as they stood in the module.
pub(super) struct Section<'a> {
    id: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

/// Splits `module` into its sections.
///
/// # Errors
/// When it is no module of version 1, or is cut off.
pub(super) fn parse(module: &[u8]) -> Result<Vec<Section<'_>>> {
    let mut rest =
        module.strip_prefix(HEADER).ok_or_else(|| Error::new("this is no wasm module of version 1"))?;
    let mut sections = Vec::new();
    while let Some((&id, after_id)) = rest.split_first() {
        let (length, content) = leb128(after_id)?;
        let (content, next) = usize::try_from(length)
            .ok()
            .and_then(|length| content.split_at_checked(length))
            .ok_or_else(|| Error::new(format!("section {id} of the wasm module is cut off")))?;
        let (whole, _) = rest.split_at(rest.len() - next.len());
        sections.push(Section { id, content, whole });
        rest = next;
    }
    Ok(sections)
}

/// How many things the module asks its host for.
///
/// # Errors
/// When an import section does not say.
pub(super) fn import_count(sections: &[Section<'_>]) -> Result<u64> {
    let mut count = 0;
    for section in sections.iter().filter(|section| section.id == IMPORT) {
        count += leb128(section.content)?.0;
    }
    Ok(count)
}

/// The module of these sections without the custom ones.
pub(super) fn without_custom(sections: &[Section<'_>]) -> Vec<u8> {
    let mut module = HEADER.to_vec();
    for section in sections.iter().filter(|section| section.id != CUSTOM) {
        module.extend_from_slice(section.whole);
    }
    module
}

/// Reads an unsigned number of at most 32 bits and gives what follows it.
fn leb128(bytes: &[u8]) -> Result<(u64, &[u8])> {
    let mut value = 0;
    let mut rest = bytes;
    for shift in [0, 7, 14, 21, 28] {
        let Some((&byte, next)) = rest.split_first() else { break };
        value |= u64::from(byte & 0x7f) << shift;
        rest = next;
        if byte & 0x80 == 0 {
            return Ok((value, rest));
        }
    }
    Err(Error::new("a number in the wasm module is cut off or too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(sections: &[&[u8]]) -> Vec<u8> {
        [HEADER].iter().chain(sections).flat_map(|part| part.iter().copied()).collect()
    }

    #[test]
    fn custom_sections_go_and_the_others_stay_as_they_are() {
        // The second length is written in two bytes where one would do, as linkers do.
        let all = module(&[b"\0\x05\x04name", b"\x01\x81\0\x00", b"\0\x02\x01x", b"\x0a\x01\x00"]);
        let sections = parse(&all).unwrap();
        assert_eq!(sections.len(), 4);
        assert_eq!(without_custom(&sections), module(&[b"\x01\x81\0\x00", b"\x0a\x01\x00"]));
    }

    #[test]
    fn imports_are_counted() {
        let one = module(&[b"\x02\x06\x01\x01e\x01f\x00"]);
        assert_eq!(import_count(&parse(&one).unwrap()).unwrap(), 1);
        let none = module(&[b"\x02\x01\x00", b"\x01\x01\x00"]);
        assert_eq!(import_count(&parse(&none).unwrap()).unwrap(), 0);
    }

    #[test]
    fn broken_modules_are_refused() {
        for broken in [
            &b"not wasm"[..],
            &module(&[b"\x01"]),
            &module(&[b"\x01\x05\x00"]),
            &module(&[b"\x01\xff\xff\xff\xff\xff\x01"]),
        ] {
            assert!(parse(broken).is_err(), "{broken:?} was read as a module");
        }
    }
}
