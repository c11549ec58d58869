//! Browsers that are logged in: how a session begins and ends, and what a foreign page cannot do with it.

use serde_json::{Value, json};

use crate::app::{Ask, NOON, Reply, TestApp, id};
use crate::events::Stream;

const HOUR: i64 = 3_600_000;

/// A browser that is logged in.
struct Browser<'a> {
    app: &'a TestApp,
    cookie: String,
    csrf: String,
}

impl<'a> Browser<'a> {
    fn log_in(app: &'a TestApp, key: &str) -> Self {
        Browser::of(app, &log_in(app, &json!({ "key": key })))
    }

    fn of(app: &'a TestApp, reply: &Reply) -> Self {
        let csrf = reply.ok()["csrf_token"].as_str().unwrap().to_owned();
        let cookie = set_cookie(reply);
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Browser { app, cookie, csrf }
    }

    /// A request with only the headers that every browser sends by itself.
    fn bare(&self, method: &'static str, path: &str) -> Ask<'a> {
        self.app.ask(method, path).header("cookie", &self.cookie)
    }

    /// A request as the pages of the dashboard make it.
    fn ask(&self, method: &'static str, path: &str) -> Ask<'a> {
        self.bare(method, path).header("origin", &own(self.app)).header("x-csrf-token", &self.csrf)
    }

    fn session(&self) -> Reply {
        self.bare("GET", "/v1/session").send()
    }
}

fn own(app: &TestApp) -> String {
    format!("http://127.0.0.1:{}", app.port)
}

fn log_in(app: &TestApp, body: &Value) -> Reply {
    app.post("/v1/session").header("origin", &own(app)).json(body).send()
}

fn set_cookie(reply: &Reply) -> String {
    reply.headers["set-cookie"].to_str().unwrap().to_owned()
}

fn failures(app: &TestApp) -> usize {
    app.records().iter().filter(|record| record["event"] == "login_failed").count()
}

/// The token of a new one-time link.
fn link(app: &TestApp, key: &str) -> String {
    let made = app.post("/v1/session/links").key(key).send();
    assert_eq!(made.status, 201, "{}", made.body);
    let url = made.value()["url"].as_str().unwrap().to_owned();
    let (page, token) = url.split_once('#').unwrap();
    assert_eq!(page, format!("{}/ui/login", own(app)));
    token.to_owned()
}

#[test]
fn a_key_logs_a_browser_in() {
    let app = TestApp::start();
    let reply = log_in(&app, &json!({ "key": app.admin }));
    let session = reply.ok();
    assert_eq!((&session["principal"], &session["role"]), (&json!("admin"), &json!("admin")));
    let all = ["see_all", "approve", "edit_policies", "manage_keys", "submit"];
    assert_eq!(session["permissions"], json!(all));
    assert_eq!(session["expires_at"], "2026-11-23T00:00:00.000Z");
    assert_eq!(session["server"]["engine_hash"].as_str().unwrap().len(), 64);
    let cookie = set_cookie(&reply);
    let (pair, attributes) = cookie.split_once(';').unwrap();
    let (name, secret) = pair.split_once('=').unwrap();
    assert_eq!(name, format!("faramesh_session_{}", app.port));
    assert_eq!(attributes, " Path=/; HttpOnly; SameSite=Strict; Max-Age=604800");
    assert!(secret.len() == 43 && !reply.body.contains(secret));
    assert!(!app.records().iter().any(|record| record.to_string().contains(secret)));
    assert_eq!(Browser::of(&app, &reply).session().ok(), session);
    assert_eq!(failures(&app), 0);
}

#[test]
fn behind_tls_the_cookie_goes_nowhere_else() {
    let app = TestApp::start();
    let origin = format!("https://127.0.0.1:{}", app.port);
    let reply = app.post("/v1/session").header("origin", &origin).json(&json!({ "key": app.admin })).send();
    assert!(set_cookie(&reply).ends_with("; Secure"), "{reply:?}");
}

#[test]
fn what_is_no_login_is_refused_and_recorded() {
    let app = TestApp::start();
    for wrong in [json!({ "key": "" }), json!({ "key": "fmk_00000000_x" })] {
        let refused = log_in(&app, &wrong);
        refused.problem(401, "wrong_key");
        assert!(!refused.headers.contains_key("set-cookie"));
    }
    assert_eq!(failures(&app), 1, "once a second");
    app.clock.advance(1000);
    log_in(&app, &json!({ "link": "x" })).problem(401, "link_used");
    assert_eq!(failures(&app), 2);
    for unreadable in
        [json!({}), json!({ "key": 1 }), json!({ "key": "a", "link": "b" }), json!({ "name": "a" })]
    {
        log_in(&app, &unreadable).problem(400, "invalid_body");
    }
    let foreign = app.post("/v1/session").header("origin", "https://evil.example");
    foreign.json(&json!({ "key": app.admin })).send().problem(403, "origin_not_allowed");
}

#[test]
fn the_key_of_an_agent_logs_nobody_in() {
    let app = TestApp::start();
    let key = app.key("bot", "agent");
    let refused = log_in(&app, &json!({ "key": key }));
    refused.problem(403, "forbidden");
    assert!(!refused.headers.contains_key("set-cookie"));
    assert_eq!(failures(&app), 0);
}

#[test]
fn a_session_does_what_the_role_of_its_key_may() {
    let app = TestApp::start();
    for (role, permissions) in [
        ("viewer", json!(["see_all"])),
        ("approver", json!(["see_all", "approve"])),
        ("editor", json!(["see_all", "edit_policies"])),
    ] {
        let browser = Browser::log_in(&app, &app.key(role, role));
        let session = browser.session().ok();
        assert_eq!((&session["principal"], &session["role"]), (&json!(role), &json!(role)));
        assert_eq!(session["permissions"], permissions);
        browser.bare("GET", "/v1/records").send().ok();
        browser.bare("GET", "/v1/keys").send().problem(403, "forbidden");
        browser.ask("POST", "/v1/session/links").send().problem(403, "forbidden");
        let held = app.refund(340.0);
        let approval = browser.ask("POST", &format!("/v1/actions/{}/approval", id(&held)));
        let answer = approval.json(&json!({ "approve": true })).send();
        if role == "approver" {
            let approved = answer.ok();
            assert_eq!(approved["approvals"][0]["principal"], "approver", "{approved}");
        } else {
            answer.problem(403, "not_an_approver");
        }
        let edit = browser.ask("PUT", &format!("/v1/policies/{role}.yaml")).header("if-none-match", "*");
        let edited = edit.raw(b"rules: []\n").send();
        assert_eq!(edited.status, if role == "editor" { 201 } else { 403 }, "{}", edited.body);
    }
}

#[test]
fn whoever_shows_a_key_needs_no_session() {
    let app = TestApp::start();
    let bot = app.key_with(json!({ "name": "bot", "role": "agent", "agents": ["a-*"], "expires_in": "1h" }));
    let session = app.get("/v1/session").key(&bot).send().ok();
    assert_eq!((&session["principal"], &session["agents"]), (&json!("bot"), &json!(["a-*"])));
    assert_eq!((&session["csrf_token"], &session["permissions"]), (&json!(null), &json!(["submit"])));
    assert_eq!(session["expires_at"], "2026-11-22T13:00:00.000Z");
    assert_eq!(app.get("/v1/session").key(&app.admin).send().ok()["expires_at"], json!(null));
    app.ask("DELETE", "/v1/session").key(&bot).send().problem(401, "session_required");
    // Of key and cookie the key counts, with its role and without a token.
    let browser = Browser::log_in(&app, &app.admin);
    browser.bare("GET", "/v1/keys").key(&bot).send().problem(403, "forbidden");
    browser.bare("POST", "/v1/keys").key(&app.admin).json(&json!({ "name": "x", "role": "viewer" })).send();
    assert_eq!(app.get("/v1/keys").key(&app.admin).send().ok()["keys"].as_array().unwrap().len(), 3);
}

#[test]
fn nobody_is_logged_in_without_a_session() {
    let app = TestApp::start();
    app.get("/v1/session").send().problem(401, "session_required");
    app.ask("DELETE", "/v1/session").send().problem(401, "session_required");
    app.post("/v1/session/links").send().problem(403, "forbidden");
    app.key("bot", "agent");
    app.get("/v1/session").send().problem(401, "session_required");
    app.post("/v1/session/links").send().problem(401, "key_required");
}

#[test]
fn a_foreign_page_changes_nothing_with_a_session() {
    let app = TestApp::start();
    let browser = Browser::log_in(&app, &app.admin);
    let other = Browser::log_in(&app, &app.admin);
    let before = app.records().len();
    let (own, key) = (own(&app), json!({ "name": "x", "role": "admin" }));
    let make = || browser.bare("POST", "/v1/keys").json(&key);
    // The token, but no origin, or a foreign one.
    make().header("x-csrf-token", &browser.csrf).send().problem(403, "origin_not_allowed");
    for origin in ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1"] {
        let refused = make().header("origin", origin).header("x-csrf-token", &browser.csrf).send();
        refused.problem(403, "origin_not_allowed");
    }
    let twice = make().header("origin", &own).header("origin", "https://evil.example");
    twice.header("x-csrf-token", &browser.csrf).send().problem(403, "origin_not_allowed");
    // The origin, but no token, or a wrong one.
    make().header("origin", &own).send().problem(403, "csrf_required");
    for token in ["", "x", &other.csrf, &browser.csrf[1..], &format!("{}0", browser.csrf)] {
        let refused = make().header("origin", &own).header("x-csrf-token", token).send();
        refused.problem(403, "csrf_required");
    }
    // Every method that changes something, wherever it leads.
    for (method, path) in [
        ("POST", "/v1/actions"),
        ("POST", "/v1/gate/decide"),
        ("PUT", "/v1/policies/support-agent.yaml"),
        ("DELETE", "/v1/policies/support-agent.yaml"),
        ("DELETE", "/v1/keys/admin"),
        ("DELETE", "/v1/session"),
        ("POST", "/v1/session/links"),
        ("POST", "/v1/records"),
        ("POST", "/v1/policies/check"),
    ] {
        browser.bare(method, path).header("origin", &own).send().problem(403, "csrf_required");
    }
    assert_eq!(app.records().len(), before);
    assert_eq!(browser.ask("POST", "/v1/keys").json(&key).send().status, 201);
}

#[test]
fn an_origin_can_be_allowed_besides_the_server_s_own() {
    let folder = TestApp::start().stop();
    let allow = |settings: &mut host::config::Settings| {
        let origins = ["http://LOCALHOST:8080/", "https://faramesh.example.com"];
        settings.allow_origins = origins.map(str::to_owned).to_vec();
    };
    let app = TestApp::over(folder, NOON, allow).ok().unwrap();
    let browser = Browser::log_in(&app, &app.admin);
    let make = |origin: &str| {
        let body = json!({ "name": "x", "role": "viewer" });
        let asked = browser.bare("POST", "/v1/keys").header("x-csrf-token", &browser.csrf);
        asked.header("origin", origin).json(&body).send()
    };
    for origin in ["http://localhost:8081", "https://localhost:8080", "http://localhost:80800"] {
        make(origin).problem(403, "origin_not_allowed");
    }
    let made = make("http://localhost:8080");
    assert_eq!(made.status, 201);
    assert!(!made.headers.contains_key("access-control-allow-origin"));
    // A proxy at that origin passes on the name by which it was asked.
    let get = |host: &str| app.get("/health").header("host", host).send();
    assert_eq!(get("localhost:8080").status, 200);
    for host in ["localhost:8081", "localhost", "evil.example:8080"] {
        get(host).problem(403, "host_not_allowed");
    }
    // A link leads to where it was asked for.
    let own = format!("localhost:{}", app.port);
    for (host, address) in
        [("faramesh.example.com", "https://faramesh.example.com"), (&own, &format!("http://{own}"))]
    {
        let made = app.post("/v1/session/links").header("host", host).key(&app.admin).send().value();
        let url = made["url"].as_str().unwrap();
        assert!(url.starts_with(&format!("{address}/ui/login#")), "{url}");
    }
}

#[test]
fn logging_out_ends_the_session() {
    let app = TestApp::start();
    let browser = Browser::log_in(&app, &app.admin);
    let out = browser.ask("DELETE", "/v1/session").send();
    assert_eq!((out.status, out.body.as_str()), (204, ""));
    let cookie = set_cookie(&out);
    assert!(cookie.starts_with(&format!("faramesh_session_{}=;", app.port)), "{cookie}");
    assert!(cookie.ends_with("Max-Age=0"), "{cookie}");
    browser.session().problem(401, "session_expired");
}

#[test]
fn logging_in_again_ends_the_session_before() {
    let app = TestApp::start();
    let first = Browser::log_in(&app, &app.admin);
    let again =
        first.bare("POST", "/v1/session").header("origin", &own(&app)).json(&json!({ "key": app.admin }));
    let second = Browser::of(&app, &again.send());
    first.session().problem(401, "session_expired");
    second.session().ok();
    assert_ne!(first.csrf, second.csrf);
}

#[test]
fn a_cookie_that_is_no_session_is_nobody_s() {
    let app = TestApp::start();
    let name = format!("faramesh_session_{}", app.port);
    let other = app.key("other", "viewer");
    let browser = Browser::log_in(&app, &other);
    let two = format!("{}; {name}=x", browser.cookie);
    for cookie in [format!("{name}="), format!("{name}={}", "A".repeat(43)), two] {
        // Without the cookie these are answered: it is not as if nothing had been shown.
        for (method, path) in [("GET", "/v1/actions"), ("GET", "/ready"), ("GET", "/v1/session")] {
            let refused = app.ask(method, path).header("cookie", &cookie).send();
            refused.problem(401, "session_expired");
        }
    }
    // The cookie of another server on this machine says nothing here.
    let foreign = browser.cookie.replace(&name, "faramesh_session_1");
    app.get("/v1/actions").header("cookie", &foreign).send().ok();
    app.get("/v1/records").header("cookie", &foreign).send().problem(403, "forbidden");
    browser.bare("GET", "/v1/records").send().ok();
}

#[test]
fn a_session_ends_twelve_hours_after_its_last_request_and_after_seven_days() {
    let app = TestApp::start();
    let browser = Browser::log_in(&app, &app.admin);
    app.clock.advance(12 * HOUR - 1);
    browser.session().ok();
    app.clock.advance(12 * HOUR);
    browser.session().problem(401, "session_expired");
    let browser = Browser::log_in(&app, &app.admin);
    for _ in 0..7 * 24 - 1 {
        app.clock.advance(HOUR);
        browser.session().ok();
    }
    app.clock.advance(HOUR - 1);
    assert_eq!(browser.session().ok()["csrf_token"], json!(browser.csrf));
    app.clock.advance(1);
    browser.session().problem(401, "session_expired");
}

#[test]
fn a_session_ends_with_its_key() {
    let app = TestApp::start();
    let browser = Browser::log_in(&app, &app.key("revoked", "viewer"));
    browser.bare("GET", "/v1/records").send().ok();
    app.ask("DELETE", "/v1/keys/revoked").key(&app.admin).send().ok();
    browser.bare("GET", "/v1/records").send().problem(401, "session_expired");
    let short = app.key_with(json!({ "name": "short", "role": "viewer", "expires_in": "1h" }));
    let browser = Browser::log_in(&app, &short);
    assert_eq!(browser.session().ok()["expires_at"], "2026-11-22T13:00:00.000Z");
    app.clock.advance(HOUR);
    browser.session().problem(401, "session_expired");
}

#[test]
fn a_restart_ends_all_sessions_and_links() {
    let app = TestApp::start();
    let browser = Browser::log_in(&app, &app.admin);
    let (token, secret) = (link(&app, &app.admin), browser.cookie.split_once('=').unwrap().1.to_owned());
    let app = TestApp::over(app.stop(), NOON, |_| {}).ok().unwrap();
    let cookie = format!("faramesh_session_{}={secret}", app.port);
    app.get("/v1/session").header("cookie", &cookie).send().problem(401, "session_expired");
    log_in(&app, &json!({ "link": token })).problem(401, "link_used");
}

#[test]
fn a_link_logs_in_once_as_whoever_made_it() {
    let app = TestApp::start();
    let token = link(&app, &app.admin);
    let browser = Browser::of(&app, &log_in(&app, &json!({ "link": token })));
    assert_eq!(browser.session().ok()["principal"], "admin");
    let used = log_in(&app, &json!({ "link": token }));
    used.problem(401, "link_used");
    assert!(!used.headers.contains_key("set-cookie"));
    assert_eq!(failures(&app), 1);
    // Another admin's link is that admin's, also when a browser asked for it.
    let ops = Browser::log_in(&app, &app.key("ops", "admin"));
    let made = ops.ask("POST", "/v1/session/links").send().value();
    assert_eq!(made["expires_at"], "2026-11-22T13:00:00.000Z");
    let token = made["url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    assert_eq!(log_in(&app, &json!({ "link": token })).ok()["principal"], "ops");
}

#[test]
fn a_link_works_for_an_hour_and_no_longer_than_its_key() {
    let app = TestApp::start();
    let (early, late) = (link(&app, &app.admin), link(&app, &app.admin));
    app.clock.advance(HOUR - 1);
    log_in(&app, &json!({ "link": early })).ok();
    app.clock.advance(1);
    log_in(&app, &json!({ "link": late })).problem(401, "link_used");
    let token = link(&app, &app.key("ops", "admin"));
    app.ask("DELETE", "/v1/keys/ops").key(&app.admin).send().ok();
    log_in(&app, &json!({ "link": token })).problem(401, "link_used");
}

#[test]
fn of_many_who_use_a_link_at_once_one_is_logged_in() {
    let app = TestApp::start();
    let token = link(&app, &app.admin);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asks = (0..8).map(|_| scope.spawn(|| log_in(&app, &json!({ "link": token })).status));
        asks.collect::<Vec<_>>().into_iter().map(|ask| ask.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 7, "{statuses:?}");
}

#[test]
fn a_browser_reads_the_events_until_its_session_ends() {
    let app = TestApp::start();
    let browser = Browser::log_in(&app, &app.key("viewer", "viewer"));
    let mut stream = Stream::with(&app, &[("Cookie", &browser.cookie)]);
    app.refund(45.0);
    assert_eq!(stream.event().unwrap().1, "decision");
    assert_eq!(browser.ask("DELETE", "/v1/session").send().status, 204);
    // Nothing has to happen for it to end.
    assert!(stream.event().is_none());
}

#[test]
fn listening_keeps_no_session_alive() {
    let app = TestApp::start();
    let browser = Browser::log_in(&app, &app.admin);
    let mut stream = Stream::with(&app, &[("Cookie", &browser.cookie)]);
    app.clock.advance(12 * HOUR - 1);
    app.refund(45.0);
    assert_eq!(stream.event().unwrap().1, "decision");
    app.clock.advance(1);
    assert!(stream.event().is_none());
}
