//! Several answers at once: the bar that ticks and shows how far they have come, and the dialog that shows what will be
//! answered.
//!
//! INVARIANT: an approval covers only actions that the dialog shows in full. Risky and very long ones are approved one
//! at a time. A rejection only stops actions, so it may cover the whole queue.

use leptos::prelude::*;

use super::desk::Desk;
use super::queue::Held;
use super::sending;
use super::words::{is_dangerous, is_long};
use crate::components::{Dialog, Isolated, Json, RiskMeter, Toasts};
use crate::format::{arguments, count, counted, name};
use crate::session::Sessions;
use api::{Action, Permission};

/// How many rejected actions are listed.
const LISTED: usize = 200;
/// More than so many answers take a number that is typed.
const MANY: u64 = 25;

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
        (sends.get() || queue.number().is_some_and(|number| number > 0)) && sessions.may(Permission::Approve)
    });
    let answer = move |approve: bool| {
        let (word, class) = if approve { ("Approve", "") } else { ("Reject", "danger") };
        view! {
            <button type="button" class=class disabled=move || ticked() == 0 on:click=move |_| desk.give_all(approve)>
                {move || format!("{word} {} …", count(ticked() as u64))}
            </button>
        }
    };
    let reject_all = move |_| {
        queue.check_all();
        desk.give_all(false);
    };
    let hidden = Memo::new(move |_| desk.rest() > 0);
    let buttons = move || {
        view! {
            <button type="button" class="quiet" on:click=move |_| queue.check(&desk.shown())>"Select shown"</button>
            <button type="button" class="quiet" disabled=move || ticked() == 0 on:click=move |_| queue.check_none()>
                "Select none"
            </button>
            {answer(true)}
            {answer(false)}
            <Show when=move || hidden.get()>
                <button type="button" class="quiet" on:click=reject_all>
                    {move || format!("Reject all {} …", count(queue.number().unwrap_or_default() as u64))}
                </button>
            </Show>
        }
    };
    view! {
        <Show when=move || some.get()>
            <div class="row bulk" role="group" aria-label="several at once">
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
        let verb = if progress()?.approve { "Approving" } else { "Rejecting" };
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
        <button type="button" class="quiet" on:click=stop>"Stop"</button>
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
    let typed = RwSignal::new(String::new());
    let toasts = Toasts::here();
    // Counted once each time it changes, however many there are.
    let held = Memo::new_with_compare(
        move |_| {
            let mut all = desk.queue.checked();
            all.retain(|held| {
                let action = held.action.get();
                let is_shown = !approve || !(is_dangerous(&action) || is_long(&action));
                is_shown && desk.queue.standing(&action).may(approve)
            });
            all
        },
        |_, _| true,
    );
    let number = move || held.with(Vec::len) as u64;
    let left_out = move || (desk.queue.number_checked() as u64).saturating_sub(number());
    let alone = move || {
        let checked = desk.queue.checked();
        let of = |wanted: fn(&Action) -> bool| {
            checked.iter().filter(|held| approve && wanted(&held.action.get())).count() as u64
        };
        (of(is_dangerous), of(|action| !is_dangerous(action) && is_long(action)))
    };
    let takes_number = move || number() > MANY;
    let is_confirmed = move || !takes_number() || typed.get().trim() == number().to_string();
    let send = move |_| {
        open.set(false);
        sending::send(desk, toasts, held.get_untracked(), approve, &comment.get_untracked());
    };
    let most = if approve { usize::MAX } else { LISTED };
    view! {
        <ul class="bulk-list" tabindex="0" aria-label="actions">
            <For
                each=move || held.with(|held| held.iter().take(most).cloned().collect::<Vec<_>>())
                key=|held| held.id.clone()
                let(held)
            >
                <Listed held approve />
            </For>
            {move || {
                let more = number().saturating_sub(most as u64);
                (more > 0).then(|| view! { <li>"and " {count(more)} " more, which only the queue shows"</li> })
            }}
        </ul>
        {move || {
            let (risky, long) = alone();
            let others = left_out().saturating_sub(risky + long);
            let left_out = |number: u64, why: &str| {
                (number > 0).then(|| view! { <p class="notice warning">"⚠ " {counted(number, "action")} " left out: " {why.to_owned()}</p> })
            };
            view! {
                {left_out(risky, "actions of high or critical risk are approved one at a time")}
                {left_out(long, "their arguments are too long to show here, so they are approved one at a time")}
                {left_out(others, "your answer would not count, or you have answered already")}
            }
        }}
        <label for="bulk-comment">"Comment for all of them (optional)"</label>
        <textarea id="bulk-comment" rows="2" prop:value=move || comment.get() on:input=move |event| comment.set(event_target_value(&event))></textarea>
        {approve.then(|| view! { <p class="help">"You cannot take an approval back: the agents may run these at once."</p> })}
        <Show when=takes_number>
            <label for="bulk-number">{move || format!("Type {} to confirm", number())}</label>
            <input
                id="bulk-number"
                inputmode="numeric"
                autocomplete="off"
                prop:value=move || typed.get()
                on:input=move |event| typed.set(event_target_value(&event))
            />
        </Show>
        <div class="row">
            <button type="button" class="quiet" autofocus on:click=move |_| open.set(false)>"Cancel"</button>
            <button
                type="button"
                class:danger=!approve
                disabled=move || number() == 0 || !is_confirmed()
                on:click=send
            >
                {move || format!("{} {}", if approve { "Approve" } else { "Reject" }, counted(number(), "action"))}
            </button>
        </div>
    }
}

/// One action that will be answered: all of it where it is approved, one line where it is rejected.
#[component]
fn Listed(held: Held, approve: bool) -> impl IntoView {
    let action = held.now();
    let operation = (action.operation != "call")
        .then(|| view! { " " <span class="muted"><bdi>{name(&action.operation)}</bdi></span> });
    let whole = approve.then(|| {
        let context = (action.context.get() != "{}")
            .then(|| view! { <Json text=action.context.get().to_owned() label="context" /> });
        view! {
            <Json text=action.params.get().to_owned() label="arguments" />
            {context}
        }
    });
    let line = (!approve).then(|| {
        view! {
            <br />
            <code><Isolated text=arguments(&action.params, &action.decision.key_params) /></code>
        }
    });
    view! {
        <li>
            <strong><bdi>{name(&action.tool)}</bdi></strong> {operation} " of " <bdi>{name(&action.agent_id)}</bdi> " "
            <RiskMeter level=action.decision.risk_level score=action.decision.risk_score />
            {line}
            {whole}
        </li>
    }
}
