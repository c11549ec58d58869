//! Which names in a policy folder are read, which are ignored and which are mistakes: the one list of it.
//!
//! | name | kind |
//! | --- | --- |
//! | `a.yaml`, `a.yml` | a policy |
//! | `a.test.yaml`, `a.test.yml` | tests of a policy |
//! | `.a`, `..data`, `.git` | ignored: hidden, which covers lock and swap files of editors and the links of a ConfigMap |
//! | `a~`, `#a#`, `a.bak`, `a.orig`, `a.rej`, `a.swp`, `a.tmp` and their like | ignored: left by editors and by programs that write files |
//! | `README.md`, `a.schema.json` | ignored: documents and schemas |
//! | `a.YAML`, `a.yaml.txt`, `a.yaml.off` | a mistake: it looks like a policy and no program reads it as one |
//! | anything else | ignored, unless it reads as a policy: then a mistake too |
//!
//! Links count as their targets. A folder, a pipe, a socket or a device with the name of a policy is a mistake, and
//! so is a folder with YAML files in it.

use engine::policy::is_policy_file;

/// The most bytes of a name that can be made through the API.
const MAX_NAME: usize = 105;
/// The lower-case endings of files that editors and other programs leave next to a file.
const LEFT_BEHIND: [&str; 9] = ["~", ".bak", ".orig", ".rej", ".swp", ".swo", ".swx", ".tmp", ".old"];
/// The lower-case endings of files that people keep next to policies.
const DOCUMENTS: [&str; 3] = [".md", ".markdown", ".schema.json"];

/// The kind of a name in the folder, before anything but the name is examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A policy.
    Policy,
    /// Tests of a policy.
    Tests,
    /// Nothing of this product.
    Ignored,
    /// The name of a file that was meant to be read and is not.
    Mistaken,
    /// It depends on the content.
    Other,
}

/// Classifies the name.
pub fn named(name: &str) -> Named {
    let lower = name.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    if name.starts_with('.') || ends(&LEFT_BEHIND) || (name.starts_with('#') && name.ends_with('#')) {
        Named::Ignored
    } else if is_policy_file(name) {
        Named::Policy
    } else if name.ends_with(".test.yaml") || name.ends_with(".test.yml") {
        Named::Tests
    } else if is_yaml_like(&lower) {
        Named::Mistaken
    } else if ends(&DOCUMENTS) {
        Named::Ignored
    } else {
        Named::Other
    }
}

/// Whether a name in small letters has an ending of YAML, or had one before another was added.
fn is_yaml_like(lower: &str) -> bool {
    [".yaml", ".yml"].iter().any(|ending| lower.contains(ending))
}

/// Whether a policy file may be made under this name: a plain one, that means nothing to a path or a shell.
pub fn is_policy_name(name: &str) -> bool {
    let plain = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
    named(name) == Named::Policy
        && name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_ignored_or_a_mistake() {
        for (expected, names) in [
            (Named::Policy, &["a.yaml", "B.yml", "a b.yaml", "a.v2.yaml", "-a.yaml"][..]),
            (Named::Tests, &["a.test.yaml", "a.test.yml"]),
            (
                Named::Ignored,
                &[
                    ".yaml",
                    ".a.yaml",
                    "..data",
                    ".git",
                    ".a.yaml.swp",
                    ".#a.yaml",
                    "#a.yaml#",
                    "a.yaml~",
                    "a.yaml.bak",
                    "a.yaml.orig",
                    "a.yaml.tmp",
                    "a.YAML.OLD",
                    "README.md",
                    "policy.schema.json",
                ],
            ),
            (
                Named::Mistaken,
                &["a.YAML", "a.Yml", "a.yaml.txt", "a.yaml.off", "a.yaml (copy)", "a.test.YAML", "a.yaml.md"],
            ),
            (Named::Other, &["README", "deny", "deny.txt", "deny.json", "4913", "sedAbCd", "team"]),
        ] {
            for name in names {
                assert_eq!(named(name), expected, "{name}");
            }
        }
    }

    #[test]
    fn names_that_mean_more_than_a_file_are_refused() {
        for name in ["a.yaml", "support-agent.yml", "A_1.v2.yaml"] {
            assert!(is_policy_name(name), "{name}");
        }
        let long = format!("{}.yaml", "a".repeat(101));
        for name in ["", ".yaml", "a", "a.test.yaml", "../a.yaml", "a/b.yaml", "a b.yaml", "-a.yaml", &long] {
            assert!(!is_policy_name(name), "{name}");
        }
    }
}
