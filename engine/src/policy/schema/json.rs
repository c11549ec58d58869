//! JSON that is built by hand and printed for people: members stay in the order in which they were put in.
//!
//! It reads nothing, and nothing that is decided or recorded goes through it; that is [`crate::canonical`].

use std::fmt::{self, Display, Formatter};

use crate::canonical::Canonical;
use crate::value::Value;

/// A piece of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `true` or `false`
    Bool(bool),
    /// A whole number from zero on.
    Number(u32),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object, in order.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// An object of these members.
    pub(super) fn object<K: Into<String>, V: Into<Json>>(members: impl IntoIterator<Item = (K, V)>) -> Self {
        Json::Object(members.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// A list of these elements.
    pub(super) fn list<V: Into<Json>>(items: impl IntoIterator<Item = V>) -> Self {
        Json::List(items.into_iter().map(Into::into).collect())
    }

    /// The same object with one more member; anything else stays as it is.
    pub(super) fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        if let Json::Object(members) = &mut self {
            members.push((key.to_owned(), value.into()));
        }
        self
    }

    /// The same object with the members of another behind its own.
    pub(super) fn also(mut self, other: Json) -> Self {
        if let (Json::Object(members), Json::Object(more)) = (&mut self, other) {
            members.extend(more);
        }
        self
    }

    fn print(&self, depth: usize, to: &mut Formatter<'_>) -> fmt::Result {
        let (inside, open, close) = match self {
            Json::Bool(bool) => return write!(to, "{bool}"),
            Json::Number(number) => return write!(to, "{number}"),
            Json::Text(text) => return to.write_str(&quoted(text)),
            Json::List(items) => (items.iter().map(|item| (None, item)).collect::<Vec<_>>(), '[', ']'),
            Json::Object(members) => {
                (members.iter().map(|(key, value)| (Some(key), value)).collect(), '{', '}')
            }
        };
        let deeper = depth.saturating_add(1);
        // A list of words reads better in a line; a list of schemas does not.
        let flat = !inside.iter().any(|(key, value)| key.is_some() || value.is_long());
        write!(to, "{open}")?;
        for (index, (key, value)) in inside.iter().enumerate() {
            if index > 0 {
                to.write_str(if flat { ", " } else { "," })?;
            }
            if !flat {
                write!(to, "\n{:1$}", "", deeper.saturating_mul(2))?;
            }
            if let Some(key) = key {
                write!(to, "{}: ", quoted(key))?;
            }
            value.print(deeper, to)?;
        }
        if !flat {
            write!(to, "\n{:1$}", "", depth.saturating_mul(2))?;
        }
        write!(to, "{close}")
    }

    fn is_long(&self) -> bool {
        matches!(self, Json::List(_) | Json::Object(_))
    }
}

fn quoted(text: &str) -> String {
    Canonical::of(&Value::String(text.to_owned())).into_string()
}

impl Display for Json {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        self.print(0, to)
    }
}

impl From<bool> for Json {
    fn from(bool: bool) -> Self {
        Json::Bool(bool)
    }
}

impl From<u32> for Json {
    fn from(number: u32) -> Self {
        Json::Number(number)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Json::Text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_in_order() {
        let json = Json::object([("b", 1), ("a", 2)])
            .with("words", Json::list(["x", "\"y\""]))
            .with("none", Json::Object(Vec::new()))
            .with("deep", Json::list([Json::object([("c", true)])]));
        let printed = "{\n  \"b\": 1,\n  \"a\": 2,\n  \"words\": [\"x\", \"\\\"y\\\"\"],\n  \"none\": {},\n  \
                       \"deep\": [\n    {\n      \"c\": true\n    }\n  ]\n}";
        assert_eq!(json.to_string(), printed);
    }
}
