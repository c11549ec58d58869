//! No circles between the files of a crate: whoever changes a file reads it and what it uses, and that has an end.
//!
//! A module may use what is declared in the module above it, and the other way round; every other circle is a finding. The
//! paths that a file names are taken from its tokens (see [`super::paths`]), without expanding macros or resolving
//! names that no path spells out. Tests inside of a file are left out.

use super::paths::{self, File};
use std::collections::{BTreeMap, BTreeSet};

/// Crates whose circles are still to be broken.
const NOT_YET: &[&str] = &["host/api/src"];

/// The files of one crate, by the path of their module: `["store", "sqlite"]`, and `[]` for its root.
type Tree<'a> = BTreeMap<Vec<String>, (&'a str, File)>;

/// The circles between the files, each given with its name from the root of the repository.
pub(super) fn check<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let sources: Vec<(&str, &str)> = files.into_iter().filter(|(name, _)| name.ends_with(".rs")).collect();
    let mut crates: BTreeMap<&str, Tree<'_>> = BTreeMap::new();
    let roots: BTreeSet<&str> = sources.iter().filter_map(|(name, _)| root_folder(name)).collect();
    for (name, content) in sources {
        // A folder inside another one may be a crate of its own: `src/bin/bench` in `src`.
        let inside = |root: &&&str| name.strip_prefix(**root).is_some_and(|rest| rest.starts_with('/'));
        let Some(root) = roots.iter().filter(inside).max_by_key(|root| root.len()) else { continue };
        let Some(module) = module_of(name.strip_prefix(root).unwrap_or_default()) else { continue };
        let tree = crates.entry(root).or_default();
        // A library beside a program in one folder: the program uses the library as any other crate does.
        if !(module.is_empty() && name.ends_with("main.rs") && tree.contains_key(&module)) {
            tree.insert(module, (name, paths::read(content)));
        }
    }
    let checked = crates.iter().filter(|(root, _)| !NOT_YET.contains(root));
    checked.flat_map(|(_, tree)| circles(tree)).collect()
}

/// The folder of a crate's root file.
fn root_folder(name: &str) -> Option<&str> {
    name.strip_suffix("/lib.rs").or_else(|| name.strip_suffix("/main.rs"))
}

/// The module of a file, given below the folder of its crate: `/a/b.rs` is `a::b`.
fn module_of(below: &str) -> Option<Vec<String>> {
    let path = below.strip_prefix('/')?.strip_suffix(".rs")?;
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    match parts.as_slice() {
        [root] if root == "lib" || root == "main" => parts.clear(),
        [.., last] if last == "mod" => _ = parts.pop(),
        // Programs of one file.
        [first, ..] if first == "bin" => return None,
        _ => {}
    }
    Some(parts)
}

fn circles(tree: &Tree<'_>) -> Vec<String> {
    let uses: BTreeMap<&Vec<String>, BTreeSet<&Vec<String>>> =
        tree.iter().map(|(module, (_, file))| (module, used(tree, module, file))).collect();
    let mut findings = Vec::new();
    let mut told: BTreeSet<&Vec<String>> = BTreeSet::new();
    for module in tree.keys() {
        if told.contains(module) {
            continue;
        }
        let Some(circle) = circle_through(module, &uses) else { continue };
        told.extend(circle.iter().copied());
        let names: Vec<&str> =
            circle.iter().filter_map(|module| tree.get(*module)).map(|(name, _)| *name).collect();
        if let Some(first) = names.first() {
            findings.push(format!("{first}: these files use each other in a circle: {}", names.join(" -> ")));
        }
    }
    findings
}

/// The files that `module` uses, other than those of the modules above it.
fn used<'t>(tree: &'t Tree<'_>, module: &[String], file: &File) -> BTreeSet<&'t Vec<String>> {
    let found = file.paths.iter().filter_map(|path| target(tree, module, path));
    found.filter(|target| !module.starts_with(target)).collect()
}

/// The file that a path leads to.
fn target<'t>(tree: &'t Tree<'_>, from: &[String], path: &[String]) -> Option<&'t Vec<String>> {
    let (first, mut rest) = path.split_first()?;
    let mut at: Vec<String> = match first.as_str() {
        "crate" => Vec::new(),
        "self" => from.to_vec(),
        "super" => from.split_last()?.1.to_vec(),
        child => [from, &[child.to_owned()]].concat(),
    };
    while let Some((segment, behind)) = rest.split_first() {
        if segment == "super" {
            at.pop()?;
        } else if segment != "self" {
            let below = [at.as_slice(), std::slice::from_ref(segment)].concat();
            if !tree.contains_key(&below) {
                break;
            }
            at = below;
        }
        rest = behind;
    }
    // An item that a module hands on from a module below it is that module's.
    let (key, (_, file)) = tree.get_key_value(&at)?;
    match rest.first().and_then(|item| file.handed_on.get(item)) {
        Some(path) if key != from => target(tree, key, path),
        _ => Some(key),
    }
}

/// A shortest circle through `start`.
fn circle_through<'t>(
    start: &'t Vec<String>,
    uses: &BTreeMap<&'t Vec<String>, BTreeSet<&'t Vec<String>>>,
) -> Option<Vec<&'t Vec<String>>> {
    let mut ways = std::collections::VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::from([start]);
    while let Some(way) = ways.pop_front() {
        for next in uses.get(way.last()?)? {
            if *next == start {
                return Some(way);
            }
            if seen.insert(next) {
                ways.push_back([way.as_slice(), &[*next]].concat());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(files.iter().copied())
    }

    #[test]
    fn a_circle_of_any_length_is_found_once() {
        let two = [
            ("x/src/lib.rs", "mod a;\nmod b;"),
            ("x/src/a.rs", "use crate::b::B;"),
            ("x/src/b.rs", "fn f() { super::a::g() }"),
        ];
        let expected = "x/src/a.rs: these files use each other in a circle: x/src/a.rs -> x/src/b.rs";
        assert_eq!(found(&two), [expected]);
        let three = [
            ("x/src/lib.rs", "mod a; mod b; mod c;"),
            ("x/src/a.rs", "use crate::{b::B, std};"),
            ("x/src/b/mod.rs", "use crate::c;"),
            ("x/src/c.rs", "use super::{a::{self, A}};"),
        ];
        assert_eq!(found(&three).len(), 1);
        assert!(found(&three)[0].ends_with("x/src/a.rs -> x/src/b/mod.rs -> x/src/c.rs"));
    }

    #[test]
    fn a_module_and_those_below_it_know_each_other() {
        let family = [
            ("x/src/lib.rs", "pub mod a; pub struct Root;"),
            ("x/src/a.rs", "mod b; use b::B; use super::Root; pub struct A;"),
            ("x/src/a/b.rs", "use super::A; use crate::Root;"),
        ];
        assert_eq!(found(&family), Vec::<String>::new());
    }

    #[test]
    fn a_circle_through_a_module_and_those_below_it_is_found() {
        let deep = [
            ("x/src/lib.rs", "mod a; mod c;"),
            ("x/src/a.rs", "mod b; pub struct A; fn f() { b::g() }"),
            ("x/src/a/b.rs", "use crate::c::C;"),
            ("x/src/c.rs", "use crate::a::A;"),
        ];
        assert_eq!(found(&deep).len(), 1, "{:?}", found(&deep));
    }

    #[test]
    fn an_item_that_is_handed_on_is_where_it_was_made() {
        let handed_on = [
            ("x/src/lib.rs", "mod a;"),
            ("x/src/a.rs", "mod b; mod c; pub use b::B;"),
            ("x/src/a/b.rs", "use super::c::C;"),
            ("x/src/a/c.rs", "use super::B;"),
        ];
        assert_eq!(found(&handed_on).len(), 1, "{:?}", found(&handed_on));
    }

    #[test]
    fn each_crate_is_a_crate_of_its_own() {
        let crates = [
            ("x/src/lib.rs", "pub mod a;"),
            ("x/src/a.rs", ""),
            ("x/src/main.rs", "fn main() { x::a::run() }"),
            ("x/tests/it/main.rs", "mod a;"),
            ("x/tests/it/a.rs", "use x::a;"),
            ("x/src/bin/b/main.rs", "mod a; use a::f; const G: u8 = 0;"),
            ("x/src/bin/b/a.rs", "use super::G;"),
        ];
        assert_eq!(found(&crates), Vec::<String>::new());
    }
}
