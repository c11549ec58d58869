//! Byte spans in a text, and the way from a byte to a line and a column.

use serde::{Deserialize, Serialize};

/// A range of bytes of a file: `start` is in it, `end` is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte behind the last.
    pub end: usize,
}

/// A line and a column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column in characters (Unicode scalar values).
    pub column: usize,
    /// The column in UTF-16 code units, as JavaScript counts.
    pub column_utf16: usize,
}

/// Where the lines of a text start.
#[derive(Debug)]
pub struct LineIndex<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    /// Finds the lines of `text`.
    pub fn new(text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at.saturating_add(1))).collect();
        LineIndex { text, starts }
    }

    /// The place of the byte `offset`; one behind the end stands for the end.
    pub fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(start..offset.min(self.text.len())).unwrap_or_default();
        Position {
            line,
            column: before.chars().count().saturating_add(1),
            column_utf16: before.encode_utf16().count().saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_utf16_units() {
        let index = LineIndex::new("a\né😂b\n");
        let at = |offset| {
            let place = index.position(offset);
            (place.line, place.column, place.column_utf16)
        };
        assert_eq!(at(0), (1, 1, 1));
        assert_eq!(at(2), (2, 1, 1));
        assert_eq!(at(4), (2, 2, 2));
        assert_eq!(at(8), (2, 3, 4));
        assert_eq!(at(99), (3, 1, 1));
    }
}
