//! The twelve minutes on the command line: a server, actions, approvals, keys.

use serde_json::Value;

use super::program::{Place, Server};

fn submit<'a>(amount: &'a str, extra: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["actions", "submit", "--agent", "support-1", "--tool", "process_refund"];
    args.extend(["--param", "customer_id=c-1", "--param", amount, "-o", "json"]);
    args.extend(extra);
    args
}

#[test]
fn the_first_actions_are_permitted_held_and_denied() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let small = server.run(&place, &submit("amount=45", &[]));
    let held = server.run(&place, &submit("amount=340", &[]));
    let large = server.run(&place, &submit("amount=5000", &[]));
    assert_eq!((small.code, held.code, large.code), (0, 3, 1), "{}{}{}", small.err, held.err, large.err);
    let (held, large) = (held.json(), large.json());
    let id = held["id"].as_str().unwrap();

    let list = server.run(&place, &["actions", "list"]);
    assert_eq!(list.code, 0, "{}", list.err);
    assert_eq!(list.out.lines().count(), 4, "{}", list.out);
    for text in ["✓ EXECUTE", "◷ ABSTAIN", "✗ HALT", "amount=340 customer_id=c-1", "large-refunds", &id[..8]]
    {
        assert!(list.out.contains(text), "{text} is not in\n{}", list.out);
    }
    let some = server.run(&place, &["actions", "list", "--outcome", "halt", "--since", "1h", "-o", "jsonl"]);
    assert_eq!(some.json()["id"], large["id"]);
    assert!(server.run(&place, &["actions", "list", "--tool", "nothing"]).err.contains("no actions fit"));

    let approved = server.run(&place, &["actions", "approve", &id[..8], "--reason", "fine by me"]);
    assert_eq!(approved.code, 0, "{}", approved.err);
    assert_eq!(approved.out, format!("✓ EXECUTE  {}  approved by admin: fine by me\n", &id[..8]));
    // What became of the action is told, not only that it is too late.
    let again = server.run(&place, &["actions", "reject", id]);
    assert_eq!(again.code, 1);
    let told = format!("error: `{}` cannot be rejected: it is `approved` since 2", &id[..8]);
    assert!(again.err.starts_with(&told) && again.err.contains("fine by me"), "{}", again.err);
    let again = server.run(&place, &["actions", "reject", id, "-o", "json"]);
    assert_eq!(again.json()["code"], "wrong_status");

    let got = server.run(&place, &["actions", "get", &id[..8]]);
    assert_eq!(got.code, 0, "{}", got.err);
    let policy_hash = held["policy_hash"].as_str().unwrap();
    let request_hash = held["request_hash"].as_str().unwrap();
    for text in
        ["approved by", "fine by me", "decided in", "history", "record_hash", policy_hash, request_hash]
    {
        assert!(got.out.contains(text), "{text} is not in\n{}", got.out);
    }
    let yaml = server.run(&place, &["actions", "get", id, "-o", "yaml"]);
    assert!(yaml.out.contains("outcome: EXECUTE\n"), "{}", yaml.out);

    let explained = server.run(&place, &["actions", "explain", id]);
    assert!(explained.out.contains("mid-range-refunds: require_approval"), "{}", explained.out);
    let replayed = server.run(&place, &["actions", "replay", id]);
    assert_eq!(replayed.code, 0, "{}{}", replayed.out, replayed.err);
    assert!(replayed.out.contains("byte for byte"), "{}", replayed.out);
    server.stop();
}

#[test]
fn who_proposes_does_not_send_the_admin_key() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let held = server.run(&place, &submit("amount=340", &[])).json();
    let id = held["id"].as_str().unwrap();
    let principal = |id: &str| {
        let exported = server.run(&place, &["audit", "export"]);
        let records = exported.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut records = records.filter(|record| record["action_id"] == id);
        records.next().unwrap()["principal"].clone()
    };
    assert_eq!(principal(id), "anonymous");

    // A key that is given is sent, and then may not answer for its own action.
    let key = place.read(".faramesh/admin.key");
    let variables = [("FARAMESH_URL", server.url.as_str()), ("FARAMESH_API_KEY", key.trim())];
    let own = place.run_with(&submit("amount=340", &[]), &variables).json();
    let own = own["id"].as_str().unwrap();
    assert_ne!(principal(own), "anonymous");
    assert_eq!(place.run_with(&["actions", "approve", own], &variables).code, 1);
    assert_eq!(server.run(&place, &["actions", "approve", id]).code, 0);
}

#[test]
fn the_admin_key_is_not_sent_to_another_machine() {
    let place = Place::new();
    place.write(".faramesh/admin.key", "fmk_00000000_secret\n");
    let key = |url: &str| {
        let found = place.run(&["doctor", "--port", "0", "--url", url, "-o", "json"]).json();
        let found =
            found.as_array().unwrap().iter().find(|finding| finding["what"] == "key").unwrap().clone();
        found["state"].clone()
    };
    assert_eq!(key("http://127.0.0.1:1"), "good");
    // A name that never resolves, RFC 6761.
    assert_eq!(key("http://faramesh.invalid"), "note");
}

#[test]
fn actions_that_cannot_be_read_are_denied() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let url = ("FARAMESH_URL", server.url.as_str());
    place.write("action.json", r#"{"agent_id":"a","agent_id":"b","tool":"t"}"#);
    let run = place.run_with(&["actions", "submit", "action.json"], &[url]);
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert!(run.err.contains("error: ") && !run.err.contains("{\""), "{}", run.err);
    let problem = place.run_with(&["actions", "submit", "action.json", "-o", "json"], &[url]).json();
    assert_eq!(problem["outcome"], "HALT");
    assert_eq!(problem["reason_code"], "invalid_action");
    let twice = place.run_with(&submit("amount=1", &["--param", "amount=2"]), &[url]);
    assert_eq!(twice.code, 2);
    let nothing = place.run_with(&["actions", "submit", "--agent", "a"], &[url]);
    assert_eq!(nothing.code, 2);
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let create =
        ["keys", "create", "--name", "bot", "--role", "agent", "--agent", "support-*", "--expires", "30d"];
    let made = server.run(&place, &create);
    assert_eq!(made.code, 0, "{}", made.err);
    let key = made.out.trim();
    assert!(key.starts_with("fmk_") && made.out.lines().count() == 1, "{}", made.out);
    assert!(made.err.contains("shown only once") && !made.err.contains(key), "{}", made.err);

    let variables = [("FARAMESH_URL", server.url.as_str()), ("FARAMESH_TOKEN", key)];
    assert_eq!(place.run_with(&submit("amount=45", &[]), &variables).code, 0);
    let foreign = ["actions", "submit", "--agent", "other", "--tool", "t"];
    assert_eq!(place.run_with(&foreign, &variables).code, 1);
    let listed = place.run_with(&["keys", "list"], &variables);
    assert_eq!(listed.code, 1);
    assert!(
        listed.err.contains("`FARAMESH_TOKEN` in the environment does not have the role"),
        "{}",
        listed.err
    );

    let listed = server.run(&place, &["keys", "list"]);
    assert!(listed.out.contains("bot") && listed.out.contains("support-*"), "{}", listed.out);
    assert!(!listed.out.contains(key), "{}", listed.out);
    assert_eq!(server.run(&place, &["keys", "revoke", "bot"]).code, 0);
    assert!(server.run(&place, &["keys", "list"]).out.contains("revoked"));
    assert_eq!(place.run_with(&submit("amount=45", &[]), &variables).code, 1);
    assert_eq!(server.run(&place, &["keys", "revoke", "nobody"]).code, 1);
}

#[test]
fn doctor_finds_the_server_and_its_key() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let run = server.run(&place, &["doctor", "--port", "0"]);
    assert_eq!(run.code, 0, "{}", run.out);
    for text in ["✓ server", "is ready", "✓ key", "admin.key", "✓ database"] {
        assert!(run.out.contains(text), "{text} is not in\n{}", run.out);
    }
}

#[test]
fn doctor_says_why_a_server_is_not_ready() {
    let place = Place::new();
    std::fs::create_dir(place.path("policies")).unwrap();
    let server = Server::start(&place);
    let run = server.run(&place, &["doctor", "--port", "0"]);
    assert_eq!(run.code, 1, "{}", run.out);
    assert!(run.out.contains("runs and is not ready: no policy is in force"), "{}", run.out);
}
