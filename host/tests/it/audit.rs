//! The findings of an audit: every column of every table is changed by hand, and each change is found and named.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};
use store::audit::Finding;
use store::sqlite::SqliteStore;

use crate::app::{TestApp, audit, id};
use crate::local::{Local, action_id, refund};

/// Columns that an audit holds against nothing, each with the reason.
const UNCHECKED: [(&str, &str, &str); 8] = [
    ("idempotency", "scope", "who asked and for what; who asks with the same key and body gets the answer"),
    ("idempotency", "key", "the caller's own word for a request"),
    ("idempotency", "body_hash", "which body came; another one is refused"),
    ("probes", "*", "a counter that nothing reads"),
    ("records", "number", "the order among streams; within a stream a change of it breaks the chain"),
    ("streams", "id", "what other rows name the stream by; each of them is found"),
    ("streams", "stream", "the name, which every record of the stream repeats; each of them is found"),
    (
        "action_texts",
        "number",
        "what the texts belong to; both the one that lost them and the one that got them are found",
    ),
];

/// A folder in which something of everything was recorded.
fn recorded() -> (TestApp, Vec<Value>) {
    let app = TestApp::start();
    let post = |path: &str, body: Value| app.post(path).key(&app.admin).json(&body).send().ok();
    let act =
        |action: &Value, what: &str, body: Value| post(&format!("/v1/actions/{}/{what}", id(action)), body);
    let (done, failed, waits, denied) =
        (app.refund(45.0), app.refund(46.0), app.refund(350.0), app.refund(5000.0));
    let (approved, rejected) = (app.refund(340.0), app.refund(341.0));
    act(&approved, "approval", json!({ "approve": true, "reason": "known customer" }));
    act(&rejected, "approval", json!({ "approve": false }));
    act(&done, "start", json!({}));
    act(&done, "result", json!({ "success": true, "result": { "paid": 45 } }));
    act(&failed, "start", json!({}));
    act(&failed, "result", json!({ "success": false, "error": "no such customer" }));
    let once = app.post(&format!("/v1/actions/{}/withdraw", id(&app.refund(47.0)))).key(&app.admin);
    once.header("idempotency-key", "once").json(&json!({})).send().ok();
    app.key("viewer", "viewer");
    let mut local = Local::begin(&app, "local-one");
    local.decide(&app, &action_id(1), &refund(45));
    local.decide(&app, &action_id(2), &refund(340));
    local.send(&app, &app.admin, 0).ok();
    (app, vec![done, failed, waits, denied, approved, rejected])
}

fn file(folder: &Path) -> PathBuf {
    folder.join("data/faramesh.db")
}

/// The findings of an audit after `sql` was run over a copy of the database.
fn after(whole: &[u8], folder: &Path, sql: &str) -> Vec<Finding> {
    let copy = folder.join("copy.db");
    for rest in ["copy.db-wal", "copy.db-shm"] {
        _ = std::fs::remove_file(folder.join(rest));
    }
    std::fs::write(&copy, whole).unwrap();
    let database = Connection::open(&copy).unwrap();
    database.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").unwrap();
    let changed = database.execute(sql, []).unwrap();
    assert!(changed > 0 || sql.starts_with("CREATE"), "nothing was changed by {sql}");
    drop(database);
    audit(&SqliteStore::open_read_only(&copy).unwrap()).problems
}

/// Every column: its table, its name, and its possible content.
fn columns(database: &Connection) -> Vec<(String, String, String)> {
    let sql = "SELECT m.name, c.name, c.type FROM sqlite_schema m, pragma_table_info(m.name) c
               WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid";
    let mut statement = database.prepare(sql).unwrap();
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    found.map(Result::unwrap).collect()
}

/// The change of one value, of which `kept` is one that the column holds.
fn changed(column: &str, kind: &str, kept: &Sql) -> String {
    match kept {
        Sql::Integer(_) => format!("{column} + 1000"),
        Sql::Blob(_) => format!("CAST(substr({column}, 2) || x'00' AS BLOB)"),
        Sql::Text(text) if text.starts_with('[') => "'[\"x\"]'".to_owned(),
        Sql::Text(text) if text.starts_with('{') => format!("replace({column}, '\"', '\" ')"),
        Sql::Text(text) if text.len() == 64 => format!("replace({column}, substr({column}, 1, 4), '0bad')"),
        Sql::Text(_) => format!("{column} || 'x'"),
        Sql::Null | Sql::Real(_) if kind == "INTEGER" => "1000".to_owned(),
        Sql::Null | Sql::Real(_) => "'x'".to_owned(),
    }
}

#[test]
fn a_change_of_any_column_is_found_and_named() {
    let (app, _) = recorded();
    let folder = app.stop();
    let database = Connection::open(file(folder.path())).unwrap();
    let mode: String = database.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
    let whole = std::fs::read(file(folder.path())).unwrap();
    let mut missed = Vec::new();
    let columns = columns(&database);
    assert!(columns.len() > 70, "{columns:?}");
    for (table, column, kind) in &columns {
        let of = |(of_table, of_column, _): &&(&str, &str, &str)| {
            of_table == table && (*of_column == "*" || of_column == column)
        };
        let unchecked = UNCHECKED.iter().find(of);
        // A row that says something, where there is one.
        let pick = format!("SELECT rowid, {column} FROM {table} ORDER BY {column} IS NULL, rowid LIMIT 1");
        let without_rowid = pick.replace("rowid, ", "0, ").replace(", rowid", "");
        let row = database
            .query_row(&pick, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Sql>(1)?)))
            .or_else(|_| database.query_row(&without_rowid, [], |row| Ok((0, row.get(1)?))));
        let Ok((rowid, kept)) = row else {
            assert!(unchecked.is_some(), "{table} has no row to change");
            continue;
        };
        let of_row = match rowid {
            0 => format!("{column} IS (SELECT {column} FROM {table} ORDER BY {column} IS NULL LIMIT 1)"),
            rowid => format!("rowid = {rowid}"),
        };
        let sql = format!("UPDATE {table} SET {column} = {} WHERE {of_row}", changed(column, kind, &kept));
        let found = after(&whole, folder.path(), &sql);
        if found.is_empty() && unchecked.is_none() {
            missed.push(sql);
        } else if unchecked.is_none() && table == "actions" {
            assert!(found.iter().any(|found| found.row.is_some() || found.seq.is_some()), "{sql}: {found:?}");
            let said = found
                .iter()
                .any(|found| found.message.contains(column.as_str()) || found.action_id.is_some());
            assert!(said, "{sql}: {found:?}");
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn a_row_that_is_taken_away_is_missed() {
    let (app, _) = recorded();
    let folder = app.stop();
    let database = Connection::open(file(folder.path())).unwrap();
    database.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0)).unwrap();
    let whole = std::fs::read(file(folder.path())).unwrap();
    for table in [
        "records WHERE seq = 2",
        "actions WHERE outcome = 'HALT'",
        "action_texts WHERE error IS NOT NULL",
        "action_texts WHERE approvals IS NOT NULL",
        "held_locally",
        "keys WHERE name = 'viewer'",
        "policy_files",
        "policy_sets",
        "policy_versions",
        "engine_modules",
        "streams WHERE owner IS NOT NULL",
    ] {
        let found = after(&whole, folder.path(), &format!("DELETE FROM {table}"));
        assert!(!found.is_empty(), "{table}");
    }
}

#[test]
fn what_was_changed_is_said_with_the_record_that_says_otherwise() {
    let (app, actions) = recorded();
    let folder = app.stop();
    let database = Connection::open(file(folder.path())).unwrap();
    database.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0)).unwrap();
    let whole = std::fs::read(file(folder.path())).unwrap();
    let [done, failed, waits, denied, approved, _] = &actions[..] else { panic!("{actions:?}") };
    let check = |sql: &str, row: &str, says: &str| {
        let found = after(&whole, folder.path(), sql);
        let said: Vec<_> = found
            .iter()
            .map(|found| format!("{}: {}", found.row.as_deref().unwrap_or_default(), found.message))
            .collect();
        assert!(said.iter().any(|said| said.starts_with(row) && said.contains(says)), "{sql}: {said:#?}");
    };
    let row = |action: &Value| format!("action {}: ", &id(action)[..8]);
    let text = |column: &str, from: &str, to: &str| {
        format!(
            "UPDATE action_texts SET {column} = replace({column}, '{from}', '{to}') WHERE {column} IS NOT NULL"
        )
    };
    check(&text("approvals", "\"admin\"", "\"ceo\""), &row(approved), "approvals differ from record");
    check(&text("approvals", "known customer", "CFO signed"), &row(approved), "approvals differ from record");
    check(&text("error", "no such customer", "boom"), &row(failed), "error is `boom`, record ");
    check(&text("result", "45", "54"), &row(done), "result differs from record ");
    let of = |action: &Value, set: &str| {
        format!("UPDATE actions SET {set} WHERE hex(id) = upper('{}')", id(action).replace('-', ""))
    };
    check(&of(denied, "outcome = 'EXECUTE'"), &row(denied), "outcome is `EXECUTE`, record ");
    check(&of(denied, "risk_level = 'critical'"), &row(denied), "risk_level is `critical`, record ");
    check(&of(denied, "first_rule = 'other'"), &row(denied), "first_rule is `other`, record ");
    check(&of(done, "principal = 'bob'"), &row(done), "principal is `bob`, record ");
    check(&of(done, "created_at_ms = created_at_ms - 86400000"), &row(done), "created_at_ms is ");
    check(&of(waits, "expires_at_ms = expires_at_ms + 86400000"), &row(waits), "expires_at_ms is ");
    check(&of(waits, "approval_token = 'known'"), &row(waits), "approval_token differs from record ");
    check(&of(waits, "status = 'approved'"), &row(waits), "status is `approved`, record ");
    check(
        "UPDATE policy_files SET content = CAST('rules: []' AS BLOB)",
        "policy file ",
        "its content is not",
    );
    check("UPDATE engine_modules SET wasm = x'00'", "engine ", "its bytes are not");
    check("UPDATE policy_versions SET at_ms = at_ms + 1", "policy version 1: ", "at_ms is ");
    check("UPDATE keys SET role = 'admin'", "key `viewer`: ", "role is `admin`, record ");
    check("UPDATE keys SET secret_hash = '00'", "key `admin`: ", "secret_hash differs from record ");
    check(
        "INSERT INTO keys SELECT 'new', 'new', role, agents, approver_roles, secret_hash, created_at, NULL, NULL
         FROM keys WHERE name = 'admin'",
        "key `new`: ",
        "no record says that it was created",
    );
    check(
        "CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM actions; END",
        "trigger `t`: ",
        "no version",
    );
}

#[test]
fn a_running_server_says_the_same() {
    let (app, actions) = recorded();
    let get = || app.get("/v1/records/audit").key(&app.admin).send().ok();
    let whole = get();
    assert_eq!(whole["problems"], json!([]));
    assert_eq!(
        whole["records"],
        whole["streams"].as_array().unwrap().iter().map(|s| s["size"].as_u64().unwrap()).sum::<u64>()
    );
    app.edited.store(true, Ordering::Relaxed);
    let database = Connection::open(file(app.folder.path())).unwrap();
    database.execute("DELETE FROM actions WHERE outcome = 'HALT'", []).unwrap();
    let problems = get()["problems"].clone();
    let about: Vec<_> = problems.as_array().unwrap().iter().map(|found| found["action_id"].clone()).collect();
    assert!(about.contains(&actions[3]["id"]), "{problems}");
    app.get("/v1/records/audit").send().problem(403, "forbidden");
}

#[test]
fn a_tail_that_was_cut_off_with_its_head_mended_is_found_by_what_hangs_on_it() {
    let (app, _) = recorded();
    let folder = app.stop();
    let database = Connection::open(file(folder.path())).unwrap();
    let own = "stream_id = (SELECT id FROM streams WHERE owner IS NULL)";
    let result = format!("SELECT max(seq) FROM records WHERE {own} AND kind = 'result'");
    let cut: i64 = database.query_row(&result, [], |row| row.get(0)).unwrap();
    database.execute(&format!("DELETE FROM records WHERE {own} AND seq >= ?1"), [cut]).unwrap();
    let head = format!(
        "UPDATE streams SET size = ?1, record_hash =
         (SELECT body ->> '$.record_hash' FROM records WHERE {own} AND seq = ?1 - 1) WHERE owner IS NULL"
    );
    database.execute(&head, [cut]).unwrap();
    drop(database);
    let found = audit(&SqliteStore::open_read_only(file(folder.path())).unwrap()).problems;
    assert!(found.iter().any(|found| found.row.is_some()), "{found:?}");
}

#[test]
fn a_request_that_names_another_record_than_its_own_is_found() {
    let app = TestApp::start();
    app.clock.advance(1000);
    let body = json!({ "agent_id": "a", "tool": "process_refund", "params": { "amount": 5000 } });
    let submit =
        || app.post("/v1/actions").key(&app.admin).header("idempotency-key", "k").json(&body).send().ok();
    assert_eq!(submit()["status"], "denied");
    app.clock.advance(1000);
    app.refund(45.0);
    let folder = app.stop();
    let database = Connection::open(file(folder.path())).unwrap();
    database.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0)).unwrap();
    let whole = std::fs::read(file(folder.path())).unwrap();
    assert!(after(&whole, folder.path(), "UPDATE idempotency SET record = record").is_empty());
    let policy = "(SELECT number FROM records WHERE kind = 'policy')";
    for other in ["0", "1000", "record + 1", "record - 1", policy] {
        let found = after(&whole, folder.path(), &format!("UPDATE idempotency SET record = {other}"));
        let rows: Vec<_> = found.iter().filter_map(|found| found.row.as_deref()).collect();
        assert_eq!(rows, ["request with the key `k`"], "{other}: {found:?}");
    }
}

#[test]
fn an_index_that_hides_rows_and_a_changed_definition_are_found() {
    let (app, _) = recorded();
    let folder = app.stop();
    let database = Connection::open(file(folder.path())).unwrap();
    database.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0)).unwrap();
    let whole = std::fs::read(file(folder.path())).unwrap();
    let indexes: Vec<String> = {
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = 'actions'";
        let mut statement = database.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert!(!indexes.is_empty());
    for index in indexes {
        let found =
            after(&whole, folder.path(), &format!("CREATE INDEX more ON actions (number) /* {index} */"));
        assert!(found.iter().any(|found| found.row.as_deref() == Some("index `more`")), "{found:?}");
        let emptied = folder.path().join("emptied.db");
        std::fs::write(&emptied, &whole).unwrap();
        let edit = |sql: &str| Connection::open(&emptied).unwrap().execute_batch(sql).unwrap();
        // The index is made again as one of no rows, and gets its old definition back.
        let kept: String = database
            .query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [&index], |row| row.get(0))
            .unwrap();
        let bare = kept.split(" WHERE ").next().unwrap();
        edit(&format!("DROP INDEX {index}; {bare} WHERE number < 0"));
        let found = audit(&SqliteStore::open_read_only(&emptied).unwrap()).problems;
        let label = format!("index `{index}`");
        assert!(found.iter().any(|found| found.row.as_deref() == Some(&label)), "{index}: {found:?}");
        edit(&format!(
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '{}' WHERE name = '{index}'",
            kept.replace('\'', "''")
        ));
        let found = audit(&SqliteStore::open_read_only(&emptied).unwrap()).problems;
        assert!(found.iter().any(|found| found.message.contains("damaged")), "{index}: {found:?}");
        edit(&format!("DROP INDEX {index}"));
        let found = audit(&SqliteStore::open_read_only(&emptied).unwrap()).problems;
        assert!(found.iter().any(|found| found.message == "it was removed"), "{index}: {found:?}");
    }
}
