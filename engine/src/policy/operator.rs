//! Operators: one value of the action against the operand that a policy gives.

use regex_lite::{Regex, RegexBuilder};

use super::glob::Glob;
use super::net::{self, Network};
use crate::order;
use crate::truth::Truth;
use crate::value::{Type, Value};

/// The most bytes of a regular expression: matching costs the product of both lengths.
pub const MAX_PATTERN_BYTES: usize = 4096;
/// The most bytes that a compiled expression may take, so that `(a{999}){999}` is refused.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// The words that may end a key, longest first, so that `size_len_gt` is `len_gt` over `size`.
pub const SUFFIXES: [&str; 20] = [
    "starts_with",
    "ends_with",
    "contains",
    "matches",
    "len_gte",
    "len_lte",
    "not_in",
    "exists",
    "len_gt",
    "len_lt",
    "domain",
    "glob",
    "cidr",
    "gte",
    "lte",
    "eq",
    "ne",
    "gt",
    "lt",
    "in",
];

/// What a condition asks of a value.
#[derive(Debug, Clone)]
pub enum Test {
    /// Equal.
    Eq(Value),
    /// Not equal.
    Ne(Value),
    /// Equal to one of these.
    In(Vec<Value>),
    /// Equal to none of these.
    NotIn(Vec<Value>),
    /// A number so related to this one.
    Number(Relation, f64),
    /// Text that holds this text, or a list that has this element.
    Contains(Value),
    /// Text that starts with one of these.
    StartsWith(Vec<String>),
    /// Text that ends with one of these.
    EndsWith(Vec<String>),
    /// Text that fits one of these globs.
    Glob(Vec<Glob>),
    /// Text in which one of these is found.
    Matches(Vec<Pattern>),
    /// Is there, or is not.
    Exists(bool),
    /// Text of so many characters, or a list of so many elements.
    Length(Relation, f64),
    /// An address in one of these networks.
    Cidr(Vec<Network>),
    /// A URL or e-mail address whose host is one of these or under it.
    Domain(Vec<String>),
    /// Equal but for the case of ASCII letters.
    EqIgnoringCase(String),
}

/// How two numbers stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
}

impl Relation {
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Relation::Gt => left > right,
            Relation::Gte => left >= right,
            Relation::Lt => left < right,
            Relation::Lte => left <= right,
        }
    }
}

/// A regular expression that was compiled when the policy was read. Linear in time, not anchored.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// Why a pattern was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternError {
    /// More than [`MAX_PATTERN_BYTES`].
    TooLong(usize),
    /// It does not compile.
    Syntax(String),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When it is too long, not a regular expression, or too large once compiled.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong(text.len()));
        }
        let compiled = RegexBuilder::new(text).size_limit(MAX_COMPILED_BYTES).nest_limit(32).build();
        compiled.map(Pattern).map_err(|error| PatternError::Syntax(error.to_string()))
    }

    /// Whether it is found in `text`.
    pub fn is_found_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Why a condition cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The parameter is not there.
    Missing,
    /// It is of a type that the operator cannot compare.
    WrongType(Type),
    /// It is text, but no IP address.
    NotAnAddress,
    /// It is text, but has no host.
    NoHost,
    /// The state holds no time.
    NoTime,
}

impl Why {
    /// The rest of a sentence that starts with the parameter's name.
    pub fn sentence(self) -> String {
        match self {
            Why::Missing => "is missing".to_owned(),
            Why::WrongType(found) => format!("is {}, which this condition cannot compare", found.described()),
            Why::NotAnAddress => "is not an IP address".to_owned(),
            Why::NoHost => "has no host".to_owned(),
            Why::NoTime => "is not known".to_owned(),
        }
    }
}

impl Test {
    /// The operator's word.
    pub fn word(&self) -> &'static str {
        match self {
            Test::Eq(_) | Test::EqIgnoringCase(_) => "eq",
            Test::Ne(_) => "ne",
            Test::In(_) => "in",
            Test::NotIn(_) => "not_in",
            Test::Number(Relation::Gt, _) => "gt",
            Test::Number(Relation::Gte, _) => "gte",
            Test::Number(Relation::Lt, _) => "lt",
            Test::Number(Relation::Lte, _) => "lte",
            Test::Contains(_) => "contains",
            Test::StartsWith(_) => "starts_with",
            Test::EndsWith(_) => "ends_with",
            Test::Glob(_) => "glob",
            Test::Matches(_) => "matches",
            Test::Exists(_) => "exists",
            Test::Length(Relation::Gt, _) => "len_gt",
            Test::Length(Relation::Gte, _) => "len_gte",
            Test::Length(Relation::Lt, _) => "len_lt",
            Test::Length(Relation::Lte, _) => "len_lte",
            Test::Cidr(_) => "cidr",
            Test::Domain(_) => "domain",
        }
    }

    /// The types of values that it can compare.
    pub fn comparable(&self) -> Vec<Type> {
        match self {
            Test::Eq(operand) | Test::Ne(operand) => vec![operand.kind()],
            Test::In(operands) | Test::NotIn(operands) => {
                let mut kinds: Vec<Type> = operands.iter().map(Value::kind).collect();
                order::sort_by(&mut kinds, Ord::cmp);
                kinds.dedup();
                kinds
            }
            Test::Number(..) => vec![Type::Number],
            Test::Contains(Value::String(_)) | Test::Length(..) => vec![Type::String, Type::Array],
            Test::Contains(_) => vec![Type::Array],
            Test::Exists(_) => {
                vec![Type::Null, Type::Boolean, Type::Number, Type::String, Type::Array, Type::Object]
            }
            Test::StartsWith(_)
            | Test::EndsWith(_)
            | Test::Glob(_)
            | Test::Matches(_)
            | Test::Cidr(_)
            | Test::Domain(_)
            | Test::EqIgnoringCase(_) => vec![Type::String],
        }
    }

    /// Asks it of a value that is there.
    pub fn of(&self, value: &Value) -> Result<bool, Why> {
        match self {
            Test::Eq(operand) => equal(value, operand),
            Test::Ne(operand) => equal(value, operand).map(|same| !same),
            Test::In(operands) => among(value, operands),
            Test::NotIn(operands) => among(value, operands).map(|within| !within),
            Test::Number(relation, operand) => match value {
                Value::Number(number) => Ok(relation.holds(*number, *operand)),
                other => Err(Why::WrongType(other.kind())),
            },
            Test::Contains(operand) => contains(value, operand),
            Test::StartsWith(starts) => {
                text(value).map(|text| starts.iter().any(|start| text.starts_with(start.as_str())))
            }
            Test::EndsWith(ends) => {
                text(value).map(|text| ends.iter().any(|end| text.ends_with(end.as_str())))
            }
            Test::Glob(globs) => text(value).map(|text| globs.iter().any(|glob| glob.matches(text))),
            Test::Matches(patterns) => {
                text(value).map(|text| patterns.iter().any(|pattern| pattern.is_found_in(text)))
            }
            Test::Exists(expected) => Ok(*expected),
            Test::Length(relation, operand) => {
                #[expect(clippy::cast_precision_loss, reason = "no value has 2^53 parts")]
                let length = match value {
                    Value::String(text) => text.chars().count() as f64,
                    Value::Array(items) => items.len() as f64,
                    other => return Err(Why::WrongType(other.kind())),
                };
                Ok(relation.holds(length, *operand))
            }
            Test::Cidr(networks) => {
                let address = text(value)?.parse().map_err(|_| Why::NotAnAddress)?;
                Ok(networks.iter().any(|network| network.contains(address)))
            }
            Test::Domain(domains) => {
                let host = net::host(text(value)?).ok_or(Why::NoHost)?;
                Ok(domains.iter().any(|domain| net::is_under(&host, domain)))
            }
            Test::EqIgnoringCase(word) => text(value).map(|text| text.eq_ignore_ascii_case(word)),
        }
    }
}

fn text(value: &Value) -> Result<&str, Why> {
    value.as_str().ok_or(Why::WrongType(value.kind()))
}

fn equal(value: &Value, operand: &Value) -> Result<bool, Why> {
    if value.kind() == operand.kind() { Ok(value == operand) } else { Err(Why::WrongType(value.kind())) }
}

fn among(value: &Value, operands: &[Value]) -> Result<bool, Why> {
    if operands.iter().any(|operand| operand.kind() == value.kind()) {
        Ok(operands.contains(value))
    } else {
        Err(Why::WrongType(value.kind()))
    }
}

/// Over a list, the Kleene-or of `eq` over its elements: an element of another type might be what is looked for,
/// unless some element certainly is.
fn contains(value: &Value, operand: &Value) -> Result<bool, Why> {
    match (value, operand) {
        (Value::String(text), Value::String(part)) => Ok(text.contains(part.as_str())),
        (Value::Array(items), _) => {
            if items.contains(operand) {
                return Ok(true);
            }
            match items.iter().find(|item| item.kind() != operand.kind()) {
                Some(other) => Err(Why::WrongType(other.kind())),
                None => Ok(false),
            }
        }
        (other, _) => Err(Why::WrongType(other.kind())),
    }
}

/// The truth of an answer that may not be possible.
pub fn truth(answer: Result<bool, Why>) -> (Truth, Option<Why>) {
    match answer {
        Ok(holds) => (Truth::known(holds), None),
        Err(why) => (Truth::Undetermined, Some(why)),
    }
}
