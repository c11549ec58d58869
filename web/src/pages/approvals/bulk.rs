//! Several answers at once: the bar that ticks, and the dialog that lists what will be answered.

use leptos::prelude::*;

use super::desk::Desk;
use super::queue::Sent;
use super::words::is_dangerous;
use crate::components::{Dialog, RiskMeter, Toasts};
use crate::format::{arguments, counted, visible};
use crate::session::Sessions;

/// The buttons for all that are ticked.
#[component]
pub fn Bar(
    /// The page's state.
    desk: Desk,
) -> impl IntoView {
    let sessions = Sessions::here();
    let queue = desk.queue;
    let ticked = Memo::new(move |_| queue.checked().len());
    let some = move || queue.number().is_some_and(|number| number > 0) && sessions.may("approve");
    view! {
        <Show when=some>
            <div class="row bulk" class:some=move || ticked.get() != 0 role="group" aria-label="several at once">
                <button type="button" class="quiet" on:click=move |_| queue.check_all()>"select all"</button>
                <button type="button" class="quiet" disabled=move || ticked.get() == 0 on:click=move |_| queue.check_none()>
                    "select none"
                </button>
                <button type="button" disabled=move || ticked.get() == 0 on:click=move |_| desk.give_all(true)>
                    {move || format!("approve {} …", ticked.get())}
                </button>
                <button type="button" class="danger" disabled=move || ticked.get() == 0 on:click=move |_| desk.give_all(false)>
                    {move || format!("reject {} …", ticked.get())}
                </button>
            </div>
        </Show>
    }
}

/// Lists what will be answered, and asks.
#[component]
pub fn BulkDialog(
    /// The page's state.
    desk: Desk,
) -> impl IntoView {
    let (approve, open) = desk.bulk;
    let title = move || if approve.get() { "Approve these?" } else { "Reject these?" };
    view! {
        <Dialog open title=Signal::derive(move || title().to_owned())>
            <List desk open approve=approve.get() />
        </Dialog>
    }
}

#[component]
fn List(desk: Desk, open: RwSignal<bool>, approve: bool) -> impl IntoView {
    let comment = RwSignal::new(String::new());
    let toasts = Toasts::here();
    let held = move || {
        let mut all = desk.queue.checked();
        all.retain(|held| desk.queue.standing(&held.action.get()).may(approve));
        all
    };
    let left_out = move || desk.queue.checked().len().saturating_sub(held().len());
    let risky = move || held().iter().filter(|held| is_dangerous(&held.action.get())).count();
    let send = move |_| {
        let all = untrack(held);
        let said = comment.get_untracked();
        open.set(false);
        leptos::task::spawn_local(async move {
            let (mut done, mut refused) = (0, 0);
            for held in all {
                if !said.trim().is_empty() {
                    held.comment.set(said.clone());
                }
                match desk.queue.answer(held, approve, true).await {
                    Sent::Done => done += 1,
                    Sent::Refused => refused += 1,
                }
            }
            let word = if approve { "approved" } else { "rejected" };
            if refused == 0 {
                toasts.say(format!("{} {word}", counted(done, "action")));
            } else {
                toasts.failed(format!(
                    "{} {word}, {refused} not; what still waits says why",
                    counted(done, "action")
                ));
            }
        });
    };
    view! {
        <ul class="bulk-list" tabindex="0" aria-label="actions">
            <For each=held key=|held| held.id.clone() let(held)>
                {
                    let action = held.now();
                    view! {
                        <li>
                            <strong><bdi>{visible(&action.tool)}</bdi></strong> " of " <bdi>{visible(&action.agent_id)}</bdi> " "
                            <RiskMeter level=action.risk_level score=action.risk_score />
                            <br />
                            <code><bdi>{arguments(&action.params)}</bdi></code>
                        </li>
                    }
                }
            </For>
        </ul>
        {move || (left_out() > 0).then(|| view! { <p class="help">{format!("{} left out: you have approved them already", counted(left_out() as u64, "action"))}</p> })}
        {move || (approve && risky() > 0)
            .then(|| view! { <p class="notice warning">{format!("⚠ {} of high or critical risk among them", counted(risky() as u64, "action"))}</p> })}
        <label for="bulk-comment">"comment for all of them (optional)"</label>
        <textarea id="bulk-comment" rows="2" prop:value=move || comment.get() on:input=move |event| comment.set(event_target_value(&event))></textarea>
        {approve.then(|| view! { <p class="help">"Approvals cannot be taken back: the agents may run these at once."</p> })}
        <div class="row">
            <button type="button" class="quiet" autofocus on:click=move |_| open.set(false)>"cancel"</button>
            <button type="button" class:danger=!approve disabled=move || held().is_empty() on:click=send>
                {move || format!("{} {}", if approve { "approve" } else { "reject" }, counted(held().len() as u64, "action"))}
            </button>
        </div>
    }
}
