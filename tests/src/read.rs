//! Reading cases: from a YAML file to the bytes that a host is given.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::canonical::Canonical;
use engine::policy::yaml;
use engine::value::Value;

use crate::{member, repository};

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its file's name without the ending.
    pub name: String,
    /// The content.
    pub content: Value,
}

impl Case {
    /// The policy files.
    ///
    /// # Panics
    /// When the case is not of the form that `tests/corpus/README.md` gives.
    pub fn policies(&self) -> Vec<(String, Vec<u8>)> {
        member(&self.content, "policies").map_or_else(Vec::new, policy_files)
    }

    /// The action's bytes.
    ///
    /// # Panics
    /// When the case is not of the form that `tests/corpus/README.md` gives.
    pub fn action(&self) -> Vec<u8> {
        action_bytes(&self.content)
    }

    /// The state's bytes; none when the case gives no state.
    pub fn state(&self) -> Vec<u8> {
        member(&self.content, "state").map_or_else(Vec::new, |state| Canonical::of(state).as_bytes().to_vec())
    }

    /// The expectation.
    ///
    /// # Panics
    /// When the case expects nothing.
    #[expect(clippy::expect_used, reason = "a case that expects nothing must not pass")]
    pub fn expect(&self) -> &Value {
        member(&self.content, "expect").expect("a case has `expect`")
    }
}

/// The cases of a folder of the corpus, by name.
///
/// # Panics
/// When the folder or a case cannot be read: a case that is not run must not pass.
#[expect(clippy::panic, reason = "said above")]
pub fn cases(folder: &str) -> Vec<Case> {
    let folder = repository().join("tests/corpus").join(folder);
    let listed = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = listed.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.sort();
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let document = yaml::parse(&text).unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
        let root = document.root.unwrap_or_else(|| panic!("{} is empty", file.display()));
        let name = file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Case { name, content: root.to_value() }
    };
    files.into_iter().map(read).collect()
}

/// Policy files: `name: text`, `name: { base64: … }` or `name: { repeated: [[text, times], …] }`.
///
/// # Panics
/// When they are of another form.
#[expect(clippy::panic, reason = "said above")]
pub fn policy_files(policies: &Value) -> Vec<(String, Vec<u8>)> {
    let Value::Object(files) = policies else { panic!("`policies` is a mapping") };
    let bytes = |value: &Value| match value {
        Value::String(text) => text.clone().into_bytes(),
        other => match (member(other, "base64"), member(other, "repeated")) {
            (Some(Value::String(text)), None) => base64(text),
            (None, Some(parts)) => repeated(parts),
            _ => panic!("a policy is a text, `base64` or `repeated`"),
        },
    };
    files.iter().map(|(name, value)| (name.to_owned(), bytes(value))).collect()
}

/// The action of a case: `action`, `raw`, `raw_base64` or `raw_repeated`.
///
/// # Panics
/// When it is of another form.
#[expect(clippy::panic, reason = "said above")]
pub fn action_bytes(case: &Value) -> Vec<u8> {
    let given = |key| member(case, key);
    match (given("action"), given("raw"), given("raw_base64"), given("raw_repeated")) {
        (Some(action), None, None, None) => Canonical::of(action).as_bytes().to_vec(),
        (None, Some(Value::String(raw)), None, None) => raw.clone().into_bytes(),
        (None, None, Some(Value::String(text)), None) => base64(text),
        (None, None, None, Some(parts)) => repeated(parts),
        _ => panic!("a case has one of `action`, `raw`, `raw_base64` and `raw_repeated`"),
    }
}

#[expect(clippy::panic, reason = "a malformed case must not pass")]
fn repeated(parts: &Value) -> Vec<u8> {
    let Value::Array(parts) = parts else { panic!("`repeated` is a list") };
    let mut bytes = Vec::new();
    for part in parts {
        match part {
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(text), Value::Number(times)] => {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "small counts"
                    )]
                    bytes.extend(text.repeat(*times as usize).into_bytes());
                }
                _ => panic!("a part of `repeated` is a text and a number"),
            },
            _ => panic!("a part of `repeated` is a list"),
        }
    }
    bytes
}

#[expect(clippy::panic, reason = "a malformed case must not pass")]
fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_else(|error| panic!("`{text}` is not base64: {error}"))
}
