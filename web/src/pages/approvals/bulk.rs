//! Several answers at once: the bar that ticks, the dialog that lists what will be answered, and sending them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::*;

use super::desk::Desk;
use super::queue::{Held, Sent};
use super::words::is_dangerous;
use crate::components::{Dialog, RiskMeter, Toasts};
use crate::format::{arguments, count, counted, now_ms, visible};
use crate::session::Sessions;

/// How many are listed before they are answered.
const LISTED: usize = 200;
/// How many answers are on their way at once; a browser has few connections for one server.
const AT_ONCE: usize = 4;
/// How often the page shows how far it has come.
const SHOWN_EVERY_MS: f64 = 250.0;

/// How far the answers for several actions have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which answer.
    pub approve: bool,
    /// How many get it.
    pub all: u64,
    /// How many of them the server has answered.
    pub answered: u64,
    /// Whether somebody wants no more to be sent.
    pub stopped: bool,
}

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
        send(desk, toasts, held.get_untracked(), approve, &comment.get_untracked());
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

/// What the answers for several have in common while they are sent. Leaving the page does not stop them.
struct Sending {
    waiting: RefCell<std::vec::IntoIter<Held>>,
    at_work: Cell<usize>,
    done: Cell<u64>,
    refused: Cell<u64>,
    shown_at_ms: Cell<f64>,
    is_lost: Cell<bool>,
}

/// Sends an answer for each of them, a few at a time, until somebody stops it or the server cannot be reached.
fn send(desk: Desk, toasts: Toasts, mut all: Vec<Held>, approve: bool, comment: &str) {
    all.retain(|held| !held.sending.get_untracked());
    // All of them now: drawing the list anew for each takes longer than the answer.
    for held in &all {
        held.sending.set(true);
        if !comment.trim().is_empty() {
            held.comment.set(comment.to_owned());
        }
    }
    desk.progress.set(Some(Progress { approve, all: all.len() as u64, answered: 0, stopped: false }));
    let sending = Rc::new(Sending {
        waiting: RefCell::new(all.into_iter()),
        at_work: Cell::new(AT_ONCE),
        done: Cell::new(0),
        refused: Cell::new(0),
        shown_at_ms: Cell::new(now_ms()),
        is_lost: Cell::new(false),
    });
    for _ in 0..AT_ONCE {
        let sending = Rc::clone(&sending);
        leptos::task::spawn_local(async move {
            while let Some(held) = sending.next(desk) {
                match desk.queue.answer_one_of_many(held, approve).await {
                    Sent::Done => sending.done.set(sending.done.get() + 1),
                    Sent::Refused => sending.refused.set(sending.refused.get() + 1),
                    Sent::Unsent => {
                        sending.refused.set(sending.refused.get() + 1);
                        sending.is_lost.set(true);
                    }
                }
                sending.show(desk);
            }
            sending.at_work.set(sending.at_work.get() - 1);
            if sending.at_work.get() == 0 {
                desk.queue.settle();
                _ = desk.progress.try_set(None);
                sending.tell(toasts, approve);
            }
        });
    }
}

impl Sending {
    fn next(&self, desk: Desk) -> Option<Held> {
        let stopped = desk.progress.try_with_untracked(|progress| progress.is_some_and(|now| now.stopped));
        if self.is_lost.get() || stopped == Some(true) {
            return None;
        }
        self.waiting.borrow_mut().next()
    }

    fn show(&self, desk: Desk) {
        if now_ms() - self.shown_at_ms.get() < SHOWN_EVERY_MS {
            return;
        }
        self.shown_at_ms.set(now_ms());
        desk.queue.settle();
        _ = desk.progress.try_update(|progress| {
            if let Some(progress) = progress {
                progress.answered = self.done.get() + self.refused.get();
            }
        });
    }

    fn tell(&self, toasts: Toasts, approve: bool) {
        let (refused, unsent) = (self.refused.get(), self.waiting.borrow().len() as u64);
        for held in self.waiting.take() {
            held.sending.set(false);
        }
        let word = if approve { "approved" } else { "rejected" };
        let mut words = vec![format!("{} {word}", counted(self.done.get(), "action"))];
        if refused > 0 {
            words.push(format!("{} not, and say why", count(refused)));
        }
        if unsent > 0 {
            let why = if self.is_lost.get() { "the others would not get through" } else { "you stopped it" };
            words.push(format!("{} not sent, because {why}", count(unsent)));
        }
        let words = words.join("; ");
        if refused + unsent > 0 { toasts.failed(words) } else { toasts.say(words) }
    }
}
