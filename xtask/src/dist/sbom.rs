//! The components of the program, as CycloneDX: the crates that it is compiled from, those of the dashboard that it
//! carries, and the npm packages in the dashboard's editor.
//!
//! `cargo cyclonedx` lists crates; it knows nothing of npm, so those are added from the lock file of the editor.

use super::{TARGET, WASM_TARGET};
use crate::error::{Error, Result, While};
use crate::workspace::{self, Workspace};
use crate::{process, tools};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Where the program and the dashboard are compiled, each with its target.
const CRATES: [(&str, &str); 2] = [("host/cli", TARGET), ("web", WASM_TARGET)];
const EDITOR_LOCK: &str = "web/editor/package-lock.json";
/// The name under which `cargo cyclonedx` leaves its list next to the manifest.
const LEFT: &str = "faramesh-components";

/// Writes the list to `path`.
///
/// # Errors
/// When the crates or packages cannot be listed.
pub(super) fn write(workspace: &Workspace, path: &Path) -> Result<()> {
    let mut whole: Option<Value> = None;
    let mut components = BTreeMap::new();
    for (folder, target) in CRATES {
        let mut list = crates(workspace, folder, target)?;
        for component in take(&mut list, "components") {
            components.insert(purl(&component)?, component);
        }
        whole.get_or_insert(list);
    }
    let lock = workspace::read_text(&workspace.root.join(EDITOR_LOCK))?;
    for component in packages(&lock)? {
        components.insert(purl(&component)?, component);
    }
    let mut whole = whole.unwrap_or_default();
    println!("components: {}", components.len());
    set(&mut whole, "components", components.into_values().collect());
    // Which crate needs which is said for the program alone, so it would be half the truth.
    take(&mut whole, "dependencies");
    let text = serde_json::to_string_pretty(&whole).while_trying_to(|| "print the components".into())?;
    fs::write(path, text + "\n").while_trying_to(|| format!("write `{}`", path.display()))
}

/// The output of `cargo cyclonedx` for the crate in `folder`.
fn crates(workspace: &Workspace, folder: &str, target: &str) -> Result<Value> {
    let program = tools::CYCLONEDX.ensure(workspace)?;
    let manifest = workspace.root.join(folder).join("Cargo.toml");
    process::run(
        std::process::Command::new(program)
            .args(["cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5", "--manifest-path"])
            .arg(&manifest)
            .args(["--target", target, "--no-build-deps", "--override-filename", LEFT])
            .current_dir(&workspace.root),
    )?;
    // It leaves one for each crate of the workspace that is behind this one.
    let mut own = None;
    for left in workspace::files(&workspace.root)? {
        if left.file_name().is_some_and(|name| name == format!("{LEFT}.json").as_str()) {
            if left.parent() == manifest.parent() {
                own = Some(workspace::read_text(&left)?);
            }
            fs::remove_file(&left).while_trying_to(|| format!("remove `{}`", left.display()))?;
        }
    }
    let text = own.ok_or_else(|| Error::new(format!("`cargo cyclonedx` listed nothing for `{folder}`")))?;
    serde_json::from_str(&text).while_trying_to(|| "read what `cargo cyclonedx` wrote".into())
}

/// The packages of an npm lock file that are part of its build.
fn packages(lock: &str) -> Result<Vec<Value>> {
    let lock: Value = serde_json::from_str(lock).while_trying_to(|| format!("read `{EDITOR_LOCK}`"))?;
    let packages = lock.get("packages").and_then(Value::as_object).into_iter().flatten();
    Ok(packages
        .filter(|(_, package)| package.get("dev").is_none())
        .filter_map(|(path, package)| {
            let (_, name) = path.rsplit_once("node_modules/")?;
            let version = package.get("version")?.as_str()?;
            let purl = format!("pkg:npm/{}@{version}", name.replace('@', "%40"));
            let mut component =
                json!({ "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl });
            if let Some(licence) = package.get("license") {
                set(&mut component, "licenses", vec![json!({ "expression": licence })]);
            }
            Some(component)
        })
        .collect())
}

fn purl(component: &Value) -> Result<String> {
    let purl = component.get("purl").and_then(Value::as_str);
    purl.map(str::to_owned).ok_or_else(|| Error::new(format!("a component has no address: {component}")))
}

fn take(object: &mut Value, key: &str) -> Vec<Value> {
    match object.as_object_mut().and_then(|object| object.remove(key)) {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    }
}

fn set(object: &mut Value, key: &str, values: Vec<Value>) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), Value::Array(values));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_that_only_build_are_left_out() {
        let lock = r#"{ "packages": {
            "": { "name": "editor" },
            "node_modules/@codemirror/view": { "version": "6.1.0", "license": "MIT" },
            "node_modules/esbuild": { "version": "0.27.3", "dev": true }
        } }"#;
        let found = packages(lock).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["purl"], "pkg:npm/%40codemirror/view@6.1.0");
        assert_eq!(found[0]["licenses"][0]["expression"], "MIT");
    }
}
