//! Why a document cannot be read, and where.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum JsonErrorCode {
    /// More bytes than allowed.
    TooLarge,
    /// Not UTF-8.
    InvalidUtf8,
    /// Starts with U+FEFF.
    ByteOrderMark,
    /// Nested deeper than [`super::MAX_DEPTH`].
    TooDeep,
    /// The same key twice in one object.
    DuplicateKey,
    /// Half of a surrogate pair.
    LoneSurrogate,
    /// A number that is not a finite double.
    NumberOutOfRange,
    /// An integer literal over 2^53 - 1.
    IntegerTooLarge,
    /// `NaN` or `Infinity`.
    NotANumber,
    /// `//` or `/* */`.
    Comment,
    /// A comma before `]` or `}`.
    TrailingComma,
    /// The document ends too early.
    UnexpectedEnd,
    /// Something after the document.
    TrailingData,
    /// An unescaped control character in a string.
    ControlCharacter,
    /// An escape that JSON does not have.
    InvalidEscape,
    /// Anything else that is not JSON.
    Syntax,
    /// JSON, but not of the shape that was asked for.
    Shape,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct JsonError {
    /// The kind, for programs.
    pub code: JsonErrorCode,
    /// The sentence, for people.
    pub message: String,
    /// Bytes from the start.
    pub offset: usize,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
}

impl Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {} column {}", self.message, self.line, self.column)
    }
}

impl std::error::Error for JsonError {}

impl JsonError {
    /// A document that is JSON, but not of the shape that was asked for. It has no place of its own.
    pub(crate) fn shape(message: impl Into<String>) -> Self {
        JsonError { code: JsonErrorCode::Shape, message: message.into(), offset: 0, line: 1, column: 1 }
    }
}
