//! The permissions of keys, and their creation and revocation.

use serde_json::{Value, json};

use crate::app::TestApp;

#[test]
fn the_first_start_makes_an_admin_key_for_its_owner_only() {
    let app = TestApp::start();
    let file = app.folder.path().join("data/admin.key");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(app.admin.starts_with("fmk_") && app.admin.len() == 4 + 8 + 1 + 43, "{}", app.admin);
    let keys = app.get("/v1/keys").key(&app.admin).send().ok();
    assert_eq!(keys["keys"][0]["name"], "admin");
    assert_eq!(keys["keys"][0]["role"], "admin");
    // The same key after another start; another one when the file is gone.
    let admin = app.admin.clone();
    let app = TestApp::over(app.stop(), 0, |_| {}).ok().unwrap();
    assert_eq!(app.admin, admin);
    std::fs::remove_file(app.folder.path().join("data/admin.key")).unwrap();
    let app = TestApp::over(app.stop(), 0, |_| {}).ok().unwrap();
    assert_ne!(app.admin, admin);
    app.get("/v1/keys").key(&admin).send().problem(401, "wrong_key");
    app.get("/v1/keys").key(&app.admin).send().ok();
}

#[test]
fn a_key_is_shown_once_and_kept_as_a_hash() {
    let app = TestApp::start();
    let key = app.key("viewer", "viewer");
    // Behind `fmk_`, the id and another `_`; a secret may have a `_` in it.
    let secret = &key[13..33];
    let list = app.get("/v1/keys").key(&app.admin).send();
    assert!(!list.body.contains(secret) && !list.body.contains("secret_hash"));
    assert!(!app.records().iter().any(|record| record.to_string().contains(secret)));
    let record = app.records().pop().unwrap();
    assert_eq!((&record["kind"], &record["event"]), (&json!("access"), &json!("key_created")));
    assert_eq!((&record["principal"], &record["key"]["name"]), (&json!("admin"), &json!("viewer")));
}

#[test]
fn every_role_does_what_it_is_for() {
    let app = TestApp::start();
    let action = json!({ "agent_id": "a", "tool": "send_email" });
    let roles = ["agent", "viewer", "approver", "editor"];
    let keys: Vec<_> = roles.iter().map(|role| (*role, app.key(role, role))).collect();
    let mut may = Vec::new();
    for (role, key) in &keys {
        for (what, status) in [
            ("submit", app.post("/v1/actions").key(key).json(&action).send().status),
            ("records", app.get("/v1/records").key(key).send().status),
            ("heads", app.get("/v1/records/heads").key(key).send().status),
            ("policies", app.get("/v1/policies").key(key).send().status),
            ("policy", app.get("/v1/policies/support-agent.yaml").key(key).send().status),
            ("history", app.get("/v1/policies/history").key(key).send().status),
            ("check", app.post("/v1/policies/check").key(key).json(&json!({ "text": "" })).send().status),
            ("simulate", app.post("/v1/policies/simulate").key(key).json(&json!({})).send().status),
            ("edit", app.ask("PUT", "/v1/policies/a.yaml").key(key).raw(b"").send().status),
            ("keys", app.get("/v1/keys").key(key).send().status),
            (
                "make",
                app.post("/v1/keys").key(key).json(&json!({ "name": "x", "role": "admin" })).send().status,
            ),
            ("revoke", app.ask("DELETE", "/v1/keys/admin").key(key).send().status),
        ] {
            if status != 403 {
                may.push(format!("{role} {what} {status}"));
            }
        }
    }
    let readable = ["records", "heads", "policies", "policy", "history", "check", "simulate"];
    let mut expected = vec!["agent submit 200".to_owned(), "agent policies 200".to_owned()];
    for role in ["viewer", "approver", "editor"] {
        expected.extend(readable.iter().map(|what| format!("{role} {what} 200")));
    }
    expected.push("editor edit 428".to_owned());
    assert_eq!(may, expected);
}

#[test]
fn an_agent_key_speaks_for_its_agents_only() {
    let app = TestApp::start();
    let key = app.key_with(json!({ "name": "bot", "role": "agent", "agents": ["support-*"] }));
    let action = |agent: &str| json!({ "agent_id": agent, "tool": "send_email" });
    app.post("/v1/actions").key(&key).json(&action("support-1")).send().ok();
    let before = app.records().len();
    let refused = app.post("/v1/actions").key(&key).json(&action("finance-1")).send();
    assert_eq!(refused.problem(403, "agent_not_allowed")["outcome"], "HALT");
    app.post("/v1/gate/decide").key(&key).json(&action("finance-1")).send().problem(403, "agent_not_allowed");
    assert_eq!(app.records().len(), before);
}

#[test]
fn a_key_for_agents_ends_the_time_of_callers_without_one_for_good() {
    let app = TestApp::start();
    app.refund(45.0);
    app.key("bot", "agent");
    let action = json!({ "agent_id": "a", "tool": "send_email" });
    app.post("/v1/actions").json(&action).send().problem(401, "key_required");
    app.ask("DELETE", "/v1/keys/bot").key(&app.admin).send().ok();
    app.post("/v1/actions").json(&action).send().problem(401, "key_required");
}

#[test]
fn a_revoked_or_expired_key_stops_at_once() {
    let app = TestApp::start();
    let revoked = app.key("first", "viewer");
    app.get("/v1/records").key(&revoked).send().ok();
    let gone = app.ask("DELETE", "/v1/keys/first").key(&app.admin).send().ok();
    assert_eq!(gone["revoked_at"], "2026-11-22T12:00:00.000Z");
    app.get("/v1/records").key(&revoked).send().problem(401, "wrong_key");
    app.ask("DELETE", "/v1/keys/nobody").key(&app.admin).send().problem(404, "not_found");
    let short = app.key_with(json!({ "name": "short", "role": "viewer", "expires_in": "1h" }));
    app.get("/v1/records").key(&short).send().ok();
    app.clock.advance(3_600_000);
    app.get("/v1/records").key(&short).send().problem(401, "wrong_key");
}

#[test]
fn wrong_keys_are_refused_and_recorded_once_a_second() {
    let app = TestApp::start();
    let id = app.admin.split('_').nth(1).unwrap();
    let almost = format!("fmk_{id}_{}", "A".repeat(43));
    let wrong = ["", "x", "fmk_", "fmk_00000000_x", &almost];
    let failures = || app.records().iter().filter(|record| record["event"] == "login_failed").count();
    for key in wrong {
        let refused = app.get("/v1/actions").key(key).send();
        refused.problem(401, "wrong_key");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
    }
    assert_eq!(failures(), 1);
    app.clock.advance(1000);
    app.get("/v1/actions").header("authorization", "Basic YTpi").send().problem(401, "wrong_key");
    assert_eq!(failures(), 2);
    assert!(app.records().iter().all(|record| !record.to_string().contains(&almost)));
}

#[test]
fn keys_that_cannot_be_are_refused() {
    let app = TestApp::start();
    let make = |body: Value| app.post("/v1/keys").key(&app.admin).json(&body).send();
    for body in [
        json!({ "name": "", "role": "viewer" }),
        json!({ "name": "a b", "role": "viewer" }),
        json!({ "name": "anonymous", "role": "viewer" }),
        json!({ "name": "admin", "role": "viewer" }),
        json!({ "name": "x", "role": "viewer", "agents": ["a"] }),
        json!({ "name": "x", "role": "agent" }),
        json!({ "name": "x", "role": "agent", "agents": [] }),
        json!({ "name": "x", "role": "agent", "agents": ["*"], "approver_roles": ["a"] }),
        json!({ "name": "x", "role": "agent", "agents": [""] }),
        json!({ "name": "x", "role": "agent", "agents": ["*"], "expires_in": "soon" }),
        json!({ "name": "x", "role": "agent", "agents": ["*"], "expires_at": "2020-01-01" }),
    ] {
        make(body).problem(400, "invalid_key");
    }
    make(json!({ "name": "x", "role": "root" })).problem(400, "invalid_body");
    make(json!({ "name": "x", "role": "agent", "tenant": "t" })).problem(400, "invalid_body");
    app.key("x", "agent");
    make(json!({ "name": "x", "role": "agent", "agents": ["*"] })).problem(409, "name_taken");
}

#[test]
fn a_key_that_is_asked_for_twice_is_made_once() {
    let app = TestApp::start();
    let body = json!({ "name": "x", "role": "viewer" });
    let make = || app.post("/v1/keys").key(&app.admin).header("idempotency-key", "k").json(&body).send();
    assert_eq!(make().status, 201);
    make().problem(409, "key_already_created");
}

#[test]
fn the_last_admin_key_cannot_be_revoked() {
    let app = TestApp::start();
    let revoke = |name: &str, key: &str| app.ask("DELETE", &format!("/v1/keys/{name}")).key(key).send();
    let problem = revoke("admin", &app.admin).problem(409, "last_admin");
    assert!(problem["help"].as_str().unwrap().contains("another admin key"), "{problem}");
    // An expiring key does not count as another admin: some day it would be gone.
    app.key_with(json!({ "name": "for-now", "role": "admin", "expires_in": "1h" }));
    revoke("admin", &app.admin).problem(409, "last_admin");
    revoke("for-now", &app.admin).ok();
    let second = app.key("second", "admin");
    revoke("admin", &second).ok();
    revoke("second", &second).problem(409, "last_admin");
    app.get("/v1/keys").key(&second).send().ok();
}

#[test]
fn of_two_admins_who_revoke_each_other_at_once_one_stays() {
    let app = TestApp::start();
    let second = app.key("second", "admin");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking = [("second", &app.admin), ("admin", &second)].map(|(name, key)| {
            let app = &app;
            scope.spawn(move || app.ask("DELETE", &format!("/v1/keys/{name}")).key(key).send().status)
        });
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    let works = [&app.admin, &second].map(|key| app.get("/v1/keys").key(key).send().status);
    assert!(works.contains(&200), "{works:?}");
}

#[test]
fn a_server_without_an_admin_key_makes_one_at_its_start() {
    let app = TestApp::start();
    let (admin, folder) = (app.admin.clone(), app.stop());
    let database = rusqlite::Connection::open(folder.path().join("data/faramesh.db")).unwrap();
    database.execute_batch("UPDATE keys SET revoked_at_ms = 1").unwrap();
    drop(database);
    let app = TestApp::over(folder, crate::app::NOON + 1, |_| {}).ok().unwrap();
    app.edited.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_ne!(app.admin, admin);
    app.get("/v1/keys").key(&admin).send().problem(401, "wrong_key");
    app.get("/v1/keys").key(&app.admin).send().ok();
}

#[test]
fn an_agent_key_of_before_keeps_what_it_had() {
    let app = TestApp::start();
    let key = app.key_with(json!({ "name": "old", "role": "agent", "agents": ["a"] }));
    let folder = app.stop();
    let database = rusqlite::Connection::open(folder.path().join("data/faramesh.db")).unwrap();
    database.execute_batch("UPDATE keys SET agents = '[]' WHERE name = 'old'").unwrap();
    drop(database);
    let app = TestApp::over(folder, crate::app::NOON + 1, |_| {}).ok().unwrap();
    app.edited.store(true, std::sync::atomic::Ordering::Relaxed);
    let action = json!({ "agent_id": "b", "tool": "send_email" });
    app.post("/v1/actions").key(&key).json(&action).send().ok();
}
