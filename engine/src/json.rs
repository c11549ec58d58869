//! Strict JSON in: bytes to a [`Value`], or the one thing that is wrong with them and where.
//!
//! Stricter than RFC 8259, because two readers that disagree about an action are a hole: a repeated key, a lone
//! surrogate, an integer that a double cannot hold, a number that is not finite and deep nesting are all refused
//! (I-JSON, RFC 7493 §2). This module does not know what an action is.

mod error;

use crate::text;
use crate::value::{Object, Value};

pub use error::{JsonError, JsonErrorCode};

/// The most bytes of one document, so that reading is bounded: 1 MiB.
pub const MAX_BYTES: usize = 1024 * 1024;
/// How deep objects and lists may nest. Every reader in every language can hold this without trouble.
pub const MAX_DEPTH: usize = 64;
/// How much deeper a document of our own making may nest: a record holds a whole action, and a list holds records.
const PRINTED_DEPTH: usize = MAX_DEPTH + 4;
/// The largest integer that every double-based reader agrees about: 2^53 - 1.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Reads one JSON document of at most `max_bytes` bytes.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse(bytes: &[u8], max_bytes: usize) -> Result<Value, JsonError> {
    read(bytes, max_bytes, Origin::Caller)
}

/// Reads a document that holds what [`crate::canonical`] printed, whatever the order of its own members.
///
/// RFC 8785 prints the double `1e20` as an integer literal, which [`parse`] refuses; here it is read.
///
/// # Errors
/// As for [`parse`].
pub fn parse_printed(bytes: &[u8], max_bytes: usize) -> Result<Value, JsonError> {
    read(bytes, max_bytes, Origin::Printed)
}

/// Where a document comes from, which says what integer literals and what depth are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// From outside: integers up to 2^53 - 1.
    Caller,
    /// From the canonicalizer: whatever it prints.
    Printed,
}

fn read(bytes: &[u8], max_bytes: usize, origin: Origin) -> Result<Value, JsonError> {
    if bytes.len() > max_bytes {
        return Err(error_at(
            bytes,
            max_bytes,
            JsonErrorCode::TooLarge,
            format!("the document has {} bytes, over the limit of {max_bytes}", bytes.len()),
        ));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let message = "the bytes are not UTF-8".to_owned();
            return Err(error_at(bytes, error.valid_up_to(), JsonErrorCode::InvalidUtf8, message));
        }
    };
    let mut parser = Parser { text, bytes, at: 0, depth: 0, origin };
    parser.document().map_err(|(code, offset, message)| error_at(bytes, offset, code, message))
}

fn error_at(bytes: &[u8], offset: usize, code: JsonErrorCode, message: String) -> JsonError {
    let before = bytes.get(..offset).unwrap_or(bytes);
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
    let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
    let column = String::from_utf8_lossy(before.get(line_start..).unwrap_or_default()).chars().count();
    JsonError { code, message, offset, line, column: column.saturating_add(1) }
}

type Refusal = (JsonErrorCode, usize, String);

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    origin: Origin,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Value, Refusal> {
        if self.text.starts_with('\u{feff}') {
            return Err((
                JsonErrorCode::ByteOrderMark,
                0,
                "the document starts with a byte-order mark".into(),
            ));
        }
        let value = self.value()?;
        self.space()?;
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.fail(JsonErrorCode::TrailingData, "something follows the document")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn fail(&self, code: JsonErrorCode, message: impl Into<String>) -> Refusal {
        (code, self.at, message.into())
    }

    fn unexpected(&self, wanted: &str) -> Refusal {
        let rest = self.text.get(self.at..).unwrap_or_default();
        match rest.chars().next() {
            None => self
                .fail(JsonErrorCode::UnexpectedEnd, format!("the document ends where {wanted} is expected")),
            Some(found) => self
                .fail(JsonErrorCode::Syntax, format!("expected {wanted}, found `{}`", found.escape_debug())),
        }
    }

    fn space(&mut self) -> Result<(), Refusal> {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.step(),
                b'/' => return Err(self.fail(JsonErrorCode::Comment, "comments are not JSON")),
                _ => break,
            }
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value, Refusal> {
        self.space()?;
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'N' | b'I' | b'+') => Err(self.not_a_number()),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn not_a_number(&self) -> Refusal {
        let rest = self.text.get(self.at..).unwrap_or_default().trim_start_matches(['-', '+']);
        for word in ["NaN", "Infinity"] {
            if rest.starts_with(word) {
                return self.fail(JsonErrorCode::NotANumber, format!("`{word}` is not JSON"));
            }
        }
        self.unexpected("a value")
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Refusal> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.unexpected("a value"));
        }
        self.at = self.at.saturating_add(word.len());
        Ok(value)
    }

    fn enter(&mut self) -> Result<(), Refusal> {
        let deepest = match self.origin {
            Origin::Caller => MAX_DEPTH,
            Origin::Printed => PRINTED_DEPTH,
        };
        if self.depth >= deepest {
            return Err(self.fail(JsonErrorCode::TooDeep, format!("nested deeper than {deepest} levels")));
        }
        self.depth = self.depth.saturating_add(1);
        self.step();
        Ok(())
    }

    fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.step();
    }

    /// After an element: true when another one follows, false when `close` ended the list.
    fn another(&mut self, close: u8) -> Result<bool, Refusal> {
        self.space()?;
        match self.peek() {
            Some(byte) if byte == close => {
                self.leave();
                Ok(false)
            }
            Some(b',') => {
                let comma = self.at;
                self.step();
                self.space()?;
                if self.peek() == Some(close) {
                    return Err((
                        JsonErrorCode::TrailingComma,
                        comma,
                        "a comma follows the last element".into(),
                    ));
                }
                Ok(true)
            }
            _ => Err(self.unexpected(if close == b'}' { "`,` or `}`" } else { "`,` or `]`" })),
        }
    }

    fn array(&mut self) -> Result<Value, Refusal> {
        self.enter()?;
        let mut items = Vec::new();
        self.space()?;
        if self.peek() == Some(b']') {
            self.leave();
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value()?);
            if !self.another(b']')? {
                return Ok(Value::Array(items));
            }
        }
    }

    fn object(&mut self) -> Result<Value, Refusal> {
        self.enter()?;
        let mut members: Vec<(String, Value)> = Vec::new();
        let mut key_offsets = Vec::new();
        self.space()?;
        if self.peek() == Some(b'}') {
            self.leave();
            return Ok(Value::Object(Object::default()));
        }
        loop {
            self.space()?;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            key_offsets.push(self.at);
            let key = self.string()?;
            self.space()?;
            if self.peek() != Some(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.step();
            members.push((key, self.value()?));
            if !self.another(b'}')? {
                break;
            }
        }
        let names: Vec<usize> = key_offsets;
        Object::from_members(members).map(Value::Object).map_err(|key| {
            let offset = self.second_key(&names, &key);
            (JsonErrorCode::DuplicateKey, offset, format!("the key `{}` is repeated", key.escape_debug()))
        })
    }

    /// Where `key` stands for the second time among the keys that start at `offsets`.
    fn second_key(&self, offsets: &[usize], key: &str) -> usize {
        let mut same = offsets.iter().copied().filter(|offset| {
            let mut parser = Parser { at: *offset, depth: 0, ..*self };
            parser.string().is_ok_and(|read| read == key)
        });
        _ = same.next();
        same.next().unwrap_or(self.at)
    }

    fn string(&mut self) -> Result<String, Refusal> {
        let opening = self.at;
        self.step();
        let mut text = String::new();
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(run) = text::first_special(rest) else {
                return Err((JsonErrorCode::UnexpectedEnd, opening, "a string is not closed".into()));
            };
            let end = self.at.saturating_add(run);
            // The run ends before an ASCII byte, so both ends are on character boundaries.
            text.push_str(self.text.get(self.at..end).unwrap_or_default());
            self.at = end;
            match self.peek() {
                Some(b'"') => {
                    self.step();
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                _ => {
                    return Err(self.fail(
                        JsonErrorCode::ControlCharacter,
                        "a string holds a control character that is not escaped",
                    ));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Refusal> {
        let backslash = self.at;
        self.step();
        let escaped = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(backslash),
            None => return Err((JsonErrorCode::UnexpectedEnd, backslash, "a string is not closed".into())),
            Some(_) => {
                return Err((
                    JsonErrorCode::InvalidEscape,
                    backslash,
                    "a string has an unknown escape".into(),
                ));
            }
        };
        self.step();
        Ok(escaped)
    }

    fn unicode_escape(&mut self, backslash: usize) -> Result<char, Refusal> {
        let lone = |half: u32| {
            let message = format!("`\\u{half:04x}` is half of a surrogate pair");
            (JsonErrorCode::LoneSurrogate, backslash, message)
        };
        let first = self.hex4(backslash)?;
        match first {
            0xd800..=0xdbff => {
                if self.bytes.get(self.at..self.at.saturating_add(2)) != Some(b"\\u") {
                    return Err(lone(first));
                }
                self.step();
                let second = self.hex4(backslash)?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(lone(first));
                }
                let high = first.saturating_sub(0xd800).saturating_mul(0x400);
                let code = high.saturating_add(second.saturating_sub(0xdc00)).saturating_add(0x1_0000);
                char::from_u32(code).ok_or_else(|| lone(first))
            }
            _ => char::from_u32(first).ok_or_else(|| lone(first)),
        }
    }

    /// Stands on the `u` of `\u`; reads it and four hexadecimal digits.
    fn hex4(&mut self, backslash: usize) -> Result<u32, Refusal> {
        self.step();
        let end = self.at.saturating_add(4);
        let digits = self.text.get(self.at..end).filter(|four| four.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|four| u32::from_str_radix(four, 16).ok()).ok_or_else(|| {
            (JsonErrorCode::InvalidEscape, backslash, "`\\u` needs four hexadecimal digits".to_owned())
        })?;
        self.at = end;
        Ok(code)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.step();
        }
        self.at.saturating_sub(start)
    }

    fn number(&mut self) -> Result<Value, Refusal> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.step();
        }
        match self.peek() {
            Some(b'0') => self.step(),
            Some(b'1'..=b'9') => _ = self.digits(),
            _ => {
                let found = self.unexpected("a digit");
                self.at = start;
                let better = self.not_a_number();
                return Err(if better.0 == JsonErrorCode::NotANumber { better } else { found });
            }
        }
        if matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.fail(JsonErrorCode::Syntax, "a number starts with a zero"));
        }
        let mut integer = true;
        if self.peek() == Some(b'.') {
            integer = false;
            self.step();
            if self.digits() == 0 {
                return Err(self.unexpected("a digit"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            integer = false;
            self.step();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.step();
            }
            if self.digits() == 0 {
                return Err(self.unexpected("a digit"));
            }
        }
        let literal = self.text.get(start..self.at).unwrap_or_default();
        let magnitude = literal.strip_prefix('-').unwrap_or(literal);
        let bounded = integer && self.origin == Origin::Caller;
        if bounded && magnitude.parse::<u64>().map_or(true, |whole| whole > MAX_SAFE_INTEGER) {
            let shown: String = literal.chars().take(24).collect();
            let message = format!("the integer `{shown}` is over 2^53 - 1, so hosts would disagree about it");
            return Err((JsonErrorCode::IntegerTooLarge, start, message));
        }
        match literal.parse::<f64>() {
            // Adding zero turns negative zero into zero and changes nothing else.
            Ok(number) if number.is_finite() => Ok(Value::Number(number + 0.0)),
            _ => {
                let shown: String = literal.chars().take(24).collect();
                let message = format!("the number `{shown}` does not fit a finite double");
                Err((JsonErrorCode::NumberOutOfRange, start, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &[u8]) -> JsonErrorCode {
        parse(text, MAX_BYTES).unwrap_err().code
    }

    #[test]
    fn each_refusal_has_its_own_code() {
        use JsonErrorCode::*;
        for (text, expected) in [
            (&b"{\"a\":1,\"a\":2}"[..], DuplicateKey),
            (b"{\"a\":1,\"\\u0061\":2}", DuplicateKey),
            (b"[{\"x\":{\"b\":1,\"c\":0,\"b\":2}}]", DuplicateKey),
            (b"\"\\ud800\"", LoneSurrogate),
            (b"\"\\ud800\\u0041\"", LoneSurrogate),
            (b"\"\\udc00\"", LoneSurrogate),
            (b"1e400", NumberOutOfRange),
            (b"-1e400", NumberOutOfRange),
            (b"9007199254740992", IntegerTooLarge),
            (b"-9007199254740992", IntegerTooLarge),
            (b"100000000000000000000", IntegerTooLarge),
            (b"NaN", NotANumber),
            (b"Infinity", NotANumber),
            (b"-Infinity", NotANumber),
            (b"// x\n1", Comment),
            (b"[1 /* x */]", Comment),
            (b"[1,]", TrailingComma),
            (b"{\"a\":1,}", TrailingComma),
            (b"\xef\xbb\xbf1", ByteOrderMark),
            (b"\"\xff\"", InvalidUtf8),
            (b"\"a", UnexpectedEnd),
            (b"", UnexpectedEnd),
            (b"{\"a\"", UnexpectedEnd),
            (b"1 2", TrailingData),
            (b"\"\x01\"", ControlCharacter),
            (b"\"\\x\"", InvalidEscape),
            (b"\"\\u12g4\"", InvalidEscape),
            (b"01", Syntax),
            (b"+1", Syntax),
            (b".5", Syntax),
            (b"1.", UnexpectedEnd),
            (b"tru", Syntax),
            (b"{a:1}", Syntax),
            (b"{'a':1}", Syntax),
            (b"[1;2]", Syntax),
        ] {
            assert_eq!(code(text), expected, "for {}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn depth_is_counted_in_containers() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(64).as_bytes(), MAX_BYTES).is_ok());
        assert_eq!(code(nested(65).as_bytes()), JsonErrorCode::TooDeep);
        assert_eq!(code("[".repeat(100_000).as_bytes()), JsonErrorCode::TooDeep);
    }

    #[test]
    fn the_place_is_that_of_the_second_key() {
        let error = parse("{\n \"é\": 1,\n \"b\": 2, \"é\": 3}".as_bytes(), MAX_BYTES).unwrap_err();
        assert_eq!((error.line, error.column), (3, 10));
        assert_eq!(error.to_string(), "the key `é` is repeated at line 3 column 10");
    }

    #[test]
    fn a_long_document_is_refused_unread() {
        assert_eq!(parse(b"[1,2,3]", 3).unwrap_err().code, JsonErrorCode::TooLarge);
    }

    #[test]
    fn surrogate_pairs_are_joined() {
        assert_eq!(parse(b"\"\\ud83d\\ude02\"", 99).unwrap(), Value::from("😂"));
    }
}
