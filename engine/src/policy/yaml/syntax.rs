//! Why a text is not YAML, in the words of the file: the usual slips, each with what to write instead.
//!
//! The parser says where it stopped and what it expected there, in the terms of the YAML grammar. This module looks at
//! that line and tells the slip. It never makes a text valid, and a slip it does not know keeps the parser's words.

use crate::diagnostic::{self, Finding};
use crate::span::Span;

/// How many lines may hold the slip: the one where the parser stops and those above it.
const LINES: usize = 3;

/// The parser's words, what they mean, and what to do.
const MEANINGS: [(&str, &str, &str); 11] = [
    (
        "expected ',' or",
        "a bracket is not closed, or a comma is missing",
        "close every `{` and `[`, and put a comma between two entries",
    ),
    ("misplaced bracket", "this bracket closes nothing", "remove it, or open it before"),
    ("illegal placement of ':'", "a bracket is not closed above this line", "close every `{` and `[`"),
    ("unexpected end of stream", "this quoted text does not end", "put the same quote at its end"),
    ("indentation in quoted scalar", "this quoted text does not end", "put the same quote at its end"),
    (
        "trailing content after double-quoted",
        "text follows the closing quote",
        "put the whole text between the quotes",
    ),
    (
        "unknown escape character",
        "this backslash starts an escape that YAML does not have",
        "use single quotes, where a backslash stays a backslash",
    ),
    ("did not find expected key", OUT_OF_LINE, ALIGN),
    ("did not find expected '-'", OUT_OF_LINE, ALIGN),
    ("mapping values are not allowed", OUT_OF_LINE, ALIGN),
    ("sequence entries are not allowed", OUT_OF_LINE, ALIGN),
];
const OUT_OF_LINE: &str = "this line does not fit the lines above it";
const ALIGN: &str = "start the keys of one mapping in the same column, and so the `-` of one list";

/// The finding for a text that the parser could not read on from byte `at`.
pub(super) fn finding(text: &str, at: usize, info: &str) -> Finding {
    let lines = Lines::around(text, at);
    if let Some(finding) = lines.odd_space(at).or_else(|| lines.tab(info)) {
        return finding;
    }
    let rest = text.get(at..).unwrap_or_default();
    let first = rest.chars().next();
    if has(info, "anchor") && matches!(first, Some('*' | '&')) {
        return quote_it(at, word(rest), "is an alias to YAML");
    }
    if has(info, "unexpected character") && first.is_some() {
        return quote_it(at, word(rest), "cannot start a text without quotes");
    }
    let slip = if has(info, "simple key") {
        lines.key_without_colon()
    } else if has(info, "mapping values") {
        lines.colon_in_a_text(at)
    } else {
        None
    };
    slip.unwrap_or_else(|| {
        let span = Span { start: at, end: at };
        match MEANINGS.into_iter().find(|(words, ..)| has(info, words)) {
            Some((_, what, help)) => diagnostic::yaml_slip(span, what, help.to_owned()),
            None => diagnostic::yaml_syntax(span, info),
        }
    })
}

/// A text between the double quotes of YAML, or the single ones where it has a character that those keep.
pub(super) fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) { format!("'{}'", text.replace('\'', "''")) } else { format!("\"{text}\"") }
}

fn quote_it(at: usize, word: &str, why: &str) -> Finding {
    let span = Span { start: at, end: at.saturating_add(word.len()) };
    let bare = word.trim_matches('`');
    diagnostic::yaml_slip(span, &format!("`{bare}` {why}"), format!("put it into quotes: `{}`", quoted(bare)))
}

/// The characters up to the next one that ends a plain text inside of brackets.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}')).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// The line where the parser stopped and some lines above it, the last first, each with the offset of its start.
struct Lines<'a> {
    lines: Vec<(usize, &'a str)>,
}

impl<'a> Lines<'a> {
    fn around(text: &'a str, at: usize) -> Self {
        let rest = text.get(at..).unwrap_or_default();
        let mut end = at.saturating_add(rest.find('\n').unwrap_or(rest.len()));
        let mut lines = Vec::new();
        while lines.len() < LINES {
            let above = text.get(..end).unwrap_or_default();
            let start = above.rfind('\n').map_or(0, |newline| newline.saturating_add(1));
            lines.push((start, above.get(start..).unwrap_or_default().trim_end()));
            match start.checked_sub(1) {
                Some(newline) => end = newline,
                None => break,
            }
        }
        Lines { lines }
    }

    /// A space that is none to YAML, such as web pages have it, before `at`.
    fn odd_space(&self, at: usize) -> Option<Finding> {
        let odd = |c: char| c.is_whitespace() && !c.is_ascii() && c != '\u{85}';
        let (start, found) = self.lines.iter().take(2).find_map(|(start, line)| {
            let (within, found) = line.char_indices().find(|(_, c)| odd(*c))?;
            Some((start.saturating_add(within), found))
        })?;
        let end = start.saturating_add(found.len_utf8());
        (start <= at).then(|| diagnostic::odd_space(Span { start, end }, found))
    }

    fn tab(&self, info: &str) -> Option<Finding> {
        let (start, line) = self.lines.first().filter(|_| has(info, "tab"))?;
        let within = line.find('\t')?;
        let start = start.saturating_add(within);
        let what = "YAML takes spaces here, and this is a tab";
        let span = Span { start, end: start.saturating_add(1) };
        Some(diagnostic::yaml_slip(span, what, "replace it by spaces".to_owned()))
    }

    /// A line such as `deny` or `deny:true`, without the `: ` that makes a key of it.
    fn key_without_colon(&self) -> Option<Finding> {
        let (start, line, key) = self.lines.iter().find_map(|(start, line)| {
            let entry = entry(line);
            let key = entry.split([':', ' ']).next().filter(|key| is_key(key))?;
            (!entry.ends_with(':') && !has(entry, ": ")).then_some((start, line, key))
        })?;
        let within = find(line, key)?;
        let value = line.get(within.saturating_add(key.len())..)?.trim_start_matches(':').trim();
        let (what, value) = match value {
            "" => (format!("`{key}` has no value"), example(key)),
            value => (format!("there is no `: ` behind `{key}`"), value),
        };
        let start = start.saturating_add(within);
        let span = Span { start, end: start.saturating_add(key.len()) };
        Some(diagnostic::yaml_slip(span, &what, format!("write `{key}: {value}`")))
    }

    /// `reason: Refunds: not allowed`, where the second colon would begin another mapping.
    fn colon_in_a_text(&self, at: usize) -> Option<Finding> {
        let (start, line) = self.lines.first()?;
        let colon = find(line, ": ")?;
        let (before, behind) = line.split_at_checked(colon)?;
        let (key, value) = (entry(before), behind.trim_start_matches([':', ' ']));
        let start = start.saturating_add(line.len().saturating_sub(value.len()));
        let is_text = is_key(key) && !value.starts_with(['"', '\'', '[', '{', '|', '>']);
        (is_text && at > start).then(|| {
            let span = Span { start, end: start.saturating_add(value.len()) };
            let help = format!("put it into quotes: `{key}: {}`", quoted(value));
            diagnostic::yaml_slip(span, "this text has a `: `, which begins a mapping", help)
        })
    }
}

/// Where `part` begins in `text`. The one search of this module: each that is compiled in place adds a kilobyte to it.
#[inline(never)]
fn find(text: &str, part: &str) -> Option<usize> {
    text.find(part)
}

fn has(text: &str, part: &str) -> bool {
    find(text, part).is_some()
}

/// A line without its indentation, and without the dash of a list.
fn entry(line: &str) -> &str {
    line.trim_start_matches([' ', '-']).trim_end()
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']'))
}

/// A value that a key of the language takes.
fn example(key: &str) -> &'static str {
    match key {
        "allow" | "deny" | "require_approval" => "true",
        "risk_level" | "risk" | "require_approval_at" | "deny_at" => "high",
        "tool" => "send_email",
        "mode" => "enforce",
        _ => "…",
    }
}
