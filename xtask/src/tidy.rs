//! `cargo xtask tidy`: the rules of this repository that no compiler knows.
//!
//! Each check gives its findings as lines; none of them changes a file. The ones that read only files run as unit
//! tests too, so that plain `cargo test` notices.

mod arrows;
mod circles;
mod dependencies;
mod licences;
mod links;
mod manifests;
mod markdown;
mod paths;
mod prose;
mod text;

use crate::error::{Error, Result};
use crate::process;
use crate::workspace::{self, Workspace};
use std::path::Path;

/// Checks the whole repository.
///
/// # Errors
/// When there is a finding; each is printed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    process::say("checking texts, manifests and dependencies");
    let mut findings = of_files(&workspace.root)?;
    findings.extend(dependencies::check(&workspace.root)?);
    if findings.is_empty() {
        return Ok(());
    }
    for finding in &findings {
        println!("{finding}");
    }
    Err(Error::new(format!("tidy found {}", findings.len())))
}

/// The findings that need only the files.
fn of_files(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let mut texts = Vec::new();
    for path in workspace::files(root)? {
        let Ok(relative) = path.strip_prefix(root) else { continue };
        let name = relative.to_string_lossy().replace('\\', "/");
        let Ok(bytes) = std::fs::read(&path) else { continue };
        // A file that is not UTF-8 is a test input or an image.
        let Ok(content) = String::from_utf8(bytes) else { continue };
        findings.extend(text::check(&name, &content));
        if name.ends_with(".md") {
            findings.extend(markdown::check(&name, &content));
            findings.extend(links::dead(root, &name, &content));
        }
        texts.push((name, content));
    }
    findings.extend(prose::check(texts.iter().map(|(name, content)| (name.as_str(), content.as_str()))));
    findings.extend(circles::check(texts.iter().map(|(name, content)| (name.as_str(), content.as_str()))));
    findings.extend(manifests::check(root)?);
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let workspace = Workspace::find().unwrap();
        let findings = of_files(&workspace.root).unwrap();
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }
}
