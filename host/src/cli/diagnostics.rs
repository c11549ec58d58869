//! Draws diagnostics: the line of the file, a caret under what is meant, advice. Which there are is the engine's
//! business.

use std::fmt::Write as _;

use engine::diagnostic::{Diagnostic, Severity};
use unicode_width::UnicodeWidthChar as _;

use super::screen::{Format, Paint, Screen};
use super::text;

/// A tab takes as many columns, on the line and under it.
const TAB: &str = "    ";

/// Draws one diagnostic. `path` is where a person finds the file, `source` what is in it.
pub(crate) fn draw(diagnostic: &Diagnostic, path: &str, source: &str, paint: Paint) -> String {
    let mut out = heading(diagnostic, paint);
    let number = diagnostic.line.to_string();
    let margin = " ".repeat(number.len());
    let (arrow, bar) = (paint.cyan("-->"), paint.cyan("|"));
    let _ =
        writeln!(out, "{margin} {arrow} {}:{}:{}", text::visible(path), diagnostic.line, diagnostic.column);
    let line = source.lines().nth(diagnostic.line.saturating_sub(1));
    if let Some(line) = line.filter(|line| !line.trim().is_empty()) {
        let first = diagnostic.column.saturating_sub(1);
        // A span that goes on below is marked to the end of its first line.
        let last = if diagnostic.end_line == diagnostic.line {
            diagnostic.end_column.saturating_sub(1)
        } else {
            line.chars().count()
        };
        let (before, within) = widths(line, first, last);
        let carets = severity(diagnostic, paint, &"^".repeat(within.max(1)));
        let _ = writeln!(out, "{margin} {bar}");
        let _ = writeln!(out, "{} {bar} {}", paint.cyan(&number), shown(line));
        let _ = writeln!(out, "{margin} {bar} {}{carets}", " ".repeat(before));
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(out, "{margin} {} {}: {}", paint.cyan("="), paint.bold("help"), text::visible(help));
    }
    out
}

fn heading(diagnostic: &Diagnostic, paint: Paint) -> String {
    let code = serde_json::to_value(diagnostic.code).unwrap_or_default();
    let word = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let label = severity(diagnostic, paint, &format!("{word}[{}]", code.as_str().unwrap_or("unknown")));
    format!("{label}: {}\n", paint.bold(&text::visible(&diagnostic.message)))
}

fn severity(diagnostic: &Diagnostic, paint: Paint, text: &str) -> String {
    match diagnostic.severity {
        Severity::Error => paint.red(text),
        Severity::Warning => paint.yellow(text),
    }
}

/// A character as it is printed.
fn glyph(c: char) -> String {
    if c == '\t' { TAB.to_owned() } else { text::visible(c.encode_utf8(&mut [0; 4])) }
}

fn shown(line: &str) -> String {
    line.chars().map(glyph).collect()
}

/// How many columns stand before the character `first`, and from there to the character `last`.
fn widths(line: &str, first: usize, last: usize) -> (usize, usize) {
    let (mut before, mut within) = (0, 0_usize);
    for (index, c) in line.chars().enumerate() {
        let width: usize = glyph(c).chars().map(|c| c.width().unwrap_or(0)).sum();
        if index < first {
            before = width.saturating_add(before);
        } else if index < last {
            within = within.saturating_add(width);
        }
    }
    (before, within)
}

/// Says on standard error what is wrong with files; in another format than a table they are part of the data.
pub(crate) fn report(screen: &Screen, diagnostics: &[Diagnostic], place: impl Fn(&str) -> (String, String)) {
    for diagnostic in diagnostics {
        let (path, source) = place(&diagnostic.file);
        screen.message(&draw(diagnostic, &path, &source, screen.message_paint()));
    }
}

/// `2 errors, 1 warning`.
pub(crate) fn counted(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|found| found.severity == severity).count();
    let text = |count: usize, noun| text::counted(u64::try_from(count).unwrap_or(u64::MAX), noun);
    format!("{}, {}", text(count(Severity::Error), "error"), text(count(Severity::Warning), "warning"))
}

/// Whether one of them keeps the policy out of force.
pub(crate) fn any_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|found| found.severity == Severity::Error)
}

/// Whether drawings are what was asked for.
pub(crate) fn drawn(screen: &Screen) -> bool {
    screen.format() == Format::Table
}

#[cfg(test)]
mod tests {
    use engine::diagnostic::Code;
    use engine::span::{LineIndex, Span};

    use super::*;

    fn found(source: &str, span: std::ops::Range<usize>, help: Option<&str>) -> Diagnostic {
        let lines = LineIndex::new(source);
        let (start, end) = (lines.position(span.start), lines.position(span.end));
        Diagnostic {
            code: Code::UnknownKey,
            column: start.column,
            end_column: end.column,
            end_line: end.line,
            file: "a.yaml".to_owned(),
            help: help.map(str::to_owned),
            line: start.line,
            message: "unknown key `alow`".to_owned(),
            severity: Severity::Error,
            span: Span { start: span.start, end: span.end },
        }
    }

    #[test]
    fn the_caret_stands_under_what_is_meant() {
        let source = "rules:\n  - alow: true\n";
        let drawing =
            draw(&found(source, 11..15, Some("did you mean `allow`?")), "p/a.yaml", source, Paint::PLAIN);
        let expected = "\
error[unknown_key]: unknown key `alow`
  --> p/a.yaml:2:5
  |
2 |   - alow: true
  |     ^^^^
  = help: did you mean `allow`?
";
        assert_eq!(drawing, expected);
    }

    #[test]
    fn wide_characters_tabs_and_controls_keep_the_caret_in_place() {
        let source = "\t漢\u{1b}: alow";
        let drawing = draw(&found(source, 7..11, None), "a.yaml", source, Paint::PLAIN);
        let lines: Vec<_> = drawing.lines().collect();
        assert_eq!(lines[3], "1 |     漢\\u001b: alow");
        assert_eq!(lines[4], "  |               ^^^^");
    }

    #[test]
    fn a_span_over_lines_is_marked_to_the_end_of_the_first() {
        let source = "a: [\n b\n]";
        let drawing = draw(&found(source, 3..9, None), "a.yaml", source, Paint::PLAIN);
        assert!(drawing.ends_with("1 | a: [\n  |    ^\n"), "{drawing}");
    }

    #[test]
    fn a_place_outside_of_the_file_has_no_drawing() {
        let drawing = draw(&found("", 0..0, None), "a.yaml", "", Paint::PLAIN);
        assert_eq!(drawing, "error[unknown_key]: unknown key `alow`\n  --> a.yaml:1:1\n");
    }
}
