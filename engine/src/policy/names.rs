//! Names that read as something else than they are: a part of the action where a parameter is read, and the end of a
//! name that was meant as part of an operator.
//!
//! Nothing is reported here; this module tells such names and how to write what was meant.

use super::operator::{Operator, SUFFIXES};
use super::reader::written;
use super::yaml::{self, Kind, Node};

/// Ends of a name that belong to an operator, or to none.
const ENDS: [&str; 3] = ["not", "len", "is"];

/// How other languages end a name to compare: the end, and the operators without and with equality.
const COMPARISONS: [(&str, &str, &str); 7] = [
    ("_less_than", "lt", "lte"),
    ("_greater_than", "gt", "gte"),
    ("_more_than", "gt", "gte"),
    (">=", "gte", "gte"),
    ("<=", "lte", "lte"),
    (">", "gt", "gte"),
    ("<", "lt", "lte"),
];

/// A name that ends in a comparison, without it, and the two operators that it may mean.
fn compared(path: &str) -> Option<(&str, &'static str, &'static str)> {
    COMPARISONS.into_iter().find_map(|(end, strict, equal)| {
        let name = path.trim_end().strip_suffix(end)?.trim_end();
        (!name.is_empty()).then_some((name, strict, equal))
    })
}

/// What to write for a key that is no condition and seems to say how to compare: `amount_greater_than`, or `amount` with
/// the value `> 5` or `{ gt: 5 }`.
pub(super) fn meant_condition(key: &str, operand: &Node) -> Option<String> {
    if let Some((name, strict, _)) = compared(key) {
        return Some(format!("write `{name}_{strict}: {}`", written(operand)));
    }
    match &operand.kind {
        // `1,000` in braces is a `1`, and a key `000`.
        Kind::Nothing if key.bytes().all(|byte| byte.is_ascii_digit()) => Some(
            "a `,` begins another entry here; write the number with digits alone, such as `1000`".to_owned(),
        ),
        Kind::Map(tests)
            if !tests.is_empty() && tests.iter().all(|test| Operator::named(&test.key).is_some()) =>
        {
            let tests: Vec<String> =
                tests.iter().map(|test| format!("{}: {}", test.key, written(&test.value))).collect();
            Some(format!("write `params: {{ {key}: {{ {} }} }}`", tests.join(", ")))
        }
        Kind::Text(text) => {
            let (_, strict, _) = COMPARISONS.into_iter().find(|(sign, ..)| text.starts_with(sign))?;
            let number = text.trim_start_matches(['<', '>', '=']).trim_start();
            yaml::is_number(number).then(|| format!("write `{key}_{strict}: {number}`"))
        }
        _ => None,
    }
}

/// The part of the action that `path` names as if it were a parameter: `tool`, `context.environment`.
pub(super) fn action_field(path: &str) -> Option<&str> {
    let first = path.split(['.', '[']).next().unwrap_or_default();
    let whole = first.len() == path.len();
    (matches!(first, "params" | "context")
        || (whole && matches!(first, "tool" | "operation" | "op" | "agent_id")))
    .then_some(first)
}

/// How to ask about the part of the action, and how about a parameter of the same name.
pub(super) fn both_spellings(field: &str, path: &str, operator: Operator, operand: &Node) -> String {
    let word = spelled(operator);
    let rest = path.get(field.len()..).unwrap_or_default().trim_start_matches(['.', '[', ']']);
    let rest = if rest.is_empty() { "NAME" } else { rest };
    let right = match field {
        "params" => format!("{rest}_{word}: …"),
        "context" => format!("context: {{ {rest}: {{ {word}: … }} }}"),
        _ => {
            let named = format!("{field}: {}", as_names(operator.word, operand));
            let not = operator.negated != matches!(operator.word, "ne" | "not_in");
            if not { format!("not: {{ {named} }}") } else { named }
        }
    };
    format!("write `{right}`, or `params: {{ {path}: {{ {word}: … }} }}` for a parameter of that name")
}

/// An operand as the names that `tool`, `operation` and `agent_id` take.
fn as_names(word: &str, operand: &Node) -> String {
    if !matches!(word, "eq" | "ne" | "in" | "not_in" | "glob") {
        return "…".to_owned();
    }
    match &operand.kind {
        Kind::List(items) => {
            let names: Vec<String> = items.iter().map(written).collect();
            format!("[{}]", names.join(", "))
        }
        _ => written(operand),
    }
}

/// Whether the last part of a path ends in a word that was meant for the operator: `url_not`, `size_len`, `is`.
pub(super) fn ends_like_an_operator(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or_default().trim_end_matches("[]");
    // A length that is called just that is a name like any other.
    ENDS.iter().any(|end| strip_word(last, end).is_some())
        || last == "not"
        || last == "is"
        || compared(last).is_some()
}

/// The right spelling of a key whose name ends like an operator, and how to reach a parameter of that name.
pub(super) fn right_operator(path: &str, operator: Operator) -> String {
    let explicit =
        format!("`params: {{ {path}: {{ {}: … }} }}` for a parameter of that name", spelled(operator));
    if let Some((name, strict, equal)) = compared(path) {
        let word = if matches!(operator.word, "eq" | "gte" | "lte") { equal } else { strict };
        return format!("write `{name}_{word}`, or {explicit}");
    }
    let (mut name, mut negated, mut length) = (path.trim_end_matches("[]"), operator.negated, false);
    let brackets = path.get(name.len()..).unwrap_or_default();
    while let Some((shorter, end)) = ENDS.iter().find_map(|end| Some((strip_word(name, end)?, *end))) {
        (name, negated, length) = (shorter, negated != (end == "not"), length || end == "len");
    }
    let word = if length { format!("len_{}", operator.word) } else { operator.word.to_owned() };
    match SUFFIXES.into_iter().find(|known| *known == word) {
        Some(word) => {
            format!("write `{name}{brackets}_{}`, or {explicit}", spelled(simplified(word, negated)))
        }
        None => format!("a length takes a number, as in `{name}{brackets}_len_gt: 3`; write {explicit}"),
    }
}

/// What to write for an operator that the explicit form has at the end of a name.
pub(super) fn explicit_operator(path: &str, operator: Operator, key: &str) -> String {
    format!(
        "write `{path}: {{ {}: … }}`, or `{key}: {{ eq: … }}` for a parameter of that name",
        spelled(operator)
    )
}

/// The negation of `eq`, `in` and the like by its own word.
fn simplified(word: &'static str, negated: bool) -> Operator {
    const PAIRS: [(&str, &str); 3] = [("eq", "ne"), ("in", "not_in"), ("len_eq", "len_ne")];
    let other = PAIRS.iter().find_map(|(one, other)| match word {
        _ if !negated => None,
        _ if word == *one => Some(*other),
        _ if word == *other => Some(*one),
        _ => None,
    });
    other.map_or(Operator { word, negated }, |word| Operator { word, negated: false })
}

fn spelled(operator: Operator) -> String {
    format!("{}{}", if operator.negated { "not_" } else { "" }, operator.word)
}

fn strip_word<'n>(name: &'n str, word: &str) -> Option<&'n str> {
    name.strip_suffix(word)?.strip_suffix('_').filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_ends_like_an_operator_gets_the_right_one() {
        for (key, right) in [
            ("url_is_not_starts_with", "url_not_starts_with"),
            ("url_is_eq", "url_eq"),
            ("url_not_is_eq", "url_ne"),
            ("url_is_not_in", "url_not_in"),
            ("size_len_not_gt", "size_not_len_gt"),
            ("size_is_len_eq", "size_len_eq"),
            ("url_not_not_in", "url_in"),
            ("tags_not[]_contains", "tags[]_not_contains"),
            ("amount_less_than_eq", "amount_lte"),
            ("amount >_eq", "amount_gte"),
            ("amount_greater_than_in", "amount_gt"),
        ] {
            let (path, operator) = Operator::at_the_end_of(key).unwrap();
            if key == "url_not_not_in" {
                assert_eq!((path, spelled(operator).as_str()), ("url", "not_not_in"));
                continue;
            }
            assert!(ends_like_an_operator(path), "{key}");
            let help = right_operator(path, operator);
            assert!(help.starts_with(&format!("write `{right}`,")), "{key}: {help}");
        }
        for path in ["url", "body.len", "len", "knot", "island", "isis", "notice", "athan", "_less_than"] {
            assert!(!ends_like_an_operator(path), "{path}");
        }
    }

    #[test]
    fn a_part_of_the_action_is_no_parameter() {
        for path in [
            "tool",
            "agent_id",
            "operation",
            "op",
            "params",
            "context",
            "context.env",
            "params.x",
            "params[]",
        ] {
            assert!(action_field(path).is_some(), "{path}");
        }
        for path in ["tools", "tool.name", "agent", "operation.kind", "contexts", "paramsx"] {
            assert_eq!(action_field(path), None, "{path}");
        }
    }
}
