//! Texts to take along: a button that copies, and hashes that are shown in short.

use gloo::timers::callback::Timeout;
use leptos::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::format::short;

/// How long the button says that it has copied.
const SAID_MS: u32 = 1500;

/// A button that copies `text`.
#[component]
pub fn CopyButton(
    /// The text to copy.
    #[prop(into)]
    text: Signal<String>,
    /// The label of the button.
    label: &'static str,
) -> impl IntoView {
    let said = RwSignal::new(None::<&'static str>);
    let copy = move |_| {
        let text = text.get_untracked();
        leptos::task::spawn_local(async move {
            let clipboard = window().navigator().clipboard();
            let copied = JsFuture::from(clipboard.write_text(&text)).await.is_ok();
            _ = said.try_set(Some(if copied { "copied" } else { "not allowed to copy" }));
            Timeout::new(SAID_MS, move || _ = said.try_set(None)).forget();
        });
    };
    view! {
        <button type="button" class="quiet small" on:click=copy>
            <span aria-live="polite">{move || said.get().unwrap_or(label)}</span>
        </button>
    }
}

/// A hash or an id in short, whole in its tooltip and when copied.
#[component]
pub fn Hash(
    /// The whole of it.
    value: impl std::fmt::Display,
) -> impl IntoView {
    let value = value.to_string();
    let shown = short(&value);
    view! {
        <span class="hash">
            <code title=value.clone()>{shown}</code>
            <CopyButton text=value label="Copy" />
        </span>
    }
}
