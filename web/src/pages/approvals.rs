//! The approvals queue: what waits for a person, what expires first on top, to be answered with the keyboard alone.
//!
//! It shows and sends. The server decides who may answer, and how many answers are needed.

pub mod bulk;
pub mod confirm;
pub mod desk;
pub mod help;
pub mod item;
pub mod progress;
pub mod queue;
pub mod sending;
pub mod words;

use leptos::prelude::*;

use self::desk::Desk;
use self::item::Item;
use crate::components::{Empty, FailureView, Link, Resource};
use crate::format::{counted, time};
use crate::notify::{Choice, Notifications};
use crate::server;
use crate::session::Sessions;
use crate::url::encoded;
use api::{Action, Permission, Role};

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
            <button type="button" class="quiet keys" aria-keyshortcuts="?" on:click=move |_| desk.help.set(true)>
                "Keyboard " <kbd>"?"</kbd>
            </button>
        </div>
        <ReadOnly />
        {move || queue.failure().map(|failure| view! { <FailureView failure /> })}
        <Gone desk />
        {move || match queue.number() {
            None if queue.failure().is_some() => {
                view! {
                    <p>
                        <button type="button" on:click=move |_| queue.load(|| {})>"Try again"</button>
                    </p>
                }
                    .into_any()
            }
            None => view! { <p class="loading" role="status">"Loading …"</p> }.into_any(),
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
                                {format!("Show more of the {rest} others")}
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
        (!sessions.may(Permission::Approve)).then(|| {
            let role = sessions.role().map(Role::as_str);
            view! {
                <p class="notice">
                    "You see the queue and cannot answer: your key has the role " <strong>{role}</strong>
                    ", and answering needs the role " <strong>"approver"</strong> " or " <strong>"admin"</strong> "."
                </p>
            }
        })
    }
}

/// Whether the browser shows notifications of new ones.
#[component]
fn NotificationChoice() -> impl IntoView {
    let notifications = Notifications::here();
    move || {
        match notifications.choice() {
        Choice::Unsupported => {
            view! { <span class="help">"No notifications: browsers offer them on https and localhost only"</span> }
                .into_any()
        }
        Choice::Blocked => {
            view! { <span class="help">"Notifications are blocked in the browser's settings"</span> }.into_any()
        }
        Choice::Off => view! {
            <button type="button" class="quiet" on:click=move |_| notifications.turn_on()>
                "Notify me of new ones"
            </button>
        }
        .into_any(),
        Choice::On => view! {
            <button type="button" class="quiet" on:click=move |_| notifications.turn_off()>
                "Stop notifying me"
            </button>
        }
        .into_any(),
    }
    }
}

/// The end of the action that the URL names, when it no longer waits.
#[component]
fn Gone(desk: Desk) -> impl IntoView {
    let action = Resource::<Action>::new();
    let gone = Memo::new(move |_| desk.gone());
    Effect::new(move |_| {
        let Some(id) = gone.get() else { return action.clear() };
        action.clear();
        action.load(async move { server::get(&format!("/v1/actions/{}", encoded(&id))).await });
    });
    move || {
        gone.get()?;
        let link = |id: &str| format!("/actions?id={}", encoded(id));
        Some(match (action.get(), action.failure()) {
            (Some(action), _) => view! {
                <p class="notice" role="status">
                    <strong>{words::name(&action)}</strong> " is no longer waiting: " {words::ended(&action)} ", "
                    {time(&action.standing.updated_at)} ". " <Link to=link(&action.id)>"Open the action"</Link>
                </p>
            }
            .into_any(),
            (None, Some(failure)) => view! { <FailureView failure /> }.into_any(),
            (None, None) => ().into_any(),
        })
    }
}
