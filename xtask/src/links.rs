//! Links and headings of Markdown, as GitHub and mdBook read them.
//!
//! It finds them; whether a link leads somewhere is checked in `tidy`, and the book changes them.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::collections::BTreeSet;
use std::ops::Range;

/// The extensions that GitHub and mdBook share.
fn events(text: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_TASKLISTS;
    Parser::new_ext(text, options).into_offset_iter()
}

/// A link or the address of a picture, and the position of its target in the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) target: String,
    pub(crate) at: Range<usize>,
}

/// The links of `text` in order: `[…](target)`, `![…](target)`, and `href`, `src` and `srcset` of HTML in it.
pub(crate) fn links(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (event, range) in events(text) {
        let source = text.get(range.clone()).unwrap_or_default();
        let mut add = |target: &str, offset: usize| {
            let start = range.start + offset;
            found.push(Link { target: target.to_owned(), at: start..start + target.len() });
        };
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                // The target is the text after the last `](`: the text before it may hold another link's picture.
                if let Some(at) = source.rfind(&format!("]({dest_url}")) {
                    add(&dest_url, at + 2);
                }
            }
            Event::Html(_) | Event::InlineHtml(_) => {
                for attribute in ["href=\"", "src=\"", "srcset=\""] {
                    for (at, _) in source.match_indices(attribute) {
                        let start = at + attribute.len();
                        let value = source.get(start..).and_then(|rest| rest.split('"').next());
                        // `src` is the end of no other attribute.
                        let is_whole = source.get(..at).is_some_and(|before| before.ends_with([' ', '\n']));
                        if let (Some(value), true) = (value, is_whole) {
                            add(value, start);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// The names by which the headings of `text` can be linked to.
pub(crate) fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut heading: Option<String> = None;
    for (event, _) in events(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let name = slug(&heading.take().unwrap_or_default());
                let mut unique = name.clone();
                for number in 1.. {
                    if found.insert(unique.clone()) {
                        break;
                    }
                    unique = format!("{name}-{number}");
                }
            }
            _ => {}
        }
    }
    found
}

/// The name of a heading: letters, digits, `-` and `_` in lower case, and `-` for each space.
pub(crate) fn slug(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter_map(|c| match c {
            c if c.is_whitespace() => Some('-'),
            c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c),
            _ => None,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

/// The line of `text` that holds the byte `at`, from 1.
pub(crate) fn line(text: &str, at: usize) -> usize {
    text.get(..at).map_or(0, |before| before.matches('\n').count()) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_where_a_reader_sees_them() {
        let text = "[a](b.md#c), `[no](code.md)`\n\n```text\n[no](code.md)\n```\n\n\
                    [![picture](p.svg)](page.md) <https://example.com>\n\n<img alt=\"x\" src=\"q.png\">\n";
        let found = links(text);
        let targets: Vec<&str> = found.iter().map(|link| link.target.as_str()).collect();
        assert_eq!(targets, ["b.md#c", "page.md", "p.svg", "q.png"]);
        for link in &found {
            assert_eq!(text.get(link.at.clone()), Some(link.target.as_str()));
        }
        assert_eq!(line(text, found[1].at.start), 7);
    }

    #[test]
    fn headings_are_named_as_github_names_them() {
        let text = "# Why `synchronous=FULL`?\n\n## A, b & c_d\n\n## Same\n\n## Same\n\n    # no heading\n";
        let expected = ["a-b--c_d", "same", "same-1", "why-synchronousfull"];
        assert_eq!(anchors(text), expected.map(str::to_owned).into());
    }
}
