//! Finding what a JSON string cannot hold as it is.

/// The first byte that a JSON string has to escape: a control character, `"` or `\\` (RFC 8259 §7).
///
/// Looks at eight bytes at a time: `x - 0x01…` borrows into the high bit of a byte that was zero. A borrow can also
/// mark a byte above one that is marked rightly, and never one below, so the lowest mark is exact.
pub(crate) fn first_special(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let (eights, rest) = bytes.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        let x = u64::from_le_bytes(*eight);
        let control = x.wrapping_sub(ONES.wrapping_mul(0x20)) & !x;
        let zero_where = |byte: u8| {
            let y = x ^ ONES.wrapping_mul(u64::from(byte));
            y.wrapping_sub(ONES) & !y
        };
        let marks = (control | zero_where(b'"') | zero_where(b'\\')) & HIGH;
        if marks != 0 {
            let within = usize::try_from(marks.trailing_zeros() >> 3).unwrap_or(0);
            return Some(index.saturating_mul(8).saturating_add(within));
        }
    }
    let special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    rest.iter().position(special).map(|at| at.saturating_add(eights.len().saturating_mul(8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=255_u8 {
            for at in 0..20 {
                for filler in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                    let mut bytes = [filler; 20];
                    bytes[at] = byte;
                    let plain = bytes.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\');
                    assert_eq!(first_special(&bytes), plain, "{byte} at {at} among {filler}");
                }
            }
        }
        assert_eq!(first_special(b""), None);
        assert_eq!(first_special(b"12345678\"\\"), Some(8));
    }
}
