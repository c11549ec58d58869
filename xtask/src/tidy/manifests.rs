//! Rules for `Cargo.toml` files and for `Cargo.lock`, read line by line as this repository writes them.
//!
//! It is not a TOML parser: cargo has read the files already when this runs.

use crate::error::Result;
use crate::workspace;
use std::collections::BTreeSet;
use std::path::Path;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The findings in the manifests and the lock file of the workspace at `root`.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = lock_findings(&workspace::read_text(&root.join("Cargo.lock"))?);
    let table = workspace::read_text(&root.join("Cargo.toml"))?;
    let mut used = BTreeSet::new();
    for path in workspace::files(root)? {
        let Some(folder) = path.parent() else { continue };
        if folder == root || path.file_name().is_none_or(|name| name != "Cargo.toml") {
            continue;
        }
        let manifest = workspace::read_text(&path)?;
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        findings.extend(manifest_findings(&name, &manifest));

        let mut code = String::new();
        for file in workspace::files(folder)? {
            if file.extension().is_some_and(|extension| extension == "rs") {
                code.push_str(&workspace::read_text(&file)?);
            }
        }
        for (_, dependency, _) in dependencies(&manifest) {
            if !mentions(&code, &dependency.replace('-', "_")) {
                findings.push(format!("{name}: no code of this crate uses the dependency `{dependency}`"));
            }
            used.insert(dependency);
        }
    }
    for (_, dependency, _) in dependencies(&table) {
        if !used.contains(&dependency) {
            findings.push(format!("Cargo.toml: no crate of the workspace uses `{dependency}`"));
        }
    }
    Ok(findings)
}

fn lock_findings(lock: &str) -> Vec<String> {
    (1..)
        .zip(lock.lines())
        .filter_map(|(number, line)| Some((number, line.strip_prefix("source = ")?.trim_matches('"'))))
        .filter(|(_, source)| *source != CRATES_IO)
        .map(|(number, source)| format!("Cargo.lock:{number}: `{source}` is not crates.io"))
        .collect()
}

fn manifest_findings(name: &str, manifest: &str) -> Vec<String> {
    let mut findings: Vec<String> = dependencies(manifest)
        .into_iter()
        .filter(|(_, _, from_table)| !from_table)
        .map(|(number, dependency, _)| {
            format!("{name}:{number}: `{dependency}` says `workspace = true`; its version stands in the root manifest")
        })
        .collect();
    if !manifest.contains("\nrepository.workspace = true\n") {
        findings.push(format!("{name}: the crate says where it is from: `repository.workspace = true`"));
    }
    if !manifest.contains("[lints]\nworkspace = true") {
        findings.push(format!(
            "{name}: the crate takes its lints from the workspace: `[lints] workspace = true`"
        ));
    }
    findings
}

/// The dependencies that `manifest` lists: line, name, and whether it refers to the workspace's table.
fn dependencies(manifest: &str) -> Vec<(usize, String, bool)> {
    let mut found = Vec::new();
    let mut in_dependencies = false;
    for (number, line) in (1..).zip(manifest.lines()) {
        let line = line.trim();
        if let Some(heading) = line.strip_prefix('[') {
            in_dependencies = heading.trim_end_matches(']').ends_with("dependencies");
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        if !in_dependencies || line.starts_with('#') {
            continue;
        }
        let key = key.trim();
        let (name, from_table) = match key.strip_suffix(".workspace") {
            Some(name) => (name, value.trim() == "true"),
            None => (key, value.contains("workspace = true")),
        };
        found.push((number, name.to_owned(), from_table));
    }
    found
}

/// Whether `code` has `name` as a whole word.
fn mentions(code: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        let after = code.get(at + name.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_the_root_manifest_only() {
        let manifest = "[package]\nrepository.workspace = true\n[dependencies]\na.workspace = true\nb = { workspace = true, features = [] }\nc = \"1\"\n\
                        [target.'cfg(unix)'.dev-dependencies]\nd = { version = \"1\" }\n[lints]\nworkspace = true\n";
        let findings = manifest_findings("x/Cargo.toml", manifest);
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings.iter().any(|finding| finding.starts_with("x/Cargo.toml:6: `c`")));
        assert!(findings.iter().any(|finding| finding.starts_with("x/Cargo.toml:8: `d`")));
    }

    #[test]
    fn a_crate_without_the_lints_or_without_its_place_is_found() {
        let findings = manifest_findings("x/Cargo.toml", "[package]\nname = \"x\"\n");
        assert_eq!(findings.len(), 2, "{findings:?}");
    }

    #[test]
    fn other_sources_are_found() {
        let lock = format!("source = \"{CRATES_IO}\"\nsource = \"git+https://example.com/x\"\n");
        assert_eq!(lock_findings(&lock), ["Cargo.lock:2: `git+https://example.com/x` is not crates.io"]);
    }

    #[test]
    fn a_use_is_a_whole_word() {
        assert!(mentions("use serde_json::Value;", "serde_json"));
        assert!(!mentions("use serde_json::Value;", "serde"));
    }
}
