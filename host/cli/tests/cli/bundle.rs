//! `bundle build` and `bundle verify`, which need no server.

use std::time::Duration;

use engine::policy::PolicySource;
use host::bundle::key::SigningKey;
use host::bundle::{Contents, Envelope, Payload};
use host::clock::{Clock as _, SystemClock};
use runtime::engine_hash;

use crate::program::Place;

const BUILD: [&str; 6] = ["bundle", "build", "--key", "key.pem", "--out", "bundle.json"];
const VERIFY: [&str; 5] = ["bundle", "verify", "bundle.json", "--key", "key.pem.pub.json"];

fn built() -> Place {
    let place = Place::initialized();
    let run = place.run(&BUILD);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(run.err, "made a new signing key, `key.pem`\n");
    place
}

#[test]
fn what_was_built_is_valid_and_names_its_files() {
    let place = built();
    let run = place.run(&VERIFY);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert!(run.out.starts_with("valid: bundle.json\n"), "{}", run.out);
    let json = place.run(&[&VERIFY[..], &["-o", "json"]].concat());
    let json = json.json();
    let check = place.run(&["policy", "check", "-o", "json"]);
    assert_eq!(check.code, 0);
    assert_eq!((json["valid"].as_bool(), json["policy_version"].as_str()), (Some(true), None));
    assert_eq!(json["files"].as_array().unwrap().len(), 1);
    let version = place.run(&["version", "-o", "json"]).json();
    assert_eq!(json["engine_hash"], version["engine_hash"]);
}

#[test]
fn a_key_is_used_again_and_another_one_does_not_count() {
    let place = built();
    let run = place.run(&BUILD);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(place.run(&VERIFY).code, 0);
    assert_eq!(place.run(&["bundle", "build", "--key", "other.pem", "--out", "other.json"]).code, 0);
    let run = place.run(&["bundle", "verify", "other.json", "--key", "key.pem.pub.json"]);
    assert_eq!(run.code, 1);
    assert!(run.err.starts_with("error: no trusted key signed this bundle\n"), "{}", run.err);
}

#[test]
fn a_bundle_that_ran_out_is_invalid() {
    let place = built();
    assert_eq!(place.run(&[&BUILD[..], &["--max-age", "1s"]].concat()).code, 0);
    // Its time is over a second after it was made, and this test cannot move the program's clock.
    let mut last = place.run(&VERIFY);
    for _ in 0..400 {
        if last.code != 0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        last = place.run(&VERIFY);
    }
    assert_eq!(last.code, 1);
    assert!(last.err.starts_with("error: this bundle ran out at "), "{}", last.err);
    let run = place.run(&[&VERIFY[..], &["-o", "json"]].concat());
    assert_eq!((run.code, run.json()["valid"].as_bool()), (1, Some(false)));
}

#[test]
fn a_bundle_from_the_future_is_invalid() {
    let place = built();
    let (key, _) = SigningKey::load_or_create(&place.path("key.pem")).unwrap();
    let content = place.read("policies/starter.yaml").into_bytes();
    let sources = [PolicySource { name: "starter.yaml".to_owned(), content }];
    for (ahead_ms, code) in [(4 * 60_000, 0), (6 * 60_000, 1)] {
        let payload = Payload::of(&Contents {
            sources: &sources,
            policy_version: None,
            engine_hash: engine_hash(),
            issued_at_ms: SystemClock.now_ms() + ahead_ms,
            max_age: Duration::from_secs(3600),
        });
        let envelope = serde_json::to_string(&Envelope::sign(&payload, &key)).unwrap();
        place.write("bundle.json", &envelope);
        let run = place.run(&[&VERIFY[..], &["-o", "json"]].concat());
        assert_eq!((run.code, run.json()["valid"].as_bool()), (code, Some(code == 0)), "{}", run.err);
        assert_eq!(run.err.starts_with("error: this bundle was issued at "), code == 1, "{}", run.err);
    }
}

#[test]
fn what_cannot_be_a_bundle_is_not_built() {
    let place = Place::initialized();
    place.write("policies/broken.yaml", "rules:\n  - { match: { tool: x }, alow: true }\n");
    let run = place.run(&BUILD);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("did you mean `allow`"), "{}", run.err);
    assert!(!place.path("bundle.json").exists() && !place.path("key.pem").exists());

    let place = Place::new();
    std::fs::create_dir(place.path("policies")).unwrap();
    let run = place.run(&BUILD);
    assert_eq!(run.code, 1);
    assert!(run.err.starts_with("error: there is no policy in `policies`"), "{}", run.err);
    let run = place.run(&[&BUILD[..], &["--max-age", "soon"]].concat());
    assert_eq!(run.code, 2);
    assert!(run.err.starts_with("error: `soon` is not a time that `--max-age` can have\n"), "{}", run.err);
}

#[test]
fn what_is_no_bundle_or_no_key_is_named() {
    let place = built();
    for (text, code, message) in [
        ("not JSON", 1, "error: this is no bundle: "),
        (
            r#"{"payload":"","payloadType":"text/plain","signatures":[]}"#,
            1,
            "error: this is a signed document of the type `text/plain`, and no bundle\n",
        ),
    ] {
        place.write("bundle.json", text);
        let run = place.run(&VERIFY);
        assert_eq!(run.code, code, "{text}");
        assert!(run.err.starts_with(message), "{}", run.err);
    }
    let run = place.run(&["bundle", "verify", "bundle.json", "--key", "key.pem"]);
    assert_eq!(run.code, 2);
    assert!(run.err.starts_with("error: `key.pem` holds no Ed25519 public key\n"), "{}", run.err);
    let run = place.run(&["bundle", "verify", "nothing.json", "--key", "key.pem.pub.json"]);
    assert_eq!(run.code, 2);
}
