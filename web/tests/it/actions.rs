//! The page of actions, inside a browser: the URL and back, rows that stay, records that are checked, command lines.
//!
//! The page as a whole is tested end to end, against a real server.

use api::{Action, ActionPage, ActionRecords, Receipt};
use engine::hash::RequestHash;
use engine::record::seal_json;
use leptos::prelude::*;
use serde_json::json;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_test::wasm_bindgen_test;
use web::components::isolated::parts;
use web::format::{pretty, row_time, visible};
use web::pages::actions::curl::{body, curl, quoted};
use web::pages::actions::query::{Query, from_field, to_field};
use web::pages::actions::records::{Records, check};
use web::pages::actions::rows::{Page, Row, beside};

const NOW_MS: f64 = 1_795_374_369_365.0;

fn read(parameters: &[(&str, &str)]) -> Query {
    Query::read(|key| parameters.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned()))
}

/// The browser's own parameters of a path.
fn parsed(path: &str) -> Query {
    let url = web_sys::Url::new(&format!("http://localhost{path}")).unwrap();
    Query::read(|key| url.search_params().get(key))
}

#[wasm_bindgen_test]
fn a_url_says_what_it_was_made_of() {
    let query = Query::default()
        .with("q", "50% <b>&=?#+ \u{202e}🎉")
        .with("agent_id", "support-*")
        .with("since", "1h")
        .of_size(100)
        .at(Some("a1f".to_owned()))
        .opening(Some("2d16c88d".to_owned()));
    assert_eq!(parsed(&query.path()), query);
    assert_eq!(Query::default().path(), "/actions");
}

#[wasm_bindgen_test]
fn another_filter_begins_at_the_newest_and_keeps_the_opened_action() {
    let query = read(&[("cursor", "a1f"), ("id", "2d16c88d"), ("status", "denied")]);
    assert_eq!(query.clone().with("tool", "shell").cursor, None);
    assert_eq!(query.clone().with("tool", "shell").id, query.id);
    assert_eq!(query.clone().without_filters().cursor, None);
    assert_eq!(query.clone().of_size(25).cursor, None);
    assert!(!query.clone().without_filters().is_filtered() && query.is_filtered());
}

#[wasm_bindgen_test]
fn only_known_page_sizes_and_no_empty_filters() {
    assert_eq!(read(&[("limit", "500"), ("tool", "")]), Query::default());
    assert_eq!(read(&[("limit", "200")]).limit, 200);
}

#[wasm_bindgen_test]
fn presets_become_times_and_unknown_words_are_left_to_the_server() {
    let request = |query: &Query| query.request(NOW_MS);
    assert_eq!(request(&Query::default().with("since", "1h")), "/v1/actions?since=1795370769365&limit=50");
    assert_eq!(request(&Query::default().with("status", "foo")), "/v1/actions?status=foo&limit=50");
    let counted = Query::default().with("since", "1h").with("q", "x");
    let since = counted.request_since(Some("2026-11-22T19:06:09.365Z"), NOW_MS);
    assert_eq!(since, "/v1/actions?q=x&since=2026-11-22T19%3A06%3A09.365Z&limit=1");
}

#[wasm_bindgen_test]
fn a_time_of_a_field_is_the_same_time_in_the_url() {
    let url = from_field("2026-11-22T14:03");
    assert!(url.ends_with('Z'), "{url}");
    assert_eq!(to_field(&url), "2026-11-22T14:03");
    assert_eq!((from_field(""), to_field("1h")), (String::new(), String::new()));
}

fn action(id: &str, seq: u64, status: &str) -> Action {
    let hash = "0".repeat(64);
    let value = json!({
        "id": id, "agent_id": "it's \"a\"", "tool": "refund", "operation": "call", "status": status, "outcome": "HALT",
        "reason_code": "policy_deny", "reason": "no", "rule": null, "risk_level": "low", "risk_score": 0,
        "request_hash": null, "policy_hash": hash, "policy_version": "1", "runtime_version": "1", "provenance_id": hash,
        "approval": null, "approvals": [], "duration_us": 1,
        "created_at": format!("2026-11-22T19:06:0{}.000Z", seq % 2),
        "updated_at": "", "expires_at": null, "error": null, "result": null,
        "receipt": { "stream": "s", "seq": seq, "record_hash": format!("{seq:064}") },
    });
    let text = value.to_string();
    let text = text.strip_suffix('}').unwrap();
    // The number is spelled as no reader of numbers would spell it again.
    let params = r#""params":{"amount":1.50e1,"who":"o'hara"},"context":{}"#;
    serde_json::from_str(&format!("{text},{params}}}")).unwrap()
}

fn list(actions: Vec<Action>) -> Actions {
    Actions { total: 0, actions, next_cursor: None }
}

fn status(row: &Row) -> &'static str {
    row.action.with_untracked(|action| action.status.as_str())
}

#[wasm_bindgen_test]
fn rows_stay_while_what_they_show_changes() {
    let shown = Page::merged(Query::default(), list(vec![action("a", 1, "pending_approval")]), &[]);
    let page = Page::merged(
        Query::default(),
        list(vec![action("b", 4, "denied"), action("a", 3, "approved")]),
        &shown.rows,
    );
    assert_eq!(page.rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    // The visible row is the same signal, so the screen has changed too.
    assert_eq!(shown.rows.iter().map(status).collect::<Vec<_>>(), ["approved"]);
}

#[wasm_bindgen_test]
fn an_answer_that_comes_late_does_not_bring_back_an_older_status() {
    let row = Row::new(action("a", 3, "approved"));
    row.refresh(action("a", 1, "pending_approval"));
    assert_eq!(status(&row), "approved");
    row.refresh(action("a", 5, "succeeded"));
    assert_eq!(status(&row), "succeeded");
}

#[wasm_bindgen_test]
fn the_newest_are_those_of_the_newest_time() {
    let actions = vec![action("d", 7, "denied"), action("c", 5, "denied"), action("b", 4, "denied")];
    assert_eq!(
        Page::merged(Query::default(), list(actions), &[]).newest(),
        Some(("2026-11-22T19:06:01.000Z".to_owned(), 2))
    );
    assert_eq!(Page::default().newest(), None);
}

#[wasm_bindgen_test]
fn moving_stops_at_both_ends() {
    let rows =
        Page::merged(Query::default(), list(vec![action("a", 1, "denied"), action("b", 2, "denied")]), &[])
            .rows;
    let go = |from, by| beside(&rows, from, by).unwrap();
    let gone = [go(None, 1), go(Some("a"), 1), go(Some("b"), 1), go(Some("a"), -1), go(Some("gone"), 1)];
    assert_eq!(gone, ["a", "b", "b", "a", "a"]);
    assert_eq!(beside(&[], Some("a"), 1), None);
}

#[wasm_bindgen_test]
fn a_command_line_has_the_recorded_bytes_and_nothing_that_a_shell_reads() {
    assert_eq!(quoted("o'hara `x` $y"), r"'o'\''hara `x` $y'");
    let action = action("a", 1, "denied");
    assert!(body(&action).contains(r#""params":{"amount":1.50e1,"who":"o'hara"}"#), "{}", body(&action));
    let line = curl("http://localhost:8000", &action);
    let words = line.split_once("--data-raw ").unwrap().1;
    assert_eq!(words, format!("{}\n", quoted(&body(&action))));
    assert!(line.contains("'http://localhost:8000/v1/actions'"));
    assert!(line.contains("\"Authorization: Bearer $FARAMESH_API_KEY\""));
}

#[wasm_bindgen_test]
fn a_long_body_is_handed_over_as_input() {
    let mut long = action("a", 1, "denied");
    long.params = serde_json::from_str(&format!("{{\"text\":\"{}\"}}", "x".repeat(200_000))).unwrap();
    let line = curl("http://localhost:8000", &long);
    assert!(line.ends_with(&format!("--data-binary @- <<'END'\n{}\nEND\n", body(&long))));
}

/// A sealed record of an action with this amount, which names the hash of the action with 20.
fn record(amount: u32) -> (String, String) {
    let action = r#"{"agent_id":"a","context":{},"operation":"call","params":{"amount":20},"tool":"refund"}"#;
    let other: serde_json::Value = serde_json::from_str(&action.replace("20", &amount.to_string())).unwrap();
    let draft = json!({
        "stream": "s", "seq": 4, "kind": "decision", "at": "2026-11-22T15:00:00.000Z", "action_id": "x",
        "prev_hash": "1".repeat(64), "principal": "somebody", "action": other,
        "decision": { "request_hash": RequestHash::of(action.as_bytes()).to_hex() },
    });
    let (body, hash) = seal_json(draft.to_string().as_bytes()).unwrap();
    (body.as_str().to_owned(), hash.to_hex())
}

#[wasm_bindgen_test]
fn a_record_is_what_its_hash_says_or_is_found() {
    let (record, _) = record(20);
    assert_eq!(check(&record), Ok(()));
    for (from, to) in [("somebody", "nobody"), ("\"amount\":20", "\"amount\":21"), (",\"seq\"", ", \"seq\"")]
    {
        let changed = record.replace(from, to);
        assert_ne!(changed, record);
        assert!(check(&changed).is_err(), "{changed}");
    }
}

#[wasm_bindgen_test]
fn a_record_that_was_sealed_anew_with_another_action_is_found() {
    assert!(check(&record(21).0).unwrap_err().contains("request_hash"));
}

#[wasm_bindgen_test]
fn the_page_says_which_records_hold() {
    let (record, record_hash) = record(20);
    let shown = |record: &str| {
        let events = Events { events: vec![serde_json::from_str(record).unwrap()] };
        let receipt = Receipt { stream: "s".to_owned(), seq: 4, record_hash: record_hash.clone() };
        let parent: web_sys::HtmlElement = document().create_element("div").unwrap().unchecked_into();
        let mounted = leptos::mount::mount_to(parent.clone(), move || view! { <Records events receipt /> });
        let text = parent.text_content().unwrap();
        drop(mounted);
        text
    };
    let sound = shown(&record);
    assert!(sound.contains("✓ hash verified") && sound.contains("the receipt names this one"), "{sound}");
    let changed = shown(&record.replace("somebody", "nobody"));
    assert!(changed.contains("1 of 1 records are not") && changed.contains("✕ not verified"), "{changed}");
}

#[wasm_bindgen_test]
fn nothing_hides_in_what_is_shown() {
    assert_eq!(visible("a\u{202e}b\u{200b}c\n"), r"a\u202eb\u200bc\n");
    assert_eq!(visible("שלום 👩\u{200d}🚀 é"), "שלום 👩\\u200d🚀 é");
    let json = "{\"a\":\"x\u{2066}y\",\"n\":1.50e1}";
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(read(&pretty(json)), read(json));
    assert!(pretty(json).contains(r"x\u2066y") && pretty(json).contains("1.50e1"));
}

#[wasm_bindgen_test]
fn texts_from_right_to_left_are_isolated_and_move_nothing_beside_them() {
    let line = r#"note="שלום \" 5" to=אבג amount=340"#;
    let isolated: Vec<_> =
        parts(line).into_iter().filter(|(isolated, _)| *isolated).map(|(_, part)| part).collect();
    assert_eq!(isolated, [r#""שלום \" 5""#, "אבג"]);
    assert_eq!(parts(line).into_iter().map(|(_, part)| part).collect::<String>(), line);
    let list = r#"["אבג",1,"x"]"#;
    assert_eq!(
        parts(list),
        [
            (false, "["),
            (true, r#""אבג""#),
            (false, ","),
            (false, "1"),
            (false, ","),
            (false, r#""x""#),
            (false, "]")
        ]
    );
    for text in ["", "\"", "\"\\", "a \"b"] {
        assert_eq!(parts(text).into_iter().map(|(_, part)| part).collect::<String>(), text);
    }
}

#[wasm_bindgen_test]
fn json_spells_out_runs_of_marks_in_a_string() {
    let marks = "\u{301}".repeat(5);
    assert!(!pretty(&format!(r#"{{"a":"e{marks}"}}"#)).contains(&marks));
    assert_eq!(pretty(r#"{"a\"b":"c\\","d":[]}"#), "{\n  \"a\\\"b\": \"c\\\\\",\n  \"d\": []\n}");
}

#[wasm_bindgen_test]
fn the_time_of_a_row_is_short_on_any_day() {
    let now = js_sys::Date::new_0();
    assert_eq!(row_time(&String::from(now.to_iso_string())).len(), "11:14:18".len());
    assert_eq!(row_time("2020-06-04T11:14:18Z").len(), "2020-06-04".len());
    let other_day = if now.get_month() == 0 && now.get_date() < 3 { 1 } else { -1 };
    let date = js_sys::Date::new_0();
    date.set_date((now.get_date() as i32 + other_day).max(1) as u32);
    if date.get_date() != now.get_date() {
        assert_eq!(row_time(&String::from(date.to_iso_string())).len(), "06-04 11:14".len());
    }
}
