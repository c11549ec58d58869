//! Actions, changes and keys for tests of stores. Their times are fixed.

use engine::canonical::Canonical;
use engine::decision::{Outcome, ReasonCode};
use engine::hash::{EngineHash, PolicyHash};
use engine::lifecycle::Status;
use engine::record::{Draft, Head, RecordKind, Sealed};
use engine::risk::{RiskLevel, RiskScore};
use engine::value::Value;
use serde_json::value::RawValue;

use engine::principal::Principal;

use super::intake::{Decided, Named, NewRecord, NewRecords, What};
use super::{
    ActionRow, ApprovalRow, Change, DecisionRow, IdempotentRequest, KeyRow, NewAction, Store, Written,
};

/// 2026-01-01T00:00:00.000Z
pub(crate) const NOW: i64 = 1_767_225_600_000;

pub(crate) fn id(n: u32) -> String {
    format!("{n:08x}-0000-4000-8000-{n:012x}")
}

/// The holder of a key of this name.
pub(crate) fn named(name: &str) -> Principal {
    Principal::Key { id: format!("id-of-{name}"), name: name.into() }
}

pub(crate) fn alice() -> Principal {
    named("alice")
}

pub(crate) fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

pub(crate) fn decision(outcome: Outcome, reason_code: ReasonCode) -> DecisionRow {
    let json = format!(r#"{{"outcome":"{}","reason":"ça va"}}"#, outcome.as_str());
    DecisionRow { json: raw(&json), outcome, reason_code, risk_level: RiskLevel::Medium, state: raw("{}") }
}

pub(crate) fn draft(kind: RecordKind, at_ms: i64, action_id: Option<String>) -> Draft {
    let principal = Canonical::of(&Value::from("alice"));
    Draft { kind, at_ms, action_id, fields: vec![("principal", principal)] }
}

pub(crate) fn new_action(n: u32, outcome: Outcome) -> NewAction {
    recorded(NewAction {
        id: id(n),
        principal: alice(),
        agent_id: "support-agent".into(),
        tool: "process_refund".into(),
        operation: "call".into(),
        action: raw(&format!(r#"{{"params":{{"customer_id":"Customer-{n}"}}}}"#)),
        decision: decision(outcome, ReasonCode::PolicyAllow),
        risk_score: RiskScore::ZERO,
        rule: None,
        policy_version: "1".into(),
        approval_secret: None,
        expires_at_ms: None,
        start_by_ms: None,
        duration_us: 11,
        draft: draft(RecordKind::Decision, NOW, None),
    })
}

/// An action whose record says all that a server's does, so that it can be folded from its records.
pub(crate) fn whole_action(n: u32, outcome: Outcome) -> NewAction {
    let mut new = new_action(n, outcome);
    new.action = raw(&format!(
        r#"{{"agent_id":"support-agent","context":{{}},"operation":"call","params":{{"n":{n}}},"tool":"process_refund"}}"#
    ));
    new.decision.json = raw(&format!(
        r#"{{"outcome":"{}","policy_hash":"{}","reason_code":"policy_allow","risk_level":"medium","risk_score":0,"rule":null}}"#,
        outcome.as_str(),
        PolicyHash::of(b"{}"),
    ));
    new.draft.fields.push(("duration_us", Canonical::of(&Value::Number(11.0))));
    new.draft.fields.push(("policy_version", Canonical::text("1")));
    recorded(new)
}

/// The same with a record of its current content.
pub(crate) fn recorded(mut new: NewAction) -> NewAction {
    let holds = |raw: &RawValue| Canonical::printed_by_the_engine(raw.get());
    let whole = [
        ("action", holds(&new.action)),
        ("decision", holds(&new.decision.json)),
        ("state", holds(&new.decision.state)),
    ];
    new.draft.action_id = Some(new.id.clone());
    new.draft.fields.retain(|(key, _)| whole.iter().all(|(name, _)| name != key));
    new.draft.fields.extend(whole);
    new
}

pub(crate) async fn submit(store: &dyn Store, n: u32, outcome: Outcome) -> ActionRow {
    match store.submit(new_action(n, outcome), None).await.unwrap() {
        Written::Fresh(row) => *row,
        Written::Replayed(row) => panic!("replayed {row:?}"),
    }
}

pub(crate) fn change(row: &ActionRow, status: Status, kind: RecordKind) -> Change {
    Change::to(row, status, draft(kind, row.updated_at_ms + 1, Some(row.id.clone())))
}

pub(crate) fn approval(principal: &str) -> ApprovalRow {
    ApprovalRow {
        principal: named(principal),
        roles: vec!["finance".into()],
        approve: true,
        reason: Some("seen".into()),
        at: "2026-01-01T00:00:00.000Z".into(),
    }
}

pub(crate) fn request(scope: &str, key: &str, body_hash: &str) -> IdempotentRequest {
    IdempotentRequest { scope: scope.into(), key: key.into(), body_hash: body_hash.into() }
}

pub(crate) fn key(id: &str, name: &str) -> KeyRow {
    KeyRow {
        id: id.into(),
        name: name.into(),
        role: "agent".into(),
        agents: vec!["support-*".into()],
        approver_roles: vec!["finance".into()],
        secret_hash: "00ff".into(),
        created_at: "2026-01-01T00:00:00.000Z".into(),
        expires_at_ms: Some(NOW + 1),
        revoked_at_ms: None,
    }
}

/// Records of a local stream from its beginning: the policies, then an action for each of `actions`, allowed and
/// started.
pub(crate) fn from_outside(stream: &str, policy_hash: PolicyHash, actions: &[u32]) -> NewRecords {
    let mut head = Head::genesis(stream);
    let mut records = Vec::new();
    let mut add = |draft: Draft, what: What| {
        let prev_hash = head.record_hash;
        let Sealed { seq, record_hash, body } = draft.seal(&mut head);
        let Draft { at_ms, action_id, .. } = draft;
        records.push(NewRecord {
            seq,
            prev_hash,
            record_hash,
            at_ms,
            action_id,
            body: body.into_string(),
            what,
        });
    };
    add(draft(RecordKind::Policy, NOW, None), What::Policy(policy_hash));
    for n in actions {
        let NewAction { action, decision, agent_id, tool, operation, draft: decided, .. } =
            new_action(*n, Outcome::Execute);
        let what = Decided {
            action: Some(Named { json: action, agent_id, tool, operation }),
            decision,
            policy_hash,
            risk_score: RiskScore::ZERO,
            rule: None,
            request_hash: None,
            engine_hash: EngineHash::of(b"wasm"),
            contradiction: None,
            duration_us: 7,
        };
        add(decided, What::Decision(Box::new(what)));
        let start = draft(RecordKind::Start, NOW + 1, Some(id(*n)));
        add(start, What::Start { request_hash: None });
    }
    let begun = draft(RecordKind::Access, NOW, None);
    let (not_before_ms, clock_skew_ms) = (i64::MIN, i64::MAX);
    NewRecords { stream: stream.into(), principal: alice(), records, not_before_ms, clock_skew_ms, begun }
}
