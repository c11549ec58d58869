//! Rules for the text of a file, whatever it says.
//!
//! The words that are looked for are written here in two halves, so that this file passes its own rules.

/// Folders of one machine. A path that a document shows on purpose starts with something else.
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Words for unfinished work.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("#[ig", "nore"),
    concat!("mark.sk", "ip"),
    concat!("import", "orskip"),
    concat!("xf", "ail"),
    concat!("test.sk", "ip"),
    concat!("it.sk", "ip("),
    concat!("describe.sk", "ip("),
    concat!("test.to", "do("),
];

/// Source files longer than this are more than one idea.
const MAX_LINES: usize = 600;

/// The opening of a file of each kind: a comment with its purpose.
const OPENINGS: &[(&str, &[&str])] = &[
    (".rs", &["//!"]),
    (".ts", &["//", "/*", "#!"]),
    (".mjs", &["//", "/*", "#!"]),
    (".py", &["\"\"\"", "#"]),
];

/// Files that may be longer, each with its reason.
const MAY_BE_LONG: &[(&str, &str)] = &[];

/// The findings in the file called `name` (from the root of the repository, with `/`).
pub(super) fn check(name: &str, content: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let opening = OPENINGS.iter().find(|(end, _)| name.ends_with(end));
    if let Some((end, openings)) = opening
        && !openings.iter().any(|opening| content.starts_with(opening))
    {
        let expected = openings.first().unwrap_or(&"");
        findings.push(format!(
            "{name}:1: a `{end}` file opens with `{expected}`: what it is for, what it does not do"
        ));
    }
    if name.ends_with("package-lock.json") && content.contains("\"resolved\"") {
        findings.push(format!(
            "{name}: it names where packages were fetched from; make it with `npm install --omit-lockfile-registry-resolved`"
        ));
    }
    let is_source = opening.is_some();
    let lines = content.lines().count();
    if is_source && lines > MAX_LINES && !MAY_BE_LONG.iter().any(|(file, _)| *file == name) {
        findings.push(format!(
            "{name}: {lines} lines, and {MAX_LINES} are the limit; make two files of two ideas"
        ));
    }
    for (number, line) in (1..).zip(content.lines()) {
        for path in MACHINE_PATHS.iter().filter(|path| has_path(line, path)) {
            findings.push(format!("{name}:{number}: `{path}` is a path of one machine"));
        }
        for word in UNFINISHED.iter().filter(|word| line.contains(*word)) {
            findings.push(format!("{name}:{number}: `{word}`: finish it, or leave it out"));
        }
    }
    findings
}

/// Whether `line` has `path` as the beginning of a path, not as the middle of a longer one or of a URL.
fn has_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|before| {
            before.is_alphanumeric() || matches!(before, '/' | '.' | '_' | '-' | '}' | '>')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(name: &str, content: &str) -> usize {
        check(name, content).len()
    }

    #[test]
    fn source_files_open_with_their_purpose() {
        assert_eq!(count("a.rs", "//! Why.\nfn main() {}\n"), 0);
        assert_eq!(count("a.rs", "fn main() {}\n"), 1);
        assert_eq!(count("a.py", "print(1)\n"), 1);
        assert_eq!(count("a.py", "\"\"\"Why.\"\"\"\nprint(1)\n"), 0);
        assert_eq!(count("a.mjs", "console.log(1);\n"), 1);
        assert_eq!(count("a.d.ts", "// Why.\nexport {};\n"), 0);
        assert_eq!(count("a.yaml", "a: 1\n"), 0);
    }

    #[test]
    fn a_lock_file_does_not_name_where_packages_were_fetched() {
        assert_eq!(count("a/package-lock.json", r#"{ "resolved": "https://example.com/a.tgz" }"#), 1);
        assert_eq!(count("a/package-lock.json", r#"{ "integrity": "sha512-x" }"#), 0);
    }

    #[test]
    fn long_sources_are_found() {
        let long = format!("//! Why.\n{}", "\n".repeat(MAX_LINES));
        assert_eq!(count("a.rs", &long), 1);
        assert_eq!(count("a.yaml", &long), 0);
    }

    #[test]
    fn paths_of_a_machine_are_found_and_urls_are_not() {
        for path in MACHINE_PATHS {
            assert_eq!(count("a.md", &format!("see {path}x")), 1, "{path}");
            assert_eq!(count("a.md", &format!("see https://example.com{path}x")), 0, "{path}");
            assert_eq!(count("a.md", &format!("see ./a{path}x")), 0, "{path}");
        }
    }

    #[test]
    fn unfinished_work_is_found() {
        for word in UNFINISHED {
            assert_eq!(count("a.py", &format!("#  {word}")), 1, "{word}");
        }
    }
}
