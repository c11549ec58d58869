//! From the YAML under `tools` to declarations.

use std::collections::BTreeMap;

use super::keywords;
use super::reader::{Reader, entry, shown};
use super::tool::{DeclType, ParamSpec, ToolDecl};
use super::yaml::{Kind, Node};
use crate::diagnostic;
use crate::value::Value;

/// `tools: { NAME: { description, params, additional } }`.
pub(super) fn read(reader: &mut Reader, node: &Node) -> BTreeMap<String, ToolDecl> {
    let mut tools = BTreeMap::new();
    let Some(entries) = reader.map(node, "tools", "a mapping from tools to declarations") else {
        return tools;
    };
    for one in entries {
        if let Some(tool) = tool(reader, &one.value, &one.key) {
            tools.insert(one.key.clone(), tool);
        }
    }
    tools
}

fn tool(reader: &mut Reader, node: &Node, name: &str) -> Option<ToolDecl> {
    let entries = reader.map(node, name, "a mapping with `params`, `additional` and `description`")?;
    reader.only(entries, &keywords::TOOL, "the declaration of a tool");
    if let Some(one) = entry(entries, "description") {
        reader.text(&one.value, "description", "a text")?;
    }
    let additional = match entry(entries, "additional") {
        Some(one) => reader.boolean(&one.value, "additional")?,
        None => true,
    };
    let mut params = BTreeMap::new();
    if let Some(one) = entry(entries, "params") {
        for param in reader.map(&one.value, "params", "a mapping from parameters to declarations")? {
            if let Some(spec) = spec(reader, &param.value, &param.key) {
                params.insert(param.key.clone(), spec);
            }
        }
    }
    Some(ToolDecl { params, additional })
}

fn spec(reader: &mut Reader, node: &Node, name: &str) -> Option<ParamSpec> {
    let entries = reader.map(node, name, "a mapping such as `{ type: string, required: true }`")?;
    reader.only(entries, &keywords::PARAM, "the declaration of a parameter");
    let mut spec = ParamSpec::default();
    for one in entries {
        let (key, node) = (one.key.as_str(), &one.value);
        match key {
            "type" => spec.types = types(reader, node)?,
            "required" => spec.required = reader.boolean(node, key)?,
            "enum" => {
                let items = reader.list(node, key, "a list of values")?;
                if items.is_empty() {
                    reader.report(diagnostic::empty_list(node.span, key, "the allowed values"));
                    return None;
                }
                spec.allowed = items.iter().map(Node::to_value).collect();
            }
            "min" => spec.min = Some(reader.number(node, key)?),
            "max" => spec.max = Some(reader.number(node, key)?),
            "min_length" => spec.min_length = Some(f64::from(reader.whole(node, key, 0, u32::MAX)?)),
            "max_length" => spec.max_length = Some(f64::from(reader.whole(node, key, 0, u32::MAX)?)),
            "pattern" => {
                let text = reader.text(node, key, "a regular expression")?;
                spec.pattern = Some(reader.pattern(text, node.span)?);
            }
            "items" => spec.items = Some(Box::new(self::spec(reader, node, key)?)),
            "description" => _ = reader.text(node, key, "a text")?,
            _ => {}
        }
    }
    // A bound says of which type it is; a value of another type must not pass because nothing bounds it.
    if spec.types.is_empty() {
        spec.types = if spec.min.is_some() || spec.max.is_some() {
            vec![DeclType::Number]
        } else if spec.pattern.is_some() {
            vec![DeclType::String]
        } else if spec.items.is_some() {
            vec![DeclType::Array]
        } else if spec.min_length.is_some() || spec.max_length.is_some() {
            vec![DeclType::String, DeclType::Array]
        } else {
            Vec::new()
        };
    }
    let never =
        [("min", spec.min, "max", spec.max), ("min_length", spec.min_length, "max_length", spec.max_length)];
    for (low, least, high, most) in never {
        if let (Some(least), Some(most)) = (least, most)
            && least > most
        {
            let message = format!("`{low}` is greater than `{high}`, so no value would do");
            reader.report(diagnostic::invalid(node.span, message, "swap them"));
            return None;
        }
    }
    let fits =
        |value: &Value| spec.types.is_empty() || spec.types.iter().any(|kind| kind.kind() == value.kind());
    if let Some(one) = entry(entries, "enum")
        && let Kind::List(items) = &one.value.kind
        && let Some(item) = items.iter().find(|item| !fits(&item.to_value()))
    {
        let finding = diagnostic::invalid_value(item.span, "enum", &shown(item), &spec.described());
        reader.report(finding);
        return None;
    }
    Some(spec)
}

fn types(reader: &mut Reader, node: &Node) -> Option<Vec<DeclType>> {
    let words = DeclType::ALL.map(|kind| (kind.as_str(), kind));
    match &node.kind {
        Kind::List(items) if items.is_empty() => {
            reader.report(diagnostic::empty_list(node.span, "type", "the types"));
            None
        }
        Kind::List(items) => {
            let read: Vec<_> = items.iter().filter_map(|item| type_word(reader, item, &words)).collect();
            (read.len() == items.len()).then_some(read)
        }
        _ => Some(vec![type_word(reader, node, &words)?]),
    }
}

/// A bare `null` is the name of a type here.
fn type_word(reader: &mut Reader, node: &Node, words: &[(&str, DeclType)]) -> Option<DeclType> {
    if matches!(node.kind, Kind::Null) {
        return Some(DeclType::Null);
    }
    reader.word(node, "type", words)
}
