//! The filters of the list. Typed text goes into the URL after a short pause.

use engine::decision::Outcome;
use engine::lifecycle::Status;
use engine::risk::RiskLevel;
use gloo::timers::callback::Timeout;
use leptos::html;
use leptos::prelude::*;

use super::Go;
use super::query::{PRESETS, Query, from_field, to_field};
use crate::components::Resource;
use crate::format::now_ms;
use crate::pages::overview::pictures::Range;
use crate::server;
use crate::wording;
use api::Stats;

/// How long after the last keystroke the search starts.
const TYPED_MS: u32 = 300;

/// The search and the filters.
#[component]
pub fn Filters(
    /// The state in the URL.
    query: Memo<Query>,
    /// Goes elsewhere.
    go: Go,
    /// The field of the search, which a key leads to.
    search: NodeRef<html::Input>,
) -> impl IntoView {
    let statuses =
        Status::ALL.into_iter().map(|status| (status.as_str(), wording::status(status).to_owned())).collect();
    let outcomes: Vec<_> = Outcome::ALL
        .into_iter()
        .map(|outcome| (outcome.as_str(), wording::outcome(outcome).to_owned()))
        .collect();
    let levels = [RiskLevel::Low, RiskLevel::Medium, RiskLevel::High, RiskLevel::Critical];
    let levels = levels.into_iter().map(|level| (level.as_str(), level.as_str().to_owned())).collect();
    let answers = [("approved", "Approved"), ("rejected", "Rejected"), ("any", "Any answer")];
    let answers = answers.into_iter().map(|(word, text)| (word, text.to_owned())).collect();
    let known = Known::default();
    // On a narrow page the list matters more than what could be filtered.
    let all = RwSignal::new(false);
    view! {
        <form
            class="filters"
            class:all=move || all.get()
            role="search"
            aria-label="actions"
            on:submit=|event| event.prevent_default()
        >
            <Typed query go key="q" label="Search" kind="search" field=search />
            <button
                type="button"
                class="quiet more"
                aria-expanded=move || all.get().to_string()
                on:click=move |_| all.update(|all| *all = !*all)
            >
                "Filters"
            </button>
            <Choice query go key="outcome" label="Outcome" choices=outcomes.clone() />
            <Choice query go key="first_outcome" label="First decision" choices=outcomes />
            <Choice query go key="status" label="Status" choices=statuses />
            <Choice query go key="risk_level" label="Risk" choices=levels />
            <Typed query go key="agent_id" label="Agent" kind="text" known=(known, Known::agents) />
            <Typed query go key="tool" label="Tool" kind="text" known=(known, Known::tools) />
            <Choice query go key="answer" label="Answer" choices=answers />
            <Typed query go key="answered_by" label="Answered by" kind="text" />
            <Typed query go key="rule" label="Rule" kind="text" />
            <Typed query go key="reason_code" label="Reason code" kind="text" />
            <Times query go />
            <Show when=move || query.with(Query::is_filtered)>
                <button
                    type="button"
                    class="quiet"
                    on:click=move |_| go.replace(query.get_untracked().without_filters())
                >
                    "Clear filters"
                </button>
            </Show>
        </form>
    }
}

/// The agents and tools of the last month that acted most, to choose from. They are fetched when a field first has the
/// focus.
#[derive(Clone, Copy)]
struct Known {
    stats: Resource<Stats>,
    asked: StoredValue<bool>,
}

impl Default for Known {
    fn default() -> Self {
        Known { stats: Resource::new(), asked: StoredValue::new(false) }
    }
}

impl Known {
    fn load(self) {
        if self.asked.try_update_value(|asked| std::mem::replace(asked, true)) == Some(false) {
            let path = Range::Month.path(now_ms());
            self.stats.load(async move { server::get(&path).await });
        }
    }

    fn agents(self) -> Vec<String> {
        let name = |stats: &Stats| stats.agents.iter().map(|one| one.agent_id.clone()).collect();
        self.stats.with(|stats| stats.map(name).unwrap_or_default())
    }

    fn tools(self) -> Vec<String> {
        let name = |stats: &Stats| stats.tools.iter().map(|one| one.tool.clone()).collect();
        self.stats.with(|stats| stats.map(name).unwrap_or_default())
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
                <option value="" selected=move || value.get().is_empty()>"Any"</option>
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
    #[prop(optional)] known: Option<(Known, fn(Known) -> Vec<String>)>,
) -> impl IntoView {
    // While the user types, the URL is behind, and must not restore its older text.
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
    let list = known.map(|_| format!("known-{key}"));
    let names = known.map(|(known, names)| {
        view! {
            <datalist id=list.clone()>
                {move || names(known).into_iter().map(|name| view! { <option value=name></option> }).collect_view()}
            </datalist>
        }
    });
    view! {
        <label class=key>
            <span>{label}</span>
            <input
                type=kind
                node_ref=field
                spellcheck="false"
                autocomplete="off"
                autocapitalize="off"
                placeholder="Any"
                list=list
                on:focus=move |_| {
                    if let Some((known, _)) = known {
                        known.load();
                    }
                }
                prop:value=move || typed.get().unwrap_or_else(|| query.with(|query| query.get(key).to_owned()))
                on:input=input
                on:change=move |_| look()
                on:blur=leave
            />
            {names}
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
            <span>"Time"</span>
            <select on:change=choose>
                <option value="" selected=move || !is_custom.get() && since.with(String::is_empty)>"Any"</option>
                {options.collect_view()}
                <option value="custom" selected=is_custom>"From … to …"</option>
            </select>
        </label>
        <Show when=move || is_custom.get()>
            {bound("since", "From", since)}
            {bound("until", "To", until)}
        </Show>
    }
}
