//! Every request and every answer of the tests against the OpenAPI document: what the server accepts is described, and
//! so is everything that it answers.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Map, Value};

/// The document, with no member allowed that it does not describe.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document: Value = serde_json::from_str(host::http::openapi::DOCUMENT).unwrap();
    for schema in document["components"]["schemas"].as_object_mut().unwrap().values_mut() {
        let schema = schema.as_object_mut().unwrap();
        if schema.contains_key("properties") && !schema.contains_key("additionalProperties") {
            schema.insert("additionalProperties".to_owned(), false.into());
        }
    }
    document
});

/// The request headers that only some operations know.
const HEADERS: [&str; 4] = ["idempotency-key", "if-match", "if-none-match", "last-event-id"];

/// A request and its answer.
#[derive(Debug)]
pub struct Exchange<'a> {
    pub method: &'a str,
    /// The path with its query.
    pub target: &'a str,
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
    pub status: u16,
    pub answer_type: Option<&'a str>,
    pub etag: bool,
    pub answer: &'a str,
}

impl Exchange<'_> {
    /// Compares both halves with the document.
    #[track_caller]
    pub fn check(&self) {
        let (path, query) = self.target.split_once('?').unwrap_or((self.target, ""));
        let method = self.method.to_lowercase();
        let Some(operation) = operation(&method, path) else {
            // Pages of the dashboard and what is not there.
            assert!(!path.starts_with("/v1/") || matches!(self.status, 403 | 404 | 405), "{self:?}");
            return;
        };
        self.check_answer(operation);
        // A dry run answers with the decision on what is not an action, too.
        let unreadable = self.answer.contains(r#""reason_code":"invalid_action""#);
        if (200..300).contains(&self.status) && !unreadable {
            self.check_request(operation, query);
        }
    }

    #[track_caller]
    fn check_answer(&self, operation: &'static Value) {
        let named = resolved(&operation["responses"][self.status.to_string()]);
        let any = resolved(&operation["responses"]["default"]);
        let response = match self.answer_type {
            Some("application/problem+json") => {
                let code = serde_json::from_str::<Value>(self.answer).unwrap()["code"].clone();
                let has = |response: &Value| {
                    let schema = &response["content"]["application/problem+json"]["schema"];
                    schema["properties"]["code"]["enum"].as_array().is_some_and(|codes| codes.contains(&code))
                };
                let found = [named, any].into_iter().find(|response| has(response));
                found.unwrap_or_else(|| {
                    panic!("{} has no problem {code} with {}", operation["operationId"], self.status)
                })
            }
            _ => named,
        };
        assert!(response.is_object(), "{} has no answer {}: {self:?}", operation["operationId"], self.status);
        assert_eq!(response["headers"]["ETag"].is_object(), self.etag, "the ETag of {self:?}");
        let Some(content) = response["content"].as_object() else {
            return assert!(self.answer.is_empty(), "{self:?}");
        };
        let kind = self.answer_type.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        let described = content.get(kind).unwrap_or_else(|| panic!("`{kind}` is not described: {self:?}"));
        if kind.ends_with("json") {
            valid(&described["schema"], &serde_json::from_str(self.answer).unwrap(), self);
        }
    }

    #[track_caller]
    fn check_request(&self, operation: &'static Value, query: &str) {
        let parameters: Vec<_> =
            operation["parameters"].as_array().into_iter().flatten().map(resolved).collect();
        let find = |kind: &str, name: &str| {
            let named = |parameter: &&&Value| {
                parameter["in"] == kind
                    && parameter["name"].as_str().is_some_and(|given| given.eq_ignore_ascii_case(name))
            };
            *parameters.iter().find(named).unwrap_or_else(|| panic!("`{name}` is not described: {self:?}"))
        };
        let pairs: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        for (name, text) in &pairs {
            let schema = &find("query", name)["schema"];
            let value = match resolved(schema)["type"] == "integer" {
                true => text.parse::<u64>().unwrap().into(),
                false => Value::from(*text),
            };
            valid(schema, &value, self);
        }
        for parameter in parameters.iter().filter(|one| one["in"] == "query" && one["required"] == true) {
            assert!(
                pairs.iter().any(|(name, _)| parameter["name"] == *name),
                "{parameter} is missing: {self:?}"
            );
        }
        for (name, text) in self.headers.iter().filter(|(name, _)| HEADERS.contains(&name.as_str())) {
            valid(&find("header", name)["schema"], &Value::from(text.as_str()), self);
        }
        let body = &operation["requestBody"];
        assert!(self.body.is_empty() || body.is_object(), "a body is not described: {self:?}");
        assert!(!self.body.is_empty() || body["required"] != true, "a body is required: {self:?}");
        if let (false, Some(described)) = (self.body.is_empty(), body["content"].get("application/json")) {
            valid(&described["schema"], &serde_json::from_slice(self.body).unwrap(), self);
        }
    }
}

/// Compares the data of an event with the document.
#[track_caller]
pub fn check_event(data: &Value) {
    let content = &DOCUMENT["paths"]["/v1/events"]["get"]["responses"]["200"]["content"];
    valid(&content["text/event-stream"]["schema"]["contentSchema"], data, data);
}

/// The operation that a path is of: of several that fit, the one with the fewest parameters.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let fits = |template: &str| {
        let (template, path) = (template.split('/'), path.split('/'));
        template.clone().count() == path.clone().count()
            && template.zip(path).all(|(part, given)| part.starts_with('{') || part == given)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap().iter().filter(|(template, _)| fits(template));
    let (_, methods) = paths.min_by_key(|(template, _)| template.matches('{').count())?;
    methods.get(method)
}

fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => resolved(DOCUMENT.pointer(&reference[1..]).unwrap()),
        None => value,
    }
}

#[track_caller]
fn valid(schema: &Value, value: &Value, what: &dyn std::fmt::Debug) {
    static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let validator = Arc::clone(COMPILED.lock().unwrap().entry(schema.to_string()).or_insert_with(|| {
        let mut root: Map<_, _> = schema.as_object().unwrap().clone();
        root.insert("components".to_owned(), DOCUMENT["components"].clone());
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        Arc::new(options.build(&Value::Object(root)).unwrap())
    }));
    let wrong: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\nin {what:?}");
}
