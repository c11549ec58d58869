//! Base64 with padding (RFC 4648 §4), for bytes that are no text: in cases, and in what is written for other hosts.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text for `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = usize::try_from(group >> (18 - 6 * digit) & 0x3f).unwrap_or(0);
            let there = digit <= u32::try_from(chunk.len()).unwrap_or(0);
            let letter = ALPHABET.get(index).copied().unwrap_or(b'=');
            text.push(char::from(if there { letter } else { b'=' }));
        }
    }
    text
}

/// The bytes that `text` stands for.
///
/// # Panics
/// When it is not base64: a malformed case must not pass.
#[expect(clippy::panic, reason = "said above")]
pub fn decode(text: &str) -> Vec<u8> {
    let (mut bytes, mut kept, mut bits) = (Vec::new(), 0_u32, 0_u32);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let Some(digit) = ALPHABET.iter().position(|known| *known == byte) else {
            panic!("`{text}` is not base64")
        };
        kept = (kept << 6) | u32::try_from(digit).unwrap_or(0);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((kept >> bits) & 0xff).unwrap_or(0));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn the_examples_of_the_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text), bytes.as_bytes());
        }
        assert_eq!(encode(&[0xfb, 0xff, 0xfe]), "+//+");
    }
}
