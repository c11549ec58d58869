//! The content of the server's log, and what never appears in it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::app::{TestApp, id};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn arguments_tokens_and_keys_are_never_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let app = TestApp::start();
    let marker = "argument-that-nobody-may-log";
    let action = json!({ "agent_id": "a", "tool": "process_refund", "context": { "note": marker },
        "params": { "amount": 340, "customer_id": marker } });
    let held = app.post("/v1/actions").json(&action).send().ok();
    let path = format!("/v1/actions/{}", id(&held));
    let token = app.get(&path).key(&app.admin).send().ok()["approval_token"].as_str().unwrap().to_owned();
    let wrong = app.admin.replace('_', "_x");
    app.get(&path).key(&wrong).send().problem(401, "wrong_key");
    app.post("/v1/actions").raw(format!("{{\"{marker}\"").as_bytes()).send().problem(422, "invalid_action");
    let body = json!({ "approve": true, "token": token, "reason": marker });
    app.post(&format!("{path}/approval")).json(&body).send().ok();
    app.post(&format!("{path}/start")).send().ok();
    let body = json!({ "success": false, "error": marker, "result": marker });
    app.post(&format!("{path}/result")).json(&body).send().ok();
    let (held_id, admin) = (id(&held).to_owned(), app.admin.clone());
    drop(app);

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains(&held_id), "{text}");
    for secret in [marker, &token, &admin, &wrong] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}
