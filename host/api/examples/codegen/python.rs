//! JSON Schemas as frozen dataclasses and literals, under the names that the Python package gives them.
//!
//! The package must read answers of older and of newer servers, so a class may be more lenient than its schema: such
//! members are listed here, each with the value that it has where a server does not send it.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Words: the name in Python, the schema, and the word for one that this version does not know.
const WORDS: [(&str, &str, Option<&str>); 5] = [
    ("Outcome", "Outcome", None),
    ("Effect", "Effect", None),
    ("RiskLevel", "RiskLevel", None),
    ("Status", "Status", Some("unknown")),
    ("Severity", "Severity", None),
];

/// A class: its name in Python, the schema, the class that has the other members, and the members that may be absent.
struct Class {
    name: &'static str,
    schema: &'static str,
    base: Option<&'static str>,
    /// Members that are `None` where they are absent.
    lenient: &'static [&'static str],
    /// Members with another value where they are absent.
    defaults: &'static [(&'static str, &'static str)],
    /// Secrets, which are not in the `repr`.
    secret: &'static [&'static str],
    /// Members without a meaning for callers.
    without: &'static [&'static str],
}

const NONE: Class =
    Class { name: "", schema: "", base: None, lenient: &[], defaults: &[], secret: &[], without: &[] };

const CLASSES: [Class; 9] = [
    Class { name: "Rule", schema: "RuleRef", lenient: &["line"], ..NONE },
    Class { name: "Quorum", schema: "Quorum", defaults: &[("roles", "()")], ..NONE },
    Class { name: "ApprovalRequirement", schema: "ApprovalRequirement", lenient: &["expires_ms"], ..NONE },
    Class { name: "ShadowOpinion", schema: "ShadowOpinion", ..NONE },
    Class { name: "Receipt", schema: "Receipt", ..NONE },
    Class {
        name: "Decision",
        schema: "Decision",
        lenient: &["policy_hash", "provenance_id", "runtime_version", "request_hash"],
        defaults: &[("risk_rules", "()")],
        ..NONE
    },
    Class {
        name: "Action",
        schema: "Action",
        base: Some("Decision"),
        lenient: &[
            "policy_version",
            "approval_token",
            "receipt",
            "duration_us",
            "created_at",
            "updated_at",
            "expires_at",
            "start_by",
            "waiting",
            "answerable",
        ],
        defaults: &[
            ("params", "field(default_factory=dict)"),
            ("context", "field(default_factory=dict)"),
            ("approvals", "()"),
            ("contradicted", "False"),
        ],
        secret: &["approval_token"],
        without: &["permit"],
    },
    Class { name: "Span", schema: "Span", ..NONE },
    Class { name: "Diagnostic", schema: "Diagnostic", ..NONE },
];

/// The module.
pub(crate) fn module(schemas: &Map<String, Value>) -> Result<String, String> {
    let mut out = "\"\"\"The shapes of the server's and the engine's answers, as frozen dataclasses under the names of the wire.\n\n\
        Made from the Rust types by `cargo xtask codegen`; do not edit.\n\"\"\"\n\n\
        from __future__ import annotations\n\n\
        from collections.abc import Mapping\n\
        from dataclasses import dataclass, field\n\
        from typing import Any, Literal\n\n\
        import faramesh._installation  # noqa: F401 - the modules below look too, whatever `__init__.py` is there\n"
        .to_owned();
    let find = |name: &str| schemas.get(name).ok_or_else(|| format!("there is no schema `{name}`"));
    for (name, schema, otherwise) in WORDS {
        let schema = find(schema)?;
        let words =
            schema.get("enum").and_then(Value::as_array).ok_or_else(|| format!("`{name}` has no words"))?;
        let words =
            words.iter().filter_map(Value::as_str).chain(otherwise).map(|word| format!("    \"{word}\",\n"));
        let _ = write!(out, "\n{name} = Literal[\n{}]\n", words.collect::<String>());
        let end = otherwise.map_or_else(String::new, |word| {
            format!(" `{word}` stands for a word that this version does not know.")
        });
        let summary = description(schema).split("\n\n").next().unwrap_or_default();
        let _ = writeln!(out, "\"\"\"{summary}{end}\"\"\"");
    }
    for class in &CLASSES {
        out.push_str(&dataclass(class, find(class.schema)?, schemas)?);
    }
    Ok(out)
}

fn dataclass(class: &Class, schema: &Value, schemas: &Map<String, Value>) -> Result<String, String> {
    let members =
        |schema: &Value| schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let inherited = CLASSES.iter().find(|other| Some(other.name) == class.base);
    let inherited = inherited.and_then(|base| schemas.get(base.schema)).map(members).unwrap_or_default();
    let parent = class.base.map_or_else(String::new, |base| format!("({base})"));
    let summary = description(schema).split("\n\n").next().unwrap_or_default();
    let mut out = format!(
        "\n\n@dataclass(frozen=True, kw_only=True)\nclass {}{parent}:\n    \"\"\"{summary}\"\"\"\n",
        class.name
    );
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, member) in members(schema) {
        if inherited.contains_key(&name) || class.without.contains(&name.as_str()) {
            continue;
        }
        let name = name.as_str();
        let (mut kind, nullable) = python(&member)?;
        let given = class.defaults.iter().find(|(member, _)| *member == name).map(|(_, value)| *value);
        let lenient = class.lenient.contains(&name) || !required.iter().any(|one| one == name);
        let default = match (given, lenient) {
            (Some(value), _) => Some(value),
            (None, true) if kind.starts_with("tuple") => Some("()"),
            (None, true) => Some("None"),
            (None, false) => None,
        };
        if (nullable || default == Some("None")) && kind != "Any" {
            kind.push_str(" | None");
        }
        let default = match default {
            None => String::new(),
            Some(value) if class.secret.contains(&name) => format!(" = field(default={value}, repr=False)"),
            Some(value) => format!(" = {value}"),
        };
        let _ = write!(
            out,
            "\n    {name}: {kind}{default}\n    \"\"\"{}\"\"\"\n",
            description(&member).replace('\n', "\n    ")
        );
    }
    Ok(out)
}

fn description(schema: &Value) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}

/// The type of a schema, and whether it may be null.
fn python(schema: &Value) -> Result<(String, bool), String> {
    let Some(members) = schema.as_object() else { return Ok(("Any".to_owned(), false)) };
    if let Some(name) = members.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
        let class = CLASSES.iter().find(|class| class.schema == name).map(|class| class.name);
        let known =
            class.or_else(|| WORDS.iter().find(|(_, schema, _)| *schema == name).map(|(name, ..)| *name));
        let other = match name {
            "RiskScore" => "int",
            hash if hash.ends_with("Hash") || hash == "ProvenanceId" => "str",
            // Words that grow with the server are texts.
            "ReasonCode" | "Code" => "str",
            _ => "Mapping[str, Any]",
        };
        return Ok((known.unwrap_or(other).to_owned(), false));
    }
    if let Some(Value::Array(choices)) = members.get("anyOf") {
        let null = |choice: &&Value| choice.get("type").is_some_and(|kind| kind == "null");
        let rest: Vec<_> = choices.iter().filter(|choice| !null(choice)).collect();
        let [one] = rest.as_slice() else { return Err(format!("{schema} has several types")) };
        return Ok((python(one)?.0, rest.len() < choices.len()));
    }
    let (word, nullable) = match members.get("type") {
        Some(Value::String(word)) => (word.as_str(), false),
        Some(Value::Array(words)) => {
            let word = words.iter().filter_map(Value::as_str).find(|word| *word != "null").unwrap_or("null");
            (word, words.len() > 1)
        }
        _ => return Ok(("Any".to_owned(), false)),
    };
    let kind = match word {
        "string" => "str".to_owned(),
        "integer" => "int".to_owned(),
        "number" => "float".to_owned(),
        "boolean" => "bool".to_owned(),
        "array" => format!("tuple[{}, ...]", python(members.get("items").unwrap_or(&Value::Bool(true)))?.0),
        "null" => "None".to_owned(),
        _ => "Mapping[str, Any]".to_owned(),
    };
    Ok((kind, nullable))
}
