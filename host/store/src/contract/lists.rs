//! The requirements on every store for many actions at once: lists, the newest decisions, statistics.

use engine::decision::{Outcome, ReasonCode, RuleRef};
use engine::lifecycle::Status;
use engine::record::RecordKind;
use engine::risk::{RiskLevel, RiskScore};

use super::super::fixtures::*;
use super::super::stats::{Span, Stats};
use super::super::{Answered, ApprovalRow, Filter, NewAction, Sight, Store, StoreError, Visible, Written};
use super::Fresh;

pub(crate) async fn filters_choose(store: Fresh) {
    for (n, agent, tool, outcome, risk, principal) in [
        (1, "support-1", "refund", Outcome::Execute, RiskLevel::Low, "alice"),
        (2, "support-2", "refund", Outcome::Abstain, RiskLevel::High, "alice"),
        (3, "sales-1", "send_email", Outcome::Halt, RiskLevel::Low, "bob"),
        (4, "sup[1]-x", "send_email", Outcome::Execute, RiskLevel::Medium, "bob"),
        (5, "support-3\0evil", "refund", Outcome::Execute, RiskLevel::Low, "eve"),
    ] {
        let mut new = new_action(n, outcome);
        (new.agent_id, new.tool, new.principal) = (agent.into(), tool.into(), named(principal));
        new.decision.risk_level = risk;
        new.draft.at_ms = NOW + i64::from(n);
        store.submit(new, None).await.unwrap();
    }
    let agents = |agents: &[&str]| Filter {
        agent_ids: agents.iter().map(|agent| (*agent).to_owned()).collect(),
        ..Filter::default()
    };
    let cases: [(Filter, &[u32]); 17] = [
        (Filter::default(), &[5, 4, 3, 2, 1]),
        (Filter { status: Some(Status::Allowed), ..Filter::default() }, &[5, 4, 1]),
        (Filter { status: Some(Status::PendingApproval), ..Filter::default() }, &[2]),
        (agents(&["support-1"]), &[1]),
        (agents(&["support-1", "sales-1"]), &[3, 1]),
        (agents(&["support-?"]), &[2, 1]),
        (agents(&["*-1", "support-2"]), &[3, 2, 1]),
        (agents(&["sup[1]-*"]), &[4]),
        (agents(&["support"]), &[]),
        (agents(&["SUPPORT-*"]), &[]),
        (Filter { tool: Some("refund".into()), ..Filter::default() }, &[5, 2, 1]),
        (Filter { outcome: Some(Outcome::Halt), ..Filter::default() }, &[3]),
        (Filter { risk_level: Some(RiskLevel::Low), ..Filter::default() }, &[5, 3, 1]),
        (Filter { since_ms: Some(NOW + 2), until_ms: Some(NOW + 4), ..Filter::default() }, &[3, 2]),
        (Filter { q: Some("CUSTOMER-3".into()), ..Filter::default() }, &[3]),
        (Filter { q: Some(id(4)[..10].into()), ..Filter::default() }, &[4]),
        (
            Filter { tool: Some("refund".into()), q: Some("customer-2".into()), ..agents(&["support-*"]) },
            &[2],
        ),
    ];
    for (filter, expected) in cases {
        let page = store.actions(Filter { limit: 50, ..filter.clone() }, Sight::Everything).await.unwrap();
        let found: Vec<_> = page.actions.iter().map(|row| row.id.clone()).collect();
        let expected: Vec<_> = expected.iter().map(|n| id(*n)).collect();
        assert_eq!((found, page.total), (expected.clone(), expected.len() as u64), "{filter:?}");
        assert_eq!(page.next_cursor, None);
    }
    for (who, expected) in [("bob", &[4, 3][..]), ("alice", &[2, 1]), ("carol", &[])] {
        let visible = Visible::new(&*store, Sight::SentBy(named(who)));
        let page = visible.actions(Filter { limit: 50, ..Filter::default() }).await.unwrap();
        let found: Vec<_> = page.actions.iter().map(|row| row.id.clone()).collect();
        assert_eq!(found, expected.iter().map(|n| id(*n)).collect::<Vec<_>>(), "{who}");
        for n in 1..=5 {
            let seen = visible.action(&id(n)[..13]).await;
            match expected.contains(&n) {
                true => assert_eq!(seen.unwrap().id, id(n)),
                false => assert!(matches!(seen, Err(StoreError::NotFound)), "{who}: {seen:?}"),
            }
            assert_eq!(visible.shows_records_of(Some(&id(n))).await.unwrap(), expected.contains(&n), "{who}");
        }
        assert!(!visible.shows_records_of(None).await.unwrap());
    }
    assert!(Visible::new(&*store, Sight::Everything).shows_records_of(None).await.unwrap());
}

pub(crate) async fn answers_of_people_are_found_whatever_became_of_the_action(store: Fresh) {
    for n in 1..=4 {
        submit(&*store, n, Outcome::Abstain).await;
    }
    for (n, who, approve) in [(1, "dana", true), (2, "lee", false), (3, "lee", true)] {
        let row = store.action(id(n)).await.unwrap();
        let status = if approve { Status::Approved } else { Status::Denied };
        let mut change = change(&row, status, RecordKind::Approval);
        change.approval = Some(ApprovalRow { approve, ..approval(who) });
        store.advance(change, None).await.unwrap();
    }
    let by = |answer: Option<Answered>, name: Option<&str>| Filter {
        limit: 9,
        answer,
        answered_by: name.map(str::to_owned),
        ..Filter::default()
    };
    for (filter, expected) in [
        (by(Some(Answered::Any), None), vec![3, 2, 1]),
        (by(Some(Answered::Approved), None), vec![3, 1]),
        (by(Some(Answered::Rejected), None), vec![2]),
        (by(None, Some("lee")), vec![3, 2]),
        (by(Some(Answered::Approved), Some("lee")), vec![3]),
        (by(None, Some("nina")), vec![]),
        (Filter { first_outcome: Some(Outcome::Abstain), limit: 9, ..Filter::default() }, vec![4, 3, 2, 1]),
        (Filter { first_outcome: Some(Outcome::Execute), limit: 9, ..Filter::default() }, vec![]),
    ] {
        let page = store.actions(filter.clone(), Sight::Everything).await.unwrap();
        let found: Vec<_> = page.actions.iter().map(|row| row.id.clone()).collect();
        assert_eq!(found, expected.iter().map(|n| id(*n)).collect::<Vec<_>>(), "{filter:?}");
    }
}

pub(crate) async fn pages_stand_still_while_actions_come(store: Fresh) {
    for n in 0..10 {
        submit(&*store, n, Outcome::Execute).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    for page in 0_u32.. {
        let answer =
            store.actions(Filter { limit: 3, cursor, ..Filter::default() }, Sight::Everything).await.unwrap();
        assert_eq!(answer.total, u64::from(10 + page));
        seen.extend(answer.actions.into_iter().map(|row| row.id));
        cursor = answer.next_cursor;
        if cursor.is_none() {
            break;
        }
        submit(&*store, 100 + page, Outcome::Execute).await;
    }
    assert_eq!(seen, (0..10).rev().map(id).collect::<Vec<_>>());

    let skipped =
        store.actions(Filter { limit: 2, offset: 11, ..Filter::default() }, Sight::Everything).await.unwrap();
    assert_eq!(skipped.actions.iter().map(|row| row.id.clone()).collect::<Vec<_>>(), [id(1), id(0)]);
    assert_eq!((skipped.total, skipped.next_cursor), (13, None));
    for cursor in ["", "zz", "a", "a-1", "a+1", "a01", "1"] {
        let filter = Filter { limit: 2, cursor: Some(cursor.into()), ..Filter::default() };
        let answer = store.actions(filter, Sight::Everything).await;
        assert!(matches!(answer, Err(StoreError::BadCursor)), "`{cursor}`: {answer:?}");
    }
}

pub(crate) async fn searching_takes_wildcards_literally(store: Fresh) {
    for (n, note) in [(1, "50% off"), (2, "50 off"), (3, "a_b"), (4, "axb"), (5, r"c\\d")] {
        let mut new = new_action(n, Outcome::Execute);
        new.action = raw(&format!(r#"{{"params":{{"note":"{note}"}}}}"#));
        store.submit(recorded(new), None).await.unwrap();
    }
    let tricky = r#"{"params":{"note":[{"a":1,"action_id":"x"},"end"]}}"#;
    let mut new = new_action(0xab, Outcome::Execute);
    new.action = raw(tricky);
    store.submit(recorded(new), None).await.unwrap();
    let cases = [("50% OFF", 1), ("a_b", 3), (r"c\\d", 5), (r#""END"]}}"#, 0xab), ("000000AB-00", 0xab)];
    for (q, n) in cases {
        let filter = Filter { limit: 9, q: Some(q.into()), ..Filter::default() };
        let page = store.actions(filter, Sight::Everything).await.unwrap();
        let found: Vec<_> = page.actions.into_iter().map(|row| row.id).collect();
        assert_eq!((found, page.total), (vec![id(n)], 1), "{q}");
    }
    // Neither the decision nor the rest of the record is searched, nor the end of the id.
    for q in ["ça va", "outcome", "decision", "alice", "action", "-00000000000", r#"}},""#] {
        let filter = Filter { limit: 9, q: Some(q.into()), ..Filter::default() };
        let page = store.actions(filter, Sight::Everything).await.unwrap();
        assert_eq!(page.total, u64::from(q == "action"), "{q}");
    }
}

pub(crate) async fn searches_and_filters_have_pages_that_stand_still(store: Fresh) {
    let outcome = |n: u32| if n.is_multiple_of(2) { Outcome::Halt } else { Outcome::Execute };
    for n in 1..=12 {
        submit(store.as_ref(), n, outcome(n)).await;
    }
    let halted = Filter { outcome: Some(Outcome::Halt), limit: 2, ..Filter::default() };
    // All of them, and those of one outcome; twelve and six when the walk begins.
    let searched = Filter { q: Some("CUSTOMER-".into()), limit: 2, ..Filter::default() };
    let both = Filter { q: Some("customer-".into()), ..halted.clone() };
    let mut next = 13;
    for (filter, step) in [(halted, 2), (searched, 1), (both, 2)] {
        let fit = |newest: u32| (1..=newest).rev().filter(|n| n.is_multiple_of(step)).map(id);
        let expected: Vec<_> = fit(next - 1).collect();
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.actions(Filter { cursor, ..filter.clone() }, Sight::Everything).await.unwrap();
            assert_eq!(page.total, fit(next - 1).count() as u64, "{filter:?}");
            found.extend(page.actions.into_iter().map(|row| row.id));
            submit(store.as_ref(), next, outcome(next)).await;
            next += 1;
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{filter:?}");
        let newest: Vec<_> = fit(next - 1).skip(3).take(2).collect();
        let page = store.actions(Filter { offset: 3, ..filter.clone() }, Sight::Everything).await.unwrap();
        assert_eq!(page.actions.into_iter().map(|row| row.id).collect::<Vec<_>>(), newest, "{filter:?}");
    }
}

pub(crate) async fn decisions_come_newest_first_up_to_a_size(store: Fresh) {
    let first = submit(store.as_ref(), 1, Outcome::Execute).await;
    store.advance(change(&first, Status::Executing, RecordKind::Start), None).await.unwrap();
    submit(store.as_ref(), 2, Outcome::Halt).await;
    store.append(draft(RecordKind::Decision, NOW, None)).await.unwrap();
    let found = store.decisions(10, usize::MAX).await.unwrap();
    let seqs: Vec<_> = found.iter().map(|decision| decision.record.seq).collect();
    assert_eq!(seqs, [3, 2, 0], "what started is no decision");
    let statuses: Vec<_> = found.iter().map(|decision| decision.status).collect();
    assert_eq!(statuses, [None, Some(Status::Denied), Some(Status::Executing)]);
    assert_eq!(store.decisions(2, usize::MAX).await.unwrap().len(), 2);
    assert_eq!(store.decisions(10, 1).await.unwrap().len(), 1, "the one that reaches the size is given");
    let size = found[0].record.body.len() + 1;
    assert_eq!(store.decisions(10, size).await.unwrap().len(), 2);
}

/// An action that was held under a rule, with a score.
pub(crate) fn held_by_rule(n: u32) -> NewAction {
    let mut new = new_action(n, Outcome::Abstain);
    new.risk_score = RiskScore::new(45).unwrap();
    new.rule = Some(RuleRef { id: "mid".into(), line: 3, policy: "p.yaml".into() });
    new.decision.json = raw(concat!(
        r#"{"outcome":"ABSTAIN","reason":"","risk_score":45,"#,
        r#""rule":{"id":"mid","line":3,"policy":"p.yaml"}}"#
    ));
    recorded(new)
}

/// A denied action, with its rule.
pub(crate) fn denied_by_rule(n: u32) -> NewAction {
    let mut new = new_action(n, Outcome::Halt);
    new.rule = Some(RuleRef { id: "large".into(), line: 9, policy: "p.yaml".into() });
    new.decision.reason_code = ReasonCode::PolicyDeny;
    new.decision.json = raw(concat!(
        r#"{"outcome":"HALT","reason":"","risk_score":0,"#,
        r#""rule":{"id":"large","line":9,"policy":"p.yaml"}}"#
    ));
    recorded(new)
}

/// Everything that was counted.
pub(crate) async fn whole(store: &dyn Store) -> Stats {
    store.stats(Span { since_ms: 0, until_ms: NOW + 1000, buckets: 1 }).await.unwrap()
}

pub(crate) async fn statistics_count_first_decisions(store: Fresh) {
    let Written::Fresh(held) = store.submit(held_by_rule(1), None).await.unwrap() else { panic!("replayed") };
    store.submit(denied_by_rule(2), None).await.unwrap();
    submit(store.as_ref(), 3, Outcome::Execute).await;
    let mut granted = change(&held, Status::Approved, RecordKind::Approval);
    granted.decision = Some(decision(Outcome::Execute, ReasonCode::ApprovalGranted));
    granted.approval = Some(approval("bob"));
    store.advance(granted, None).await.unwrap();
    let stats = whole(store.as_ref()).await;
    let counts = stats.buckets[0].outcomes;
    assert_eq!((counts.execute, counts.abstain, counts.halt, stats.total), (1, 1, 1, 3));
    assert_eq!((stats.scores[0].count, stats.scores[4].count), (2, 1));
    assert_eq!((stats.risk[0].count, stats.risk[1].count), (2, 1));
    let halted = &stats.rules[0];
    assert_eq!(
        (halted.id.as_deref(), halted.reason_code, halted.count),
        (Some("large"), ReasonCode::PolicyDeny, 1)
    );
    assert_eq!((stats.rules.len(), stats.statuses[&Status::Approved]), (1, 1));
    assert_eq!((stats.approvals.answered, stats.approvals.median_ms), (1, Some(0)));
    let none = Span { since_ms: NOW + 1, until_ms: NOW + 2, buckets: 1 };
    assert_eq!(store.stats(none).await.unwrap().total, 0);
}
