//! Which crate of the workspace may depend on which: one way, so that each can be read, built and tested without those
//! that use it.

use serde_json::Value;
use std::collections::BTreeSet;

/// Each crate, and the crates of the workspace that it may depend on. An arrow more is a decision, and belongs into
/// `docs/ARCHITECTURE.md`.
const ARROWS: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("api", &["engine"]),
    ("store", &["engine"]),
    ("runtime", &["engine"]),
    ("host", &["api", "engine", "runtime", "store"]),
    ("cli", &["api", "engine", "host", "runtime", "store"]),
    ("web", &["api", "engine"]),
    ("conformance", &["api", "engine", "host", "runtime", "store"]),
    ("surface", &["engine"]),
    ("xtask", &[]),
];

/// What a crate is kept free of, so that it builds and its tests run without it.
const NEVER: &[(&str, &[&str])] = &[
    ("api", &["tokio", "rusqlite", "wasmtime", "axum"]),
    ("store", &["wasmtime", "axum", "hyper", "notify", "clap"]),
    ("runtime", &["rusqlite", "axum", "hyper", "notify", "clap"]),
    ("host", &["clap"]),
];

/// The findings in what `cargo metadata` printed.
pub(super) fn check(metadata: &Value) -> Vec<String> {
    let list = |value: &Value, key: &str| -> Vec<Value> {
        value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let ids: BTreeSet<String> =
        list(metadata, "workspace_members").iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    let packages: Vec<Value> =
        list(metadata, "packages").into_iter().filter(|package| ids.contains(&text(package, "id"))).collect();
    let members: BTreeSet<String> = packages.iter().map(|package| text(package, "name")).collect();
    let mut findings = Vec::new();
    for package in &packages {
        let name = text(package, "name");
        let Some((_, may)) = ARROWS.iter().find(|(of, _)| *of == name) else {
            findings.push(format!("the crate `{name}` is not in the table of xtask/src/tidy/arrows.rs"));
            continue;
        };
        let never = NEVER.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, never)| never);
        for dependency in list(package, "dependencies") {
            let on = text(&dependency, "name");
            // What only tests need is theirs, as long as it is no crate of ours.
            let is_for_tests = text(&dependency, "kind") == "dev";
            if members.contains(&on) && !may.contains(&on.as_str()) {
                findings.push(format!(
                    "the crate `{name}` must not depend on `{on}`: see ARROWS in xtask/src/tidy/arrows.rs"
                ));
            }
            if never.contains(&on.as_str()) && !is_for_tests {
                findings.push(format!(
                    "the crate `{name}` is kept free of `{on}`: see NEVER in xtask/src/tidy/arrows.rs"
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(packages: &[(&str, &[(&str, Option<&str>)])]) -> Vec<String> {
        let listed = packages.iter().map(|(name, dependencies)| {
            let dependencies: Vec<Value> =
                dependencies.iter().map(|(name, kind)| json!({ "name": name, "kind": kind })).collect();
            json!({ "id": name, "name": name, "dependencies": dependencies })
        });
        let ids: Vec<&str> = packages.iter().map(|(name, _)| *name).collect();
        check(&json!({ "packages": listed.collect::<Vec<_>>(), "workspace_members": ids }))
    }

    #[test]
    fn arrows_of_the_table_are_permitted() {
        let packages: &[(&str, &[(&str, Option<&str>)])] =
            &[("engine", &[("serde", None)]), ("store", &[("engine", None), ("wasmtime", Some("dev"))])];
        assert_eq!(found(packages), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_back_is_found_also_where_only_tests_have_it() {
        for kind in [None, Some("dev"), Some("build")] {
            let packages: &[(&str, &[(&str, Option<&str>)])] = &[("host", &[]), ("store", &[("host", kind)])];
            assert_eq!(found(packages).len(), 1, "{kind:?}");
        }
    }

    #[test]
    fn a_new_crate_and_a_stranger_are_found() {
        assert_eq!(found(&[("helpers", &[])]).len(), 1);
        assert_eq!(found(&[("store", &[("axum", None)])]).len(), 1);
    }
}
