//! The policies: which files are in force, what files in shadow mode would have done, and who changed what when.

pub mod changes;
pub mod files;
pub mod history;
pub mod names;
pub mod new;
pub mod opinions;
pub mod remove;
pub mod shadow;

use gloo::timers::callback::Interval;
use leptos::prelude::*;

use crate::api;
use crate::api::types::PolicySet;
use crate::components::{DiagnosticList, Hash, Resource};
use crate::format::visible;
use crate::live::Live;
use crate::session::Sessions;
use files::Files;
use history::History;
use new::NewPolicy;
use remove::{Remove, Removing};
use shadow::Shadow;

/// How often a set that was refused is asked for again: that the folder is as before makes no record to hear of.
const ASK_AGAIN_MS: u32 = 5000;

/// `/ui/policies`
#[component]
pub fn Policies() -> impl IntoView {
    let sessions = Sessions::here();
    let set = Resource::<PolicySet>::new();
    let load = move || set.load(async { api::get("/v1/policies").await });
    load();
    Live::here().on_change_of(|event| event.kind == "policy", load);
    let removing = Removing::new();
    let asking = Interval::new(ASK_AGAIN_MS, move || {
        if set.get_untracked().is_some_and(|set| set.trouble.is_some() || set.pending.is_some()) {
            load();
        }
    });
    let asking = StoredValue::new_local(Some(asking));
    on_cleanup(move || _ = asking.try_update_value(Option::take));
    view! {
        <div class="head">
            <h1>"Policies"</h1>
            <Show when=move || sessions.may("edit_policies")>
                <NewPolicy set />
            </Show>
        </div>
        {set
            .view(move |set| {
                view! {
                    <TroubleView set=set.clone() />
                    <PendingView set=set.clone() />
                    <Files set removing />
                }
            })}
        <Remove removing reload=load />
        <Shadow set />
        <History />
    }
}

/// An edit of the folder that is not in force yet.
#[component]
fn PendingView(set: PolicySet) -> impl IntoView {
    let pending = set.pending?;
    Some(view! {
        <p class="notice warning" role="status">
            "⚠ a change of " <bdi>{visible(&pending.files.join(", "))}</bdi> " is not in force yet: "
            {visible(&pending.reason)}
        </p>
    })
}

/// What is in the folder and was refused.
#[component]
fn TroubleView(set: PolicySet) -> impl IntoView {
    let trouble = set.trouble?;
    // The reason speaks of the set before, and there may be none.
    let nothing = set.files.is_empty().then_some("No policy is in force, so every action is halted. ");
    let diagnostics = trouble.diagnostics;
    Some(view! {
        <div class="notice error" role="alert">
            <p>
                <strong>"✕ what is in the policy folder is not in force: "</strong>
                {trouble.reason}
            </p>
            <p>{nothing} "Mend the files in the folder: they are read again as soon as they change."</p>
            {trouble
                .policy_hash
                .map(|hash| view! { <p class="help">"refused set " <Hash value=hash /></p> })}
            {(!diagnostics.is_empty()).then(|| view! { <DiagnosticList list=Signal::stored(diagnostics) /> })}
        </div>
    })
}
