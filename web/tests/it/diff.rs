//! The difference of two texts: its display, and that large ones do not block the page.

use leptos::prelude::*;
use similar::ChangeTag::{Delete, Equal, Insert};
use wasm_bindgen::JsCast as _;
use wasm_bindgen_test::wasm_bindgen_test;
use web::components::Diff;
use web::components::diff::hunks;

#[wasm_bindgen_test]
fn lines_keep_their_numbers_on_both_sides() {
    let found = hunks("a\nb\nc\n", "a\nx\ny\nc\n");
    let lines: Vec<_> =
        found[0].iter().map(|line| (line.tag, line.old, line.new, line.text.as_str())).collect();
    let expected = [
        (Equal, Some(1), Some(1), "a"),
        (Delete, Some(2), None, "b"),
        (Insert, None, Some(2), "x"),
        (Insert, None, Some(3), "y"),
        (Equal, Some(3), Some(4), "c"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(found.len(), 1);
    assert!(hunks("same\n", "same\n").is_empty());
}

#[wasm_bindgen_test]
fn places_that_are_far_apart_are_apart() {
    let old: Vec<_> = (0..100).map(|n| format!("line {n}\n")).collect();
    let mut new = old.clone();
    new[10] = "first\n".to_owned();
    new[90] = "second\n".to_owned();
    let found = hunks(&old.concat(), &new.concat());
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [8, 8]);
}

/// 60,000 lines of a megabyte each side, where not one is the same and each side has its own order.
fn large() -> (String, String) {
    let side =
        |name: &str| (0..60_000).map(|n| format!("{name}: {}\n", n * 7919 % 60_000)).collect::<String>();
    (side("before"), side("after"))
}

#[wasm_bindgen_test]
fn texts_that_have_nothing_in_common_end_too() {
    let (old, new) = large();
    let found = hunks(&old, &new);
    let lines = found.iter().flatten();
    assert_eq!(lines.clone().filter(|line| line.tag == Delete).count(), 60_000);
    assert_eq!(lines.filter(|line| line.tag == Insert).count(), 60_000);
}

#[wasm_bindgen_test]
async fn a_large_difference_is_shown_in_parts() {
    let (old, new) = large();
    let place: web_sys::HtmlElement = document().create_element("div").unwrap().unchecked_into();
    document().body().unwrap().append_child(&place).unwrap();
    let mounted = leptos::mount::mount_to(place.clone(), move || view! { <Diff old new /> });
    let rows = || place.query_selector_all("tbody tr").unwrap().length();
    assert_eq!(rows(), 500);
    let button: web_sys::HtmlElement = place.query_selector("button").unwrap().unwrap().unchecked_into();
    assert_eq!(button.text_content().unwrap(), "show more: 500 of 120,000 lines are shown");
    button.click();
    leptos::task::tick().await;
    assert_eq!(rows(), 1000);
    drop(mounted);
    place.remove();
}
