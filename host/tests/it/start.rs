//! Startup: refused settings, and the state that a restart keeps.

use serde_json::json;

use crate::app::{NOON, TestApp, id};

fn refused(change: impl FnOnce(&mut host::config::Settings)) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    let error = TestApp::over(folder, NOON, change).err().unwrap();
    (error.to_string(), error.help())
}

#[test]
fn without_keys_only_this_machine_is_answered() {
    let (message, help) = refused(|settings| settings.host = "0.0.0.0".to_owned());
    assert_eq!(message, "`0.0.0.0` can be reached from other machines, and no API key is set up");
    assert!(help.contains("faramesh keys create"), "{help}");
}

#[test]
fn with_a_key_other_machines_are_answered_and_only_with_a_key() {
    let app = TestApp::start();
    let key = app.key("boss", "approver");
    let app = TestApp::over(app.stop(), NOON, |settings| settings.host = "0.0.0.0".to_owned()).ok().unwrap();
    app.get("/v1/actions").send().problem(401, "key_required");
    app.get("/v1/actions").key(&key).send().ok();
}

#[test]
fn what_is_missing_or_taken_is_named() {
    let (message, help) = refused(|settings| settings.policies = "/nowhere/at/all".into());
    assert_eq!(message, "there is no policy folder `/nowhere/at/all`");
    assert!(help.contains("mkdir"), "{help}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (message, help) = refused(|settings| settings.port = port);
    assert_eq!(message, format!("port {port} of 127.0.0.1 is in use"));
    assert!(help.contains("--port"), "{help}");
    let app = TestApp::start();
    let db = app.folder.path().join("data/faramesh.db").display().to_string();
    let (message, _) = refused(|settings| settings.db = db.clone());
    assert_eq!(message, format!("another server uses the database `{db}`"));
}

#[test]
fn a_restart_keeps_what_was_and_goes_on_with_it() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    let running = app.refund(45.0);
    app.post(&format!("/v1/actions/{}/start", id(&running))).send().ok();
    let before = app.records();
    let app = TestApp::over(app.stop(), NOON + 1000, |_| {}).ok().unwrap();
    let after = app.records();
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(after[before.len()]["prev_hash"], before.last().unwrap()["record_hash"]);
    let path = format!("/v1/actions/{}", id(&held));
    assert_eq!(app.get(&path).send().ok()["approval_token"], json!(null));
    let approval = app.post(&format!("{path}/approval")).key(&app.admin).json(&json!({ "approve": true }));
    assert_eq!(approval.send().ok()["status"], "approved");
    let result = format!("/v1/actions/{}/result", id(&running));
    assert_eq!(app.post(&result).json(&json!({ "success": true })).send().ok()["status"], "succeeded");
}

#[test]
fn an_approval_that_ran_out_while_the_server_was_away_expires_at_the_start() {
    let app = TestApp::start();
    let held = app.refund(340.0);
    let app = TestApp::over(app.stop(), NOON + 2 * 3_600_000, |_| {}).ok().unwrap();
    let path = format!("/v1/actions/{}", id(&held));
    app.until("the expiry", || {
        (app.get(&path).send().ok()["reason_code"] == "approval_expired").then_some(())
    });
}
