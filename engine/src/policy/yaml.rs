//! YAML in, a tree with spans out: the subset of YAML 1.2 that a policy may use, read strictly.
//!
//! `saphyr-parser` gives the events; this module resolves scalars by the core schema, refuses repeated keys, tags
//! and second documents, and bounds depth, size and what aliases expand to. What the keys mean is not known here.

mod syntax;

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as Marks};

use crate::diagnostic::{self, Finding};
use crate::json::MAX_SAFE_INTEGER;
use crate::span::{LineIndex, Span};
use crate::value::{Object, Type, Value};

/// The most bytes of a policy file: 1 MiB.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;
/// How deep mappings and lists may nest; enough for 16 levels of `any`, `all` and `not`.
pub const MAX_DEPTH: usize = 64;
/// The most values of a file: 10,000 rules of 25 values each.
const MAX_NODES: usize = 250_000;
/// The most values that aliases may add, so that a "billion laughs" file is refused quickly.
const MAX_ALIASED_NODES: usize = 10_000;

/// What YAML 1.1 takes for booleans and YAML 1.2 for text, in whatever case.
const YAML_1_1_BOOLEANS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];

/// Whether every reader of YAML, 1.1 or 1.2, takes bare `text` for this very text, inside of brackets too. Whoever
/// writes any other text puts it into quotes.
pub fn is_plain(text: &str) -> bool {
    let starts_well =
        text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_' || first == '/');
    starts_well
        && text.chars().all(|char| char.is_ascii_alphanumeric() || "_-./ ".contains(char))
        && !text.ends_with(' ')
        && !is_one_of(text, &YAML_1_1_BOOLEANS)
        && !is_one_of(text, &["true", "false", "null"])
}

/// A text as a policy has it in quotes.
pub(super) fn quoted(text: &str) -> String {
    syntax::quoted(text)
}

/// Whether bare `text` is a number.
pub(super) fn is_number(text: &str) -> bool {
    is_decimal(text.strip_prefix(['-', '+']).unwrap_or(text))
}

fn is_one_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it is written.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a [`Node`] is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Nothing at all: a key without a value.
    Nothing,
    /// `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key as it is written.
    pub key: String,
    /// Where the key is written.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// What it is, for messages: `a number`, `a list`, …
    pub fn described(&self) -> &'static str {
        match &self.kind {
            Kind::Nothing => "nothing",
            Kind::Null => Type::Null.described(),
            Kind::Bool(_) => Type::Boolean.described(),
            Kind::Number(_) => Type::Number.described(),
            Kind::Text(_) => Type::String.described(),
            Kind::List(_) => Type::Array.described(),
            Kind::Map(_) => "a mapping",
        }
    }

    /// The same as a JSON value; nothing becomes null.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Nothing | Kind::Null => Value::Null,
            Kind::Bool(bool) => Value::Bool(*bool),
            Kind::Number(number) => Value::Number(*number),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Node::to_value).collect()),
            Kind::Map(entries) => {
                let members = entries.iter().map(|entry| (entry.key.clone(), entry.value.to_value()));
                // Repeated keys were refused when the mapping was read.
                Value::Object(Object::from_members(members.collect()).unwrap_or_default())
            }
        }
    }

    fn size(&self) -> usize {
        let inside: usize = match &self.kind {
            Kind::List(items) => items.iter().map(Node::size).sum(),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
            _ => 0,
        };
        inside.saturating_add(1)
    }
}

/// A file that was read: its tree, and warnings about it.
#[derive(Debug)]
pub struct Document {
    /// The tree; none for an empty file.
    pub root: Option<Node>,
    /// Findings that do not stop it.
    pub warnings: Vec<Finding>,
}

/// Reads one YAML document.
///
/// # Errors
/// The first thing that is wrong. Reading does not go on behind it, because what follows would be guessed.
pub fn parse(text: &str) -> Result<Document, Finding> {
    if text.len() > MAX_FILE_BYTES {
        return Err(diagnostic::file_too_large(text.len(), MAX_FILE_BYTES));
    }
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let body = text.get(start..).unwrap_or_default();
    let offsets = Offsets::new(body, start);
    let lines = LineIndex::new(text);
    TreeReader {
        parser: Parser::new_from_str(body),
        text,
        offsets,
        lines,
        anchors: Vec::new(),
        nodes: 0,
        aliased: 0,
        warnings: Vec::new(),
    }
    .document()
}

/// From character numbers, in which the parser counts, to byte offsets.
struct Offsets {
    start: usize,
    length: usize,
    /// Empty for ASCII text, where both are the same.
    bytes: Vec<usize>,
}

impl Offsets {
    fn new(text: &str, start: usize) -> Self {
        let bytes =
            if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at).collect() };
        Offsets { start, length: text.len(), bytes }
    }

    fn byte(&self, index: usize) -> usize {
        let within =
            if self.bytes.is_empty() { index } else { self.bytes.get(index).copied().unwrap_or(self.length) };
        within.min(self.length).saturating_add(self.start)
    }

    fn span(&self, marks: Marks) -> Span {
        Span { start: self.byte(marks.start.index()), end: self.byte(marks.end.index()) }
    }
}

struct TreeReader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    text: &'a str,
    offsets: Offsets,
    lines: LineIndex<'a>,
    /// By the parser's number, which counts from one.
    anchors: Vec<Option<Node>>,
    nodes: usize,
    aliased: usize,
    warnings: Vec<Finding>,
}

impl<'a> TreeReader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Finding> {
        match self.parser.next_event() {
            Some(Ok((event, marks))) => Ok((event, self.offsets.span(marks))),
            Some(Err(error)) => {
                let at = self.offsets.byte(error.marker().index());
                if error.info().contains("recursion limit") {
                    // The scanner counts open brackets in a byte, and reads ahead of the events.
                    return Err(diagnostic::too_deep(Span { start: at, end: at }, MAX_DEPTH));
                }
                Err(syntax::finding(self.text, at, error.info()))
            }
            None => {
                let end = self.offsets.byte(usize::MAX);
                Err(diagnostic::yaml_syntax(Span { start: end, end }, "the file ends too early"))
            }
        }
    }

    fn document(mut self) -> Result<Document, Finding> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => return Ok(Document { root, warnings: self.warnings }),
                Event::DocumentStart(_) if root.is_some() => {
                    let help = "keep one policy in a file";
                    return Err(diagnostic::yaml_feature(span, "a second document", help));
                }
                Event::DocumentStart(_) => {}
                other => {
                    let node = self.node(other, span, 0)?;
                    // A file of comments alone is an empty document.
                    root = (!matches!(node.kind, Kind::Nothing)).then_some(node);
                }
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Finding> {
        if depth >= MAX_DEPTH {
            return Err(diagnostic::too_deep(span, MAX_DEPTH));
        }
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MAX_NODES {
            return Err(diagnostic::too_many_values(span, MAX_NODES));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.no_tag(tag.is_some(), span)?;
                (self.scalar(&text, style, span)?, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.no_tag(tag.is_some(), span)?;
                (self.list(span, depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.no_tag(tag.is_some(), span)?;
                (self.map(span, depth)?, anchor)
            }
            Event::Alias(anchor) => return self.alias(anchor, span),
            _ => return Err(diagnostic::yaml_syntax(span, "a value is expected")),
        };
        if anchor != 0 {
            if self.anchors.len() <= anchor {
                self.anchors.resize(anchor.saturating_add(1), None);
            }
            self.anchors.iter_mut().skip(anchor).take(1).for_each(|place| *place = Some(node.clone()));
        }
        Ok(node)
    }

    fn no_tag(&self, tagged: bool, span: Span) -> Result<(), Finding> {
        if tagged { Err(diagnostic::yaml_feature(span, "a tag (`!…`)", "leave it out")) } else { Ok(()) }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, Finding> {
        let Some(Some(node)) = self.anchors.get(anchor) else {
            return Err(diagnostic::yaml_syntax(span, "an alias inside of what it stands for"));
        };
        self.aliased = self.aliased.saturating_add(node.size());
        if self.aliased > MAX_ALIASED_NODES {
            return Err(diagnostic::alias_limit(span, MAX_ALIASED_NODES));
        }
        Ok(Node { span, kind: node.kind.clone() })
    }

    fn list(&mut self, opening: Span, depth: usize) -> Result<Node, Finding> {
        let mut items: Vec<Node> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                let end =
                    items.last().map_or(opening.end, |last| last.span.end).max(span.end_of_flow(opening));
                return Ok(Node { span: Span { start: opening.start, end }, kind: Kind::List(items) });
            }
            items.push(self.node(event, span, depth.saturating_add(1))?);
        }
    }

    fn map(&mut self, opening: Span, depth: usize) -> Result<Node, Finding> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::MappingEnd => {
                    let start = entries.first().map_or(opening.start, |first| {
                        // A block mapping has no opening of its own: it starts at its first key.
                        opening.start.min(first.key_span.start)
                    });
                    let last = entries.last().map_or(opening.end, |last| last.value.span.end);
                    let end = last.max(span.end_of_flow(opening));
                    return Ok(Node { span: Span { start, end }, kind: Kind::Map(entries) });
                }
                Event::Scalar(key, style, 0, None) => {
                    let key = key.into_owned();
                    no_typographic_quotes(&key, style, span)?;
                    if let Some(first) = seen.get(&key) {
                        let line = self.lines.position(*first).line;
                        return Err(diagnostic::duplicate_key(span, &key, line));
                    }
                    seen.insert(key.clone(), span.start);
                    let (event, value_span) = self.next()?;
                    let mut value = self.node(event, value_span, depth.saturating_add(1))?;
                    if matches!(value.kind, Kind::Nothing) {
                        // Nothing has no place of its own; what is wrong with it is wrong with the key.
                        value.span = span;
                    }
                    entries.push(Entry { key, key_span: span, value });
                }
                Event::Scalar(..) | Event::Alias(_) => {
                    let help = "write the key out";
                    return Err(diagnostic::yaml_feature(span, "an anchor, alias or tag on a key", help));
                }
                _ => {
                    return Err(diagnostic::yaml_feature(
                        span,
                        "a key that is not text",
                        "use plain words as keys",
                    ));
                }
            }
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Result<Node, Finding> {
        let kind = match style {
            ScalarStyle::Plain => {
                no_typographic_quotes(text, style, span)?;
                self.plain(text, span)?
            }
            ScalarStyle::SingleQuoted
            | ScalarStyle::DoubleQuoted
            | ScalarStyle::Literal
            | ScalarStyle::Folded => Kind::Text(text.to_owned()),
        };
        Ok(Node { span, kind })
    }

    /// YAML 1.2.2 §10.3.2, the core schema.
    fn plain(&mut self, text: &str, span: Span) -> Result<Kind, Finding> {
        match text {
            "" => return Ok(Kind::Nothing),
            "~" | "null" | "Null" | "NULL" => return Ok(Kind::Null),
            "true" | "True" | "TRUE" => return Ok(Kind::Bool(true)),
            "false" | "False" | "FALSE" => return Ok(Kind::Bool(false)),
            _ => {}
        }
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
            return Err(diagnostic::invalid(
                span,
                format!("`{text}` is not a finite number"),
                "write a number, or put text into quotes",
            ));
        }
        if let Some(whole) = whole_number(text) {
            if whole.is_none_or(|magnitude| magnitude > MAX_SAFE_INTEGER) {
                return Err(diagnostic::invalid(
                    span,
                    format!("the integer `{text}` is over 2^53 - 1"),
                    "put it into quotes if it is text, such as an account number",
                ));
            }
            self.warn_of_octal(text, unsigned, span);
        } else if !is_decimal(unsigned) {
            self.warn_of_yaml_1_1(text, unsigned, span);
            return Ok(Kind::Text(text.to_owned()));
        }
        let number = match (unsigned.strip_prefix("0x"), unsigned.strip_prefix("0o")) {
            (Some(digits), _) => radix(digits, 16),
            (_, Some(digits)) => radix(digits, 8),
            // `.5` and `5.` are numbers to YAML and to Rust alike.
            (None, None) => text.strip_prefix('+').unwrap_or(text).parse().ok(),
        };
        match number.filter(|number: &f64| number.is_finite()) {
            Some(number) => Ok(Kind::Number(number + 0.0)),
            None => Err(diagnostic::invalid(
                span,
                format!("the number `{text}` does not fit a finite double"),
                "write a smaller number, or put text into quotes",
            )),
        }
    }

    fn warn_of_octal(&mut self, text: &str, unsigned: &str, span: Span) {
        let octal = unsigned.len() > 1
            && unsigned.starts_with('0')
            && unsigned.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        if octal {
            self.warnings.push(diagnostic::ambiguous_scalar(
                span,
                text,
                "a decimal number",
                "an octal number",
            ));
        }
    }

    fn warn_of_yaml_1_1(&mut self, text: &str, unsigned: &str, span: Span) {
        let sexagesimal = unsigned.contains(':')
            && unsigned.split(':').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        let underscored = unsigned.contains('_')
            && unsigned.starts_with(|first: char| first.is_ascii_digit())
            && unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_' || byte == b'.');
        let elsewhere = if is_one_of(text, &YAML_1_1_BOOLEANS) {
            "a boolean"
        } else if sexagesimal {
            "a number in base 60"
        } else if underscored {
            "a number"
        } else {
            return;
        };
        self.warnings.push(diagnostic::ambiguous_scalar(span, text, "text", elsewhere));
    }
}

/// A plain text in `“…”`, as a page on the web has it: whoever writes it means quotes, and a rule with it would look for
/// a name that no tool has.
fn no_typographic_quotes(text: &str, style: ScalarStyle, span: Span) -> Result<(), Finding> {
    let is_quote = diagnostic::is_typographic_quote;
    let in_quotes = style == ScalarStyle::Plain && text.starts_with(is_quote) && text.ends_with(is_quote);
    if in_quotes { Err(diagnostic::typographic_quotes(span, text)) } else { Ok(()) }
}

impl Span {
    /// The end of a closing bracket's span; a block collection closes with an empty span further down the file,
    /// which is not part of it.
    fn end_of_flow(self, opening: Span) -> usize {
        if self.end > self.start { self.end } else { opening.start }
    }
}

/// None: not a whole number. Some(None): one that no `u64` holds.
#[expect(
    clippy::option_option,
    reason = "the two absences are different answers, named in the sentence above"
)]
fn whole_number(text: &str) -> Option<Option<u64>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    for (prefix, base) in [("0x", 16), ("0o", 8)] {
        // YAML 1.2 has no signed hexadecimal or octal numbers.
        if let Some(digits) = text.strip_prefix(prefix) {
            let all = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base));
            return all.then(|| u64::from_str_radix(digits, base).ok());
        }
    }
    let all = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| unsigned.parse().ok())
}

#[expect(clippy::cast_precision_loss, reason = "the caller has checked that it is at most 2^53 - 1")]
fn radix(digits: &str, base: u32) -> Option<f64> {
    u64::from_str_radix(digits, base).ok().map(|whole| whole as f64)
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !unsigned.is_empty() && digits(unsigned)
    });
    mantissa_fits && exponent_fits
}
