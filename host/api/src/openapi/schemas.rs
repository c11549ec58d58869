//! JSON Schemas of types, collected under `components/schemas`.

use schemars::generate::{Contract, SchemaSettings};
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// The schemas that were asked for so far.
pub(super) struct Schemas {
    answers: SchemaGenerator,
    requests: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        Schemas { answers: generator(Contract::Serialize), requests: generator(Contract::Deserialize) }
    }

    /// A reference to `T` as the server writes it.
    pub(super) fn answer<T: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<T>().to_value()
    }

    /// A reference to `T` as the server reads it.
    pub(super) fn request<T: JsonSchema>(&mut self) -> Value {
        self.requests.subschema_for::<T>().to_value()
    }

    /// The members of a query, each by its name: whether it is required, and its schema.
    pub(super) fn query<T: JsonSchema>(&mut self) -> Vec<(String, bool, Map<String, Value>)> {
        let mut schema = T::json_schema(&mut self.requests);
        tidied(&mut schema);
        let schema = schema.to_value();
        let required = |name: &str| {
            schema
                .get("required")
                .and_then(Value::as_array)
                .is_some_and(|names| names.iter().any(|one| one == name))
        };
        let Some(members) = schema.get("properties").and_then(Value::as_object) else { return Vec::new() };
        members.iter().map(|(name, member)| (name.clone(), required(name), never_null(member))).collect()
    }

    /// All schemas by their name.
    ///
    /// A type that is both written and read has one schema, so the two must agree.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        let mut all = self.answers.take_definitions(true);
        for (name, read) in self.requests.take_definitions(true) {
            let written = all.get(&name);
            assert!(
                written.is_none_or(|written| *written == read),
                "`{name}` reads otherwise than it is written: {read:#}"
            );
            all.insert(name, read);
        }
        all
    }
}

/// The schemas of the engine's types that the packages use beside the HTTP API: a caller that decides by itself reads
/// and writes them.
pub fn in_typescript_and_python() -> Map<String, Value> {
    let mut schemas = Schemas::new();
    _ = schemas.answer::<engine::abi::Loaded>();
    _ = schemas.answer::<engine::state::State>();
    schemas.finish()
}

fn generator(contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.contract = contract;
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        settings.transforms =
            vec![Box::new(RecursiveTransform(one_of_words)), Box::new(RecursiveTransform(plain))];
    });
    settings.into_generator()
}

fn tidied(schema: &mut Schema) {
    RecursiveTransform(one_of_words).transform(schema);
    RecursiveTransform(plain).transform(schema);
}

/// Words with a description each become an `enum`, which every reader of OpenAPI knows; the descriptions become a list.
fn one_of_words(schema: &mut Schema) {
    let Some(Value::Array(variants)) = schema.get("oneOf") else { return };
    let word = |variant: &Value| {
        Some((variant.get("const")?.as_str()?.to_owned(), variant.get("description").cloned()))
    };
    let Some(words) = variants.iter().map(word).collect::<Option<Vec<_>>>() else { return };
    let listed: Vec<_> = words
        .iter()
        .filter_map(|(word, description)| Some(format!("- `{word}`: {}", description.as_ref()?.as_str()?)))
        .collect();
    let before = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let description = format!("{before}\n\n{}", listed.join("\n"));
    schema.remove("oneOf");
    schema.insert("type".to_owned(), "string".into());
    let words: Vec<_> = words.into_iter().map(|(word, _)| Value::String(word)).collect();
    schema.insert("enum".to_owned(), words.into());
    schema.insert("description".to_owned(), description.trim().into());
}

/// Lines that the source breaks are one paragraph, and links of rustdoc lead nowhere.
fn prose(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| {
        match paragraph.starts_with(['-', '`']) && paragraph.contains('\n') {
            true => paragraph.to_owned(),
            false => paragraph.replace('\n', " "),
        }
    });
    paragraphs.collect::<Vec<_>>().join("\n\n").replace("[`", "`").replace("`]", "`")
}

/// Sizes of Rust's integers say nothing to others, and neither do defaults that only spell the type's empty value.
fn plain(schema: &mut Schema) {
    let of_rust = |format: &Value| {
        format.as_str().is_some_and(|format| format.starts_with("uint") || format.starts_with("int"))
    };
    if schema.get("format").is_some_and(of_rust) {
        schema.remove("format");
    }
    if let Some(description) = schema.get("description").and_then(Value::as_str).map(prose) {
        schema.insert("description".to_owned(), description.into());
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
}

/// A member of a query is there or is not; it is never null.
fn never_null(member: &Value) -> Map<String, Value> {
    let mut member = member.as_object().cloned().unwrap_or_default();
    if let Some(Value::Array(kinds)) = member.get("type") {
        let kinds: Vec<_> = kinds.iter().filter(|kind| *kind != "null").cloned().collect();
        if let [one] = kinds.as_slice() {
            member.insert("type".to_owned(), one.clone());
        }
    }
    if let Some(Value::Array(choices)) = member.get("anyOf") {
        let choices: Vec<_> =
            choices.iter().filter(|choice| **choice != json!({ "type": "null" })).cloned().collect();
        if let [Value::Object(one)] = choices.as_slice() {
            let one = one.clone();
            member.remove("anyOf");
            member.extend(one);
        }
    }
    member
}
