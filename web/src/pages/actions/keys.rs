//! The keys of this page, and the help that lists them.
//!
//! Keys that are a single character may be turned off, for people whose speech or hands would press them by accident.

use gloo::storage::{LocalStorage as Kept, Storage as _};
use leptos::ev::{self, KeyboardEvent};
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement};

use super::Go;
use super::feed::Feed;
use super::query::Query;
use super::rows::{Row, beside};
use super::table::link_id;
use crate::components::Dialog;

const KEPT: &str = "faramesh-single-keys";

const HELP: [(&[&str], &str); 7] = [
    (&["j", "↓"], "Next action"),
    (&["k", "↑"], "Previous action"),
    (&["Enter"], "Open it"),
    (&["Escape"], "Close it; press again to let go of the row, so that new actions appear again"),
    (&["/"], "Search"),
    (&["n", "p"], "Older and newer page"),
    (&["?"], "This list"),
];

/// Opens the help.
#[component]
pub fn KeysButton(
    /// Whether it is open.
    help: RwSignal<bool>,
) -> impl IntoView {
    view! {
        <button type="button" class="quiet keys" aria-keyshortcuts="?" on:click=move |_| help.set(true)>
            "Keyboard " <kbd>"?"</kbd>
        </button>
    }
}

/// Listens, and shows the help.
#[component]
pub fn Keys(
    /// The list.
    feed: Feed,
    /// The state in the URL.
    query: Memo<Query>,
    /// Goes elsewhere.
    go: Go,
    /// The field of the search.
    search: NodeRef<html::Input>,
    /// Whether the help is open.
    help: RwSignal<bool>,
) -> impl IntoView {
    let single = RwSignal::new(Kept::get::<bool>(KEPT).unwrap_or(true));
    let rows = move || feed.page.get_untracked().map(|page| page.rows).unwrap_or_default();
    let select = move |by: isize| {
        let rows: Vec<Row> = rows();
        let selected = feed.selected.get_untracked();
        if let Some(id) = beside(&rows, selected.as_deref(), by) {
            let in_drawer = active().is_some_and(|active| within(&active, ".drawer"));
            feed.selected.set(Some(id.clone()));
            if in_drawer {
                go.open(query.get_untracked(), Some(id));
            } else {
                focus(&link_id(&id));
            }
        }
    };
    let press = move |event: KeyboardEvent| {
        let Some(target) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else {
            return;
        };
        let modified = event.ctrl_key() || event.meta_key() || event.alt_key();
        if event.default_prevented() || modified || within(&target, "dialog") {
            return;
        }
        let key = event.key();
        let in_field = within(&target, "input, select, textarea");
        if key == "Escape" && !in_field {
            let now = query.get_untracked();
            if now.id.is_some() {
                go.open(now, None);
            } else {
                feed.selected.set(None);
            }
            return;
        }
        let in_list =
            within(&target, "table.actions") || target.tag_name() == "BODY" || target.id() == "main";
        let done = match key.as_str() {
            _ if in_field => false,
            "ArrowDown" if in_list => {
                select(1);
                true
            }
            "ArrowUp" if in_list => {
                select(-1);
                true
            }
            "Enter" if target.tag_name() == "BODY" || target.id() == "main" => {
                match feed.selected.get_untracked() {
                    Some(id) => {
                        go.open(query.get_untracked(), Some(id));
                        true
                    }
                    None => false,
                }
            }
            _ if !single.get_untracked() => false,
            "j" => {
                select(1);
                true
            }
            "k" => {
                select(-1);
                true
            }
            "n" => press_button("older"),
            "p" => press_button("newer"),
            "/" => {
                if let Some(search) = search.get_untracked() {
                    _ = search.focus();
                    search.select();
                }
                true
            }
            "?" => {
                help.set(true);
                true
            }
            _ => false,
        };
        if done {
            event.prevent_default();
        }
    };
    let listening = window_event_listener(ev::keydown, press);
    on_cleanup(move || listening.remove());
    let choose = move |event| {
        let chosen = event_target_checked(&event);
        single.set(chosen);
        // Where nothing may be kept, the choice holds for this page.
        _ = Kept::set(KEPT, chosen);
    };
    view! {
        <Dialog open=help title="Keyboard">
            <dl class="facts">
                {HELP
                    .into_iter()
                    .map(|(keys, what)| {
                        let keys = keys.iter().map(|key| view! { <kbd>{*key}</kbd> " " }).collect_view();
                        view! {
                            <dt>{keys}</dt>
                            <dd>{what}</dd>
                        }
                    })
                    .collect_view()}
            </dl>
            <label class="row">
                <input type="checkbox" prop:checked=single on:change=choose />
                "Use keys that are a single character"
            </label>
        </Dialog>
    }
}

fn active() -> Option<Element> {
    document().active_element()
}

fn within(element: &Element, selector: &str) -> bool {
    element.closest(selector).ok().flatten().is_some()
}

/// Moves the focus to the element with this `id`, if it can be seen.
pub fn focus(id: &str) {
    if let Some(element) =
        document().get_element_by_id(id).and_then(|found| found.dyn_into::<HtmlElement>().ok())
    {
        _ = element.focus();
    }
}

fn press_button(id: &str) -> bool {
    let button = document().get_element_by_id(id).and_then(|found| found.dyn_into::<HtmlElement>().ok());
    if let Some(button) = &button {
        button.click();
    }
    button.is_some()
}
