//! Several answers at once: the bar that ticks and shows how far they have come, and the dialog that lists what will be
//! answered.

use leptos::prelude::*;

use super::desk::Desk;
use super::sending;
use super::words::is_dangerous;
use crate::components::{Dialog, RiskMeter, Toasts};
use crate::format::{arguments, count, counted, visible};
use crate::session::Sessions;

/// How many are listed before they are answered.
const LISTED: usize = 200;

/// The buttons for all that are ticked.
#[component]
pub fn Bar(
    /// The page's state.
    desk: Desk,
) -> impl IntoView {
    let sessions = Sessions::here();
    let queue = desk.queue;
    let ticked = move || queue.number_checked();
    let sends = Memo::new(move |_| desk.progress.with(Option::is_some));
    let some = Memo::new(move |_| {
        (sends.get() || queue.number().is_some_and(|number| number > 0)) && sessions.may("approve")
    });
    let answer = move |approve: bool| {
        let (word, class) = if approve { ("approve", "") } else { ("reject", "danger") };
        view! {
            <button type="button" class=class disabled=move || ticked() == 0 on:click=move |_| desk.give_all(approve)>
                {move || format!("{word} {} …", count(ticked() as u64))}
            </button>
        }
    };
    let buttons = move || {
        view! {
            <button type="button" class="quiet" on:click=move |_| queue.check_all()>"select all"</button>
            <button type="button" class="quiet" disabled=move || ticked() == 0 on:click=move |_| queue.check_none()>
                "select none"
            </button>
            {answer(true)}
            {answer(false)}
        }
    };
    view! {
        <Show when=move || some.get()>
            <div class="row bulk" class:some=move || sends.get() || ticked() != 0 role="group" aria-label="several at once">
                <Show when=move || sends.get() fallback=buttons>
                    <ProgressView desk />
                </Show>
            </div>
        </Show>
    }
}

/// How far it has come, and a button that ends it.
#[component]
fn ProgressView(desk: Desk) -> impl IntoView {
    let progress = move || desk.progress.get();
    let all = move || progress().map_or(0, |progress| progress.all);
    let answered = move || progress().map_or(0, |progress| progress.answered);
    let sentence = move || {
        let verb = if progress()?.approve { "approving" } else { "rejecting" };
        Some(format!("{verb}: {} of {}", count(answered()), counted(all(), "action")))
    };
    let stop = move |_| {
        desk.progress.update(|progress| {
            if let Some(progress) = progress {
                progress.stopped = true;
            }
        });
    };
    view! {
        <span>{sentence}</span>
        <progress max=all value=answered aria-label="answers"></progress>
        <button type="button" class="quiet" on:click=stop>"stop"</button>
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
    // Counted once each time it changes, however many there are.
    let held = Memo::new_with_compare(
        move |_| {
            let mut all = desk.queue.checked();
            all.retain(|held| desk.queue.standing(&held.action.get()).may(approve));
            all
        },
        |_, _| true,
    );
    let number = move || held.with(Vec::len) as u64;
    let left_out = move || (desk.queue.number_checked() as u64).saturating_sub(number());
    let risky =
        move || held.with(|held| held.iter().filter(|held| is_dangerous(&held.action.get())).count()) as u64;
    let send = move |_| {
        open.set(false);
        sending::send(desk, toasts, held.get_untracked(), approve, &comment.get_untracked());
    };
    view! {
        <ul class="bulk-list" tabindex="0" aria-label="actions">
            <For
                each=move || held.with(|held| held.iter().take(LISTED).cloned().collect::<Vec<_>>())
                key=|held| held.id.clone()
                let(held)
            >
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
            {move || {
                let more = number().saturating_sub(LISTED as u64);
                (more > 0).then(|| view! { <li>"and " {count(more)} " more, which only the queue shows"</li> })
            }}
        </ul>
        {move || (left_out() > 0).then(|| view! { <p class="help">{format!("{} left out: you have approved them already", counted(left_out(), "action"))}</p> })}
        {move || (approve && risky() > 0)
            .then(|| view! { <p class="notice warning">{format!("⚠ {} of high or critical risk among them", counted(risky(), "action"))}</p> })}
        <label for="bulk-comment">"comment for all of them (optional)"</label>
        <textarea id="bulk-comment" rows="2" prop:value=move || comment.get() on:input=move |event| comment.set(event_target_value(&event))></textarea>
        {approve.then(|| view! { <p class="help">"Approvals cannot be taken back: the agents may run these at once."</p> })}
        <div class="row">
            <button type="button" class="quiet" autofocus on:click=move |_| open.set(false)>"cancel"</button>
            <button type="button" class:danger=!approve disabled=move || number() == 0 on:click=send>
                {move || format!("{} {}", if approve { "approve" } else { "reject" }, counted(number(), "action"))}
            </button>
        </div>
    }
}
