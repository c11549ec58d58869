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

use crate::components::{DiagnosticList, Hash, Resource};
use crate::format::visible;
use crate::live::Live;
use crate::server;
use crate::session::Sessions;
use api::{Permission, PolicyList, Trouble};
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
    let set = Resource::<PolicyList>::new();
    let load = move || set.load(async { server::get("/v1/policies").await });
    load();
    Live::here().on_change_of(|event| event.kind == "policy", load);
    let removing = Removing::new();
    let asking = Interval::new(ASK_AGAIN_MS, move || {
        if set
            .get_untracked()
            .and_then(|set| set.details)
            .is_some_and(|details| details.trouble.is_some() || details.pending.is_some())
        {
            load();
        }
    });
    let asking = StoredValue::new_local(Some(asking));
    on_cleanup(move || _ = asking.try_update_value(Option::take));
    view! {
        <div class="head">
            <h1>"Policies"</h1>
            <Show when=move || sessions.may(Permission::EditPolicies)>
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
fn PendingView(set: PolicyList) -> impl IntoView {
    let pending = set.details?.pending?;
    Some(view! {
        <p class="notice warning" role="status">
            "⚠ A change of " <bdi>{visible(&pending.files.unwrap_or_default().join(", "))}</bdi> " is not in force yet: "
            {visible(&pending.reason)}
        </p>
    })
}

/// The refused content of the folder.
#[component]
fn TroubleView(set: PolicyList) -> impl IntoView {
    let nothing_in_force = set.files.is_empty();
    let Trouble { reason, details } = set.details?.trouble?;
    let (policy_hash, diagnostics) =
        details.map(|details| (details.policy_hash, details.diagnostics)).unwrap_or_default();
    // The reason speaks of the set before, and there may be none.
    let nothing = nothing_in_force.then_some("No policy is in force, so every action is denied. ");
    Some(view! {
        <div class="notice error" role="alert">
            <p>
                <strong>"✕ The policy folder is not in force: "</strong>
                {reason}
            </p>
            <p>{nothing} "Fix the files in the folder: they are read again as soon as they change."</p>
            {policy_hash
                .map(|hash| view! { <p class="help">"Refused set " <Hash value=hash /></p> })}
            {(!diagnostics.is_empty()).then(|| view! { <DiagnosticList list=Signal::stored(diagnostics) /> })}
        </div>
    })
}
