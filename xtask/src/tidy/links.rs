//! The links of Markdown lead somewhere: to a file of this repository, and to a heading that it has.
//!
//! Addresses of the web are not fetched.

use crate::links::{anchors, line, links};
use std::fs;
use std::path::Path;

/// The links of the Markdown file called `name` that lead to no file under `root`, or to no heading of it.
pub(super) fn dead(root: &Path, name: &str, content: &str) -> Vec<String> {
    let folder = root.join(name).parent().map(Path::to_path_buf).unwrap_or_default();
    let mut findings = Vec::new();
    for link in links(content) {
        let (file, heading) = link.target.split_once('#').unwrap_or((&link.target, ""));
        if file.contains(':') {
            continue;
        }
        let place = || format!("{name}:{}", line(content, link.at.start));
        let path = folder.join(file);
        if !file.is_empty() && !path.exists() {
            findings.push(format!("{}: the link to `{}` leads nowhere", place(), link.target));
            continue;
        }
        let page = match file {
            "" => content.to_owned(),
            file if file.ends_with(".md") => fs::read_to_string(&path).unwrap_or_default(),
            _ => continue,
        };
        if !heading.is_empty() && !anchors(&page).contains(heading) {
            findings.push(format!("{}: no heading is called `{}`", place(), link.target));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_files() {
        // Tests run in the folder of their crate.
        let root = Path::new(".");
        let text = "[a](Cargo.toml#x), [b](https://example.com/x), [d](src/main.rs) and [e](src/gone.rs)";
        assert_eq!(dead(root, "a.md", text), ["a.md:1: the link to `src/gone.rs` leads nowhere"]);
        assert_eq!(dead(root, "src/a.md", "[a](main.rs), [b](../Cargo.toml)"), Vec::<String>::new());
    }

    #[test]
    fn links_lead_to_headings() {
        let root = Path::new("..");
        let text = "# One\n\n[a](#one) [b](#two) [c](CONTRIBUTING.md#house-rules)\n[d](CONTRIBUTING.md#no)";
        let expected =
            ["a.md:3: no heading is called `#two`", "a.md:4: no heading is called `CONTRIBUTING.md#no`"];
        assert_eq!(dead(root, "a.md", text), expected);
    }
}
