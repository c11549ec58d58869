//! The approvals queue: what waits for a person, what expires first on top, to be answered with the keyboard alone.
//!
//! It shows and sends. Who may answer, and how many it takes, the server decides.

pub mod bulk;
pub mod confirm;
pub mod desk;
pub mod help;
pub mod item;
pub mod queue;
pub mod sending;
pub mod words;

use leptos::prelude::*;

use self::desk::Desk;
use self::item::Item;
use crate::api;
use crate::api::types::Action;
use crate::components::{Empty, FailureView, Link, Resource};
use crate::format::{counted, time};
use crate::notify::{Choice, Notifications};
use crate::session::Sessions;
use crate::url::encoded;

/// The queue.
#[component]
pub fn Approvals() -> impl IntoView {
    let desk = Desk::provide();
    let queue = desk.queue;
    let waiting =
        move || queue.number().map(|number| format!("{} waiting", counted(number as u64, "action")));
    view! {
        <div class="head">
            <h1>"Approvals"</h1>
            <span class="muted" role="status">{waiting}</span>
            <NotificationChoice />
            <button type="button" class="quiet" aria-keyshortcuts="?" on:click=move |_| desk.help.set(true)>
                "keyboard " <kbd>"?"</kbd>
            </button>
        </div>
        <ReadOnly />
        {move || queue.failure().map(|failure| view! { <FailureView failure /> })}
        <Gone desk />
        {move || match queue.number() {
            None if queue.failure().is_some() => {
                view! {
                    <p>
                        <button type="button" on:click=move |_| queue.load(|| {})>"try again"</button>
                    </p>
                }
                    .into_any()
            }
            None => view! { <p class="loading" role="status">"loading …"</p> }.into_any(),
            Some(0) => {
                view! {
                    <Empty title="Nothing waits for an approval">
                        <p>"Actions that a policy holds appear here as soon as an agent proposes them."</p>
                    </Empty>
                }
                    .into_any()
            }
            Some(_) => ().into_any(),
        }}
        <bulk::Bar desk />
        <ol class="held-list" aria-label="actions that wait">
            <For each=move || desk.shown() key=|held| held.id.clone() let(held)>
                <Item desk held />
            </For>
        </ol>
        {move || {
            let rest = desk.rest();
            (rest > 0)
                .then(|| {
                    view! {
                        <p>
                            <button type="button" class="quiet" on:click=move |_| desk.show_more()>
                                {format!("show more of the {rest} others")}
                            </button>
                        </p>
                    }
                })
        }}
        <confirm::Confirm desk />
        <bulk::BulkDialog desk />
        <help::Help desk />
    }
}

/// Why there are no buttons.
#[component]
fn ReadOnly() -> impl IntoView {
    let sessions = Sessions::here();
    move || {
        (!sessions.may("approve")).then(|| {
            let role = sessions.role().unwrap_or_default();
            view! {
                <p class="notice">
                    "You see the queue and cannot answer: your key has the role " <strong>{role}</strong>
                    ", and answering needs the role " <strong>"approver"</strong> " or " <strong>"admin"</strong> "."
                </p>
            }
        })
    }
}

/// Whether the browser is to tell of new ones.
#[component]
fn NotificationChoice() -> impl IntoView {
    let notifications = Notifications::here();
    move || {
        match notifications.choice() {
        Choice::Unsupported => {
            view! { <span class="help">"no notifications: this browser has them on https and localhost only"</span> }
                .into_any()
        }
        Choice::Blocked => {
            view! { <span class="help">"notifications are blocked in the settings of the browser"</span> }.into_any()
        }
        Choice::Off => view! {
            <button type="button" class="quiet" on:click=move |_| notifications.turn_on()>
                "notify me of new ones"
            </button>
        }
        .into_any(),
        Choice::On => view! {
            <button type="button" class="quiet" on:click=move |_| notifications.turn_off()>
                "stop notifying me"
            </button>
        }
        .into_any(),
    }
    }
}

/// What became of the action that the URL names, when it does not wait any more.
#[component]
fn Gone(desk: Desk) -> impl IntoView {
    let action = Resource::<Action>::new();
    let gone = Memo::new(move |_| desk.gone());
    Effect::new(move |_| {
        let Some(id) = gone.get() else { return action.clear() };
        action.clear();
        action.load(async move { api::get(&format!("/v1/actions/{}", encoded(&id))).await });
    });
    move || {
        gone.get()?;
        let link = |id: &str| format!("/actions?id={}", encoded(id));
        Some(match (action.get(), action.failure()) {
            (Some(action), _) => view! {
                <p class="notice" role="status">
                    <strong>{words::name(&action)}</strong> " does not wait any more: " {words::ended(&action)} ", "
                    {time(&action.updated_at)} ". " <Link to=link(&action.id)>"Look at the action"</Link>
                </p>
            }
            .into_any(),
            (None, Some(failure)) => view! { <FailureView failure /> }.into_any(),
            (None, None) => ().into_any(),
        })
    }
}
