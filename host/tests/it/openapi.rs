//! The description of the API matches the server: the same routes, and answers with the described fields.

use std::collections::BTreeSet;

use host::http::router::routes;
use serde_json::{Value, json};

use crate::app::{TestApp, id};
use crate::local::Local;

fn document() -> Value {
    serde_json::from_str(host::http::openapi::DOCUMENT).unwrap()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = document();
    let described: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys().filter(|key| *key != "parameters");
            methods.map(move |method| format!("{method} {path}"))
        })
        .collect();
    let served: BTreeSet<_> =
        routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(described, served);
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
    let document = document();
    walk(&document, &document);
}

/// Holds `answer` against the described schema: the same fields, each of a described type.
fn check(document: &Value, schema: &Value, answer: &Value, at: &str) {
    if let Some(Value::String(reference)) = schema.get("$ref") {
        return check(document, document.pointer(&reference[1..]).unwrap(), answer, at);
    }
    let kind = match answer {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() || number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => return,
    };
    assert!(allowed.contains(&kind) || (kind == "integer" && allowed.contains(&"number")), "{at} is {kind}");
    if let Value::Array(words) = &schema["enum"] {
        assert!(words.contains(answer), "{at} is {answer}");
    }
    if let (Value::Object(answer), Value::Object(properties)) = (answer, &schema["properties"]) {
        for (key, value) in answer {
            let schema = properties.get(key).unwrap_or_else(|| panic!("{at}.{key} is not described"));
            check(document, schema, value, &format!("{at}.{key}"));
        }
        for key in schema["required"].as_array().into_iter().flatten() {
            assert!(answer.contains_key(key.as_str().unwrap()), "{at} has no {key}");
        }
    }
    if let Value::Array(items) = answer {
        for (index, item) in items.iter().enumerate() {
            check(document, &schema["items"], item, &format!("{at}[{index}]"));
        }
    }
}

#[test]
fn answers_have_the_described_fields() {
    let app = TestApp::start();
    let document = document();
    assert_eq!(app.get("/openapi.json").send().ok(), document);
    let schema_of = |method: &str, path: &str, status: &str| {
        let content = &document["paths"][path][method]["responses"][status]["content"];
        content["application/json"]["schema"].clone()
    };
    let held = app.refund(340.0);
    let done = app.refund(45.0);
    let action = json!({ "agent_id": "a", "tool": "send_email" });
    let one = format!("/v1/actions/{}", id(&done));
    let approval = format!("/v1/actions/{}/approval", id(&held));
    let post = |path: &str, body: Value| app.post(path).key(&app.admin).json(&body).send().ok();
    let get = |path: &str| app.get(path).key(&app.admin).send().ok();
    let tests_path = "/v1/policies/support-agent.yaml/tests";
    let put_tests = |tests: &str, header: &str| {
        app.ask("PUT", tests_path).key(&app.admin).header(header, "*").raw(tests.as_bytes()).send()
    };
    let tests = "tests: [{ name: n, action: {}, expect: { outcome: HALT } }]\n";
    assert_eq!(put_tests(tests, "if-none-match").status, 201);
    let answers = [
        ("post", "/v1/actions", held.clone()),
        ("get", "/v1/actions", get("/v1/actions")),
        ("get", "/v1/actions/{id}", get(&one)),
        ("get", "/v1/actions/{id}/wait", get(&format!("{one}/wait"))),
        ("post", "/v1/actions/{id}/approval", post(&approval, json!({ "approve": true }))),
        ("post", "/v1/actions/{id}/start", post(&format!("{one}/start"), json!({}))),
        (
            "post",
            "/v1/actions/{id}/result",
            post(&format!("{one}/result"), json!({ "success": true, "result": 1 })),
        ),
        ("get", "/v1/actions/{id}/events", get(&format!("{one}/events"))),
        ("get", "/v1/actions/{id}/explain", get(&format!("{one}/explain"))),
        ("post", "/v1/actions/{id}/replay", post(&format!("{one}/replay"), json!({}))),
        ("post", "/v1/gate/decide", post("/v1/gate/decide", action.clone())),
        ("get", "/v1/decisions", get("/v1/decisions")),
        ("get", "/v1/stats", get("/v1/stats")),
        ("get", "/v1/policies", get("/v1/policies")),
        ("get", "/v1/policies/{name}", get("/v1/policies/support-agent.yaml")),
        ("put", "/v1/policies/{name}/tests", put_tests(tests, "if-match").ok()),
        ("get", "/v1/policies/{name}/tests", get(tests_path)),
        ("delete", "/v1/policies/{name}/tests", {
            app.ask("DELETE", tests_path).key(&app.admin).header("if-match", "*").send().ok()
        }),
        ("post", "/v1/policies/check", post("/v1/policies/check", json!({ "text": "rules: 1" }))),
        ("post", "/v1/policies/simulate", post("/v1/policies/simulate", json!({ "actions": [action] }))),
        ("get", "/v1/policies/history", get("/v1/policies/history")),
        ("get", "/v1/records", get("/v1/records")),
        ("get", "/v1/records/audit", get("/v1/records/audit")),
        ("get", "/v1/records/heads", get("/v1/records/heads")),
        ("get", "/v1/records/head", get("/v1/records/head?stream=local-one")),
        ("post", "/v1/records", Local::begin(&app, "local-one").send(&app, &app.admin, 0).ok()),
        ("get", "/v1/keys", get("/v1/keys")),
        ("get", "/v1/session", get("/v1/session")),
        ("post", "/v1/session", post("/v1/session", json!({ "key": app.admin }))),
        ("get", "/health", get("/health")),
        ("get", "/ready", get("/ready")),
    ];
    for (method, path, answer) in &answers {
        let schema = schema_of(method, path, "200");
        assert!(schema.is_object(), "{method} {path} has no schema");
        check(&document, &schema, answer, &format!("{method} {path}"));
    }
    let problem = app.get("/nowhere").send().problem(404, "not_found");
    check(&document, &document["components"]["schemas"]["Problem"], &problem, "a problem");
    let invalid = app.post("/v1/actions").raw(b"{").send().problem(422, "invalid_action");
    check(&document, &document["components"]["schemas"]["Problem"], &invalid, "an invalid action");
    let broken = Local::begin(&app, "local-two");
    let broken = crate::local::body("local-two", &[broken.records[0].replace("\"seq\":0", "\"seq\":1")]);
    let broken = app.post("/v1/records").key(&app.admin).raw(&broken).send().problem(422, "chain_broken");
    check(&document, &document["components"]["schemas"]["Problem"], &broken, "a chain that is broken");
}
