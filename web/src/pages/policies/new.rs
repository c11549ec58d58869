//! A new policy: its name, then the editor with nothing in it yet.

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::files::editor_of;
use super::names;
use crate::components::{Dialog, Resource};
use api::PolicyList;

/// The button and its dialog.
#[component]
pub fn NewPolicy(
    /// The files that are there.
    set: Resource<PolicyList>,
) -> impl IntoView {
    let open = RwSignal::new(false);
    view! {
        <button type="button" on:click=move |_| open.set(true)>"New policy"</button>
        <Dialog open title="New policy">
            <NameForm set />
        </Dialog>
    }
}

#[component]
fn NameForm(set: Resource<PolicyList>) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    // Nothing is said of a name that is not there yet.
    let tried = RwSignal::new(false);
    let name = Memo::new(move |_| typed.with(|typed| names::completed(typed)));
    let problem = Memo::new(move |_| {
        set.with(|set| {
            let files = set.map(|set| set.files.as_slice()).unwrap_or_default();
            names::problem(&name.get(), files.iter().map(|file| file.name.as_str()))
        })
    });
    let shown = move || problem.get().filter(|_| tried.get() || !typed.with(String::is_empty));
    let navigate = use_navigate();
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        tried.set(true);
        if problem.get_untracked().is_none() {
            navigate(&editor_of(&name.get_untracked()), Default::default());
        }
    };
    view! {
        <form class="login" novalidate on:submit=submit>
            <label for="policy-name">"Name of the file"</label>
            <input
                id="policy-name"
                autofocus
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                placeholder="support-agent.yaml"
                aria-describedby="policy-name-help"
                aria-invalid=move || shown().is_some().to_string()
                prop:value=move || typed.get()
                on:input=move |event| typed.set(event_target_value(&event))
            />
            <div id="policy-name-help" role="status">
                {move || match shown() {
                    Some(problem) => view! { <p class="notice error">"✕ " {problem}</p> }.into_any(),
                    None => view! {
                        <p class="help">
                            "The editor opens with a template. The file is created, and takes effect, when you save it there."
                        </p>
                    }
                    .into_any(),
                }}
            </div>
            <button type="submit">
                {move || match name.get() {
                    name if name.is_empty() => "Open the editor".to_owned(),
                    name => format!("Open the editor for {name}"),
                }}
            </button>
        </form>
    }
}
