//! Plain English in comments and Markdown: the habits below read as translated, and each has a better way of saying.
//!
//! It looks at prose only: comments and doc strings, and Markdown outside of code. Names in backticks, string
//! literals and generated files are left alone, and so is a question.

/// Words that open a sentence without a subject, as in "What is left is dropped".
const HEADLESS: &[&str] = &["What", "Who", "Whoever", "Whatever", "Whose"];
const INSTEAD_OF_HEADLESS: &str = "put the subject first: name the thing or the person";

/// A turn of phrase, in lower case, and what to write instead.
struct Habit {
    phrase: &'static str,
    /// Words with which it says something else.
    unless_before: &'static [&'static str],
    unless_after: &'static [&'static str],
    instead: &'static str,
}

const fn habit(phrase: &'static str, instead: &'static str) -> Habit {
    Habit { phrase, unless_before: &[], unless_after: &[], instead }
}

/// "There is no rule" and "it is not held any more" are plain; "it is not a rule" is the better way for the rest.
const fn is_no(phrase: &'static str, instead: &'static str) -> Habit {
    let unless_after = &["longer", "more", "less", "later", "better", "worse", "different"];
    Habit { phrase, unless_before: &["there"], unless_after, instead }
}

const HABITS: &[Habit] = &[
    habit("somebody", "someone, or the role: the caller, the approver"),
    habit("anybody", "anyone, or the role"),
    habit("everybody", "everyone, or the role"),
    habit("nobody", "no one, or say what does not happen"),
    habit("whoever", "anyone who, or the role"),
    habit("those who", "the role: clients that, people who"),
    habit("beside", "next to, with, in addition to"),
    habit("of before", "earlier, previous"),
    habit("others than", "anyone but, other users"),
    habit("with a word", "and says"),
    habit("has to be said", "state it"),
    habit("brought into force", "activated"),
    habit("tells of", "reports, names"),
    habit("tell of", "report, name"),
    habit("told of", "notified of, informed about"),
    habit("speaks of", "mentions, names"),
    habit("speak of", "mention, name"),
    Habit { unless_after: &["for", "in"], ..habit("stands", "is, appears, is listed") },
    Habit { unless_after: &["for", "in"], ..habit("stood", "was, appeared") },
    is_no("is no", "is not a"),
    is_no("are no", "are not"),
    is_no("was no", "was not a"),
    is_no("were no", "were not"),
];

/// Parts that are being rewritten, each with the findings that it may still have. A part that is not named has none.
const LEFT: &[(&str, usize)] = &[("README.md", 12), ("host/", 45), ("python/", 10), ("web/", 60)];

/// The findings in all files, given as name (from the root, with `/`) and content.
pub(super) fn check<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut left: Vec<(usize, Vec<String>)> = LEFT.iter().map(|(_, most)| (*most, Vec::new())).collect();
    let mut findings = Vec::new();
    for (name, content) in files {
        let of_file = of_file(name, content);
        match LEFT.iter().position(|(part, _)| name.starts_with(part)).and_then(|at| left.get_mut(at)) {
            Some((_, of_part)) => of_part.extend(of_file),
            None => findings.extend(of_file),
        }
    }
    findings
        .extend(left.into_iter().filter(|(most, found)| found.len() > *most).flat_map(|(_, found)| found));
    findings
}

fn of_file(name: &str, content: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for paragraph in paragraphs(name, content) {
        for (at, said, instead) in habits(&paragraph.text) {
            let line = paragraph.line_of(at);
            findings.push(format!("{name}:{line}: \"{said}\" reads as translated; {instead}"));
        }
    }
    findings
}

/// Where the habits are in `text`, what each says there, and what to write instead.
fn habits(text: &str) -> Vec<(usize, String, &'static str)> {
    let mut found = Vec::new();
    for (at, sentence) in sentences(text) {
        let mut words = sentence.split_whitespace();
        if let (Some(first), Some(second)) = (words.next(), words.next())
            && HEADLESS.contains(&first)
            && second.starts_with(|c: char| c.is_lowercase() || c == CODE)
            && !sentence.ends_with('?')
        {
            found.push((at, format!("{first} {second} …"), INSTEAD_OF_HEADLESS));
        }
    }
    let lower = text.to_ascii_lowercase();
    for habit in HABITS {
        for (at, _) in lower.match_indices(habit.phrase) {
            let before = lower.get(..at).unwrap_or_default();
            let after = lower.get(at + habit.phrase.len()..).unwrap_or_default();
            let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
            if before.ends_with(is_part) || after.starts_with(is_part) {
                continue;
            }
            let follows = after.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty());
            let precedes = before.split(|c: char| !c.is_alphanumeric()).rfind(|word| !word.is_empty());
            if !follows.is_some_and(|word| habit.unless_after.contains(&word))
                && !precedes.is_some_and(|word| habit.unless_before.contains(&word))
            {
                found.push((at, habit.phrase.to_owned(), habit.instead));
            }
        }
    }
    found
}

/// The sentences of `text` with where each begins.
fn sentences(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let ends = matches!(c, '.' | '?' | '!') && characters.peek().is_none_or(|(_, next)| *next == ' ');
        if ends || characters.peek().is_none() {
            let end = at + c.len_utf8();
            found.push((start, text.get(start..end).unwrap_or_default().trim()));
            start = end + 1;
        }
    }
    found
}

/// Stands for a name in backticks.
const CODE: char = '·';

/// Lines of prose that belong together, as one text.
#[derive(Default)]
struct Paragraph {
    text: String,
    /// Where each line begins in the text, with its number.
    lines: Vec<(usize, usize)>,
}

impl Paragraph {
    fn push(&mut self, number: usize, line: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.lines.push((self.text.len(), number));
        // A name in backticks is one word, whatever it says.
        for (index, piece) in line.split('`').enumerate() {
            if index % 2 == 0 {
                self.text.push_str(piece);
            } else {
                self.text.push(CODE);
            }
        }
    }

    fn line_of(&self, at: usize) -> usize {
        self.lines.iter().rev().find(|(start, _)| *start <= at).map_or(1, |(_, number)| *number)
    }
}

/// The prose of a file. A list item, a heading, a row of a table and a line without prose each begin another paragraph.
fn paragraphs(name: &str, content: &str) -> Vec<Paragraph> {
    let mut found: Vec<Paragraph> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(prose_lines(name, content)) {
        let text = line.trim();
        let bare = text.trim_start_matches(['-', '*', '+', '#', '>', '|', ' ']);
        if bare.is_empty() {
            goes_on = false;
            continue;
        }
        if !goes_on || bare.len() < text.len() {
            found.push(Paragraph::default());
        }
        if let Some(last) = found.last_mut() {
            last.push(number, bare);
        }
        goes_on = true;
    }
    found
}

/// For each line the prose on it, or nothing.
fn prose_lines<'a>(name: &str, content: &'a str) -> Vec<&'a str> {
    let kind = name.rsplit('.').next().unwrap_or_default();
    if name.contains("generated") {
        return Vec::new();
    }
    match kind {
        "md" => markdown(content),
        "rs" | "ts" | "mjs" | "js" | "css" => c_comments(content),
        "py" => python(content),
        "yaml" | "yml" | "toml" => content.lines().map(|line| after_mark(line, "#")).collect(),
        _ => Vec::new(),
    }
}

fn markdown(content: &str) -> Vec<&str> {
    let mut in_code = false;
    let prose = content.lines().map(|line| {
        if line.trim_start_matches(['>', ' ']).starts_with("```") {
            in_code = !in_code;
            ""
        } else if in_code {
            ""
        } else {
            line
        }
    });
    prose.collect()
}

fn c_comments(content: &str) -> Vec<&str> {
    let mut in_block = false;
    let prose = content.lines().map(|line| {
        let trimmed = line.trim_start();
        if in_block {
            in_block = !trimmed.contains("*/");
            trimmed.trim_start_matches('*').trim_end_matches("*/")
        } else if let Some(block) = trimmed.strip_prefix("/*") {
            in_block = !block.contains("*/");
            block.trim_start_matches('*').trim_end_matches("*/")
        } else {
            after_mark(line, "//").trim_start_matches(['/', '!'])
        }
    });
    prose.collect()
}

fn python(content: &str) -> Vec<&str> {
    let mut in_text = false;
    let prose = content.lines().map(|line| {
        let trimmed = line.trim_start();
        if in_text {
            in_text = !trimmed.contains("\"\"\"");
            trimmed.trim_end_matches("\"\"\"")
        } else if let Some(text) = trimmed.strip_prefix("\"\"\"") {
            in_text = !text.contains("\"\"\"");
            text.trim_end_matches("\"\"\"")
        } else {
            after_mark(line, "#").trim_start_matches(':')
        }
    });
    prose.collect()
}

/// The comment of a line: the line begins with `mark`, or has it between spaces.
fn after_mark<'a>(line: &'a str, mark: &str) -> &'a str {
    let trimmed = line.trim_start();
    trimmed
        .strip_prefix(mark)
        .or_else(|| trimmed.split_once(&format!(" {mark} ")).map(|(_, comment)| comment))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, content: &str) -> usize {
        of_file(name, content).len()
    }

    #[test]
    fn a_headless_opening_is_found_and_a_question_is_not() {
        assert_eq!(found("a.rs", "//! What is left is dropped.\n"), 1);
        assert_eq!(found("a.rs", "/// The rest is\n/// dropped. Who asks waits.\n"), 1);
        assert_eq!(found("a.md", "## What is left?\n"), 0);
        assert_eq!(found("a.rs", "/// The rest is dropped.\n"), 0);
    }

    #[test]
    fn each_habit_is_found() {
        for habit in HABITS {
            assert_eq!(found("a.md", &format!("It {} `x`.\n", habit.phrase)), 1, "{}", habit.phrase);
            for word in habit.unless_after {
                assert_eq!(found("a.md", &format!("It {} {word} it.\n", habit.phrase)), 0, "{word}");
            }
            for word in habit.unless_before {
                assert_eq!(found("a.md", &format!("And {word} {} it.\n", habit.phrase)), 0, "{word}");
            }
        }
    }

    #[test]
    fn only_prose_is_read() {
        let habit = "somebody";
        for (name, prose, code) in [
            ("a.rs", "x(); // {}", "let {} = 1;"),
            ("a.ts", "/**\n * {}\n */", "const {} = 1;"),
            ("a.py", "\"\"\"Why.\n\n{}\n\"\"\"", "{} = 1"),
            ("a.yaml", "a: 1 # {}", "a: {}"),
            ("a.md", "{}", "```\n{}\n```"),
        ] {
            assert_eq!(found(name, &prose.replace("{}", habit)), 1, "{name}");
            assert_eq!(found(name, &code.replace("{}", habit)), 0, "{name}");
        }
        assert_eq!(found("a.md", "the key `somebody` has\n"), 0);
        assert_eq!(found("pkg/src/generated/a.ts", "// somebody\n"), 0);
    }

    #[test]
    fn a_finding_names_its_line() {
        let findings = of_file("a.rs", "/// First line\n/// and somebody else.\n");
        assert!(findings.iter().all(|finding| finding.starts_with("a.rs:2: ")), "{findings:?}");
        assert_eq!(findings.len(), 1);
    }
}
