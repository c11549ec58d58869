//! The numbers, scales and sentences of the overview's pictures, and a chart that is read with the keyboard.

use api::Stats;
use leptos::prelude::*;
use serde_json::{Value, json};
use wasm_bindgen::JsCast as _;
use wasm_bindgen_test::wasm_bindgen_test;
use web::components::chart::Columns;
use web::components::chart::data::{Data, Group, Series, scale, share, stack};
use web::pages::overview::first::{curl, python};
use web::pages::overview::pictures::{self, Range};

fn stats(changes: Value) -> Stats {
    let mut stats = json!({
        "since": "2026-01-01T10:00:00Z", "until": "2026-01-01T11:00:00Z", "bucket_ms": 1_800_000, "total": 4,
        "buckets": [
            { "at": "2026-01-01T10:00:00Z", "EXECUTE": 1, "ABSTAIN": 0, "HALT": 0 },
            { "at": "2026-01-01T10:30:00Z", "EXECUTE": 1, "ABSTAIN": 1, "HALT": 1 }
        ],
        "tools": [{ "tool": "a b&c", "EXECUTE": 2, "ABSTAIN": 1, "HALT": 0 }, { "tool": "mail", "EXECUTE": 0, "ABSTAIN": 0, "HALT": 1 }],
        "agents": [],
        "rules": [
            { "policy": null, "id": null, "reason_code": "default_deny", "count": 7 },
            { "policy": "p.yaml", "id": "large", "reason_code": "policy_deny", "count": 2 }
        ],
        "risk": [{ "level": "low", "count": 3 }, { "level": "medium", "count": 0 }, { "level": "high", "count": 1 }, { "level": "critical", "count": 0 }],
        "scores": [{ "from": 0, "to": 10, "count": 3 }, { "from": 90, "to": 100, "count": 1 }],
        "statuses": {},
        "approvals": { "pending": 1, "answered": 0, "median_ms": null, "p90_ms": null, "bins": [
            { "to_ms": 10000, "count": 0 }, { "to_ms": 14400000, "count": 1 }, { "to_ms": null, "count": 0 }
        ] }
    });
    for (name, value) in changes.as_object().unwrap() {
        stats.as_object_mut().unwrap().insert(name.clone(), value.clone());
    }
    serde_json::from_value(stats).unwrap()
}

#[wasm_bindgen_test]
fn scales_have_round_steps_and_room_for_all() {
    assert_eq!(scale(0), [0, 1]);
    assert_eq!(scale(1), [0, 1]);
    assert_eq!(scale(5), [0, 2, 4, 6]);
    assert_eq!(scale(400), [0, 100, 200, 300, 400]);
    assert_eq!(scale(401), [0, 200, 400, 600]);
    for largest in 0..2000 {
        let lines = scale(largest);
        assert!(*lines.last().unwrap() >= largest && lines.len() <= 6, "{largest}: {lines:?}");
    }
    assert!(*scale(u64::MAX).last().unwrap() > 0);
}

#[wasm_bindgen_test]
fn stacks_begin_where_the_one_below_ends() {
    assert_eq!(stack(&[1, 0, 2], 4), [(0.0, 0.25), (0.25, 0.0), (0.25, 0.5)]);
    assert_eq!(stack(&[0], 0), [(0.0, 0.0)]);
}

#[wasm_bindgen_test]
fn a_few_of_many_are_not_said_to_be_none() {
    assert_eq!(
        [share(0, 9), share(1, 1000), share(1, 2), share(3, 3), share(1, 0)],
        ["0 %", "under 1 %", "50 %", "100 %", "0 %"]
    );
}

#[wasm_bindgen_test]
fn a_range_ends_after_now_and_begins_at_a_round_time() {
    let noon = 1_767_268_800_000.0;
    assert_eq!(Range::Hour.path(noon), "/v1/stats?since=1767265260000&until=1767268860000&buckets=60");
    assert_eq!(Range::Hour.path(noon + 59_999.0), Range::Hour.path(noon));
    assert_eq!(Range::Day.path(noon), "/v1/stats?since=1767184200000&until=1767270600000&buckets=48");
    for range in Range::ALL {
        assert_eq!(Range::from_word(Some(range.as_str())), range);
    }
    assert_eq!([Range::from_word(None), Range::from_word(Some("3y"))], [Range::Day, Range::Day]);
}

#[wasm_bindgen_test]
fn the_sentences_say_what_the_pictures_show() {
    let all = stats(json!({}));
    assert!(pictures::say_times(&all).starts_with(
        "4 actions: 2 allowed (50 %), 1 needs approval (25 %), 1 denied (25 %). The busiest time was "
    ));
    assert_eq!(pictures::say_tools(&all), "a b&c was asked for most: 3 of 4 actions (75 %).");
    assert_eq!(pictures::say_agents(&all), "No agent yet.");
    assert_eq!(pictures::say_rules(&all), "Most were denied by no rule: 7.");
    assert_eq!(pictures::say_waits(&all), "No answers yet. 1 is waiting now.");
    assert_eq!(pictures::say_levels(&all), "1 of 4 actions of high or critical risk (25 %).");
    assert_eq!(pictures::say_scores(&all), "Most have a score of 0 to 9: 3.");
    let answered = stats(
        json!({ "approvals": { "pending": 0, "answered": 2, "median_ms": 65000, "p90_ms": 7_320_000, "bins": [] } }),
    );
    assert_eq!(
        pictures::say_waits(&answered),
        "2 answers: half of them within 1 min, nine of ten within 2 h 2 min. None waits any more."
    );
}

#[wasm_bindgen_test]
fn names_in_links_are_encoded() {
    let all = stats(json!({}));
    let link = |data: Data, index: usize| data.groups.get(index).unwrap().href.clone().unwrap();
    assert_eq!(link(pictures::tools(&all), 0), "/actions?tool=a%20b%26c&since=2026-01-01T10%3A00%3A00Z");
    assert_eq!(link(pictures::rules(&all), 1), "/policies/p.yaml?rule=large");
}

#[wasm_bindgen_test]
fn bins_say_where_they_begin_and_end() {
    let all = stats(json!({}));
    let labels = |data: Data| data.groups.into_iter().map(|group| group.label).collect::<Vec<_>>();
    assert_eq!(labels(pictures::waits(&all)), ["0 s to 10 s", "10 s to 4 h", "4 h and more"]);
    assert_eq!(labels(pictures::scores(&all)), ["0 to 9", "90 to 100"]);
}

#[wasm_bindgen_test]
fn the_first_action_can_be_copied_as_it_is() {
    let curl = curl("http://localhost:8000");
    let body = curl.split('\'').nth(3).unwrap();
    assert_eq!(serde_json::from_str::<Value>(body).unwrap()["params"]["amount"], 45);
    assert!(python("http://localhost:8000").contains("Client(\"http://localhost:8000\")"));
}

#[wasm_bindgen_test]
async fn columns_are_read_with_the_arrow_keys() {
    let group = |label: &str, values: [u64; 2]| Group {
        label: label.to_owned(),
        values: values.to_vec(),
        ..Group::default()
    };
    let data = Data {
        what: "time",
        series: vec![Series { class: "execute", name: "Allowed" }, Series { class: "halt", name: "Denied" }],
        groups: vec![group("ten", [1, 0]), group("eleven", [0, 0]), group("twelve", [1200, 3])],
    };
    let place: web_sys::HtmlElement = document().create_element("div").unwrap().unchecked_into();
    document().body().unwrap().append_child(&place).unwrap();
    let mounted = leptos::mount::mount_to(place.clone(), move || {
        view! { <Columns label="Outcomes" data=Signal::stored(data.clone()) /> }
    });
    let find = |selector: &str| place.query_selector(selector).unwrap().unwrap();
    let chart: web_sys::HtmlElement = find(".columns-chart").unchecked_into();
    let readout = || find(".readout").text_content().unwrap();
    let press = async |key: &str| {
        let init = web_sys::KeyboardEventInit::new();
        init.set_key(key);
        init.set_bubbles(true);
        let event = web_sys::KeyboardEvent::new_with_keyboard_event_init_dict("keydown", &init).unwrap();
        chart.dispatch_event(&event).unwrap();
        leptos::task::tick().await;
    };
    assert_eq!(place.query_selector_all("svg .mark").unwrap().length(), 3);
    assert!(readout().contains("arrow keys"));
    press("End").await;
    assert_eq!(readout(), "twelve: 1,200 Allowed, 3 Denied");
    press("ArrowRight").await;
    assert_eq!(readout(), "twelve: 1,200 Allowed, 3 Denied");
    press("ArrowLeft").await;
    assert_eq!(readout(), "eleven: none");
    press("Home").await;
    assert_eq!(readout(), "ten: 1 Allowed");
    drop(mounted);
    place.remove();
}
