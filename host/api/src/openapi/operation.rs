//! One operation: how it is declared, and how it reads in the document.

#![expect(clippy::indexing_slicing, reason = "members are set on objects that are written here")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::schemas::Schemas;
use crate::{Problem, ProblemCode};

/// The codes that any request may get, whatever it asks for.
pub const ANY_REQUEST: &[ProblemCode] = &[
    ProblemCode::InvalidHost,
    ProblemCode::KeyRequired,
    ProblemCode::WrongKey,
    ProblemCode::SessionExpired,
    ProblemCode::HostNotAllowed,
    ProblemCode::OriginNotAllowed,
    ProblemCode::CsrfRequired,
    ProblemCode::Forbidden,
    ProblemCode::NotFound,
    ProblemCode::MethodNotAllowed,
    ProblemCode::IncompleteBody,
    ProblemCode::RequestTimeout,
    ProblemCode::BodyTooLarge,
    ProblemCode::TooManyRequests,
    ProblemCode::Busy,
    ProblemCode::EngineFailure,
    ProblemCode::StoreFailure,
];

type Made = fn(&mut Schemas) -> Value;
type Members = fn(&mut Schemas) -> Vec<(String, bool, Map<String, Value>)>;

/// An operation of the API.
pub struct Operation {
    /// The method, in lowercase as OpenAPI writes it.
    pub method: &'static str,
    /// The path, with `{…}` for its parameters.
    pub path: &'static str,
    /// The name of the operation.
    pub id: &'static str,
    /// The group that it belongs to.
    pub tag: &'static str,
    /// The codes that it may be refused with, beside those of any request.
    pub refuses: Vec<ProblemCode>,
    summary: &'static str,
    description: Option<&'static str>,
    public: bool,
    query: Option<Members>,
    headers: Vec<&'static str>,
    body: Option<Body>,
    answers: Vec<Answered>,
}

struct Body {
    media_type: &'static str,
    required: bool,
    schema: Made,
}

struct Answered {
    status: u16,
    description: &'static str,
    content: Option<(&'static str, Made)>,
    etag: bool,
}

const JSON: &str = "application/json";

/// A new description of an operation.
pub(super) fn operation(
    tag: &'static str,
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
) -> Operation {
    Operation {
        method,
        path,
        id,
        tag,
        refuses: Vec::new(),
        summary,
        description: None,
        public: false,
        query: None,
        headers: Vec::new(),
        body: None,
        answers: Vec::new(),
    }
}

impl Operation {
    /// More than the summary says.
    pub(super) fn about(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// Anyone may ask, and no credential is looked at.
    pub(super) fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// The query.
    pub(super) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(|schemas| schemas.query::<T>());
        self.or(&[ProblemCode::InvalidQuery])
    }

    /// A request header of [`shared_headers`].
    pub(super) fn header(mut self, name: &'static str) -> Self {
        self.headers.push(name);
        self
    }

    /// The same request under the same `Idempotency-Key` counts once.
    pub(super) fn once(self) -> Self {
        self.header("IdempotencyKey")
            .or(&[ProblemCode::InvalidIdempotencyKey, ProblemCode::IdempotencyKeyReused])
    }

    /// The request names the version of the file that it changes.
    pub(super) fn preconditions(self) -> Self {
        self.header("IfMatch").header("IfNoneMatch").or(&[
            ProblemCode::InvalidPrecondition,
            ProblemCode::PreconditionFailed,
            ProblemCode::PreconditionRequired,
        ])
    }

    /// The JSON body.
    pub(super) fn takes<T: JsonSchema>(self) -> Self {
        self.body(JSON, true, |schemas| schemas.request::<T>())
            .or(&[ProblemCode::InvalidBody, ProblemCode::UnsupportedMediaType])
    }

    /// The JSON body, which may be left out.
    pub(super) fn may_take<T: JsonSchema>(self) -> Self {
        self.body(JSON, false, |schemas| schemas.request::<T>())
            .or(&[ProblemCode::InvalidBody, ProblemCode::UnsupportedMediaType])
    }

    /// The body is a YAML file.
    pub(super) fn takes_file(self) -> Self {
        self.body("application/yaml", true, |_| json!({ "type": "string" }))
    }

    fn body(mut self, media_type: &'static str, required: bool, schema: Made) -> Self {
        self.body = Some(Body { media_type, required, schema });
        self
    }

    /// An answer in JSON.
    pub(super) fn answers<T: JsonSchema>(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, Some((JSON, |schemas| schemas.answer::<T>())))
    }

    /// An answer in another form.
    pub(super) fn answers_text(self, media_type: &'static str, description: &'static str) -> Self {
        self.answer(200, description, Some((media_type, |_| json!({ "type": "string" }))))
    }

    /// An answer in events whose data is a `T`.
    pub(super) fn answers_events<T: JsonSchema>(self, description: &'static str) -> Self {
        self.answer(200, description, Some(("text/event-stream", |schemas| {
            json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": schemas.answer::<T>() })
        })))
    }

    /// An answer without a body.
    pub(super) fn answers_nothing(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, None)
    }

    fn answer(
        mut self,
        status: u16,
        description: &'static str,
        content: Option<(&'static str, Made)>,
    ) -> Self {
        self.answers.push(Answered { status, description, content, etag: false });
        self
    }

    /// The answers so far have an `ETag`.
    pub(super) fn tagged(mut self) -> Self {
        self.answers.iter_mut().for_each(|answer| answer.etag = true);
        self
    }

    /// More codes with which it may be refused.
    pub(super) fn or(mut self, codes: &[ProblemCode]) -> Self {
        self.refuses.extend(codes);
        self
    }

    /// The operation as the document has it.
    pub(super) fn described(&self, schemas: &mut Schemas) -> Value {
        let mut described = Map::new();
        described.insert("operationId".to_owned(), self.id.into());
        described.insert("tags".to_owned(), json!([self.tag]));
        described.insert("summary".to_owned(), self.summary.into());
        if let Some(description) = self.description {
            described.insert("description".to_owned(), description.into());
        }
        if self.public {
            described.insert("security".to_owned(), json!([]));
        }
        let parameters = self.parameters(schemas);
        if !parameters.is_empty() {
            described.insert("parameters".to_owned(), parameters.into());
        }
        if let Some(Body { media_type, required, schema }) = &self.body {
            let schema = schema(schemas);
            described.insert(
                "requestBody".to_owned(),
                json!({ "required": required, "content": { *media_type: { "schema": schema } } }),
            );
        }
        described.insert("responses".to_owned(), self.responses(schemas).into());
        Value::Object(described)
    }

    fn parameters(&self, schemas: &mut Schemas) -> Vec<Value> {
        let in_path = self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let mut parameters: Vec<_> = in_path.map(|name| path_parameter(self.tag, name)).collect();
        for (name, required, mut schema) in self.query.map(|query| query(schemas)).unwrap_or_default() {
            let mut parameter = json!({ "name": name, "in": "query" });
            if required {
                parameter["required"] = true.into();
            }
            if let Some(description) = schema.remove("description") {
                parameter["description"] = description;
            }
            parameter["schema"] = schema.into();
            parameters.push(parameter);
        }
        let shared =
            self.headers.iter().map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }));
        parameters.extend(shared);
        parameters
    }

    fn responses(&self, schemas: &mut Schemas) -> Map<String, Value> {
        let mut responses = Map::new();
        for Answered { status, description, content, etag } in &self.answers {
            let mut response = json!({ "description": description });
            if *etag {
                response["headers"] = json!({
                    "ETag": { "description": "The SHA-256 of what is shown, in quotes.", "schema": { "type": "string" } },
                });
            }
            if let Some((media_type, schema)) = content {
                response["content"] = json!({ *media_type: { "schema": schema(schemas) } });
            }
            responses.insert(status.to_string(), response);
        }
        let mut by_status = BTreeMap::<u16, Vec<ProblemCode>>::new();
        for code in &self.refuses {
            by_status.entry(code.status()).or_default().push(*code);
        }
        for (status, codes) in by_status {
            responses.entry(status.to_string()).or_insert_with(|| problem(schemas, &codes));
        }
        responses.insert("default".to_owned(), json!({ "$ref": "#/components/responses/Problem" }));
        responses
    }

    /// The answer to a request that was refused for a reason that any request may be refused for.
    pub(super) fn any_problem(schemas: &mut Schemas) -> Value {
        let mut response = problem(schemas, ANY_REQUEST);
        response["headers"] = json!({
            "Retry-After": { "description": "With 429 and 503: after how many seconds the request may come again.", "schema": { "type": "integer" } },
            "WWW-Authenticate": { "description": "With 401.", "schema": { "type": "string" } },
        });
        response
    }
}

fn problem(schemas: &mut Schemas, codes: &[ProblemCode]) -> Value {
    let words: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    let listed: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    json!({
        "description": format!("A problem with the code {}.", listed.join(", ")),
        "content": {
            "application/problem+json": {
                "schema": {
                    "allOf": [schemas.answer::<Problem>()],
                    "properties": { "code": { "enum": words } },
                },
            },
        },
    })
}

fn path_parameter(tag: &str, name: &str) -> Value {
    let description = match (tag, name) {
        ("actions", "id") => "The id of the action, or a unique prefix of 8 or more characters.",
        ("keys", "id") => "The id or the name of the key.",
        (_, "hash") => "The hash of the policy set.",
        _ => "The name of the policy file.",
    };
    json!({ "name": name, "in": "path", "required": true, "description": description, "schema": { "type": "string" } })
}

/// The request headers that operations share, by the name under which they are referred to.
pub(super) fn shared_headers() -> Value {
    let header = |name: &str, description: &str| json!({ "name": name, "in": "header", "description": description, "schema": { "type": "string" } });
    let mut key = header(
        "Idempotency-Key",
        "The same key with the same body gives the same answer; with another body 409.",
    );
    key["schema"]["minLength"] = 1.into();
    key["schema"]["maxLength"] = 255.into();
    json!({
        "IdempotencyKey": key,
        "IfMatch": header("If-Match", "The hash of the file, or `*` for a file that is there."),
        "IfNoneMatch": header("If-None-Match", "`*` for a file that is not there yet."),
        "BundleAtHand": header("If-None-Match", "The `ETag` of the bundle at hand."),
        "LastEventId": header("Last-Event-ID", "`<stream>:<seq>`: continue behind this record."),
    })
}
