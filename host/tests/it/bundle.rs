//! The signed bundle: its content, how long it stays the same, and its verification.

use std::fs;

use host::bundle::key::{JwkSet, PublicKey};
use host::bundle::{BundleError, Envelope, Verified};
use serde_json::{Value, json};

use crate::app::{NOON, POLICY, Reply, TestApp};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn trusted(app: &TestApp) -> Vec<PublicKey> {
    let keys: JwkSet = serde_json::from_value(app.get("/.well-known/jwks.json").send().ok()).unwrap();
    keys.keys.iter().map(|key| PublicKey::from_jwk(key).unwrap()).collect()
}

fn fetch(app: &TestApp) -> (Reply, Verified) {
    let reply = app.get("/v1/bundle").send();
    reply.ok();
    let verified = Envelope::parse(reply.body.as_bytes()).unwrap().verify(&trusted(app)).unwrap();
    (reply, verified)
}

fn etag(reply: &Reply) -> String {
    reply.headers["etag"].to_str().unwrap().to_owned()
}

#[test]
fn a_bundle_holds_the_files_in_force_and_says_until_when() {
    let app = TestApp::with(&[("support-agent.yaml", POLICY), ("other.yml", "rules: []\n")]);
    let (_, Verified { payload, sources, .. }) = fetch(&app);
    let listed = app.get("/v1/policies").send().ok();
    assert_eq!(json!(payload.policy_hash), listed["policy_hash"]);
    assert_eq!(json!(payload.policy_version), listed["policy_version"]);
    assert_eq!((payload.issued_at.as_str(), payload.max_age_seconds), ("2026-11-22T12:00:00.000Z", 86_400));
    assert_eq!(payload.expires_at_ms(), Ok(NOON + DAY_MS));
    let mut names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["other.yml", "support-agent.yaml"]);
    assert!(sources.iter().any(|source| source.content == POLICY.as_bytes()));
}

#[test]
fn a_bundle_stays_the_same_for_half_of_its_time_and_is_not_sent_twice() {
    let app = TestApp::start();
    let (first, _) = fetch(&app);
    let tag = etag(&first);
    app.clock.advance(DAY_MS / 2 - 1);
    for given in [tag.clone(), format!("\"other\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
        let again = app.get("/v1/bundle").header("if-none-match", &given).send();
        assert_eq!((again.status, again.body.as_str(), etag(&again)), (304, "", tag.clone()), "{given}");
    }
    let other = app.get("/v1/bundle").header("if-none-match", "\"other\"").send();
    assert_eq!((other.status, &other.headers["cache-control"]), (200, &"no-cache".parse().unwrap()));
    let not_modified = app.get("/v1/bundle").header("if-none-match", &tag).send();
    assert_eq!(not_modified.headers["cache-control"], "no-cache");
    assert_eq!(app.get("/health").send().headers["cache-control"], "no-store");
    app.clock.advance(1);
    let (later, Verified { payload, .. }) = fetch(&app);
    assert_ne!(etag(&later), tag);
    assert_eq!(payload.expires_at_ms(), Ok(NOON + DAY_MS / 2 + DAY_MS));
    assert_eq!(app.get("/v1/bundle").header("if-none-match", &tag).send().status, 200);
}

#[test]
fn a_clock_that_was_put_back_makes_a_new_bundle() {
    let app = TestApp::start();
    fetch(&app);
    app.clock.advance(-1000);
    assert_eq!(fetch(&app).1.payload.issued_at, "2026-11-22T11:59:59.000Z");
}

#[test]
fn a_new_policy_is_in_the_next_bundle_and_the_key_outlives_a_restart() {
    let app = TestApp::start();
    let (first, _) = fetch(&app);
    let keys = trusted(&app);
    let file = app.get("/v1/policies/support-agent.yaml").key(&app.admin).send();
    let put = app
        .ask("PUT", "/v1/policies/support-agent.yaml")
        .key(&app.admin)
        .header("if-match", file.headers["etag"].to_str().unwrap())
        .raw(b"rules: []\n");
    put.send().ok();
    let (second, Verified { sources, .. }) = fetch(&app);
    assert_ne!(etag(&first), etag(&second));
    assert_eq!(sources[0].content, b"rules: []\n");
    let app = TestApp::over(app.stop(), NOON, |settings| settings.bundle_max_age = "1h".into()).ok().unwrap();
    assert_eq!(trusted(&app), keys);
    assert_eq!(fetch(&app).1.payload.max_age_seconds, 3600);
}

#[test]
fn whoever_may_submit_may_have_it_and_nobody_else() {
    let app = TestApp::start();
    let agent = app.key("agent", "agent");
    app.get("/v1/bundle").key(&agent).send().ok();
    app.get("/v1/bundle").send().problem(401, "key_required");
    app.get("/v1/bundle").key("fmk_00000000_wrong").send().problem(401, "wrong_key");
    let keys: Value = app.get("/.well-known/jwks.json").send().ok();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    assert_eq!((&keys["keys"][0]["crv"], &keys["keys"][0]["d"]), (&json!("Ed25519"), &json!(null)));
}

#[test]
fn without_a_policy_there_is_no_bundle() {
    let app = TestApp::with(&[]);
    app.get("/v1/bundle").send().problem(503, "no_policy");
}

#[test]
fn another_servers_bundle_is_refused() {
    let (one, other) = (TestApp::start(), TestApp::start());
    let text = one.get("/v1/bundle").send().body;
    let refused = Envelope::parse(text.as_bytes()).unwrap().verify(&trusted(&other)).unwrap_err();
    assert_eq!(refused, BundleError::WrongSignature);
}

#[test]
#[cfg(unix)]
fn a_server_does_not_start_with_a_key_that_is_not_private_or_no_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TestApp::start().stop();
    let file = folder.path().join("data/signing-key.pem");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let pem = fs::read_to_string(&file).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let error = TestApp::over(folder, NOON, |_| {}).err().unwrap();
    let shown = file.display();
    assert_eq!(
        error.to_string(),
        format!("cannot use the signing key `{shown}`: others than its owner can read it")
    );
    assert!(error.help().starts_with(&format!("`chmod 600 {shown}`")), "{}", error.help());

    let folder = TestApp::start().stop();
    let file = folder.path().join("data/signing-key.pem");
    fs::write(&file, pem.replace("MF", "MG")).unwrap();
    let error = TestApp::over(folder, NOON, |_| {}).err().unwrap();
    assert!(error.to_string().ends_with("it holds no Ed25519 private key in PKCS#8 PEM"), "{error}");
}
