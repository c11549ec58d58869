//! JSON Schemas as TypeScript types, one for each schema and nothing else: unions of words, objects, and their docs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};

/// A module with a type for each schema. Types that another module has are imported from there.
pub(crate) fn module(schemas: &Map<String, Value>, other: Option<(&Map<String, Value>, &str)>) -> String {
    let mut out = "// Made from the Rust types by `cargo xtask codegen`; do not edit.\n".to_owned();
    if let Some((theirs, path)) = other {
        let mut used = BTreeSet::new();
        schemas.values().for_each(|schema| references(schema, &mut used));
        let used: Vec<_> = used.into_iter().filter(|name| theirs.contains_key(*name)).collect();
        let _ = write!(out, "\nimport type {{\n  {},\n}} from \"{path}\";\n", used.join(",\n  "));
    }
    for (name, schema) in schemas {
        let _ = write!(out, "\n{}export type {name} = {};\n", docs(schema, ""), kind(schema, ""));
    }
    out
}

fn references<'a>(schema: &'a Value, into: &mut BTreeSet<&'a str>) {
    match schema {
        Value::Object(members) => {
            into.extend(members.get("$ref").and_then(name_of));
            members.values().for_each(|member| references(member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        _ => {}
    }
}

fn name_of(reference: &Value) -> Option<&str> {
    reference.as_str()?.rsplit('/').next()
}

fn docs(schema: &Value, indent: &str) -> String {
    let Some(text) = schema.get("description").and_then(Value::as_str) else { return String::new() };
    // The end of a comment would be the end of this one.
    let text = text.replace("*/", "*\\/");
    let lines: Vec<_> = text.lines().collect();
    if let [line] = lines.as_slice() {
        return format!("{indent}/** {line} */\n");
    }
    let lines: String =
        lines.iter().map(|line| format!("{}\n", format!("{indent} * {line}").trim_end())).collect();
    format!("{indent}/**\n{lines}{indent} */\n")
}

/// The type of a schema.
fn kind(schema: &Value, indent: &str) -> String {
    let Some(members) = schema.as_object() else { return "unknown".to_owned() };
    if let Some(name) = members.get("$ref").and_then(name_of) {
        return name.to_owned();
    }
    if let Some(word) = members.get("const") {
        return word.to_string();
    }
    if let Some(Value::Array(words)) = members.get("enum") {
        return words.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    if let Some(Value::Array(choices)) = members.get("anyOf").or_else(|| members.get("oneOf")) {
        return choices.iter().map(|choice| kind(choice, indent)).collect::<Vec<_>>().join(" | ");
    }
    match members.get("type") {
        Some(Value::Array(kinds)) => kinds
            .iter()
            .filter_map(Value::as_str)
            .map(|word| named(word, members, indent))
            .collect::<Vec<_>>()
            .join(" | "),
        Some(Value::String(word)) => named(word, members, indent),
        _ => "unknown".to_owned(),
    }
}

fn named(word: &str, schema: &Map<String, Value>, indent: &str) -> String {
    match word {
        "string" | "boolean" | "null" => word.to_owned(),
        "integer" | "number" => "number".to_owned(),
        "array" => {
            let item = schema.get("items").map_or_else(|| "unknown".to_owned(), |items| kind(items, indent));
            if item.contains(' ') { format!("({item})[]") } else { format!("{item}[]") }
        }
        _ => object(schema, indent),
    }
}

fn object(schema: &Map<String, Value>, indent: &str) -> String {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        let value = schema.get("additionalProperties").filter(|rest| rest.is_object());
        let value = value.map_or_else(|| "unknown".to_owned(), |rest| kind(rest, indent));
        return match schema.get("propertyNames").and_then(|names| name_of(names.get("$ref")?)) {
            Some(key) => format!("{{ [key in {key}]?: {value} }}"),
            None => format!("{{ [key: string]: {value} }}"),
        };
    };
    let required = schema.get("required").and_then(Value::as_array);
    let inner = format!("{indent}  ");
    let mut out = "{\n".to_owned();
    for (name, property) in properties {
        let optional =
            if required.is_some_and(|names| names.iter().any(|one| one == name)) { "" } else { "?" };
        let _ =
            writeln!(out, "{}{inner}{name}{optional}: {};", docs(property, &inner), kind(property, &inner));
    }
    if schema.get("additionalProperties").is_some_and(|rest| *rest == true) {
        let _ = writeln!(out, "{inner}[key: string]: unknown;");
    }
    format!("{out}{indent}}}")
}
