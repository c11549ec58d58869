//! The question before a risky or very long action is approved: an approval cannot be taken back.

use std::sync::Arc;

use leptos::prelude::*;

use super::desk::Desk;
use super::item::Glance;
use super::queue::Held;
use crate::components::{Dialog, Json, RiskMeter};
use crate::format::name;

/// The dialog. The focus is not on the button that approves, so that Enter alone approves nothing.
#[component]
pub fn Confirm(
    /// The page's state.
    desk: Desk,
) -> impl IntoView {
    let (confirming, open) = desk.confirming;
    view! {
        <Dialog open title="Approve this action?">
            {move || match confirming.get().and_then(|id| desk.queue.find(&id)) {
                Some(held) => view! { <Question desk held open /> }.into_any(),
                None => view! { <p>"It is no longer waiting."</p> }.into_any(),
            }}
        </Dialog>
    }
}

#[component]
fn Question(desk: Desk, held: Held, open: RwSignal<bool>) -> impl IntoView {
    let action = held.now();
    let comment = held.comment.get_untracked();
    let approve = move |_| {
        open.set(false);
        desk.send(held.clone(), true);
    };
    view! {
        <p>
            <strong><bdi>{name(&action.tool)}</bdi></strong> " of " <bdi>{name(&action.agent_id)}</bdi> " "
            <RiskMeter level=action.decision.risk_level score=action.decision.risk_score />
        </p>
        <p>{action.decision.risk_rules.join(", ")}</p>
        <Glance action=Arc::clone(&action) />
        <Json text=action.params.get().to_owned() label="arguments" />
        {(action.context.get() != "{}").then(|| view! { <Json text=action.context.get().to_owned() label="context" /> })}
        {(!comment.trim().is_empty()).then(|| view! { <p>"Your comment: “" <bdi>{comment}</bdi> "”"</p> })}
        <p class="help">"You cannot take an approval back: the agent may run this at once."</p>
        <div class="row">
            <button type="button" class="quiet" autofocus on:click=move |_| open.set(false)>"Cancel"</button>
            <button type="button" on:click=approve>"Approve"</button>
        </div>
    }
}
