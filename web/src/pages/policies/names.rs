//! Names of policy files, as the server takes them.

use engine::policy::is_policy_file;

/// The most characters of a name.
const MAX_NAME: usize = 105;

/// The file name for the typed text: with an ending, if none was given.
pub fn completed(typed: &str) -> String {
    let typed = typed.trim();
    if typed.is_empty() || typed.ends_with(".yaml") || typed.ends_with(".yml") {
        return typed.to_owned();
    }
    format!("{typed}.yaml")
}

/// Why no file may be made under this name; nothing when one may.
pub fn problem<'a>(name: &str, mut existing: impl Iterator<Item = &'a str>) -> Option<String> {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
    if name.is_empty() {
        return Some("a name is missing".to_owned());
    }
    if !name.chars().all(is_plain) {
        return Some("only letters, digits, `.`, `_` and `-` may be in it".to_owned());
    }
    if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return Some("it must start with a letter or a digit".to_owned());
    }
    if name.len() > MAX_NAME {
        return Some(format!("it has more than {MAX_NAME} characters"));
    }
    if !is_policy_file(name) {
        return Some("a file of this name is no policy: `*.test.yaml` are the tests of one".to_owned());
    }
    existing.any(|other| other == name).then(|| format!("there is a file `{name}` already"))
}
