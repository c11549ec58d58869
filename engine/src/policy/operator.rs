//! Operators: one value of the action against the operand that a policy gives.

use regex_lite::{Regex, RegexBuilder};

use super::cost::Cost;
use super::glob::Glob;
use super::net::{self, Host, Network, Reference};
use crate::meter::whole;
use crate::order;
use crate::truth::Truth;
use crate::value::{Type, Value};

/// The most bytes of a regular expression: matching costs the product of both lengths.
pub const MAX_PATTERN_BYTES: usize = 4096;
/// The most bytes that a compiled expression may take, so that `(a{999}){999}` is refused.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// The operators' words. Each has its negation, the word with `not_` before it.
pub const SUFFIXES: [&str; 23] = [
    "email_domain",
    "starts_with",
    "ends_with",
    "contains",
    "matches",
    "len_gte",
    "len_lte",
    "not_in",
    "exists",
    "len_eq",
    "len_ne",
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

/// The prefix of a negation.
const NOT: &str = "not_";

/// An operator as a policy writes it: `starts_with`, `not_starts_with`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator {
    /// One of [`SUFFIXES`].
    pub word: &'static str,
    /// Whether it is inside a `not`.
    pub negated: bool,
}

impl Operator {
    /// `eq`, which a plain value means.
    pub const EQ: Operator = Operator { word: "eq", negated: false };

    /// The operator that `word` names.
    pub fn named(word: &str) -> Option<Self> {
        let find = |word: &str| SUFFIXES.into_iter().find(|known| *known == word);
        match find(word) {
            Some(word) => Some(Operator { word, negated: false }),
            None => Some(Operator { word: find(word.strip_prefix(NOT)?)?, negated: true }),
        }
    }

    /// A key as the path of a parameter and the operator at its end. The longest operator that leaves a path wins:
    /// `size_not_len_gt` is `not_len_gt` over `size`.
    pub fn at_the_end_of(key: &str) -> Option<(&str, Self)> {
        let ends = key.match_indices('_').filter(|(at, _)| *at > 0);
        let mut split =
            ends.filter_map(|(at, _)| Some((key.get(..at)?, Self::named(key.get(at.saturating_add(1)..)?)?)));
        split.next()
    }
}

/// A condition's test of a value.
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
    /// Text that holds one of these texts, or a list that has one of these elements.
    Contains(Vec<Value>),
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
    /// A URL, or a mailbox, whose host is one of these or under it.
    Domain(Reference, Vec<Host>),
    /// Equal to one of these but for the case of ASCII letters.
    EqIgnoringCase(Vec<String>),
}

/// How a value is read where two readings differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Whether a true condition opens something here: in an `allow`, and under `not` anywhere else.
    pub permits: bool,
    /// Whether a length counts both as that of a text and as that of a list: in an `allow`, where no declaration
    /// says which the parameter is.
    pub both_lengths: bool,
}

/// The comparison of two numbers.
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
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
}

impl Relation {
    /// The relation of which `word` ends an operator: `gte` of `gte` and `len_gte`.
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "gt" => Relation::Gt,
            "gte" => Relation::Gte,
            "lt" => Relation::Lt,
            "lte" => Relation::Lte,
            "eq" => Relation::Eq,
            "ne" => Relation::Ne,
            _ => return None,
        })
    }

    /// The relation that holds where this one does not.
    #[must_use]
    pub fn negation(self) -> Self {
        match self {
            Relation::Gt => Relation::Lte,
            Relation::Gte => Relation::Lt,
            Relation::Lt => Relation::Gte,
            Relation::Lte => Relation::Gt,
            Relation::Eq => Relation::Ne,
            Relation::Ne => Relation::Eq,
        }
    }

    #[expect(clippy::float_cmp, reason = "numbers are compared as the doubles that they are")]
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Relation::Gt => left > right,
            Relation::Gte => left >= right,
            Relation::Lt => left < right,
            Relation::Lte => left <= right,
            Relation::Eq => left == right,
            Relation::Ne => left != right,
        }
    }
}

/// A regular expression that was compiled when the policy was read. Linear in time, not anchored.
#[derive(Debug, Clone)]
pub struct Pattern(Regex, Cost);

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
        compiled
            .map(|regex| Pattern(regex, Cost::of(text)))
            .map_err(|error| PatternError::Syntax(error.to_string()))
    }

    /// A bound on the work of [`Pattern::is_found_in`].
    pub fn steps(&self, text: &str) -> u64 {
        self.1.over(text)
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
    /// It is an IPv6 address with an IPv4 one in it, and only one of the two is in the networks.
    TwoAddresses,
    /// It is text, but has no host that all readers agree about.
    NoHost,
    /// It is a URL whose host is an IPv6 address, which has too many spellings and meanings for a name.
    HostIsV6,
    /// It is text, but no mailbox.
    NotAMailbox,
    /// Its length is one thing read as text and another read as a list, and no declaration says which is meant.
    TwoLengths,
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
            Why::TwoAddresses => {
                "is two addresses, IPv6 and the IPv4 inside of it, of which one is in the network".to_owned()
            }
            Why::NoHost => "has no host that every reader agrees about".to_owned(),
            Why::HostIsV6 => "has an IPv6 address for a host, which only `cidr` compares".to_owned(),
            Why::NotAMailbox => "is not a mailbox such as `ann@example.com`".to_owned(),
            Why::TwoLengths => {
                "is not declared as a string or as a list, which have different lengths".to_owned()
            }
            Why::NoTime => "is not known".to_owned(),
        }
    }
}

impl Test {
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
            Test::Contains(operands) if operands.iter().all(|one| one.kind() != Type::String) => {
                vec![Type::Array]
            }
            Test::Contains(_) | Test::Length(..) => vec![Type::String, Type::Array],
            Test::Exists(_) => {
                vec![Type::Null, Type::Boolean, Type::Number, Type::String, Type::Array, Type::Object]
            }
            Test::StartsWith(_)
            | Test::EndsWith(_)
            | Test::Glob(_)
            | Test::Matches(_)
            | Test::Cidr(_)
            | Test::Domain(..)
            | Test::EqIgnoringCase(_) => vec![Type::String],
        }
    }

    /// A bound on the work of [`Test::of`] over `value`, without the single pass over the operand.
    pub fn steps(&self, value: &Value) -> u64 {
        let each = |count: usize| whole(value).saturating_mul((count as u64).max(1));
        match (self, value) {
            (Test::Glob(globs), Value::String(text)) => sum(globs.iter().map(|glob| glob.steps(text))),
            (Test::Matches(patterns), Value::String(text)) => {
                sum(patterns.iter().map(|pattern| pattern.steps(text)))
            }
            // A long operand costs about a step for each byte that it is looked for in.
            (Test::Contains(operands), _) => each(operands.len()).saturating_mul(8),
            (Test::Length(..), _) => each(1),
            (Test::Cidr(networks), Value::String(text)) => sum([text.len(), networks.len(), 8]),
            // A host of at most 253 bytes is compared with each domain.
            (Test::Domain(_, domains), Value::String(text)) => {
                sum([text.len().saturating_mul(5), domains.len().saturating_mul(8), 16])
            }
            _ => 1,
        }
    }

    /// Asks it of a value that is there.
    pub fn of(&self, value: &Value, reading: Reading) -> Result<bool, Why> {
        match self {
            Test::Eq(operand) => equal(value, operand),
            Test::Ne(operand) => equal(value, operand).map(|same| !same),
            Test::In(operands) => among(value, operands),
            Test::NotIn(operands) => among(value, operands).map(|within| !within),
            Test::Number(relation, operand) => match value {
                Value::Number(number) => Ok(relation.holds(*number, *operand)),
                other => Err(Why::WrongType(other.kind())),
            },
            Test::Contains(operands) => contains(value, operands, reading.permits),
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
                let holds = |length: usize| relation.holds(as_number(length), *operand);
                let mut all = match value {
                    Value::String(text) => vec![text.chars().count()],
                    Value::Array(items) => vec![items.len()],
                    other => return Err(Why::WrongType(other.kind())),
                };
                if reading.both_lengths {
                    other_lengths(value, &mut all);
                }
                let holding = all.iter().filter(|length| holds(**length)).count();
                if holding > 0 && holding < all.len() { Err(Why::TwoLengths) } else { Ok(holding > 0) }
            }
            Test::Cidr(networks) => {
                let address = net::address(text(value)?).ok_or(Why::NotAnAddress)?;
                net::within(networks, address, reading.permits).ok_or(Why::TwoAddresses)
            }
            Test::Domain(reference, domains) => match (reference.host(text(value)?), reference) {
                (Some(Host::V6(_)), _) => Err(Why::HostIsV6),
                (Some(host), _) => Ok(domains.iter().any(|domain| host.is_under(domain))),
                (None, Reference::Url) => Err(Why::NoHost),
                (None, Reference::Mailbox) => Err(Why::NotAMailbox),
            },
            Test::EqIgnoringCase(words) => {
                text(value).map(|text| words.iter().any(|word| text.eq_ignore_ascii_case(word)))
            }
        }
    }
}

fn sum<N: TryInto<u64>>(steps: impl IntoIterator<Item = N>) -> u64 {
    steps.into_iter().fold(0, |sum, steps| sum.saturating_add(steps.try_into().unwrap_or(u64::MAX)))
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

/// Over a list, the Kleene-or of `eq` over its elements: an element of another type might be equal, unless some element
/// certainly is. Where a true condition restricts, a text is also searched for inside the elements:
/// `["sudo rm -rf /"]` does not evade a rule about `rm -rf`.
fn contains(value: &Value, operands: &[Value], permits: bool) -> Result<bool, Why> {
    let within = |one: &Value| {
        let Value::String(text) = one else { return false };
        operands.iter().any(|operand| operand.as_str().is_some_and(|part| text.contains(part)))
    };
    let parts = match value {
        Value::String(_) if within(value) => return Ok(true),
        Value::String(_) => std::slice::from_ref(value),
        Value::Array(items) => {
            if items.iter().any(|item| operands.contains(item) || (!permits && within(item))) {
                return Ok(true);
            }
            items
        }
        other => return Err(Why::WrongType(other.kind())),
    };
    let odd = parts.iter().find(|part| operands.iter().any(|operand| operand.kind() != part.kind()));
    odd.map_or(Ok(false), |odd| Err(Why::WrongType(odd.kind())))
}

/// The other possible lengths of a value: a lone text is a list of one, and a list may stand for the texts and lists
/// in it, however deep.
fn other_lengths(value: &Value, into: &mut Vec<usize>) {
    match value {
        Value::String(_) => into.push(1),
        Value::Array(items) => items.iter().for_each(|item| inner_lengths(item, into)),
        _ => {}
    }
}

fn inner_lengths(value: &Value, into: &mut Vec<usize>) {
    match value {
        Value::String(text) => into.push(text.chars().count()),
        Value::Array(items) => {
            into.push(items.len());
            items.iter().for_each(|item| inner_lengths(item, into));
        }
        Value::Object(object) => object.iter().for_each(|(_, member)| inner_lengths(member, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[expect(clippy::cast_precision_loss, reason = "no value has 2^53 parts")]
fn as_number(length: usize) -> f64 {
    length as f64
}

/// The truth of an answer that may not be possible.
pub fn truth(answer: Result<bool, Why>) -> (Truth, Option<Why>) {
    match answer {
        Ok(holds) => (Truth::known(holds), None),
        Err(why) => (Truth::Undetermined, Some(why)),
    }
}
