//! `audit verify` and `audit export`: every changed, removed or cut-off part is named.

use rusqlite::Connection;

use super::program::{Place, Run, Server};

/// A folder in which a server recorded a permitted, an approved and a denied refund.
fn recorded() -> (Place, Server) {
    let place = Place::initialized();
    let server = Server::start(&place);
    for (amount, code) in [("45", 0), ("340", 3), ("5000", 1)] {
        let amount = format!("amount={amount}");
        let args =
            ["actions", "submit", "--agent", "s", "--tool", "process_refund", "--param", "customer_id=c"];
        let args: Vec<_> = args.into_iter().chain(["--param", &amount, "-o", "json"]).collect();
        let run = server.run(&place, &args);
        assert_eq!(run.code, code, "{}", run.err);
        if code == 3 {
            let id = run.json()["id"].as_str().unwrap().to_owned();
            assert_eq!(server.run(&place, &["actions", "approve", &id]).code, 0);
            place.write("held.json", &server.run(&place, &["actions", "get", &id, "-o", "json"]).out);
        }
    }
    // A number whose canonical form has more digits than an action may have.
    let mail =
        ["actions", "submit", "--agent", "s", "--tool", "send_email", "--param", "size=1e20", "-o", "json"];
    let mail = server.run(&place, &mail);
    assert_eq!(mail.code, 0, "{}", mail.err);
    place.write("last.json", &mail.out);
    (place, server)
}

fn database(place: &Place) -> Connection {
    Connection::open(place.path(".faramesh/faramesh.db")).unwrap()
}

fn verify(place: &Place) -> Run {
    place.run(&["audit", "verify", "--db", ".faramesh/faramesh.db"])
}

#[test]
fn a_server_a_database_and_an_export_verify() {
    let (place, server) = recorded();
    for run in [server.run(&place, &["audit", "verify"]), verify(&place)] {
        assert_eq!(run.code, 0, "{}{}", run.out, run.err);
        assert!(run.out.contains("the chain holds") && run.out.contains("head "), "{}", run.out);
    }
    assert_eq!(server.run(&place, &["audit", "export", "--out", "records.jsonl"]).code, 0);
    let printed = server.run(&place, &["audit", "export"]).out;
    assert_eq!(printed, place.read("records.jsonl"));
    let offline = place.run(&["audit", "export", "--db", ".faramesh/faramesh.db"]).out;
    assert_eq!(printed, offline);
    let run = place.run(&["audit", "verify", "--file", "records.jsonl", "--receipt", "last.json"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let report = place.run(&["audit", "verify", "--file", "records.jsonl", "-o", "json"]).json();
    assert_eq!(report["valid"], true);
    assert_eq!(report["records"].as_u64().unwrap(), printed.lines().count() as u64);
    server.stop();
}

#[test]
fn an_export_that_was_touched_names_the_record() {
    let (place, server) = recorded();
    let records = server.run(&place, &["audit", "export"]).out;
    let lines: Vec<&str> = records.lines().collect();
    let check = |lines: &[&str], seq: usize, problem: &str| {
        place.write("records.jsonl", &lines.join("\n"));
        let run = place.run(&["audit", "verify", "--file", "records.jsonl", "-o", "json"]);
        assert_eq!(run.code, 1, "{}", run.out);
        let found = &run.json()["problems"][0];
        assert_eq!((found["seq"].as_u64(), found["problem"].as_str()), (Some(seq as u64), Some(problem)));
    };
    for seq in 0..lines.len() {
        let mut removed = lines.clone();
        removed.remove(seq);
        if seq + 1 < lines.len() {
            check(&removed, seq, "misplaced");
        }
        let changed = lines[seq].replacen("\"at\":\"2", "\"at\":\"1", 1);
        let mut touched = lines.clone();
        touched[seq] = &changed;
        check(&touched, seq, "changed");
    }
    // Without its tail a chain is still valid; the receipt of the last answer shows the loss.
    place.write("records.jsonl", &lines[..lines.len() - 1].join("\n"));
    assert_eq!(place.run(&["audit", "verify", "--file", "records.jsonl"]).code, 0);
    let run = place.run(&["audit", "verify", "--file", "records.jsonl", "--receipt", "last.json"]);
    assert_eq!(run.code, 1);
    assert!(run.out.contains("cut off"), "{}", run.out);
}

#[test]
fn nothing_at_all_is_not_verified() {
    let place = Place::new();
    place.write("empty.jsonl", "\n");
    place.write("receipt.json", "{}");
    insta::assert_snapshot!(place.shown(&["audit", "verify", "--file", "empty.jsonl"]));
    insta::assert_snapshot!(place.shown(&["audit", "verify", "--file", "nowhere.jsonl"]));
    insta::assert_snapshot!(place.shown(&["audit", "verify", "--db", "nowhere.db"]));
    insta::assert_snapshot!(place.shown(&[
        "audit",
        "verify",
        "--file",
        "empty.jsonl",
        "--receipt",
        "receipt.json"
    ]));
}

/// The change to the database, and the report of `audit verify` on it.
#[test]
fn a_database_that_was_touched_names_what_is_wrong() {
    let (place, server) = recorded();
    server.stop();
    // Into one file, so that it can be put back as it was.
    let mode: String =
        database(&place).query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
    let whole = std::fs::read(place.path(".faramesh/faramesh.db")).unwrap();
    assert_eq!(verify(&place).code, 0);
    let touch = |sql: &str| {
        std::fs::write(place.path(".faramesh/faramesh.db"), &whole).unwrap();
        let changed = database(&place).execute(sql, []).unwrap();
        assert!(changed > 0, "nothing was changed by {sql}");
        let run = verify(&place);
        assert_eq!(run.code, 1, "after {sql}\n{}{}", run.out, run.err);
        run.out + &run.err
    };
    let check = |sql: &str, says: &str| {
        let said = touch(sql);
        assert!(said.contains(says), "after {sql}\n{said}");
    };
    check(
        "UPDATE records SET body = replace(body, '\"amount\":340', '\"amount\":34') WHERE kind = 'decision'",
        "is not what its `record_hash` says",
    );
    check("DELETE FROM records WHERE seq = 2", "stands where record 2 belongs");
    check("DELETE FROM records WHERE seq = (SELECT max(seq) FROM records)", "is missing");
    check("UPDATE actions SET status = 'approved' WHERE status = 'denied'", "status is `approved`, record ");
    check("UPDATE actions SET outcome = 'EXECUTE' WHERE outcome = 'HALT'", "outcome is `EXECUTE`, record ");
    check("UPDATE actions SET tool = 'other' WHERE outcome = 'HALT'", "tool is `other`, record ");
    check(
        "UPDATE action_texts SET approvals = replace(approvals, '\"admin\"', '\"ceo\"')",
        "approvals differ from record ",
    );
    check(
        "UPDATE action_texts SET decision = replace(decision, 'approval_granted', 'policy_allow')",
        "decision differs from record ",
    );
    check(
        "UPDATE action_texts SET number = (SELECT number FROM actions WHERE outcome = 'HALT')",
        "decision differs from record ",
    );
    check("UPDATE actions SET number = number + 1000 WHERE outcome = 'HALT'", "do not make an action");
    check("UPDATE actions SET seq = seq - 1 WHERE outcome = 'HALT'", "seq is ");
    check("UPDATE policy_files SET content = CAST('rules: []' AS BLOB)", "its content is not");
    check(
        "INSERT INTO keys SELECT 'k', 'k', role, agents, approver_roles, secret_hash, created_at, NULL, NULL FROM keys",
        "key `k`: no record",
    );
    check("DELETE FROM actions WHERE outcome = 'HALT'", "was removed from the list of actions");
    check(
        "UPDATE streams SET record_hash = replace(record_hash, substr(record_hash, 1, 8), '00000000')",
        "the head kept beside the records",
    );
}

#[test]
fn a_receipt_of_a_database_that_was_cut_back_is_not_met() {
    let (place, server) = recorded();
    server.stop();
    // An attacker who knows the schema cuts the last action off and adjusts the head.
    let db = database(&place);
    db.execute("DELETE FROM records WHERE seq = (SELECT max(seq) FROM records)", []).unwrap();
    db.execute("DELETE FROM actions WHERE number = (SELECT max(number) FROM actions)", []).unwrap();
    let hash: String = db
        .query_row(
            "SELECT json_extract(body, '$.record_hash') FROM records ORDER BY seq DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    db.execute("UPDATE streams SET size = size - 1, record_hash = ?1", [hash]).unwrap();
    drop(db);
    assert_eq!(verify(&place).code, 0, "a chain alone cannot show it");
    let run = place.run(&["audit", "verify", "--db", ".faramesh/faramesh.db", "--receipt", "last.json"]);
    assert_eq!(run.code, 1);
    assert!(run.out.contains("cut off"), "{}", run.out);
    let run = place.run(&["audit", "verify", "--db", ".faramesh/faramesh.db", "--receipt", "held.json"]);
    assert_eq!(run.code, 0, "{}", run.out);
}

/// The rows that people read are derived from the records again, also while the server runs.
#[test]
fn a_database_that_was_touched_under_a_running_server_is_named_there_too() {
    let (place, server) = recorded();
    let touched = "UPDATE action_texts SET approvals = replace(approvals, '\"admin\"', '\"ceo\"')";
    assert_eq!(database(&place).execute(touched, []).unwrap(), 1);
    let held: serde_json::Value = serde_json::from_str(&place.read("held.json")).unwrap();
    let row = format!("action {}: approvals differ from record ", &held["id"].as_str().unwrap()[..8]);
    for run in [server.run(&place, &["audit", "verify"]), verify(&place)] {
        assert_eq!(run.code, 1, "{}{}", run.out, run.err);
        assert!(run.out.contains("BROKEN") && run.out.contains(&row), "{}", run.out);
    }
    server.stop();
}

/// A tail that was cut off with an adjusted head leaves rows without records: that is not a database failure.
#[test]
fn a_cut_tail_with_a_mended_head_reads_as_broken() {
    let (place, server) = recorded();
    server.stop();
    let db = database(&place);
    db.execute("DELETE FROM records WHERE seq = (SELECT max(seq) FROM records)", []).unwrap();
    db.execute(
        "UPDATE streams SET size = size - 1, record_hash =
         (SELECT json_extract(body, '$.record_hash') FROM records ORDER BY seq DESC LIMIT 1)",
        [],
    )
    .unwrap();
    drop(db);
    let run = verify(&place);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    assert!(run.out.contains("BROKEN  action ") && !run.err.contains("the database failed"), "{}", run.out);
}
