//! A local stream as a wrapper makes one: decisions of the real engine, sealed one behind the other.

use std::path::Path;

use engine::action::Action;
use engine::canonical::Canonical;
use engine::hash::Digest;
use engine::json::MAX_BYTES;
use engine::record::{Draft, Head, RecordKind};
use engine::value::Value as EngineValue;
use runtime::Module;
use serde_json::{Value, json};
use store::Store as _;

use crate::app::{NOON, Reply, TestApp};

/// A stream, and all records that were made for it.
#[derive(Clone)]
pub struct Local {
    pub head: Head,
    pub records: Vec<String>,
    pub engine_hash: String,
    pub policy_hash: String,
    at_ms: i64,
}

/// The canonical form of any JSON.
pub fn canonical(value: &Value) -> Canonical {
    Canonical::of(&engine::json::parse_printed(value.to_string().as_bytes(), MAX_BYTES).unwrap())
}

fn text(text: &str) -> Canonical {
    Canonical::text(text)
}

/// The id of the `n`th action.
pub fn action_id(n: u32) -> String {
    format!("{n:08x}-0000-4000-8000-{n:012x}")
}

/// A refund, and its canonical form.
pub fn refund(amount: u32) -> Value {
    json!({ "agent_id": "support-agent-prod", "tool": "process_refund", "params": { "amount": amount } })
}

/// The state of a pass after these people answered.
pub fn answered(verdict: &str, approvers: &[&str]) -> Value {
    let approver = |name: &&str| json!({ "principal": name, "roles": ["finance"] });
    let approvers: Vec<_> = approvers.iter().map(approver).collect();
    json!({ "approval": { "approvers": approvers, "reason": null, "verdict": verdict } })
}

impl Local {
    /// A stream that begins with the policies in force.
    pub fn begin(app: &TestApp, name: &str) -> Self {
        let in_force = app.records().into_iter().rfind(|record| record["kind"] == "policy").unwrap();
        let text = |key: &str| in_force[key].as_str().unwrap().to_owned();
        let mut local = Local {
            head: Head::genesis(name),
            records: Vec::new(),
            engine_hash: text("engine_hash"),
            policy_hash: text("policy_hash"),
            at_ms: NOON,
        };
        local.policy();
        local
    }

    /// Seals any record.
    pub fn seal(
        &mut self,
        kind: RecordKind,
        action_id: Option<&str>,
        fields: Vec<(&'static str, Canonical)>,
    ) {
        self.at_ms += 1;
        let draft = Draft { kind, at_ms: self.at_ms, action_id: action_id.map(str::to_owned), fields };
        self.records.push(draft.seal(&mut self.head).body.into_string());
    }

    /// The time of the records from here on.
    pub fn seal_at(&mut self, at_ms: i64) {
        self.at_ms = at_ms;
    }

    pub fn policy(&mut self) {
        let fields = vec![
            ("agent_id", text("support-agent-prod")),
            ("engine_hash", text(&self.engine_hash)),
            ("files", canonical(&json!([{ "name": "support-agent.yaml", "hash": "0".repeat(64) }]))),
            ("host", text("node")),
            ("policy_hash", text(&self.policy_hash)),
            ("runtime_version", text(engine::RUNTIME_VERSION)),
        ];
        self.seal(RecordKind::Policy, None, fields);
    }

    /// Records the decision of the server's engine, as a wrapper with the same module would.
    pub fn decide(&mut self, app: &TestApp, id: &str, action: &Value) -> Value {
        let decision = app.dry_run(action.to_string().as_bytes());
        self.decision(id, action, &decision, &json!({}));
        decision
    }

    /// Records the engine's decision from this state, as a wrapper does that asked people itself.
    pub fn pass(&mut self, app: &TestApp, id: &str, action: &Value, state: &Value) -> Value {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let set = runtime.block_on(app.store.policy_set(self.policy_hash.parse().unwrap())).unwrap();
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine-cache");
        let mut instance = Module::embedded(Some(&cache)).unwrap().instance().unwrap();
        let handle = instance.load(&set).unwrap().handle.unwrap();
        let action_bytes = action.to_string();
        let verdict = instance.decide(handle, action_bytes.as_bytes(), state.to_string().as_bytes()).unwrap();
        let decision: Value = serde_json::from_str(verdict.decision.get()).unwrap();
        self.decision(id, action, &decision, &serde_json::from_str(verdict.state.get()).unwrap());
        decision
    }

    pub fn decision(&mut self, id: &str, action: &Value, decision: &Value, state: &Value) {
        self.decision_and(id, action, decision, state, None);
    }

    /// With one field more than a decision has.
    pub fn decision_and(
        &mut self,
        id: &str,
        action: &Value,
        decision: &Value,
        state: &Value,
        more: Option<(&'static str, Canonical)>,
    ) {
        let action = match action {
            Value::Null => Canonical::of(&EngineValue::Null),
            action => Action::parse(action.to_string().as_bytes(), MAX_BYTES).unwrap().canonical().clone(),
        };
        let mut fields = vec![
            ("action", action),
            ("decision", canonical(decision)),
            ("duration_us", canonical(&json!(7))),
            ("engine_hash", text(&self.engine_hash)),
            ("policy_version", Canonical::of(&EngineValue::Null)),
            ("principal", text("support-agent-prod")),
            ("state", canonical(state)),
        ];
        fields.extend(more);
        self.seal(RecordKind::Decision, Some(id), fields);
    }

    pub fn start(&mut self, id: &str, decision: &Value) {
        let fields = vec![("principal", text("w")), ("request_hash", canonical(&decision["request_hash"]))];
        self.seal(RecordKind::Start, Some(id), fields);
    }

    pub fn result(&mut self, id: &str, decision: &Value, success: bool, result: &Value) {
        let error = if success { Value::Null } else { json!("card declined") };
        let hash = match result {
            Value::Null => Value::Null,
            result => json!(Digest::of(canonical(result).as_bytes()).to_hex()),
        };
        let fields = vec![
            ("error", canonical(&error)),
            ("principal", text("w")),
            ("request_hash", canonical(&decision["request_hash"])),
            ("result", canonical(result)),
            ("result_hash", canonical(&hash)),
            ("status", text(if success { "succeeded" } else { "failed" })),
            ("success", canonical(&json!(success))),
        ];
        self.seal(RecordKind::Result, Some(id), fields);
    }

    pub fn approval(&mut self, id: &str, decision: &Value, principal: &str) {
        let said = json!({ "approve": true, "principal": principal, "reason": "seen", "roles": ["finance"] });
        let fields = vec![
            ("approval", canonical(&said)),
            ("principal", text(principal)),
            ("request_hash", canonical(&decision["request_hash"])),
        ];
        self.seal(RecordKind::Approval, Some(id), fields);
    }

    /// A refund that is allowed, started and ended.
    pub fn done(&mut self, app: &TestApp, n: u32) -> String {
        let id = action_id(n);
        let decision = self.decide(app, &id, &refund(45));
        self.start(&id, &decision);
        self.result(&id, &decision, true, &json!({ "refund_id": n }));
        id
    }

    /// The body of a request with the records from `from` up to `to`.
    pub fn body(&self, from: usize, to: usize) -> Vec<u8> {
        body(&self.head.stream, &self.records[from..to])
    }

    /// Sends the records from `from` on.
    pub fn send(&self, app: &TestApp, key: &str, from: usize) -> Reply {
        app.post("/v1/records").key(key).raw(&self.body(from, self.records.len())).send()
    }
}

pub fn body(stream: &str, records: &[String]) -> Vec<u8> {
    format!(r#"{{"stream":{},"records":[{}]}}"#, json!(stream), records.join(",")).into_bytes()
}
