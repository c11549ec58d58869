//! The OpenAPI 3.1 document of the HTTP API, made from the types of this crate.
//!
//! [`operations`] lists every operation in one table; here the document is put together from it. Schemas come from
//! the types by `schemars`: answers as they are written, requests as they are read.

mod operation;
mod operations;
mod schemas;

use engine::RUNTIME_VERSION;
use serde::Serialize;
use serde_json::{Map, Value, json};

use operation::Operation;
use schemas::Schemas;

pub use operation::ANY_REQUEST;
pub use operations::operations;
pub use schemas::in_typescript_and_python;

const DESCRIPTION: &str = "\
The boundary between an AI agent's decision and a tool's effect.

A decided denial is 200 with `outcome` HALT. 4xx is the caller's mistake. 503 means \"not decided\", which callers treat as HALT. Errors are problem documents (RFC 9457) with a stable `code`.";

/// The document, in the order in which people read it.
#[derive(Debug, Serialize)]
pub struct Document {
    /// The version of OpenAPI.
    pub openapi: &'static str,
    info: Value,
    servers: Value,
    tags: Vec<Value>,
    security: Value,
    /// The operations, by path and method.
    pub paths: Map<String, Value>,
    components: Value,
}

/// The document.
///
/// ```
/// let document = api::openapi::document();
/// assert_eq!(document.paths["/v1/actions"]["post"]["operationId"], "submit_action");
/// ```
pub fn document() -> Document {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for operation in operations() {
        let described = operation.described(&mut schemas);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(operation.method.to_owned(), described);
        }
    }
    let tags: Vec<_> = operations::TAGS
        .iter()
        .map(|(name, description)| json!({ "name": name, "description": description }))
        .collect();
    Document {
        openapi: "3.1.0",
        info: json!({
            "title": "Faramesh",
            "version": RUNTIME_VERSION,
            "description": DESCRIPTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        }),
        servers: json!([
            { "url": "/", "description": "The server that serves this document." },
            { "url": "http://127.0.0.1:8000", "description": "A server on this machine, as `faramesh server start` starts it." },
        ]),
        tags,
        security: json!([{ "key": [] }, { "session": [] }, {}]),
        paths,
        components: json!({
            "securitySchemes": security_schemes(),
            "parameters": operation::shared_headers(),
            "responses": { "Problem": Operation::any_problem(&mut schemas) },
            "schemas": schemas.finish(),
        }),
    }
}

fn security_schemes() -> Value {
    json!({
        "key": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "fmk_<id>_<secret>",
            "description": "An API key. On a loopback address, while no key for agents exists, a caller without a key has the role `agent`.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "faramesh_session_<port>",
            "description": "The session of a browser. Requests other than GET and HEAD also need an `Origin` of the server itself and the session's `csrf_token` in `X-CSRF-Token`; without them 403 `origin_not_allowed` or `csrf_required`. With `Authorization` the cookie is ignored.",
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_has_an_id_of_its_own_and_a_known_tag() {
        let mut ids = BTreeSet::new();
        for operation in operations() {
            assert!(ids.insert(operation.id), "`{}` occurs twice", operation.id);
            assert!(operations::TAGS.iter().any(|(tag, _)| *tag == operation.tag), "{}", operation.tag);
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, root: &Value) {
            match value {
                Value::Object(object) => {
                    if let Some(Value::String(reference)) = object.get("$ref") {
                        let found = root.pointer(reference.strip_prefix('#').unwrap());
                        assert!(found.is_some(), "{reference}");
                    }
                    object.values().for_each(|member| walk(member, root));
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, root)),
                _ => {}
            }
        }
        let document = serde_json::to_value(document()).unwrap();
        walk(&document, &document);
    }

    #[test]
    fn every_problem_code_is_one_that_some_operation_has() {
        let named: BTreeSet<_> = operations()
            .iter()
            .flat_map(|operation| operation.refuses.iter())
            .chain(ANY_REQUEST)
            .map(|code| code.as_str())
            .collect();
        for code in crate::ProblemCode::ALL {
            assert!(named.contains(code.as_str()), "no operation has `{}`", code.as_str());
        }
    }
}
