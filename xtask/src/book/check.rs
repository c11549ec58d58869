//! The links inside the built site: each leads to a file, and to an element with that id.
//!
//! It reads the HTML that mdBook writes, and cannot parse any other.

use crate::error::Result;
use crate::workspace;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A page that mdBook makes for web servers, which show it at any address.
const NOT_FOUND: &str = "404.html";

/// The links of the site in `folder` that lead nowhere.
///
/// # Errors
/// When a page cannot be read.
pub(super) fn dead_links(folder: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    for path in workspace::files(folder)? {
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        if name.ends_with(".html") && name != NOT_FOUND {
            pages.insert(name, workspace::read_text(&path)?);
        }
    }
    let ids: BTreeMap<&str, BTreeSet<&str>> =
        pages.iter().map(|(name, html)| (name.as_str(), attributes(html, "id").collect())).collect();
    let mut dead = Vec::new();
    for (name, html) in &pages {
        for link in attributes(html, "href").chain(attributes(html, "src")) {
            let (file, id) = link.split_once('#').unwrap_or((link, ""));
            if file.contains(':') || file.starts_with('/') {
                continue;
            }
            let target = if file.is_empty() { name.as_str() } else { file };
            let is_there = match ids.get(target) {
                Some(ids) => id.is_empty() || ids.contains(id),
                None => folder.join(target).is_file(),
            };
            if !is_there {
                dead.push(format!("{name}: `{link}` leads nowhere"));
            }
        }
    }
    dead.sort();
    dead.dedup();
    Ok(dead)
}

fn attributes<'a>(html: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let opening = format!(" {name}=\"");
    html.match_indices(&opening)
        .filter_map(move |(at, found)| html.get(at + found.len()..)?.split('"').next())
        .collect::<Vec<_>>()
        .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_by_their_name() {
        let html = r##"<a class="x" href="#a">b</a> <h2 id="a"> <p data-id="c">"##;
        assert_eq!(attributes(html, "href").collect::<Vec<_>>(), ["#a"]);
        assert_eq!(attributes(html, "id").collect::<Vec<_>>(), ["a"]);
    }
}
