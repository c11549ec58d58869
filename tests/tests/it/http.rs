//! The corpus through a running server: dry runs, submitted actions and their records agree with the engine.
//!
//! A caller over HTTP cannot hand over a state: the server has a clock of its own, and approvals come from people.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use conformance::hosts::{APPROVAL, CLOCK, NOT_UTF8, TOO_LARGE};
use conformance::native::{self, canonical};
use conformance::tally::{Tally, Tried, differs};
use conformance::{Case, member};
use engine::decided::Decided;
use engine::json::MAX_BYTES;
use engine::lifecycle::Status;
use engine::policy::PolicySet;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Reply, Server, place};

pub(crate) static TALLY: LazyLock<Tally> = LazyLock::new(|| {
    let mut host = Host::start();
    Tally::of("HTTP", move |folder, case| match folder {
        "decide" => host.decision(case),
        "canonical" => Tried::Compared(host.canonical_form(case)),
        _ => host.diagnostics(case),
    })
});

/// The members of a JSON object, each as it was printed.
type Members = BTreeMap<String, Box<RawValue>>;

struct Host {
    server: Server,
    /// The contents of the policy folder.
    policies: BTreeMap<String, Vec<u8>>,
    _folder: TempDir,
}

impl Host {
    fn start() -> Self {
        let folder = place(&[]);
        let server = Server::start(folder.path());
        Host { server, policies: BTreeMap::new(), _folder: folder }
    }

    /// Activates exactly these policies.
    fn bring_into_force(&mut self, wanted: BTreeMap<String, Vec<u8>>) {
        let bearer = self.server.bearer();
        let change = |method: &str, name: &str, header: (&str, &str), body: Option<&[u8]>| {
            let headers = [("authorization", bearer.as_str()), header];
            self.server.ask(method, &format!("/v1/policies/{name}"), &headers, body).unwrap().ok()
        };
        for name in self.policies.keys().filter(|name| !wanted.contains_key(*name)) {
            change("DELETE", name, ("if-match", "*"), None);
        }
        for (name, content) in &wanted {
            match self.policies.get(name) {
                Some(there) if there == content => {}
                Some(_) => _ = change("PUT", name, ("if-match", "*"), Some(content)),
                None => _ = change("PUT", name, ("if-none-match", "*"), Some(content)),
            }
        }
        self.policies = wanted;
    }

    fn decision(&mut self, case: &Case) -> Tried {
        let (set, _) = native::load(case);
        if set.as_ref().is_some_and(PolicySet::reads_time) {
            return Tried::Cannot(CLOCK);
        }
        if member(&case.content, "state").is_some_and(|state| member(state, "approval").is_some()) {
            return Tried::Cannot(APPROVAL);
        }
        let answer = native::answer(case);
        self.bring_into_force(case.policies().into_iter().collect());
        let dry_run = self.server.post("/v1/gate/decide", &case.action());
        let submitted = self.server.post("/v1/actions", &case.action());
        if case.action().len() > MAX_BYTES {
            for reply in [&dry_run, &submitted] {
                let problem = reply.value();
                assert_eq!((reply.status, &problem["code"]), (413, &json!("body_too_large")));
                assert_eq!(
                    (&problem["outcome"], &problem["reason_code"]),
                    (&json!("HALT"), &json!("invalid_action"))
                );
            }
            return Tried::Cannot(TOO_LARGE);
        }
        let mut found = Vec::new();
        found.extend(differs("status of a dry run", "200", &dry_run.status.to_string()));
        found.extend(differs("dry run", &canonical(&answer.decision), &without_version(&dry_run)));
        found.extend(match answer.action {
            Some(_) => self.submitted(&answer, &submitted),
            None => self.refused(&answer, &submitted),
        });
        Tried::Compared(found)
    }

    /// The differences in the answer to a submitted action, and in its record.
    fn submitted(&self, answer: &Decided, reply: &Reply) -> Vec<String> {
        let mut found = Vec::new();
        found.extend(differs("status of a submission", "200", &reply.status.to_string()));
        let Ok(action) = serde_json::from_str::<Members>(&reply.body) else { return found };
        let decision: Members = serde_json::from_str(&canonical(&answer.decision)).unwrap();
        let proposed: Members = serde_json::from_str(answer.action.as_ref().unwrap().as_str()).unwrap();
        let optional = ["approval", "shadow"].map(str::to_owned);
        for key in decision.keys().chain(&optional) {
            found.extend(differs(key, raw(&decision, key), raw(&action, key)));
        }
        for key in proposed.keys() {
            // The names are printed anew, so they are compared as values.
            let value = |members| serde_json::from_str::<Value>(raw(members, key)).unwrap().to_string();
            found.extend(differs(key, &value(&proposed), &value(&action)));
        }
        let status = canonical(&Status::submitted(answer.decision.outcome));
        found.extend(differs("status", &status, raw(&action, "status")));
        let id: String = serde_json::from_str(raw(&action, "id")).unwrap();
        let events = self.server.get(&format!("/v1/actions/{id}/events"));
        let events: BTreeMap<String, Vec<Members>> = serde_json::from_str(&events.body).unwrap();
        let [record] = events["events"].as_slice() else {
            found.push(format!("expected one record, found {}", events["events"].len()));
            return found;
        };
        found.extend(recorded(answer, record));
        found.extend(differs("action_id", &canonical(&id), raw(record, "action_id")));
        let receipt: Members = serde_json::from_str(raw(&action, "receipt")).unwrap();
        for key in ["stream", "seq", "record_hash"] {
            found.extend(differs(&format!("receipt.{key}"), raw(record, key), raw(&receipt, key)));
        }
        found
    }

    /// The differences in the refusal of an unreadable action, and in its record.
    fn refused(&self, answer: &Decided, reply: &Reply) -> Vec<String> {
        let mut found = Vec::new();
        found.extend(differs("status of a submission", "422", &reply.status.to_string()));
        let Ok(problem) = serde_json::from_str::<Value>(&reply.body) else { return found };
        let decision = serde_json::to_value(&answer.decision).unwrap();
        let expected = [
            ("code", json!("invalid_action")),
            ("detail", decision["reason"].clone()),
            ("outcome", decision["outcome"].clone()),
            ("reason_code", decision["reason_code"].clone()),
            ("raw_hash", decision["raw_hash"].clone()),
            ("policy_hash", decision["policy_hash"].clone()),
            ("error", serde_json::to_value(&answer.error).unwrap()),
        ];
        for (key, expected) in expected {
            found.extend(differs(key, &expected.to_string(), &problem[key].to_string()));
        }
        let path = format!("/v1/records?from={}&limit=1", problem["receipt"]["seq"]);
        let records = self.server.get_as_admin(&path);
        let records: BTreeMap<String, Vec<Members>> = serde_json::from_str(&records.body).unwrap();
        let [record] = records["records"].as_slice() else {
            found.push("the refusal has no record".to_owned());
            return found;
        };
        found.extend(recorded(answer, record));
        let hash = problem["receipt"]["record_hash"].to_string();
        found.extend(differs("receipt.record_hash", raw(record, "record_hash"), &hash));
        found
    }

    fn canonical_form(&mut self, case: &Case) -> Vec<String> {
        self.bring_into_force(BTreeMap::new());
        let action = self.server.post("/v1/actions", &case.action()).ok();
        let path = format!("/v1/actions/{}/events", action["id"].as_str().unwrap());
        let events: BTreeMap<String, Vec<Members>> =
            serde_json::from_str(&self.server.get(&path).body).unwrap();
        let (canonical, request_hash) = native::canonicalized(case);
        let found = [
            differs("canonical", &canonical, raw(&events["events"][0], "action")),
            differs("request_hash", &json!(request_hash).to_string(), &action["request_hash"].to_string()),
        ];
        found.into_iter().flatten().collect()
    }

    fn diagnostics(&self, case: &Case) -> Tried {
        let mut files = BTreeMap::new();
        for (name, bytes) in case.policies() {
            let Ok(text) = String::from_utf8(bytes) else { return Tried::Cannot(NOT_UTF8) };
            files.insert(name, text);
        }
        let body = json!({ "files": files }).to_string();
        let bearer = self.server.bearer();
        let headers = [("authorization", bearer.as_str())];
        let reply = self.server.ask("POST", "/v1/policies/check", &headers, Some(body.as_bytes())).unwrap();
        if body.len() > MAX_BYTES {
            assert_eq!((reply.status, &reply.value()["code"]), (413, &json!("body_too_large")));
            return Tried::Cannot(TOO_LARGE);
        }
        let answer = reply.ok();
        let (set, given) = native::load(case);
        let found = [
            differs("valid", &set.is_some().to_string(), &answer["valid"].to_string()),
            differs(
                "policy_hash",
                &json!(native::hash_of_policies(&case.policies())).to_string(),
                &answer["policy_hash"].to_string(),
            ),
            differs(
                "diagnostics",
                &serde_json::to_value(&given).unwrap().to_string(),
                &answer["diagnostics"].to_string(),
            ),
        ];
        Tried::Compared(found.into_iter().flatten().collect())
    }
}

/// The differences in the record of a decision.
fn recorded(answer: &Decided, record: &Members) -> Vec<String> {
    let action = answer.action.as_ref().map_or("null", |action| action.as_str());
    let found = [
        differs("kind of the record", r#""decision""#, raw(record, "kind")),
        differs("decision of the record", &canonical(&answer.decision), raw(record, "decision")),
        differs("action of the record", action, raw(record, "action")),
        differs("state of the record", answer.state.canonical().as_str(), raw(record, "state")),
    ];
    found.into_iter().flatten().collect()
}

/// A member as it was printed.
fn raw<'m>(members: &'m Members, key: &str) -> &'m str {
    members.get(key).map_or("nothing", |raw| raw.get())
}

corpus_tests!(TALLY);

/// The decision of a dry run, whose answer names the policy set's number too.
fn without_version(dry_run: &Reply) -> String {
    let version = dry_run.value()["policy_version"].clone();
    assert!(version.is_string(), "{}", dry_run.body);
    dry_run.body.replacen(&format!(",\"policy_version\":{version}"), "", 1)
}
