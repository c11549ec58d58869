//! The texts and the order of the approvals queue, and its count in the title. The end-to-end tests show that answers
//! reach the server.

use api::Action;
use serde_json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;
use web::failure::Failure;
use web::format::countdown;
use web::pages::approvals::words::{
    Left, Standing, departures, ended, is_dangerous, left, listed, needs, order, refusal,
};
use web::pending::title;

/// A held action with some members changed.
fn action(changes: Value) -> Action {
    let mut action = json!({
        "id": "a", "agent_id": "support-agent-prod", "tool": "process_refund", "operation": "call",
        "params": { "amount": 340 }, "context": {}, "status": "pending_approval", "outcome": "ABSTAIN",
        "reason_code": "policy_require_approval", "reason": "over 150", "rule": null, "risk_level": "low", "risk_score": 0,
        "request_hash": null, "policy_hash": "", "policy_version": "1", "runtime_version": "0.1.0", "provenance_id": "",
        "approval": { "expires_ms": null, "requires": [{ "approvers": 1, "roles": [] }] }, "answerable": { "approve": true, "reject": true, "why_not": null },
        "approvals": [], "receipt": { "stream": "server-1", "seq": 1, "record_hash": "" }, "duration_us": 1,
        "created_at": "2026-01-01T10:00:00Z", "updated_at": "2026-01-01T10:00:00Z",
        "expires_at": "2026-01-01T11:00:00Z", "error": null, "result": null
    });
    for (name, value) in changes.as_object().unwrap() {
        action.as_object_mut().unwrap().insert(name.clone(), value.clone());
    }
    // By way of text, as it comes from the server: arguments keep their bytes.
    serde_json::from_str(&action.to_string()).unwrap()
}

fn answer(principal: &str, roles: &[&str], approve: bool, reason: Option<&str>) -> Value {
    json!({ "principal": principal, "roles": roles, "approve": approve, "reason": reason, "at": "2026-01-01T10:01:00Z" })
}

fn now() -> f64 {
    web::format::parse_time("2026-01-01T10:00:00Z").unwrap()
}

#[wasm_bindgen_test]
fn what_expires_first_is_first() {
    let mut queue = [
        action(json!({ "id": "never", "expires_at": null, "created_at": "2026-01-01T08:00:00Z" })),
        action(json!({ "id": "late", "expires_at": "2026-01-01T12:00:00Z" })),
        action(json!({ "id": "younger", "created_at": "2026-01-01T10:00:01Z" })),
        action(json!({ "id": "older" })),
        // The same moment in another time zone is not a later one.
        action(json!({ "id": "first", "expires_at": "2026-01-01T12:30:00+02:00" })),
    ];
    queue.sort_by(order);
    assert_eq!(
        queue.each_ref().map(|action| action.id.as_str()),
        ["first", "older", "younger", "late", "never"]
    );
}

#[wasm_bindgen_test]
fn little_time_is_told_from_enough_and_from_none() {
    let at = |time| left(Some(time), now());
    assert_eq!(left(None, now()), Left::Always);
    assert_eq!(at("2026-01-01T10:05:00Z"), Left::Enough(300_000.0));
    assert_eq!(at("2026-01-01T10:04:59Z"), Left::Soon(299_000.0));
    assert_eq!(at("2026-01-01T10:00:00Z"), Left::Over);
    assert_eq!(countdown(299_000.0), "4 min 59 s");
    assert_eq!(countdown(3_849_999.0), "1 h 04 min 09 s");
    assert_eq!(countdown(9_999.0), "9 s");
    assert_eq!(countdown(-1.0), "0 s");
}

#[wasm_bindgen_test]
fn only_answers_that_count_are_offered() {
    let standing = |answerable: Value, may_approve| {
        Standing::of(&action(json!({ "answerable": answerable })), may_approve)
    };
    let says = |approve: bool, reject: bool, why: Option<&str>| {
        standing(json!({ "approve": approve, "reject": reject, "why_not": why }), true)
    };
    assert_eq!(says(true, true, None), Standing::MayAnswer);
    assert_eq!(says(false, true, Some("already_approved")), Standing::Approved);
    assert_eq!(says(false, true, Some("role_not_asked")), Standing::NotAsked);
    assert_eq!(says(false, false, Some("self_approval")), Standing::Own);
    assert_eq!(says(false, false, Some("a_word_of_tomorrow")), Standing::MayRead);
    assert_eq!(standing(Value::Null, true), Standing::MayRead);
    assert_eq!(
        standing(json!({ "approve": true, "reject": true, "why_not": null }), false),
        Standing::MayRead
    );
    let elsewhere = json!({ "receipt": { "stream": "local-12345678", "seq": 1, "record_hash": "" } });
    assert_eq!(Standing::of(&action(elsewhere), true), Standing::Elsewhere);
    for one in [Standing::Approved, Standing::NotAsked] {
        assert!(one.may(false) && !one.may(true));
    }
    for one in [Standing::MayRead, Standing::Own, Standing::Elsewhere] {
        assert!(!one.may(true) && !one.may(false));
    }
}

#[wasm_bindgen_test]
fn high_and_critical_risks_must_be_confirmed() {
    let dangerous = |level: &str| is_dangerous(&action(json!({ "risk_level": level })));
    assert_eq!(["low", "medium", "high", "critical"].map(dangerous), [false, false, true, true]);
}

#[wasm_bindgen_test]
fn approvals_count_once_for_each_person_with_the_role() {
    let held = action(json!({
        "approval": { "expires_ms": null, "requires": [
            { "approvers": 2, "roles": ["legal", "finance"] }, { "approvers": 1, "roles": ["on-call"] }
        ] },
        "approvals": [
            answer("ada", &["finance"], true, None),
            answer("ada", &["finance"], true, None),
            answer("eve", &["support"], true, None),
            answer("bob", &["finance"], false, None)
        ]
    }));
    let needs = needs(held.approval.as_ref(), &held.approvals);
    let texts: Vec<String> = needs.iter().map(|need| need.text()).collect();
    assert_eq!(
        texts,
        [
            "1 of 2 approvals, from people with the role legal or finance",
            "0 of 1 approval, from a person with the role on-call"
        ]
    );
    assert!(needs.iter().all(|need| !need.counts(&["support".to_owned()])));
}

#[wasm_bindgen_test]
fn it_is_said_who_ended_the_waiting() {
    let approved = json!({
        "status": "approved", "reason_code": "approval_granted",
        "approvals": [answer("bob", &[], true, None), answer("ada", &[], true, Some(" fine "))]
    });
    assert_eq!(ended(&action(approved.clone())), "approved by ada and bob: “fine”");
    let rejected = json!({
        "status": "denied", "reason_code": "approval_rejected", "approvals": [
            { "principal": "ada", "via": "link", "key_id": "1", "roles": [], "approve": false, "reason": null, "at": "2026-01-01T10:01:00Z" }
        ]
    });
    assert_eq!(ended(&action(rejected)), "rejected by ada (by an approval link)");
    let claimed = json!({
        "status": "approved", "approvals": [
            { "principal": "ada", "via": "claimed", "claimed_by": "local-1", "roles": [], "approve": true, "reason": null, "at": "2026-01-01T10:01:00Z" }
        ]
    });
    assert_eq!(ended(&action(claimed)), "approved by ada (claimed by local-1)");
    let withdrawn = json!({ "status": "withdrawn", "approvals": [answer("ada", &[], true, None)] });
    assert_eq!(ended(&action(withdrawn)), "withdrawn by the agent, which no longer waits for it");
    let expired = json!({ "status": "denied", "reason_code": "approval_expired", "approvals": [answer("ada", &[], true, None)] });
    assert_eq!(ended(&action(expired)), "expired, because nobody answered in time");
    let denied = json!({
        "status": "denied", "reason_code": "policy_deny", "reason": "no more refunds",
        "approvals": [answer("ada", &[], true, None)]
    });
    assert_eq!(
        ended(&action(denied)),
        "approved by ada, but denied by the policies in force now: no more refunds"
    );

    let few = vec![action(approved.clone()), action(approved)];
    assert_eq!(departures(&few).len(), 2);
    let many: Vec<Action> = few.iter().cycle().take(4).cloned().collect();
    assert_eq!(departures(&many), ["4 actions: approved by ada and bob: “fine”"]);
}

#[wasm_bindgen_test]
fn refusals_are_said_plainly() {
    let said = |code| refusal(&Failure::here(code, "the detail"));
    assert!(said("self_approval").contains("another person has to answer"));
    assert!(said("already_approved").contains("approved this already"));
    assert!(said("unreachable").contains("not known whether"));
    assert_eq!(said("csrf_required"), "not recorded: the detail");
}

#[wasm_bindgen_test]
fn names_are_listed_as_people_say_them() {
    let names = |all: &[&str]| listed(&all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), "or");
    assert_eq!(
        [names(&[]), names(&["a"]), names(&["a", "b"]), names(&["a", "b", "c"])],
        ["", "a", "a or b", "a, b or c"]
    );
}

#[wasm_bindgen_test]
fn the_title_counts_what_waits_on_every_page() {
    assert_eq!(title("/approvals", 3), "(3) Approvals · Faramesh");
    assert_eq!(title("/", 0), "Overview · Faramesh");
    assert_eq!(title("/policies/a%20b.yaml", 12), "(12) a b.yaml · Policies · Faramesh");
    assert_eq!(title("/policies/%E0%A4%A", 0), "%E0%A4%A · Policies · Faramesh");
}
