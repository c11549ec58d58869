//! The page of the HTTP API, `docs/HTTP.md`, from its OpenAPI document: operations by tag, then the schemas.
//!
//! It explains nothing that the document does not say.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];
/// The tag of operations that have none.
const REST: &str = "Other";

/// The page.
pub(super) fn page(document: &Value) -> String {
    let mut page = String::from("# HTTP API\n\n");
    page +=
        "<!-- Made from the OpenAPI document by `cargo xtask codegen`; change that document instead. -->\n\n";
    paragraphs(&mut page, text(document, "/info/description"));
    page += "Every server shows the same as a document for programs at `GET /openapi.json`.\n";
    let operations = operations(document);
    for tag in tags(document, &operations) {
        let of_tag = || operations.iter().filter(|operation| operation.tag == tag);
        _ = write!(page, "\n## {}\n\n", capital(&tag));
        let described = items(document, "/tags").find(|known| text(known, "/name") == tag);
        paragraphs(&mut page, described.map_or("", |tag| text(tag, "/description")));
        page += "| operation | |\n| --- | --- |\n";
        for operation in of_tag() {
            let (method, path) = (operation.method.to_uppercase(), operation.path);
            let anchor = anchor(&format!("{method} {path}"));
            _ = writeln!(page, "| [`{method} {path}`](#{anchor}) | {} |", text(operation.what, "/summary"));
        }
        of_tag().for_each(|operation| operation.write(&mut page, document));
    }
    page += "\n## Schemas\n";
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object).into_iter().flatten();
    for (name, schema) in schemas {
        _ = write!(page, "\n### {name}\n\n");
        paragraphs(&mut page, text(schema, "/description"));
        properties(&mut page, schema);
    }
    page
}

struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    tag: String,
    what: &'a Value,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths
        .flat_map(|(path, methods)| METHODS.map(|method| (method, path, methods.get(method))))
        .filter_map(|(method, path, what)| {
            let what = what?;
            let tag = what.pointer("/tags/0").and_then(Value::as_str).unwrap_or(REST).to_owned();
            Some(Operation { method, path, tag, what })
        })
        .collect()
}

/// The tags in the order of the document, and after them any that it does not describe.
fn tags(document: &Value, operations: &[Operation<'_>]) -> Vec<String> {
    let mut tags: Vec<String> = items(document, "/tags").map(|tag| text(tag, "/name").to_owned()).collect();
    let used: BTreeSet<&String> = operations.iter().map(|operation| &operation.tag).collect();
    tags.retain(|tag| used.contains(tag));
    for tag in used {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    tags
}

impl Operation<'_> {
    fn write(&self, page: &mut String, document: &Value) {
        // As code, since mdBook would take `{id}` at the end for attributes of the heading.
        _ = write!(page, "\n### `{} {}`\n\n", self.method.to_uppercase(), self.path);
        _ = writeln!(page, "{}.", text(self.what, "/summary"));
        paragraphs_after(page, text(self.what, "/description"));
        let parameters: Vec<&Value> =
            items(self.what, "/parameters").map(|parameter| resolved(document, parameter)).collect();
        if !parameters.is_empty() {
            *page += "\n| parameter | in | type | |\n| --- | --- | --- | --- |\n";
        }
        for parameter in parameters {
            let name = text(parameter, "/name");
            let must = if flag(parameter, "required") { ", required" } else { "" };
            let kind = kind(parameter.get("schema").unwrap_or(&Value::Null));
            let (place, about) = (text(parameter, "/in"), cell(text(parameter, "/description")));
            _ = writeln!(page, "| `{name}` | {place}{must} | {kind} | {about} |");
        }
        if let Some(body) = self.what.get("requestBody").map(|body| resolved(document, body)) {
            _ = writeln!(page, "\nBody: {}.", content(body));
        }
        let responses = self.what.get("responses").and_then(Value::as_object).into_iter().flatten();
        *page += "\n| status | answer | |\n| --- | --- | --- |\n";
        for (status, response) in responses {
            let response = resolved(document, response);
            let about = cell(text(response, "/description"));
            // Where the answer is what the summary promises, saying it twice helps no one.
            let about = if about == text(self.what, "/summary") { String::new() } else { about };
            _ = writeln!(page, "| {status} | {} | {about} |", content(response));
        }
    }
}

/// The content of a body: a schema for each media type.
fn content(body: &Value) -> String {
    let kinds = body.get("content").and_then(Value::as_object).into_iter().flatten();
    let shown: Vec<String> = kinds
        .map(|(media, what)| match what.get("schema") {
            Some(schema) if media.ends_with("json") => kind(schema),
            _ => format!("`{media}`"),
        })
        .collect();
    shown.join(" or ")
}

fn properties(page: &mut String, schema: &Value) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        _ = writeln!(page, "{}.", capital(&kind(schema)));
        return;
    };
    let required: BTreeSet<&str> = items(schema, "/required").filter_map(Value::as_str).collect();
    *page += "| property | type | |\n| --- | --- | --- |\n";
    for (name, property) in properties {
        let optional = if required.contains(name.as_str()) { "" } else { ", optional" };
        let about = cell(text(property, "/description"));
        _ = writeln!(page, "| `{name}` | {}{optional} | {about} |", kind(property));
    }
}

/// A type in a few words, as a cell of a table.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let name = name.rsplit('/').next().unwrap_or(name);
        return format!("[{name}](#{})", anchor(name));
    }
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema.get(key).and_then(Value::as_array) {
            return either(choices.iter().map(kind));
        }
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return either(values.iter().map(|value| format!("`{}`", value.as_str().unwrap_or("null"))));
    }
    match schema.get("type") {
        Some(Value::Array(types)) => {
            either(types.iter().map(|kind| one(kind.as_str().unwrap_or_default(), schema)))
        }
        Some(Value::String(kind)) => one(kind, schema),
        _ => "anything".to_owned(),
    }
}

fn one(kind_of_it: &str, schema: &Value) -> String {
    match (kind_of_it, text(schema, "/format")) {
        ("array", _) => format!("list of {}", schema.get("items").map_or("anything".to_owned(), kind)),
        ("string", "") => "text".to_owned(),
        ("string", format) => format!("text ({format})"),
        ("boolean", _) => "`true` or `false`".to_owned(),
        (other, _) => other.to_owned(),
    }
}

fn either(choices: impl Iterator<Item = String>) -> String {
    let mut seen = BTreeSet::new();
    let choices: Vec<String> = choices.filter(|choice| seen.insert(choice.clone())).collect();
    match choices.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// `value`, or what its reference leads to.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
    target.and_then(|target| document.pointer(target)).unwrap_or(value)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or_default()
}

/// A text of several sentences as Markdown of this repository has it: a line for each sentence.
fn paragraphs(page: &mut String, text: &str) {
    let begun = page.len();
    paragraphs_after(page, text);
    if page.len() > begun {
        // The page already ends with an empty line.
        page.remove(begun);
        page.push('\n');
    }
}

/// The same, after an empty line.
fn paragraphs_after(page: &mut String, text: &str) {
    for paragraph in text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        page.push('\n');
        let paragraph = paragraph.replace('\n', " ");
        let mut words = paragraph.split(' ').peekable();
        while let Some(word) = words.next() {
            page.push_str(word);
            let begins =
                |next: &&str| next.starts_with(|c: char| c.is_uppercase() || matches!(c, '`' | '4' | '5'));
            let ends = word.ends_with(['.', '?', '!']) && words.peek().is_some_and(begins);
            page.push(if ends || words.peek().is_none() { '\n' } else { ' ' });
        }
    }
}

/// A text as a cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

fn anchor(heading: &str) -> String {
    crate::links::slug(heading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::{anchors, links};
    use serde_json::json;

    #[test]
    fn a_small_document_becomes_a_page() {
        let document = json!({
            "info": { "description": "One. Two." },
            "tags": [{ "name": "things", "description": "What there is." }],
            "paths": { "/v1/things/{id}": { "get": {
                "tags": ["things"],
                "summary": "One thing",
                "parameters": [{ "$ref": "#/components/parameters/Id" }],
                "responses": {
                    "200": { "description": "One thing",
                             "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } } },
                    "404": { "description": "none | gone" }
                }
            } } },
            "components": {
                "parameters": { "Id": { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } } },
                "schemas": { "Thing": { "properties": {
                    "size": { "type": ["integer", "null"] },
                    "kind": { "enum": ["a", "b"], "description": "Which." }
                }, "required": ["size"] } }
            }
        });
        let page = page(&document);
        for line in [
            "\n### `GET /v1/things/{id}`\n",
            "One.\nTwo.\n",
            "## Things\n\nWhat there is.\n",
            "| [`GET /v1/things/{id}`](#get-v1thingsid) | One thing |",
            "| `id` | path, required | text |  |",
            "| 200 | [Thing](#thing) |  |",
            "| 404 |  | none \\| gone |",
            "| `size` | integer or null |  |",
            "| `kind` | `a` or `b`, optional | Which. |",
        ] {
            assert!(page.contains(line), "{line}\nis not in\n{page}");
        }
        let headings = anchors(&page);
        for link in links(&page) {
            assert!(headings.contains(link.target.trim_start_matches('#')), "{}", link.target);
        }
    }
}
