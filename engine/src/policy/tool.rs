//! Tool declarations: the form of a tool's arguments, and the faults of given ones.

use std::collections::BTreeMap;

use super::operator::Pattern;
use super::path::Path;
use crate::canonical::Canonical;
use crate::meter::{Meter, bytes, whole};
use crate::value::{Object, Type, Value};

/// So many violations are enough to refuse a call: each is a clause in memory.
pub const MOST_VIOLATIONS: usize = 1000;

/// A declared tool.
#[derive(Debug, Clone)]
pub struct ToolDecl {
    /// Its parameters by name.
    pub params: BTreeMap<String, ParamSpec>,
    /// Whether other parameters may be there too.
    pub additional: bool,
}

/// The constraints on a parameter, or an element of a list.
#[derive(Debug, Clone, Default)]
pub struct ParamSpec {
    /// Any of these; empty means anything.
    pub types: Vec<DeclType>,
    /// Whether it must be there.
    pub required: bool,
    /// Equal to one of these; empty means no such bound.
    pub allowed: Vec<Value>,
    /// The least number.
    pub min: Option<f64>,
    /// The greatest number.
    pub max: Option<f64>,
    /// The least number of characters or elements.
    pub min_length: Option<f64>,
    /// The greatest number of characters or elements.
    pub max_length: Option<f64>,
    /// A pattern that is found in the text.
    pub pattern: Option<Pattern>,
    /// The constraints on each element of a list.
    pub items: Option<Box<ParamSpec>>,
}

/// A type that a declaration can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclType {
    /// Text.
    String,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list.
    Array,
    /// An object.
    Object,
    /// `null`
    Null,
}

impl DeclType {
    /// All of them.
    pub const ALL: [DeclType; 7] = [
        DeclType::String,
        DeclType::Number,
        DeclType::Integer,
        DeclType::Boolean,
        DeclType::Array,
        DeclType::Object,
        DeclType::Null,
    ];

    /// The word in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            DeclType::String => "string",
            DeclType::Number => "number",
            DeclType::Integer => "integer",
            DeclType::Boolean => "boolean",
            DeclType::Array => "array",
            DeclType::Object => "object",
            DeclType::Null => "null",
        }
    }

    /// The type of its values.
    pub fn kind(self) -> Type {
        match self {
            DeclType::String => Type::String,
            DeclType::Number | DeclType::Integer => Type::Number,
            DeclType::Boolean => Type::Boolean,
            DeclType::Array => Type::Array,
            DeclType::Object => Type::Object,
            DeclType::Null => Type::Null,
        }
    }

    fn described(self) -> &'static str {
        match self {
            DeclType::Integer => "a whole number",
            other => other.kind().described(),
        }
    }

    fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (DeclType::Integer, Value::Number(number)) => number.fract() == 0.0,
            _ => self.kind() == value.kind(),
        }
    }
}

impl ToolDecl {
    /// Everything that is wrong with `params`, a clause each, in a fixed order.
    /// No more than [`MOST_VIOLATIONS`] are looked for.
    pub fn violations(&self, params: &Object, meter: &Meter) -> Vec<String> {
        let mut found = Vec::new();
        for (name, spec) in &self.params {
            match params.get(name) {
                Some(value) => spec.check(name, value, meter, &mut found),
                None if spec.required => found.push(format!("`{name}` is missing")),
                None => {}
            }
        }
        if !self.additional {
            let extra = params.iter().filter(|(name, _)| {
                meter.spend(bytes(name.len()).saturating_mul(4)) && !self.params.contains_key(*name)
            });
            found.extend(
                extra
                    .take(MOST_VIOLATIONS)
                    .map(|(name, _)| format!("`{}` is not declared", name.escape_debug())),
            );
        }
        found.truncate(MOST_VIOLATIONS);
        found
    }
}

/// The only kind of value that a declaration permits at the end of a path; none if there are several, or none is
/// declared.
pub fn only_kind(tool: &ToolDecl, path: &Path) -> Option<Type> {
    let spec = tool.params.get(path.root())?;
    let spec = match path.starts_with_each() {
        _ if path.is_root() => spec,
        (true, true) => spec.items.as_deref()?,
        _ => return None,
    };
    let (first, others) = spec.types.split_first()?;
    others.iter().all(|other| other.kind() == first.kind()).then(|| first.kind())
}

impl ParamSpec {
    /// The permitted types, for messages: `a string or null`.
    pub fn described(&self) -> String {
        let words: Vec<&str> = self.types.iter().map(|kind| kind.described()).collect();
        words.join(" or ")
    }

    fn check(&self, name: &str, value: &Value, meter: &Meter, found: &mut Vec<String>) {
        let length = match value {
            Value::String(text) => bytes(text.len()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => 1,
        };
        let compared = if self.allowed.is_empty() { 0 } else { whole(value) };
        let searched = match (&self.pattern, value) {
            (Some(pattern), Value::String(text)) => pattern.steps(text),
            _ => 0,
        };
        let steps = compared.saturating_mul(self.allowed.len() as u64).saturating_add(searched);
        let steps = steps.saturating_add(length).saturating_add(bytes(name.len()).saturating_mul(4));
        if !meter.spend(steps) || found.len() >= MOST_VIOLATIONS {
            return;
        }
        if !self.types.is_empty() && !self.types.iter().any(|kind| kind.holds(value)) {
            let is = match value {
                Value::Number(_) if self.types.contains(&DeclType::Integer) => "not whole",
                other => other.kind().described(),
            };
            found.push(format!("`{name}` is {is}, it must be {}", self.described()));
            return;
        }
        if !self.allowed.is_empty() && !self.allowed.contains(value) {
            found.push(format!("`{name}` is not one of the allowed values"));
        }
        if let Value::Number(number) = value {
            if let Some(min) = self.min.filter(|min| number < min) {
                found.push(format!("`{name}` is less than {}", Canonical::of(&Value::Number(min))));
            }
            if let Some(max) = self.max.filter(|max| number > max) {
                found.push(format!("`{name}` is more than {}", Canonical::of(&Value::Number(max))));
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "no value has 2^53 parts")]
        let (length, parts) = match value {
            Value::String(text) => (Some(text.chars().count() as f64), "characters"),
            Value::Array(items) => (Some(items.len() as f64), "elements"),
            _ => (None, ""),
        };
        if let Some(length) = length {
            if let Some(least) = self.min_length.filter(|least| length < *least) {
                found.push(format!(
                    "`{name}` has fewer than {} {parts}",
                    Canonical::of(&Value::Number(least))
                ));
            }
            if let Some(most) = self.max_length.filter(|most| length > *most) {
                found.push(format!("`{name}` has more than {} {parts}", Canonical::of(&Value::Number(most))));
            }
        }
        if let (Value::String(text), Some(pattern)) = (value, &self.pattern)
            && !pattern.is_found_in(text)
        {
            found.push(format!("`{name}` does not match its pattern"));
        }
        if let (Value::Array(items), Some(spec)) = (value, &self.items) {
            for (index, item) in items.iter().enumerate() {
                if meter.is_spent() || found.len() >= MOST_VIOLATIONS {
                    return;
                }
                spec.check(&format!("{name}[{index}]"), item, meter, found);
            }
        }
    }
}
