//! The filters of the list. What somebody types goes into the URL after a short rest.

use engine::decision::Outcome;
use engine::lifecycle::Status;
use engine::risk::RiskLevel;
use gloo::timers::callback::Timeout;
use leptos::html;
use leptos::prelude::*;

use super::Go;
use super::query::{PRESETS, Query, from_field, to_field};
use crate::format::words;

/// How long after the last key what was typed is looked for.
const TYPED_MS: u32 = 300;

/// The search and the filters.
#[component]
pub fn Filters(
    /// What the URL says.
    query: Memo<Query>,
    /// Goes elsewhere.
    go: Go,
    /// The field of the search, which a key leads to.
    search: NodeRef<html::Input>,
) -> impl IntoView {
    let statuses = Status::ALL.into_iter().map(|status| (status.as_str(), words(status.as_str()))).collect();
    let outcomes =
        Outcome::ALL.into_iter().map(|outcome| (outcome.as_str(), outcome.as_str().to_owned())).collect();
    let levels = [RiskLevel::Low, RiskLevel::Medium, RiskLevel::High, RiskLevel::Critical];
    let levels = levels.into_iter().map(|level| (level.as_str(), level.as_str().to_owned())).collect();
    let answers = [("approved", "approved it"), ("rejected", "rejected it"), ("any", "answered")];
    let answers = answers.into_iter().map(|(word, text)| (word, text.to_owned())).collect();
    view! {
        <form class="filters" role="search" aria-label="actions" on:submit=|event| event.prevent_default()>
            <Typed query go key="q" label="search" kind="search" field=search />
            <Choice query go key="outcome" label="outcome" choices=outcomes />
            <Choice query go key="status" label="status" choices=statuses />
            <Choice query go key="risk_level" label="risk" choices=levels />
            <Typed query go key="agent_id" label="agent" kind="text" />
            <Typed query go key="tool" label="tool" kind="text" />
            <Choice query go key="answer" label="a person" choices=answers />
            <Typed query go key="answered_by" label="answered by" kind="text" />
            <Typed query go key="rule" label="rule" kind="text" />
            <Typed query go key="reason_code" label="reason code" kind="text" />
            <Times query go />
            <Show when=move || query.with(Query::is_filtered)>
                <button
                    type="button"
                    class="quiet"
                    on:click=move |_| go.replace(query.get_untracked().without_filters())
                >
                    "clear filters"
                </button>
            </Show>
        </form>
    }
}

#[component]
fn Choice(
    query: Memo<Query>,
    go: Go,
    key: &'static str,
    label: &'static str,
    choices: Vec<(&'static str, String)>,
) -> impl IntoView {
    let value = Memo::new(move |_| query.with(|query| query.get(key).to_owned()));
    let options = choices.into_iter().map(|(word, text)| {
        view! { <option value=word selected=move || value.get() == word>{text}</option> }
    });
    view! {
        <label>
            <span>{label}</span>
            <select on:change=move |event| go.replace(query.get_untracked().with(key, &event_target_value(&event)))>
                <option value="" selected=move || value.get().is_empty()>"any"</option>
                {options.collect_view()}
            </select>
        </label>
    }
}

#[component]
fn Typed(
    query: Memo<Query>,
    go: Go,
    key: &'static str,
    label: &'static str,
    kind: &'static str,
    #[prop(optional)] field: NodeRef<html::Input>,
) -> impl IntoView {
    // While somebody types, the URL is behind, and must not put back what it has.
    let typed = RwSignal::new(None::<String>);
    let waiting = StoredValue::new_local(None::<Timeout>);
    let look = move || {
        waiting.set_value(None);
        if let Some(text) = typed.get_untracked() {
            let now = query.get_untracked();
            if now.get(key) != text.trim() {
                go.replace(now.with(key, text.trim()));
            }
        }
    };
    let input = move |event| {
        typed.set(Some(event_target_value(&event)));
        waiting.set_value(Some(Timeout::new(TYPED_MS, look)));
    };
    let leave = move |_| {
        look();
        typed.set(None);
    };
    view! {
        <label class=key>
            <span>{label}</span>
            <input
                type=kind
                node_ref=field
                spellcheck="false"
                autocomplete="off"
                autocapitalize="off"
                placeholder="any"
                prop:value=move || typed.get().unwrap_or_else(|| query.with(|query| query.get(key).to_owned()))
                on:input=input
                on:change=move |_| look()
                on:blur=leave
            />
        </label>
    }
}

#[component]
fn Times(query: Memo<Query>, go: Go) -> impl IntoView {
    let since = Memo::new(move |_| query.with(|query| query.get("since").to_owned()));
    let until = Memo::new(move |_| query.with(|query| query.get("until").to_owned()));
    let is_preset = move |since: &str| PRESETS.iter().any(|(word, _, _)| *word == since);
    // Chosen, and no time given yet.
    let asked = RwSignal::new(false);
    let is_custom = Memo::new(move |_| {
        asked.get() || !until.get().is_empty() || since.with(|since| !since.is_empty() && !is_preset(since))
    });
    let choose = move |event| {
        let word = event_target_value(&event);
        asked.set(word == "custom");
        if word != "custom" {
            go.replace(query.get_untracked().with("until", "").with("since", &word));
        }
    };
    let options = PRESETS.into_iter().map(|(word, text, _)| {
        view! { <option value=word selected=move || !is_custom.get() && since.get() == word>{text}</option> }
    });
    let bound = move |key: &'static str, label: &'static str, value: Memo<String>| {
        view! {
            <label>
                <span>{label}</span>
                <input
                    type="datetime-local"
                    prop:value=move || to_field(&value.get())
                    on:change=move |event| {
                        go.replace(query.get_untracked().with(key, &from_field(&event_target_value(&event))));
                    }
                />
            </label>
        }
    };
    view! {
        <label>
            <span>"time"</span>
            <select on:change=choose>
                <option value="" selected=move || !is_custom.get() && since.with(String::is_empty)>"any"</option>
                {options.collect_view()}
                <option value="custom" selected=is_custom>"from … to …"</option>
            </select>
        </label>
        <Show when=move || is_custom.get()>
            {bound("since", "from", since)}
            {bound("until", "to", until)}
        </Show>
    }
}
