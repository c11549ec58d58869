//! Draws diagnostics: the line of the file, what is meant under it, advice. Which there are is the engine's business.

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use engine::diagnostic::{Diagnostic, Severity};
use engine::span::Span;

use super::screen::{Format, Paint, Screen};
use super::text;

/// Draws one diagnostic. `path` is where a person finds the file, `source` is its content.
pub(crate) fn draw(diagnostic: &Diagnostic, path: &str, source: &str, paint: Paint) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let code = code(diagnostic);
    let path = text::visible(path);
    let title = level.primary_title(text::visible(&diagnostic.message)).id(code);
    let mut group = match excerpt(source, diagnostic.span) {
        Some((lines, span)) => {
            let marked = AnnotationKind::Primary.span(span);
            title.element(Snippet::source(lines).path(path).line_start(diagnostic.line).annotation(marked))
        }
        None => title.element(Origin::path(path).line(diagnostic.line).char_column(diagnostic.column)),
    };
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(text::visible(help)));
    }
    let renderer = if paint.is_on() { Renderer::styled() } else { Renderer::plain() };
    let mut drawing = renderer.render(&[group]);
    drawing.push('\n');
    drawing
}

/// The code of a diagnostic, as JSON spells it.
pub(crate) fn code(diagnostic: &Diagnostic) -> String {
    let code = serde_json::to_value(diagnostic.code).unwrap_or_default();
    code.as_str().unwrap_or("unknown").to_owned()
}

/// The lines that `span` is in, fit for a terminal, and where it is in them; none where there is nothing to show.
///
/// The renderer removes or replaces some hidden characters; here all of them are written out, as everywhere else. The
/// column that it prints counts them as they are written.
fn excerpt(source: &str, span: Span) -> Option<(String, std::ops::Range<usize>)> {
    let (before, within) = (source.get(..span.start)?, source.get(span.start..span.end.max(span.start))?);
    let behind = source.get(span.end.max(span.start)..)?;
    let first = before.rsplit('\n').next().unwrap_or_default();
    let last =
        if within.ends_with('\n') { "" } else { behind.split(['\n', '\r']).next().unwrap_or_default() };
    let mut lines = escaped(first);
    let start = lines.len();
    lines.push_str(&escaped(within));
    let end = lines.len();
    lines.push_str(&escaped(last));
    (!lines.trim().is_empty()).then_some((lines, start..end))
}

/// `text` with its hidden characters written out, except for tabs and the ends of lines.
fn escaped(text: &str) -> String {
    text.split_inclusive(['\n', '\t'])
        .map(|part| {
            let end = part.len().saturating_sub(usize::from(part.ends_with(['\n', '\t'])));
            let (shown, end) = part.split_at_checked(end).unwrap_or((part, ""));
            format!("{}{end}", text::visible(shown.strip_suffix('\r').unwrap_or(shown)))
        })
        .collect()
}

/// Prints diagnostics to standard error; in another format than a table they are part of the data.
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

/// Whether drawings were asked for.
pub(crate) fn drawn(screen: &Screen) -> bool {
    screen.format() == Format::Table
}

#[cfg(test)]
mod tests {
    use engine::diagnostic::Code;
    use engine::span::LineIndex;

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

    fn drawing(source: &str, span: std::ops::Range<usize>, help: Option<&str>) -> String {
        draw(&found(source, span, help), "p/a.yaml", source, Paint::PLAIN)
    }

    #[test]
    fn the_caret_stands_under_what_is_meant() {
        let expected = "\
error[unknown_key]: unknown key `alow`
 --> p/a.yaml:2:5
  |
2 |   - alow: true
  |     ^^^^
  |
  = help: did you mean `allow`?
";
        assert_eq!(drawing("rules:\n  - alow: true\n", 11..15, Some("did you mean `allow`?")), expected);
    }

    #[test]
    fn wide_characters_tabs_and_controls_keep_the_caret_in_place() {
        let drawing = drawing("x\n\t漢\u{1b}\u{ad}: alow", 11..15, None);
        let lines: Vec<_> = drawing.lines().collect();
        assert_eq!(lines[1], " --> p/a.yaml:2:17");
        assert_eq!(lines[3], "2 |     漢\\u001b\\u00ad: alow");
        assert_eq!(lines[4], "  |                     ^^^^");
    }

    #[test]
    fn a_span_over_lines_is_drawn_over_lines() {
        let drawing = drawing("a: [\r\n b\r\n] # x\r\n", 3..11, None);
        let lines: Vec<_> = drawing.lines().skip(3).collect();
        assert_eq!(lines, ["1 |   a: [", "  |  ____^", "2 | |  b", "3 | | ] # x", "  | |_^"]);
    }

    #[test]
    fn a_place_outside_of_the_file_has_no_drawing() {
        assert_eq!(drawing("", 0..0, None), "error[unknown_key]: unknown key `alow`\n--> p/a.yaml:1:1\n");
        assert_eq!(drawing("a", 7..9, None).lines().count(), 2);
    }
}
