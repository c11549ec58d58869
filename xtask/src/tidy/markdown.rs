//! Markdown has one sentence per line, so that a change to a sentence is a change to a line.
//!
//! A heuristic: it looks for the end of a sentence followed by the beginning of another. It leaves code, tables and
//! link targets alone and knows the abbreviations below; it misses sentences that begin in lower case.

/// Words that end with a period inside a sentence.
const ABBREVIATIONS: &[&str] =
    &["e.g.", "i.e.", "cf.", "vs.", "etc.", "approx.", "no.", "nos.", "mr.", "ms.", "dr.", "st."];

/// The findings in the Markdown file called `name`.
pub(super) fn check(name: &str, content: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let mut fence: Option<String> = None;
    for (number, line) in (1..).zip(content.lines()) {
        let trimmed = line.trim_start().trim_start_matches("> ");
        let marker: String = trimmed.chars().take_while(|c| matches!(c, '`' | '~')).collect();
        if let Some(open) = &fence {
            if marker.starts_with(open.as_str()) && trimmed.trim_end() == marker {
                fence = None;
            }
        } else if marker.len() >= 3 {
            fence = Some(marker);
        } else if !trimmed.starts_with('|') && has_two_sentences(trimmed) {
            findings.push(format!("{name}:{number}: two sentences on one line"));
        }
    }
    findings
}

fn has_two_sentences(line: &str) -> bool {
    let prose = prose(line);
    let mut words = prose.split_whitespace().peekable();
    // The number of a list item does not end a sentence.
    let mut previous_counts = false;
    while let Some(word) = words.next() {
        let is_list_number =
            !previous_counts && word.strip_suffix('.').is_some_and(|n| n.parse::<u32>().is_ok());
        previous_counts = previous_counts || !matches!(word, "-" | "*" | "+");
        if is_list_number {
            continue;
        }
        if ends_sentence(word) && words.peek().is_some_and(|next| begins_sentence(next)) {
            return true;
        }
    }
    false
}

fn ends_sentence(word: &str) -> bool {
    let word = word.trim_end_matches(['"', '\'', ')', ']', '*', '_', '”', '’']);
    if word.ends_with(['!', '?']) {
        return true;
    }
    let word = word.trim_start_matches(['(', '"', '*', '_', '[']);
    let Some(stem) = word.strip_suffix('.') else { return false };
    // `...` goes on, and `A.` is an initial.
    let is_initial = stem.chars().count() == 1 && stem.chars().all(char::is_uppercase);
    !stem.ends_with('.') && !is_initial && !ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

fn begins_sentence(word: &str) -> bool {
    word.trim_start_matches(['"', '\'', '(', '[', '*', '_', '“', '‘'])
        .chars()
        .next()
        .is_some_and(|first| first.is_uppercase() || first == CODE)
}

/// Replaces a span of code in [`prose`].
const CODE: char = '\u{fffc}';

/// `line` with each span of code and each link target replaced by one character that is not a letter.
fn prose(line: &str) -> String {
    let mut prose = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['`', '(']) {
        let (before, from) = rest.split_at(at);
        prose.push_str(before);
        let after_opening;
        let closing;
        if from.starts_with('`') {
            let ticks = from.len() - from.trim_start_matches('`').len();
            after_opening = from.trim_start_matches('`');
            closing = after_opening.find(&"`".repeat(ticks)).map(|end| end + ticks);
        } else {
            after_opening = from.strip_prefix('(').unwrap_or(from);
            closing = if before.ends_with(']') { after_opening.find(')').map(|end| end + 1) } else { None };
            if closing.is_none() {
                prose.push('(');
            }
        }
        match closing {
            Some(end) => {
                if from.starts_with('`') {
                    prose.push(CODE);
                }
                rest = after_opening.get(end..).unwrap_or_default();
            }
            None => rest = after_opening,
        }
    }
    prose.push_str(rest);
    prose
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sentences_on_a_line_are_found() {
        for line in [
            "One. Two.",
            "- Is it one? It is two.",
            "1. First. Second.",
            "He said *stop.* It went on.",
            "See [the page](docs/A.md). Then go.",
            "Run `make`. `cargo` follows.",
            "> Quoted. Again.",
        ] {
            assert_eq!(check("a.md", line).len(), 1, "{line}");
        }
    }

    #[test]
    fn one_sentence_is_left_alone() {
        for line in [
            "One sentence, e.g. This one.",
            "1. First item.",
            "- 2. An item in an item.",
            "Version 1.2 has it, see [A. B.](a. B.md) there.",
            "The text `One. Two.` is code.",
            "``One. `Two.`` too.",
            "| One. Two. | cell |",
            "Waiting ... Then going on.",
            "RFC 8785 §3.2.3 says so.",
            "",
        ] {
            assert_eq!(check("a.md", line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn code_blocks_are_left_alone() {
        let text = "```text\nOne. Two.\n```\n~~~~\nOne. Two.\n~~~\nOne. Two.\n~~~~\n";
        assert!(check("a.md", text).is_empty());
        assert_eq!(check("a.md", &format!("{text}One. Two.\n")), ["a.md:9: two sentences on one line"]);
    }
}
