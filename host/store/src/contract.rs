//! The requirements on every store, as one suite of tests over the trait. Each database provides fresh stores for it.
//!
//! Features and failures of a single database are tested with that database.

mod delivery;
mod lists;

use std::sync::Arc;

use engine::canonical::Canonical;
use engine::chain::Verifier;
use engine::decision::{Outcome, ReasonCode};
use engine::hash::{EngineHash, PolicyHash};
use engine::lifecycle::Status;
use engine::policy::PolicySource;
use engine::record::{Head, RecordKind};
use engine::value::Value;

pub(crate) use self::delivery::*;
pub(crate) use self::lists::*;
use super::fixtures::*;
use super::intake::Taken;
use super::{NewPolicySet, Store, StoreError, StoredRecord, Written};

/// Calls `$run` with the name of every test of the suite.
macro_rules! for_each_contract {
    ($run:ident) => {
        $run! {
            a_submitted_action_reads_back_whole
            an_action_that_its_record_does_not_hold_is_refused
            a_second_action_with_the_same_id_is_refused
            a_change_moves_the_action_and_appends_its_record
            of_sixteen_racing_changes_one_wins
            an_unknown_action_cannot_be_moved
            the_token_is_forgotten_once_the_action_is_no_longer_held
            the_same_request_gets_the_same_answer_once
            an_answer_is_kept_for_a_day
            a_refused_change_keeps_no_answer
            a_prefix_of_eight_characters_finds_one_action
            filters_choose
            answers_of_people_are_found_whatever_became_of_the_action
            pages_stand_still_while_actions_come
            searching_takes_wildcards_literally
            searches_and_filters_have_pages_that_stand_still
            what_is_overdue_is_found
            overdue_actions_come_in_parts
            policy_sets_are_kept_by_hash
            keys_are_created_and_revoked_once
            records_come_in_order_and_in_parts
            what_comes_from_outside_stands_beside_the_own_stream
            a_mixed_crowd_leaves_a_chain_that_holds
            subscribers_hear_every_record_in_order
            an_event_of_a_large_record_sends_its_reader_to_the_store
            readers_that_come_back_under_load_miss_no_record
            a_probe_writes_and_reads
            decisions_come_newest_first_up_to_a_size
            statistics_count_first_decisions
        }
    };
}
pub(crate) use for_each_contract;

type Fresh = Arc<dyn Store>;

pub(crate) async fn a_submitted_action_reads_back_whole(store: Fresh) {
    let mut new = new_action(1, Outcome::Abstain);
    new.approval_secret = Some("token".into());
    new.expires_at_ms = Some(NOW + 1000);
    let Written::Fresh(row) = store.submit(new.clone(), None).await.unwrap() else { panic!("replayed") };
    assert_eq!((row.status, row.version), (Status::PendingApproval, 1));
    assert_eq!((row.created_at_ms, row.updated_at_ms), (NOW, NOW));

    let kept = store.action(new.id.clone()).await.unwrap();
    assert_eq!(format!("{kept:?}"), format!("{row:?}"));
    assert_eq!(kept.action.get(), new.action.get());
    assert_eq!(kept.decision.json.get(), new.decision.json.get());
    assert_eq!(kept.decision.state.get(), new.decision.state.get());
    assert_eq!(
        (kept.decision.outcome, kept.decision.reason_code, kept.decision.risk_level),
        (new.decision.outcome, new.decision.reason_code, new.decision.risk_level)
    );
    assert_eq!((kept.principal, kept.agent_id, kept.tool), (new.principal, new.agent_id, new.tool));
    assert_eq!((kept.operation, kept.policy_version), (new.operation, new.policy_version));
    assert_eq!((kept.approval_secret.as_deref(), kept.expires_at_ms), (Some("token"), Some(NOW + 1000)));
    assert_eq!((kept.duration_us, kept.approvals.len()), (new.duration_us, 0));

    let records = store.records_of(new.id).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].kind, records[0].seq), (RecordKind::Decision, row.receipt.seq));
    assert!(records[0].body.contains(&row.receipt.record_hash.to_hex()));
}

pub(crate) async fn an_action_that_its_record_does_not_hold_is_refused(store: Fresh) {
    let whole = new_action(1, Outcome::Execute);
    let (mut action, mut decision, mut state) = (whole.clone(), whole.clone(), whole.clone());
    action.action = raw(r#"{"params":{}}"#);
    decision.decision.json = raw("{}");
    state.decision.state = raw(r#"{"now":1}"#);
    let (mut other, mut no_uuid, mut early) = (whole.clone(), whole.clone(), whole);
    other.draft.action_id = Some(id(2));
    no_uuid.id = "1".repeat(36);
    let no_uuid = recorded(no_uuid);
    early.draft.fields.push(("a", Canonical::of(&Value::Null)));
    for new in [action, decision, state, other, no_uuid, early] {
        let refused = store.submit(new.clone(), None).await;
        assert!(matches!(refused, Err(StoreError::Failed(_))), "{new:?}: {refused:?}");
    }
    assert_eq!(verified(&*store).await.size, 0);
    assert_eq!(store.counts().await.unwrap(), []);
}

pub(crate) async fn a_second_action_with_the_same_id_is_refused(store: Fresh) {
    store.submit(new_action(1, Outcome::Execute), None).await.unwrap();
    let again = store.submit(new_action(1, Outcome::Halt), None).await;
    assert!(matches!(again, Err(StoreError::Failed(_))), "{again:?}");
    assert_eq!(store.action(id(1)).await.unwrap().decision.outcome, Outcome::Execute);
    // The position that was sealed for it left no gap.
    store.submit(new_action(2, Outcome::Execute), None).await.unwrap();
    assert_eq!(verified(&*store).await.size, 2);
}

pub(crate) async fn a_change_moves_the_action_and_appends_its_record(store: Fresh) {
    let held = submit(&*store, 1, Outcome::Abstain).await;
    let mut approve = change(&held, Status::Approved, RecordKind::Approval);
    approve.decision = Some(decision(Outcome::Execute, ReasonCode::ApprovalGranted));
    approve.policy_version = Some("2".into());
    approve.approval = Some(approval("alice"));
    let Written::Fresh(approved) = store.advance(approve, None).await.unwrap() else { panic!("replayed") };
    assert_eq!((approved.status, approved.version), (Status::Approved, 2));
    assert_eq!((approved.decision.outcome, approved.policy_version.as_str()), (Outcome::Execute, "2"));

    let start = change(&approved, Status::Executing, RecordKind::Start);
    let Written::Fresh(started) = store.advance(start, None).await.unwrap() else { panic!("replayed") };
    let mut result = change(&started, Status::Failed, RecordKind::Result);
    result.error = Some("no such customer".into());
    result.result = Some(raw(r#"{"code":7}"#));
    let Written::Fresh(ended) = store.advance(result, None).await.unwrap() else { panic!("replayed") };

    let kept = store.action(held.id.clone()).await.unwrap();
    assert_eq!(format!("{kept:?}"), format!("{ended:?}"));
    assert_eq!((kept.status, kept.version), (Status::Failed, 4));
    assert_eq!((kept.created_at_ms, kept.updated_at_ms), (NOW, NOW + 3));
    assert_eq!((kept.approvals.len(), kept.approvals[0].principal.name()), (1, "alice"));
    assert_eq!(kept.error.as_deref(), Some("no such customer"));
    assert_eq!(kept.result.as_ref().map(|result| result.get()), Some(r#"{"code":7}"#));
    let kinds: Vec<_> = store.records_of(held.id).await.unwrap().iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [RecordKind::Decision, RecordKind::Approval, RecordKind::Start, RecordKind::Result]);
    assert_eq!(store.counts().await.unwrap(), [(Status::Failed, 1)]);
}

pub(crate) async fn of_sixteen_racing_changes_one_wins(store: Fresh) {
    let held = submit(&*store, 1, Outcome::Abstain).await;
    let racing: Vec<_> = (0..16)
        .map(|n| {
            let status = if n % 2 == 0 { Status::Approved } else { Status::Denied };
            let (store, change) = (Arc::clone(&store), change(&held, status, RecordKind::Approval));
            tokio::spawn(async move { store.advance(change, None).await })
        })
        .collect();
    let (mut won, mut lost) = (Vec::new(), Vec::new());
    for racer in racing {
        match racer.await.unwrap() {
            Ok(Written::Fresh(row)) => won.push(row),
            Err(StoreError::Conflict(row)) => lost.push(row),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((won.len(), lost.len()), (1, 15));
    // The losers see the winner's change.
    assert!(lost.iter().all(|row| row.status == won[0].status && row.version == 2));
    assert_eq!(verified(&*store).await.size, 2);
}

pub(crate) async fn an_unknown_action_cannot_be_moved(store: Fresh) {
    let mut row = submit(&*store, 1, Outcome::Execute).await;
    row.id = id(2);
    let moved = store.advance(change(&row, Status::Executing, RecordKind::Start), None).await;
    assert!(matches!(moved, Err(StoreError::NotFound)), "{moved:?}");
    assert_eq!(verified(&*store).await.size, 1);
}

pub(crate) async fn the_token_is_forgotten_once_the_action_is_no_longer_held(store: Fresh) {
    let mut new = new_action(1, Outcome::Abstain);
    new.approval_secret = Some("token".into());
    store.submit(new, None).await.unwrap();
    for (status, token) in [(Status::PendingApproval, Some("token")), (Status::Approved, None)] {
        let row = store.action(id(1)).await.unwrap();
        store.advance(change(&row, status, RecordKind::Approval), None).await.unwrap();
        assert_eq!(store.action(id(1)).await.unwrap().approval_secret.as_deref(), token);
    }
}

pub(crate) async fn the_same_request_gets_the_same_answer_once(store: Fresh) {
    let ask = |scope: &str, body: &str| Some(request(scope, "key", body));
    let submit = |n, request| store.submit(whole_action(n, Outcome::Execute), request);
    let Written::Fresh(first) = submit(1, ask("alice", "body")).await.unwrap() else { panic!("replayed") };
    let Written::Replayed(again) = submit(2, ask("alice", "body")).await.unwrap() else {
        panic!("done again")
    };
    assert_eq!(format!("{again:?}"), format!("{first:?}"));
    let other = submit(3, ask("alice", "other")).await;
    assert!(matches!(other, Err(StoreError::KeyReused)), "{other:?}");
    assert!(matches!(submit(4, ask("bob", "other")).await.unwrap(), Written::Fresh(_)));

    // A change that was answered is not a conflict when it comes again, though the action has moved on.
    let row = store.action(id(1)).await.unwrap();
    let start = || change(&row, Status::Executing, RecordKind::Start);
    let Written::Fresh(started) = store.advance(start(), ask("start", "body")).await.unwrap() else {
        panic!("replayed")
    };
    let done = change(&started, Status::Succeeded, RecordKind::Result);
    store.advance(done, None).await.unwrap();
    let again = store.advance(start(), ask("start", "body")).await.unwrap();
    assert!(matches!(again, Written::Replayed(row) if format!("{row:?}") == format!("{started:?}")));
    // Nor does what came later show in the answer to what came first.
    let again = submit(5, ask("alice", "body")).await.unwrap();
    assert!(matches!(again, Written::Replayed(row) if format!("{row:?}") == format!("{first:?}")));
    assert_eq!(verified(&*store).await.size, 4);
}

pub(crate) async fn an_answer_is_kept_for_a_day(store: Fresh) {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let submit = |n: u32, at_ms: i64, body: &'static str| {
        let mut new = whole_action(n, Outcome::Execute);
        new.draft.at_ms = at_ms;
        store.submit(new, Some(request("alice", "key", body)))
    };
    assert!(matches!(submit(1, NOW, "body").await.unwrap(), Written::Fresh(_)));
    let answered = async |body: &str, at_ms: i64| {
        let answered = store.answered(request("alice", "key", body), at_ms).await;
        answered.map(|row| row.map(|row| row.id))
    };
    assert_eq!(answered("body", NOW + DAY - 1).await.unwrap(), Some(id(1)));
    assert_eq!(answered("body", NOW + DAY).await.unwrap(), None);
    let other = answered("other", NOW).await;
    assert!(matches!(other, Err(StoreError::KeyReused)), "{other:?}");
    assert!(matches!(submit(2, NOW + DAY - 1, "body").await.unwrap(), Written::Replayed(_)));
    assert!(matches!(submit(3, NOW + DAY, "other").await.unwrap(), Written::Fresh(_)));
    let again = submit(4, NOW + DAY + 1, "other").await.unwrap();
    assert!(matches!(again, Written::Replayed(row) if row.id == id(3)));
}

pub(crate) async fn a_refused_change_keeps_no_answer(store: Fresh) {
    let row = submit(&*store, 1, Outcome::Execute).await;
    let mut stale = change(&row, Status::Executing, RecordKind::Start);
    stale.version = 9;
    let ask = || Some(request("alice", "key", "body"));
    assert!(matches!(store.advance(stale, ask()).await, Err(StoreError::Conflict(_))));
    let start = change(&row, Status::Executing, RecordKind::Start);
    assert!(matches!(store.advance(start, ask()).await.unwrap(), Written::Fresh(_)));
}

pub(crate) async fn a_prefix_of_eight_characters_finds_one_action(store: Fresh) {
    let tail = "4000-8000-000000000000";
    for start in ["11111111-aaaa", "11111111-bbbb", "22222222-aaaa"] {
        let mut new = new_action(1, Outcome::Execute);
        new.id = format!("{start}-{tail}");
        store.submit(recorded(new), None).await.unwrap();
    }
    let found = |prefix: &str| {
        let answer = store.action(prefix.into());
        async move { answer.await.map(|row| row.id[..13].to_owned()) }
    };
    assert_eq!(found("11111111-a").await.unwrap(), "11111111-aaaa");
    assert_eq!(found("11111111-bbbb").await.unwrap(), "11111111-bbbb");
    assert_eq!(found("11111111-bbbb-").await.unwrap(), "11111111-bbbb");
    assert_eq!(found("22222222").await.unwrap(), "22222222-aaaa");
    let whole = format!("11111111-bbbb-{tail}");
    assert_eq!(found(&whole).await.unwrap(), "11111111-bbbb");
    assert!(matches!(found("11111111").await, Err(StoreError::Ambiguous)));
    assert!(matches!(found("11111111-").await, Err(StoreError::Ambiguous)));
    let longer = format!("{whole}0");
    let unlike =
        ["2222222", "33333333", "11111111a", "11111111-aaaa-5", "11111111-AAAA", "1111111é", &longer, ""];
    for unlike in unlike {
        assert!(matches!(found(unlike).await, Err(StoreError::NotFound)), "{unlike}");
    }
    assert!(store.records_of("11111111-aaaa".into()).await.unwrap().is_empty());
    assert_eq!(store.records_of(whole).await.unwrap().len(), 1);
}

pub(crate) async fn what_is_overdue_is_found(store: Fresh) {
    for (n, expires_at_ms) in [(1, NOW + 10), (2, NOW + 20)] {
        let new = super::NewAction { expires_at_ms: Some(expires_at_ms), ..new_action(n, Outcome::Abstain) };
        store.submit(new, None).await.unwrap();
    }
    for (n, started_ms) in [(3, NOW + 10), (4, NOW + 20)] {
        let row = submit(&*store, n, Outcome::Execute).await;
        let mut start = change(&row, Status::Executing, RecordKind::Start);
        start.draft.at_ms = started_ms;
        store.advance(start, None).await.unwrap();
    }
    for (now_ms, started_before_ms, expected) in [
        (NOW + 9, NOW + 10, vec![]),
        (NOW + 10, NOW + 10, vec![1]),
        (NOW + 19, NOW + 11, vec![1, 3]),
        (NOW + 20, NOW + 21, vec![1, 2, 3, 4]),
    ] {
        let found = store.overdue(now_ms, started_before_ms).await.unwrap();
        let expected: Vec<_> = expected.into_iter().map(id).collect();
        assert_eq!(found.into_iter().map(|row| row.id).collect::<Vec<_>>(), expected);
    }
}

pub(crate) async fn overdue_actions_come_in_parts(store: Fresh) {
    for n in 0..150 {
        let new = super::NewAction { expires_at_ms: Some(NOW), ..new_action(n, Outcome::Abstain) };
        store.submit(new, None).await.unwrap();
    }
    let first = store.overdue(NOW, NOW).await.unwrap();
    assert_eq!(first.len(), 100);
    for row in first {
        store.advance(change(&row, Status::Denied, RecordKind::Expiry), None).await.unwrap();
    }
    assert_eq!(store.overdue(NOW, NOW).await.unwrap().len(), 50);
}

pub(crate) async fn policy_sets_are_kept_by_hash(store: Fresh) {
    let file = |name: &str, content: &str| PolicySource { name: name.into(), content: content.into() };
    let set = |policy_hash, at, files: &[PolicySource]| NewPolicySet {
        policy_hash,
        files: files.to_vec(),
        engine_module: b"a module",
        draft: draft(RecordKind::Policy, NOW + at, None),
    };
    let (one, two) = (PolicyHash::of(b"one"), PolicyHash::of(b"two"));
    let (a, b) = (file("a.yaml", "rules: []"), file("b.yaml", "rules: [ ]"));
    let first = store.activate(set(one, 0, &[b.clone(), a.clone()])).await.unwrap();
    let second = store.activate(set(two, 1, &[])).await.unwrap();
    let third = store.activate(set(one, 2, &[a.clone(), b.clone()])).await.unwrap();

    assert_eq!(first.files, [("a.yaml".to_owned(), a.hash()), ("b.yaml".to_owned(), b.hash())]);
    assert_eq!([&first, &second, &third].map(|version| version.policy_version.as_str()), ["1", "2", "3"]);
    assert_eq!(second.at, engine::time::rfc3339(NOW + 1));
    assert_eq!(store.policy_set(one).await.unwrap(), [a, b]);
    assert_eq!(store.policy_set(two).await.unwrap(), []);
    assert_eq!(store.engine_module(EngineHash::of(b"a module")).await.unwrap(), b"a module");
    let unknown = store.engine_module(EngineHash::of(b"another")).await;
    assert!(matches!(unknown, Err(StoreError::NotFound)));
    assert!(matches!(store.policy_set(PolicyHash::of(b"three")).await, Err(StoreError::NotFound)));
    assert_eq!(store.policy_history(9).await.unwrap(), [third.clone(), second, first]);
    assert_eq!(store.policy_history(1).await.unwrap(), [third]);
    assert_eq!(verified(&*store).await.size, 3);
}

pub(crate) async fn keys_are_created_and_revoked_once(store: Fresh) {
    let access = || draft(RecordKind::Access, NOW, None);
    store.create_key(key("k1", "alice"), access()).await.unwrap();
    let taken = store.create_key(key("k2", "alice"), access()).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)), "{taken:?}");
    // A key that is named like the id of another does not shield it.
    store.create_key(key("k3", "k1"), access()).await.unwrap();
    let revoked = store.revoke_key("k1".into(), NOW + 5, access()).await.unwrap();
    assert_eq!((revoked.name.as_str(), revoked.revoked_at_ms), ("alice", Some(NOW + 5)));
    assert!(matches!(store.revoke_key("alice".into(), NOW, access()).await, Err(StoreError::NotFound)));
    store.create_key(key("k4", "alice"), access()).await.unwrap();
    let revoked = store.revoke_key("alice".into(), NOW + 6, access()).await.unwrap();
    assert_eq!(revoked.id, "k4");

    let kept = store.keys().await.unwrap();
    let expected = [
        super::KeyRow { revoked_at_ms: Some(NOW + 5), ..key("k1", "alice") },
        key("k3", "k1"),
        super::KeyRow { revoked_at_ms: Some(NOW + 6), ..key("k4", "alice") },
    ];
    assert_eq!(kept, expected);
    // Three made, two revoked; a refused request left no record.
    assert_eq!(verified(&*store).await.size, 5);
}

pub(crate) async fn records_come_in_order_and_in_parts(store: Fresh) {
    for n in 0..7 {
        store.append(draft(RecordKind::Access, NOW + n, None)).await.unwrap();
    }
    let stream = store.heads().await.unwrap()[0].stream.clone();
    let part = |from, limit| {
        let records = store.records(stream.clone(), from, limit);
        async move { records.await.unwrap().iter().map(|record| record.seq).collect::<Vec<_>>() }
    };
    assert_eq!(part(0, 3).await, [0, 1, 2]);
    assert_eq!(part(5, 9).await, [5, 6]);
    assert_eq!(part(7, 9).await, [0; 0]);
    assert!(store.records("nobody".into(), 0, 9).await.unwrap().is_empty());
}

/// Submits, starts, appends and keys at once, and every record in its place afterwards.
pub(crate) async fn what_comes_from_outside_stands_beside_the_own_stream(store: Fresh) {
    let policy_hash = PolicyHash::of(b"one");
    let draft = draft(RecordKind::Policy, NOW, None);
    store.activate(NewPolicySet { policy_hash, files: vec![], engine_module: b"a", draft }).await.unwrap();
    let good = from_outside("local-good", policy_hash, &[100, 101]);
    let unknown = from_outside("local-unknown", PolicyHash::of(b"two"), &[102]);
    // The last of its records cannot be: an action of the good stream begins again.
    let late = from_outside("local-late", policy_hash, &[103, 100]);
    store.take_in(good.clone()).await.unwrap();
    // Some of these share a transaction, and a refused one does not affect the others.
    let crowd: Vec<_> = (0..24)
        .map(|n| {
            let (store, new) = (Arc::clone(&store), [&good, &unknown, &late][n as usize % 3].clone());
            tokio::spawn(async move {
                submit(&*store, n, Outcome::Execute).await;
                store.take_in(new).await
            })
        })
        .collect();
    for (n, taken) in crowd.into_iter().enumerate() {
        match (n % 3, taken.await.unwrap()) {
            (0, Ok(Taken { head, accepted })) => assert_eq!((head.size, accepted), (5, 5)),
            (1 | 2, Err(StoreError::Refused(_))) => {}
            (_, other) => panic!("{other:?}"),
        }
    }
    // The own stream says that the other began.
    assert_eq!(verified(&*store).await.size, 26);
    let (head, owner) = store.head("local-good".into()).await.unwrap().unwrap();
    assert_eq!((head.size, owner), (5, Some(alice())));
    assert!(store.head("local-late".into()).await.unwrap().is_none());
    assert_eq!(store.counts().await.unwrap(), [(Status::Allowed, 24), (Status::Executing, 2)]);
    assert_eq!(store.overdue(i64::MAX, i64::MAX).await.unwrap().len(), 0);
    assert_eq!(store.action(id(100)).await.unwrap().receipt.seq, 2);

    // All records have one order.
    let all = store.records_after(0, 100).await.unwrap();
    assert_eq!(all.len(), 31);
    assert!(all.is_sorted_by_key(|record| record.place));
    for (n, record) in all.iter().enumerate() {
        let place = store.place(Some((record.stream.clone(), record.seq))).await.unwrap();
        assert_eq!(place, record.place);
        assert_eq!(store.records_after(place, 100).await.unwrap().len(), all.len() - n - 1);
    }
    assert_eq!(store.place(None).await.unwrap(), all[30].place);
    let nowhere = store.place(Some(("local-good".into(), 5))).await;
    assert!(matches!(nowhere, Err(StoreError::NotFound)));
}

pub(crate) async fn a_mixed_crowd_leaves_a_chain_that_holds(store: Fresh) {
    let crowd: Vec<_> = (0..64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let row = submit(&*store, n, Outcome::Execute).await;
                let start = change(&row, Status::Executing, RecordKind::Start);
                store.advance(start.clone(), None).await.unwrap();
                assert!(matches!(store.advance(start, None).await, Err(StoreError::Conflict(_))));
                store.append(draft(RecordKind::Access, NOW, None)).await.unwrap();
                let key = key(&format!("k{n}"), &format!("n{}", n / 2));
                store.create_key(key, draft(RecordKind::Access, NOW, None)).await.is_ok()
            })
        })
        .collect();
    let mut keys = 0;
    for one in crowd {
        keys += u64::from(one.await.unwrap());
    }
    assert_eq!(keys, 32);
    let head = verified(&*store).await;
    assert_eq!(head.size, 64 * 3 + 32);
    assert_eq!(store.heads().await.unwrap(), [head]);
}

pub(crate) async fn subscribers_hear_every_record_in_order(store: Fresh) {
    let mut events = store.subscribe();
    let row = submit(&*store, 1, Outcome::Execute).await;
    store.advance(change(&row, Status::Executing, RecordKind::Start), None).await.unwrap();
    store.advance(change(&row, Status::Executing, RecordKind::Start), None).await.unwrap_err();
    store.append(draft(RecordKind::Access, NOW, None)).await.unwrap();
    let kept = store.records(row.receipt.stream.clone(), 0, 9).await.unwrap();
    for (record, status) in kept.iter().zip([Some(Status::Allowed), Some(Status::Executing), None]) {
        // When the answer arrives, the event is already waiting.
        let event = events.try_recv().unwrap();
        let told = event.record.unwrap();
        assert_eq!((told.seq, told.kind, &told.body), (record.seq, record.kind, &record.body));
        assert_eq!(event.about.map(|about| about.status), status);
    }
    assert!(events.try_recv().is_err());
}

pub(crate) async fn a_probe_writes_and_reads(store: Fresh) {
    store.probe().await.unwrap();
    store.probe().await.unwrap();
    // It is not a record.
    assert_eq!(verified(&*store).await.size, 0);
}

/// Checks every stream from its first record, and that it ends where its head says. Gives the head of the first.
pub(crate) async fn verified(store: &dyn Store) -> Head {
    let heads = store.heads().await.unwrap();
    for head in &heads {
        assert_eq!(&checked(&all_records(store, &head.stream).await, &head.stream).unwrap(), head);
    }
    heads[0].clone()
}

pub(crate) async fn all_records(store: &dyn Store, stream: &str) -> Vec<StoredRecord> {
    let mut records = Vec::new();
    loop {
        let part = store.records(stream.into(), records.len() as u64, 100).await.unwrap();
        if part.is_empty() {
            return records;
        }
        records.extend(part);
    }
}

/// The head that `records` lead to, or the place of the first that is wrong.
pub(crate) fn checked(records: &[StoredRecord], stream: &str) -> Result<Head, u64> {
    let mut verifier = Verifier::new(stream);
    for record in records {
        verifier.next(record.body.as_bytes()).map_err(|broken| broken.seq)?;
    }
    Ok(verifier.head().clone())
}
