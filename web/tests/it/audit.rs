//! The audit page's own checks: its report on each kind of broken chain and on receipts, and its exports.
//! The engine's tests show that it finds every flipped bit.

use std::sync::Arc;

use engine::canonical::Canonical;
use engine::chain::Verifier;
use engine::hash::RecordHash;
use engine::record::{Draft, Head, RecordKind};
use engine::value::Value;
use wasm_bindgen_test::wasm_bindgen_test;
use web::pages::audit::check::{Check, How, Wrong};
use web::pages::audit::export::{file_name, lines};
use web::pages::audit::receipts::{Found, Wanted, look, parse};
use web::pages::audit::runs::{State, Verified};
use web::pages::audit::source::bodies;

fn chain(length: usize) -> (Vec<String>, Head) {
    let mut head = Head::genesis("s");
    let draft = |n: usize| Draft {
        kind: RecordKind::Start,
        at_ms: 0,
        action_id: Some(format!("a{n}")),
        fields: vec![("principal", Canonical::of(&Value::from("p")))],
    };
    let records = (0..length).map(|n| draft(n).seal(&mut head).body.into_string()).collect();
    (records, head)
}

/// Checks records as one page, as the page does.
fn check(records: &[String], server: &Head) -> (Check, Option<Wrong>) {
    let mut check = Check::new("s");
    let mut rest = records;
    while let Some((body, behind)) = rest.split_first() {
        if let Err(wrong) = check.next(body, behind) {
            return (check, Some(wrong));
        }
        rest = behind;
    }
    let wrong = check.end(server).err();
    (check, wrong)
}

fn wrong(records: &[String], server: &Head) -> Option<(u64, How)> {
    check(records, server).1.map(|wrong| (wrong.seq, wrong.how))
}

#[wasm_bindgen_test]
fn a_whole_chain_ends_at_the_head_of_the_server() {
    let (records, head) = chain(5);
    let (check, wrong) = check(&records, &head);
    assert_eq!((check.head(), wrong), (&head, None));
    assert_eq!(check.into_hashes().last(), Some(&head.record_hash));
}

#[wasm_bindgen_test]
fn each_way_of_being_wrong_has_its_name() {
    let (records, head) = chain(5);
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut records = records.clone();
        change(&mut records);
        wrong(&records, &head)
    };
    assert_eq!(with(&|all| all[2] = all[2].replace("a2", "b2")), Some((2, How::Changed)));
    assert_eq!(with(&|all| _ = all.remove(2)), Some((2, How::Missing)));
    assert_eq!(with(&|all| all.swap(1, 3)), Some((1, How::Reordered)));
    assert_eq!(with(&|all| all.insert(3, all[1].clone())), Some((3, How::Repeated)));
    assert_eq!(with(&|all| all[4] = "[]".to_owned()), Some((4, How::Unreadable)));
    assert_eq!(with(&|all| all.truncate(3)), Some((3, How::CutOff)));
    assert_eq!(with(&|all| all.clear()), Some((0, How::CutOff)));
    let other = Head { record_hash: RecordHash::ZERO, ..head.clone() };
    assert_eq!(wrong(&records, &other), Some((4, How::OtherHead)));
}

#[wasm_bindgen_test]
fn a_record_made_for_its_place_is_replaced_and_one_of_elsewhere_is_foreign() {
    let (mut records, head) = chain(3);
    let forged = |stream: &str| {
        let mut head = Head { stream: stream.to_owned(), size: 1, record_hash: RecordHash::ZERO };
        Draft { kind: RecordKind::Start, at_ms: 0, action_id: None, fields: vec![] }
            .seal(&mut head)
            .body
            .into_string()
    };
    records[1] = forged("s");
    assert_eq!(wrong(&records, &head), Some((1, How::Replaced)));
    records[1] = forged("t");
    assert_eq!(wrong(&records, &head), Some((1, How::Foreign)));
}

#[wasm_bindgen_test]
fn a_record_that_is_no_json_any_more_comes_as_a_string() {
    let answer = r#"{"records":[{"a" : 1e2},"{\"a\":"]}"#;
    assert_eq!(bodies(answer).unwrap(), [r#"{"a" : 1e2}"#, r#"{"a":"#]);
    assert_eq!(bodies("{}").unwrap_err().code, "unreadable_answer");
}

#[wasm_bindgen_test]
fn an_export_holds_the_records_byte_for_byte() {
    let (records, head) = chain(3);
    let mut verifier = Verifier::new("s");
    for line in lines(&records).lines() {
        verifier.next(line.as_bytes()).unwrap();
    }
    assert_eq!(verifier.head(), &head);
    let named = |stream: &str| file_name(&[Head::genesis(stream)]);
    assert_eq!(named("server-1"), "faramesh-server-1.jsonl");
    assert_eq!(named("a/../$(b) c"), "faramesh-a_..___b__c.jsonl");
    assert_eq!(file_name(&[]), "faramesh-records.jsonl");
}

#[wasm_bindgen_test]
fn receipts_are_read_in_every_form() {
    let hash = RecordHash::of(b"x");
    let one = Wanted { stream: "s".to_owned(), seq: 41, record_hash: hash };
    let json = format!(r#"{{"stream":"s","seq":41,"record_hash":"{hash}"}}"#);
    assert_eq!(parse("  \n").unwrap(), []);
    for text in [
        format!("s 41 {hash}"),
        json.clone(),
        format!(r#"{{"id":"a","receipt":{json}}}"#),
        format!("[{json}]"),
    ] {
        assert_eq!(parse(&text).unwrap(), std::slice::from_ref(&one), "{text}");
    }
    assert_eq!(parse(&format!("{json}\n\n s\t41  {hash} \n")).unwrap(), [one.clone(), one]);
    for text in ["s 41", "s x 00", "[1]", "{}", &format!("s 41 {hash} more"), &format!("{json}\nno")] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert!(parse(&format!("{json}\nno")).unwrap_err().starts_with("line 2"));
}

#[wasm_bindgen_test]
fn a_receipt_shows_what_a_chain_cannot() {
    let (records, head) = chain(5);
    let verified = |records: &[String], server: &Head| {
        let (check, wrong) = check(records, server);
        let head = check.head().clone();
        State::Done(Arc::new(Verified { head, hashes: check.into_hashes(), wrong, took_ms: 0.0 }))
    };
    let receipt = |seq, record_hash| Wanted { stream: "s".to_owned(), seq, record_hash };
    let last = receipt(4, head.record_hash);
    let whole = verified(&records, &head);
    assert_eq!(look(&last, Some(&head), Some(&whole)), Found::Same);
    assert_eq!(
        look(&receipt(4, RecordHash::ZERO), Some(&head), Some(&whole)),
        Found::Other(head.record_hash)
    );
    assert_eq!(look(&last, Some(&head), None), Found::Unverified);
    assert_eq!(look(&last, None, Some(&whole)), Found::NoStream);
    // The tail is cut off together with the head: the rest is valid.
    let (short, short_head) = chain(4);
    let cut = verified(&short, &short_head);
    assert!(matches!(&cut, State::Done(verified) if verified.wrong.is_none()));
    assert_eq!(look(&last, Some(&short_head), Some(&cut)), Found::Beyond { size: 4 });
    // New records came, and were not verified yet.
    assert_eq!(look(&last, Some(&head), Some(&cut)), Found::Unverified);
    let mut changed = records;
    changed[2] = changed[2].replace("a2", "b2");
    let broken = verified(&changed, &head);
    assert_eq!(look(&last, Some(&head), Some(&broken)), Found::Untrusted { broken_at: 2 });
}
