//! The keys of the page, and the switch that turns them off for people whose tools type letters by themselves.

use leptos::prelude::*;

use super::desk::Desk;
use crate::components::Dialog;

const KEYS: [(&[&str], &str); 8] = [
    (&["j", "↓"], "Next action"),
    (&["k", "↑"], "Previous action"),
    (&["a"], "Approve it, or all that are ticked; risky actions and several at once ask first"),
    (&["r"], "Reject it, or all that are ticked"),
    (&["x"], "Tick it"),
    (&["c"], "Write a comment; Escape leaves it"),
    (&["Escape"], "Untick all"),
    (&["?"], "This list"),
];

/// The list.
#[component]
pub fn Help(
    /// The page's state.
    desk: Desk,
) -> impl IntoView {
    view! {
        <Dialog open=desk.help title="Keyboard">
            <dl class="facts">
                {KEYS
                    .into_iter()
                    .map(|(keys, what)| {
                        let keys: Vec<_> = keys.iter().map(|key| view! { <kbd>{*key}</kbd> " " }).collect();
                        view! { <dt>{keys}</dt> <dd>{what}</dd> }
                    })
                    .collect_view()}
            </dl>
            <label class="row">
                <input
                    type="checkbox"
                    prop:checked=move || desk.keys.get()
                    on:change=move |event| desk.use_keys(event_target_checked(&event))
                />
                "Single keys work on this page"
            </label>
        </Dialog>
    }
}
