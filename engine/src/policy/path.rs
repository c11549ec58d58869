//! Paths into `params` and `context`: `amount`, `customer.tier`, `items.0.sku`, `items[].price`.

use crate::truth::Truth;
use crate::value::{Type, Value};

/// A path as a policy writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// A member of an object, or, when the name is a number, an element of a list.
    Name(String),
    /// `[]`: every element of a list.
    Each,
}

/// The value at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Found<'v> {
    /// A value.
    Value(&'v Value),
    /// Nothing: a key that is absent or an index behind the end.
    Missing,
    /// The way leads through a value of a type that has no such part.
    Blocked(Type),
    /// The path asks for every element of a value that is not a list.
    NoList(Type),
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// The fault in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        for segment in text.split('.') {
            let mut name = segment;
            let mut each = 0_usize;
            while let Some(shorter) = name.strip_suffix("[]") {
                name = shorter;
                each = each.saturating_add(1);
            }
            if name.is_empty() && (each == 0 || steps.is_empty()) {
                return Err(format!("the path `{text}` has an empty part"));
            }
            if name.contains(['[', ']']) {
                return Err(format!("the path `{text}` has a bracket that is not `[]` at the end of a part"));
            }
            if !name.is_empty() {
                steps.push(Step::Name(name.to_owned()));
            }
            steps.extend(std::iter::repeat_n(Step::Each, each));
        }
        Ok(Path { text: text.to_owned(), steps })
    }

    /// The path as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name of the parameter it starts with.
    pub fn root(&self) -> &str {
        match self.steps.first() {
            Some(Step::Name(name)) => name,
            Some(Step::Each) | None => "",
        }
    }

    /// Whether it leads to the parameter itself and not into it.
    pub fn is_root(&self) -> bool {
        self.steps.len() == 1
    }

    /// Whether the step behind the parameter's name is `[]`, and whether it is the last.
    pub fn starts_with_each(&self) -> (bool, bool) {
        (self.steps.get(1) == Some(&Step::Each), self.steps.len() == 2)
    }

    /// Whether it has a `[]`.
    pub fn visits_each(&self) -> bool {
        self.steps.contains(&Step::Each)
    }

    /// The answer of `ask` for the value at the end of the path in `root`. With a `[]` it is asked of every element,
    /// and all must hold (`every`) or one. An empty list satisfies neither, at any level of lists.
    pub fn truth<'v>(&self, root: &'v Value, every: bool, ask: &mut dyn FnMut(Found<'v>) -> Truth) -> Truth {
        walk(&self.steps, root, every, ask)
    }

    /// Calls `visit` with the value at the end of the path in `root`, once for every element that a `[]` leads to.
    /// Not at all for an empty list.
    pub fn visit<'v>(&self, root: &'v Value, visit: &mut dyn FnMut(Found<'v>)) {
        self.truth(root, true, &mut |found| {
            visit(found);
            Truth::Undetermined
        });
    }
}

fn walk<'v>(steps: &[Step], value: &'v Value, every: bool, ask: &mut dyn FnMut(Found<'v>) -> Truth) -> Truth {
    let Some((step, rest)) = steps.split_first() else { return ask(Found::Value(value)) };
    match (step, value) {
        (Step::Each, Value::Array(items)) => {
            let each = items.iter().map(|item| walk(rest, item, every, ask));
            let all = each.reduce(|sum, one| if every { sum.and(one) } else { sum.or(one) });
            all.unwrap_or(Truth::False)
        }
        (Step::Each, _) => ask(Found::NoList(value.kind())),
        (Step::Name(name), Value::Object(object)) => match object.get(name) {
            Some(member) => walk(rest, member, every, ask),
            None => ask(Found::Missing),
        },
        (Step::Name(name), Value::Array(items)) => match index(name) {
            Some(index) => match items.get(index) {
                Some(item) => walk(rest, item, every, ask),
                None => ask(Found::Missing),
            },
            None => ask(Found::Blocked(value.kind())),
        },
        _ => ask(Found::Blocked(value.kind())),
    }
}

/// An index has no sign and no leading zero.
fn index(name: &str) -> Option<usize> {
    let plain = name == "0" || !name.starts_with('0');
    (plain && name.bytes().all(|byte| byte.is_ascii_digit())).then(|| name.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn at(path: &str, json: &str) -> Vec<String> {
        let value = json::parse(json.as_bytes(), json::MAX_BYTES).unwrap();
        let mut found = Vec::new();
        Path::parse(path).unwrap().visit(&value, &mut |one| found.push(format!("{one:?}")));
        found
    }

    #[test]
    fn paths_lead_through_objects_and_lists() {
        assert_eq!(at("a", r#"{"a":1}"#), ["Value(Number(1.0))"]);
        assert_eq!(at("a.b", r#"{"a":{"b":true}}"#), ["Value(Bool(true))"]);
        assert_eq!(at("a.1", r#"{"a":[1,null]}"#), ["Value(Null)"]);
        assert_eq!(at("a.2", r#"{"a":[1,2]}"#), ["Missing"]);
        assert_eq!(at("a.01", r#"{"a":[1,2]}"#), ["Blocked(Array)"]);
        assert_eq!(at("a.01", r#"{"a":{"01":2}}"#), ["Value(Number(2.0))"]);
        assert_eq!(at("a[].b", r#"{"a":[{"b":1},{}]}"#), ["Value(Number(1.0))", "Missing"]);
        assert_eq!(at("a[]", r#"{"a":[]}"#), Vec::<String>::new());
        assert_eq!(at("a[].b", r#"{"a":{"b":1}}"#), ["NoList(Object)"]);
        assert_eq!(at("a.b", r#"{"a":"x"}"#), ["Blocked(String)"]);
        assert_eq!(at("a[][]", r#"{"a":[[1],[2]]}"#).len(), 2);
        assert_eq!(at("b.c", r#"{"a":1}"#), ["Missing"]);
    }

    #[test]
    fn broken_paths_are_refused() {
        for path in ["", ".", "a..b", "[]", "a[0]", "a[", "a.[]b"] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }
}
