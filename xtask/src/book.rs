//! `cargo xtask book`: the documentation as a site, in `target/book/html`.
//!
//! `docs/SUMMARY.md` names the chapters, which stay where GitHub shows them too, some of them outside of `docs`. Here they
//! are put into one folder: a link to another chapter leads to that chapter, and any other to the repository. Afterwards
//! every link of the site is followed.

mod check;

use crate::error::{Error, Result, While};
use crate::links::links;
use crate::workspace::{self, Workspace};
use crate::{process, tools};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

const SUMMARY: &str = "docs/SUMMARY.md";
const REPOSITORY: &str = "https://github.com/faramesh/faramesh";
const PICTURES: &[&str] = &[".png", ".svg", ".webp"];

/// Builds the book and checks its links.
///
/// # Errors
/// When a chapter is missing, mdBook fails, or a link leads nowhere.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mdbook = tools::MDBOOK.ensure(workspace)?;
    process::say("building target/book/html");
    let folder = workspace.target.join("book");
    if folder.exists() {
        fs::remove_dir_all(&folder).while_trying_to(|| format!("remove `{}`", folder.display()))?;
    }
    let book = Book::read(&workspace.root)?;
    book.write(&folder)?;
    process::run(Command::new(mdbook).arg("build").arg(&folder).env("MDBOOK_LOG", "warn"))?;
    let dead = check::dead_links(&folder.join("html"))?;
    if dead.is_empty() {
        println!("book: {} chapters; every link leads somewhere", book.pages.len());
        return Ok(());
    }
    dead.iter().for_each(|link| println!("{link}"));
    Err(Error::new(format!("the book has {} dead links", dead.len())))
}

struct Book<'a> {
    root: &'a Path,
    /// The page of each chapter, by the path of its file in the repository.
    pages: BTreeMap<String, String>,
}

impl<'a> Book<'a> {
    fn read(root: &'a Path) -> Result<Self> {
        let summary = workspace::read_text(&root.join(SUMMARY))?;
        let pages = links(&summary)
            .into_iter()
            .map(|link| resolve(SUMMARY, &link.target))
            .map(|file| (file.clone(), page(&file)))
            .collect();
        Ok(Book { root, pages })
    }

    /// Writes the settings, the summary and all chapters to `folder`.
    fn write(&self, folder: &Path) -> Result<()> {
        let source = folder.join("src");
        fs::create_dir_all(&source).while_trying_to(|| format!("make `{}`", source.display()))?;
        let put = |name: &Path, content: &[u8]| {
            fs::write(name, content).while_trying_to(|| format!("write `{}`", name.display()))
        };
        put(&folder.join("book.toml"), workspace::read_text(&self.root.join("docs/book.toml"))?.as_bytes())?;
        let chapters = self.pages.iter().map(|(file, page)| (file.as_str(), page.as_str()));
        for (file, page) in chapters.chain([(SUMMARY, "SUMMARY.md")]) {
            let (text, pictures) = self.rewritten(file, &workspace::read_text(&self.root.join(file))?);
            put(&source.join(page), text.as_bytes())?;
            for picture in pictures {
                let from = self.root.join(&picture);
                let name = picture.rsplit('/').next().unwrap_or(&picture);
                fs::copy(&from, source.join(name))
                    .while_trying_to(|| format!("copy the picture `{}`", from.display()))?;
            }
        }
        Ok(())
    }

    /// `text`, which is that of `file`, with links that are right inside of the book, and the pictures that it shows.
    fn rewritten(&self, file: &str, text: &str) -> (String, Vec<String>) {
        let (mut written, mut end, mut pictures) = (String::new(), 0, Vec::new());
        let mut links = links(text);
        links.sort_by_key(|link| link.at.start);
        for link in links {
            let (path, heading) = link.target.split_once('#').unwrap_or((&link.target, ""));
            if path.is_empty() || path.contains(':') {
                continue;
            }
            let path = resolve(file, path);
            let target = match self.pages.get(&path) {
                Some(page) => page.clone(),
                None if PICTURES.iter().any(|kind| path.ends_with(kind)) => {
                    pictures.push(path.clone());
                    path.rsplit('/').next().unwrap_or(&path).to_owned()
                }
                None => {
                    let kind = if self.root.join(&path).is_dir() { "tree" } else { "blob" };
                    format!("{REPOSITORY}/{kind}/main/{path}")
                }
            };
            written.push_str(text.get(end..link.at.start).unwrap_or_default());
            written.push_str(&target);
            if !heading.is_empty() {
                written.push('#');
                written.push_str(heading);
            }
            end = link.at.end;
        }
        written.push_str(text.get(end..).unwrap_or_default());
        (written, pictures)
    }
}

/// The path from the root of the repository that `target` has in `file`.
fn resolve(file: &str, target: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => _ = parts.pop(),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The name of a chapter's page: that of its file, or of its folder where the file is a `README.md`.
fn page(file: &str) -> String {
    let stem = file.strip_suffix(".md").unwrap_or(file);
    let name = match stem.strip_suffix("/README") {
        Some("docs") => "index",
        Some(folder) => folder.rsplit('/').next().unwrap_or(folder),
        None => stem.rsplit('/').next().unwrap_or(stem),
    };
    format!("{}.md", name.to_lowercase().replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_those_of_the_book() {
        let page_of = |file: &str| (file.to_owned(), page(file));
        let book = Book {
            root: Path::new(".."),
            pages: ["docs/POLICY.md", "docs/README.md", "python/README.md"].map(page_of).into(),
        };
        let text = "[a](../docs/POLICY.md#risk) [b](../engine/src/lib.rs) [c](../engine) [d](#here) [e](../docs/README.md) ![f](../web/icon.svg)";
        let (text, pictures) = book.rewritten("python/README.md", text);
        assert_eq!(
            text,
            format!(
                "[a](policy.md#risk) [b]({REPOSITORY}/blob/main/engine/src/lib.rs) \
                 [c]({REPOSITORY}/tree/main/engine) [d](#here) [e](index.md) ![f](icon.svg)"
            )
        );
        assert_eq!(pictures, ["web/icon.svg"]);
        assert_eq!(page("docs/FARAMESH_SDK.md"), "faramesh-sdk.md");
    }
}
