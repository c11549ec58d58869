//! Typed reading from a YAML tree, with a finding for everything that is not as it should be.
//!
//! What the keys mean is in the modules that call this one.

use super::glob::Glob;
use super::operator::{MAX_PATTERN_BYTES, Pattern, PatternError};
use super::yaml::{self, Entry, Kind, Node};
use crate::diagnostic::{self, Finding, alternatives};
use crate::span::Span;

/// Collects what is wrong while a file is read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) findings: Vec<Finding>,
}

impl Reader {
    pub(super) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Reports every text and key that has a control character in it. `"\b"` in double quotes is a backspace, and a
    /// rule that looks for one never fires; in a reason it could rewrite the terminal of whoever approves.
    pub(super) fn no_control_characters(&mut self, node: &Node) {
        match &node.kind {
            Kind::Text(text) => self.no_control_character(text, node.span),
            Kind::List(items) => items.iter().for_each(|item| self.no_control_characters(item)),
            Kind::Map(entries) => {
                for one in entries {
                    self.no_control_character(&one.key, one.key_span);
                    self.no_control_characters(&one.value);
                }
            }
            Kind::Nothing | Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
        }
    }

    fn no_control_character(&mut self, text: &str, span: Span) {
        let odd = |char: &char| char.is_control() && !matches!(char, '\t' | '\r' | '\n');
        if let Some(found) = text.chars().find(odd) {
            self.report(diagnostic::control_character(span, found));
        }
    }

    /// The entries of a mapping; a finding when it is something else.
    pub(super) fn map<'n>(&mut self, node: &'n Node, key: &str, takes: &str) -> Option<&'n [Entry]> {
        match &node.kind {
            Kind::Map(entries) => Some(entries),
            Kind::Nothing => self.nothing(node, key, takes),
            _ => self.wrong(node, key, takes),
        }
    }

    /// The items of a list; a finding when it is something else.
    pub(super) fn list<'n>(&mut self, node: &'n Node, key: &str, takes: &str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            Kind::Nothing => self.nothing(node, key, takes),
            Kind::Map(_) => {
                self.wrong_with(node, key, takes, "start each item of the list with `- `".to_owned())
            }
            _ => self.wrong_with(node, key, takes, format!("write `{key}: [{}]`", written(node))),
        }
    }

    /// Text; a finding when it is something else.
    pub(super) fn text<'n>(&mut self, node: &'n Node, key: &str, takes: &str) -> Option<&'n str> {
        match &node.kind {
            Kind::Text(text) => Some(text),
            Kind::Nothing => self.nothing(node, key, takes),
            Kind::Bool(_) | Kind::Number(_) | Kind::Null => {
                self.wrong_with(node, key, takes, "put it into quotes if it is text".to_owned())
            }
            Kind::List(_) | Kind::Map(_) => self.wrong(node, key, takes),
        }
    }

    /// Text that is not empty.
    pub(super) fn name<'n>(&mut self, node: &'n Node, key: &str) -> Option<&'n str> {
        let text = self.text(node, key, "a text")?;
        if text.is_empty() {
            self.report(diagnostic::invalid(node.span, format!("`{key}` is empty"), "write a name"));
            return None;
        }
        Some(text)
    }

    /// `true` or `false`; a finding when it is something else.
    pub(super) fn boolean(&mut self, node: &Node, key: &str) -> Option<bool> {
        match &node.kind {
            Kind::Bool(bool) => Some(*bool),
            Kind::Nothing => self.nothing(node, key, "`true` or `false`"),
            _ => self.wrong(node, key, "`true` or `false`"),
        }
    }

    /// A number; a finding when it is something else.
    pub(super) fn number(&mut self, node: &Node, key: &str) -> Option<f64> {
        match &node.kind {
            Kind::Number(number) => Some(*number),
            Kind::Nothing => self.nothing(node, key, "a number"),
            Kind::Text(text) => self.wrong_with(node, key, "a number", number_help(text)),
            _ => self.wrong(node, key, "a number"),
        }
    }

    /// A whole number in a range; a finding when it is something else.
    pub(super) fn whole(&mut self, node: &Node, key: &str, least: u32, most: u32) -> Option<u32> {
        let number = self.number(node, key)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked in the condition"
        )]
        if number.fract() == 0.0 && number >= f64::from(least) && number <= f64::from(most) {
            return Some(number as u32);
        }
        let takes = if most == u32::MAX {
            format!("a whole number from {least} on")
        } else {
            format!("a whole number from {least} to {most}")
        };
        self.report(diagnostic::invalid_value(node.span, key, &shown(node), &takes));
        None
    }

    /// One of some words; a finding when it is something else.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, key: &str, words: &[(&str, T)]) -> Option<T> {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let takes = alternatives(&known);
        let text = self.text(node, key, &takes)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        self.report(diagnostic::invalid_value(node.span, key, text, &takes));
        None
    }

    /// One text or a list of them, at least one.
    pub(super) fn texts<'n>(
        &mut self,
        node: &'n Node,
        key: &str,
        takes: &str,
    ) -> Option<Vec<(&'n str, Span)>> {
        match &node.kind {
            Kind::List(items) if items.is_empty() => {
                self.report(diagnostic::empty_list(node.span, key, takes));
                None
            }
            Kind::List(items) => {
                let texts: Vec<_> =
                    items.iter().filter_map(|item| Some((self.text(item, key, takes)?, item.span))).collect();
                (texts.len() == items.len()).then_some(texts)
            }
            Kind::Nothing => self.nothing(node, key, takes),
            _ => Some(vec![(self.text(node, key, takes)?, node.span)]),
        }
    }

    /// One glob or a list of them, at least one.
    pub(super) fn globs(&mut self, node: &Node, key: &str) -> Option<Vec<Glob>> {
        let texts = self.texts(node, key, "a name or glob, or a list of them")?;
        Some(texts.into_iter().map(|(text, _)| Glob::new(text)).collect())
    }

    /// One pattern or a list of them, all of which compile.
    pub(super) fn patterns(&mut self, node: &Node, key: &str) -> Option<Vec<Pattern>> {
        let texts = self.texts(node, key, "a regular expression, or a list of them")?;
        let patterns: Vec<_> = texts.iter().filter_map(|(text, span)| self.pattern(text, *span)).collect();
        (patterns.len() == texts.len()).then_some(patterns)
    }

    /// A pattern that compiles.
    pub(super) fn pattern(&mut self, text: &str, span: Span) -> Option<Pattern> {
        match Pattern::new(text) {
            Ok(pattern) => Some(pattern),
            Err(PatternError::TooLong(bytes)) => {
                self.report(diagnostic::regex_too_long(span, bytes, MAX_PATTERN_BYTES));
                None
            }
            Err(PatternError::Syntax(why)) => {
                self.report(diagnostic::invalid_regex(span, &why));
                None
            }
        }
    }

    /// `90s`, `30m`, `4h` or `7d` in milliseconds; more than nothing and at most 366 days.
    pub(super) fn duration_ms(&mut self, node: &Node, key: &str) -> Option<u64> {
        let milliseconds = match &node.kind {
            Kind::Text(text) => crate::time::duration_ms(text),
            Kind::Nothing => return self.nothing(node, key, "a duration such as `30m`"),
            _ => None,
        };
        if milliseconds.is_none() {
            self.report(diagnostic::invalid_duration(node.span, &shown(node)));
        }
        milliseconds
    }

    /// Reports the keys of a mapping that are not known there; says whether all are.
    pub(super) fn only(&mut self, entries: &[Entry], known: &[&str], place: &str) -> bool {
        let mut all = true;
        for entry in entries {
            all &= self.is_known(entry, known, place);
        }
        all
    }

    /// Reports a key that is not known where it is; says whether it is.
    pub(super) fn is_known(&mut self, entry: &Entry, known: &[&str], place: &str) -> bool {
        if known.contains(&entry.key.as_str()) {
            return true;
        }
        let help = match nearest(&entry.key, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("it can have {}", alternatives(known)),
        };
        self.report(diagnostic::unknown_key(entry.key_span, &entry.key, place, Some(help)));
        false
    }

    fn nothing<T>(&mut self, node: &Node, key: &str, takes: &str) -> Option<T> {
        self.report(diagnostic::missing_value(node.span, key, takes));
        None
    }

    /// Reports a value of the wrong type, and what to write for it.
    pub(super) fn wrong_with<T>(&mut self, node: &Node, key: &str, takes: &str, help: String) -> Option<T> {
        self.report(diagnostic::wrong_type_with_help(node.span, key, takes, node.described(), help));
        None
    }

    fn wrong<T>(&mut self, node: &Node, key: &str, takes: &str) -> Option<T> {
        self.report(diagnostic::wrong_type(node.span, key, takes, node.described()));
        None
    }
}

/// The value of `key`.
pub(super) fn entry<'n>(entries: &'n [Entry], key: &str) -> Option<&'n Entry> {
    entries.iter().find(|entry| entry.key == key)
}

/// A value as it is written in a policy, in one line.
pub(super) fn written(node: &Node) -> String {
    match &node.kind {
        Kind::Text(text) if yaml::is_plain(text) => text.clone(),
        Kind::Text(text) => yaml::quoted(text),
        _ => shown(node),
    }
}

/// What to write for a text where a number is wanted.
fn number_help(text: &str) -> String {
    if yaml::is_number(text) {
        return "write it without quotes".to_owned();
    }
    let plain: String = text.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | '-')).collect();
    // What is left out must not have been part of the value: `1,5` is no 15, and `5%` is no 5.
    let separates = |c: char| c.is_whitespace() || matches!(c, '_' | '$' | '€' | '£' | '¥');
    let groups =
        text.split(',').skip(1).all(|group| group.split('.').next().is_some_and(|part| part.len() == 3));
    let rest = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-') || separates(c) || c == ',');
    if rest && groups && yaml::is_number(&plain) {
        format!("write `{plain}`: a number has digits alone, and a `.` before its fraction")
    } else {
        "write a number with digits alone, such as `1000` or `0.5`".to_owned()
    }
}

/// A scalar as messages show it.
pub(super) fn shown(node: &Node) -> String {
    crate::canonical::Canonical::of(&node.to_value()).into_string()
}

/// The known word nearest to `word`, if one is near: at most one edit for every three characters.
pub(super) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let length = word.chars().count();
    let most = length.div_ceil(3).min(3);
    let scored = known.map(|candidate| (edits(word, candidate), candidate));
    // Of two as near, a word that only has something too much is the likelier slip.
    scored
        .filter(|(edits, _)| *edits <= most && *edits < length)
        .min_by_key(|(edits, known)| (*edits, !word.starts_with(known)))
        .map(|(_, word)| word)
}

/// Edits from one word to the other: a character more, less, another, or two swapped (optimal string alignment).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    let mut previous_char = None;
    for (row, from_char) in from.chars().enumerate() {
        let mut current = vec![row.saturating_add(1)];
        for (column, to_char) in to.iter().enumerate() {
            let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX);
            let change = get(&above, column).saturating_add(usize::from(from_char != *to_char));
            let more = get(&above, column.saturating_add(1)).saturating_add(1);
            let less = get(&current, column).saturating_add(1);
            let mut best = change.min(more).min(less);
            let behind = column.checked_sub(1);
            if let (Some(behind), Some(previous)) = (behind, previous_char)
                && to.get(behind) == Some(&from_char)
                && *to_char == previous
            {
                best = best.min(get(&before, behind).saturating_add(1));
            }
            current.push(best);
        }
        previous_char = Some(from_char);
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_meant_as_a_number_is_written_out() {
        for (text, help) in [
            ("1000", "write it without quotes"),
            ("$150", "write `150`"),
            ("1_000", "write `1000`"),
            ("1,000,000.50 €", "write `1000000.50`"),
            ("-$5", "write `-5`"),
        ] {
            assert!(number_help(text).starts_with(help), "{text}: {}", number_help(text));
        }
        for text in ["1,5", "5%", "1.000,5", "many", "1-2", "", "10,00", "5 EUR", "> 5"] {
            assert!(number_help(text).starts_with("write a number with digits"), "{text}");
        }
    }

    #[test]
    fn nearest_words() {
        let known = ["allow", "deny", "require_approval", "match", "tool"];
        let near = |word| nearest(word, known.iter().copied());
        assert_eq!(near("alow"), Some("allow"));
        assert_eq!(near("dney"), Some("deny"));
        assert_eq!(near("require_aproval"), Some("require_approval"));
        assert_eq!(near("tol"), Some("tool"));
        assert_eq!(near("x"), None);
        assert_eq!(near("colour"), None);
    }
}
