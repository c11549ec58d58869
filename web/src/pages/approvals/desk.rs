//! Working through the queue: the selection, the keys, and the confirmations.

use std::sync::Arc;

use gloo::storage::{LocalStorage, Storage as _};
use gloo::timers::callback::Interval;
use leptos::ev::{KeyboardEvent, keydown};
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

use super::progress::Progress;
use super::queue::{Held, Queue};
use super::words::{Left, is_dangerous, is_long, left};
use crate::components::Toasts;
use crate::format::now_ms;
use crate::url;

/// How many items are shown at first, and how many more each time.
const SHOWN: usize = 50;
/// Where it is remembered that single keys do nothing.
const KEYS_OFF: &str = "faramesh-keys-off";

/// The state that the components of the page share.
#[derive(Clone, Copy)]
pub struct Desk {
    /// The queue.
    pub queue: Queue,
    /// The time, by the browser's clock, each second.
    pub now: RwSignal<f64>,
    /// The action whose approval is to be confirmed, and whether that is being asked.
    pub confirming: (RwSignal<Option<Arc<str>>>, RwSignal<bool>),
    /// The answer for all that are ticked, and whether its confirmation is being asked.
    pub bulk: (RwSignal<bool>, RwSignal<bool>),
    /// How far answers for several have come, while they are being sent.
    pub progress: RwSignal<Option<Progress>>,
    /// Whether the keys are explained.
    pub help: RwSignal<bool>,
    /// Whether single keys do anything.
    pub keys: RwSignal<bool>,
    wanted: Memo<Option<String>>,
    want: SignalSetter<Option<String>>,
    /// Where the selection was last, so that the next key goes on from there.
    place: StoredValue<usize>,
    most: RwSignal<usize>,
    toasts: Toasts,
}

impl Desk {
    /// Sets the page up.
    pub fn provide() -> Self {
        let (wanted, want) = selection();
        let queue = Queue::provide(move |queue| {
            // The page may have been left meanwhile.
            let selected = wanted;
            let Some(wanted) = selected.try_get_untracked() else { return };
            // Without a particular action in the URL, the selection starts at the top.
            match (wanted, queue.items_untracked().first()) {
                (None, Some(first)) => want.set(Some(first.id.to_string())),
                (Some(id), _) => focus(selected, &id),
                (None, None) => {}
            }
        });
        let desk = Desk {
            queue,
            now: RwSignal::new(now_ms()),
            confirming: (RwSignal::new(None), RwSignal::new(false)),
            bulk: (RwSignal::new(false), RwSignal::new(false)),
            progress: RwSignal::new(None),
            help: RwSignal::new(false),
            keys: RwSignal::new(LocalStorage::get::<bool>(KEYS_OFF).map_or(true, |off| !off)),
            wanted,
            want,
            place: StoredValue::new(0),
            most: RwSignal::new(SHOWN),
            toasts: Toasts::here(),
        };
        let clock = StoredValue::new_local(Some(Interval::new(1000, move || _ = desk.now.try_set(now_ms()))));
        let pressed = window_event_listener(keydown, move |event| desk.press(&event));
        on_cleanup(move || {
            _ = clock.try_update_value(Option::take);
            pressed.remove();
        });
        desk
    }

    /// The items that are shown: the first ones, and as many as it takes to show the selected one.
    pub fn shown(self) -> Vec<Held> {
        let items = self.queue.items();
        items.iter().take(self.most(&items)).cloned().collect()
    }

    /// How many are not shown.
    pub fn rest(self) -> usize {
        let items = self.queue.items();
        items.len().saturating_sub(self.most(&items))
    }

    fn most(self, items: &[Held]) -> usize {
        let selected = self.wanted.with(|wanted| place_of(items, wanted.as_deref()));
        self.most.get().max(selected.map_or(0, |place| place + 1))
    }

    /// Shows more.
    pub fn show_more(self) {
        self.most.update(|most| *most += SHOWN);
    }

    /// Whether this one is selected.
    pub fn is_selected(self, id: &str) -> bool {
        self.wanted.with(|wanted| wanted.as_deref() == Some(id))
    }

    /// The action that the URL names and that does not wait.
    pub fn gone(self) -> Option<String> {
        self.queue.number()?;
        self.wanted.get().filter(|id| self.queue.find(id).is_none())
    }

    /// Selects one.
    pub fn select(self, id: &str) {
        if let Some(place) = place_of(&self.queue.items_untracked(), Some(id)) {
            self.place.set_value(place);
        }
        if self.wanted.with_untracked(|wanted| wanted.as_deref() != Some(id)) {
            self.want.set(Some(id.to_owned()));
        }
    }

    fn selected(self) -> Option<Held> {
        let wanted = self.wanted.get_untracked()?;
        self.queue.items_untracked().iter().find(|held| *held.id == *wanted).cloned()
    }

    fn go_to(self, place: usize) {
        let items = self.queue.items_untracked();
        let Some(held) = items.get(place.min(items.len().saturating_sub(1))) else { return };
        self.select(&held.id);
        focus(self.wanted, &held.id);
    }

    fn step(self, forward: bool) {
        let items = self.queue.items_untracked();
        let here = self.wanted.with_untracked(|wanted| place_of(&items, wanted.as_deref()));
        match (here, forward) {
            (Some(place), true) => self.go_to(place + 1),
            (Some(place), false) => self.go_to(place.saturating_sub(1)),
            // The selected action is gone: the one after it is in its place now.
            (None, true) => self.go_to(self.place.get_value()),
            (None, false) => self.go_to(self.place.get_value().saturating_sub(1)),
        }
    }

    /// Gives an answer, after a confirmation where that is due.
    pub fn give(self, held: &Held, approve: bool) {
        let action = held.now();
        let standing = untrack(|| self.queue.standing(&action));
        if !standing.may(approve) {
            self.toasts.failed(standing.why().unwrap_or("your key may not answer; an approver has to"));
        } else if left(action.standing.expires_at.as_deref(), now_ms()) == Left::Over {
            self.toasts.failed("too late: the action has expired");
        } else if self.queue.is_moving(&held.id) {
            self.toasts.failed(
                "the queue moved at this moment; nothing was sent, so check the selection and answer again",
            );
        } else if approve && (is_dangerous(&action) || is_long(&action)) {
            self.confirming.0.set(Some(Arc::clone(&held.id)));
            self.confirming.1.set(true);
        } else {
            self.send(held.clone(), approve);
        }
    }

    /// Sends an answer, then goes on to the next one.
    pub fn send(self, held: Held, approve: bool) {
        let place = place_of(&self.queue.items_untracked(), Some(&held.id)).unwrap_or_default();
        leptos::task::spawn_local(async move {
            self.queue.answer(held.clone(), approve).await;
            let left = !self.queue.items_untracked().iter().any(|other| other.id == held.id);
            if left && self.wanted.try_get_untracked().flatten().as_deref() == Some(&*held.id) {
                if self.queue.items_untracked().is_empty() {
                    self.want.set(None);
                } else {
                    self.go_to(place);
                }
            }
        });
    }

    /// Asks whether all that are ticked are to get this answer.
    pub fn give_all(self, approve: bool) {
        if self.progress.with_untracked(Option::is_some) {
            return self.toasts.failed("the previous answers are still being sent");
        }
        self.bulk.0.set(approve);
        self.bulk.1.set(true);
    }

    /// Turns the single keys on or off, for now and for later.
    pub fn use_keys(self, on: bool) {
        // Where nothing may be stored, the choice holds for this page.
        _ = LocalStorage::set(KEYS_OFF, !on);
        self.keys.set(on);
    }

    fn press(self, event: &KeyboardEvent) {
        if !self.keys.get_untracked()
            || event.ctrl_key()
            || event.meta_key()
            || event.alt_key()
            || event.is_composing()
        {
            return;
        }
        if document().query_selector("dialog[open]").ok().flatten().is_some() {
            return;
        }
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let within = |selector: &str| {
            target.as_ref().is_some_and(|target| target.closest(selector).ok().flatten().is_some())
        };
        if within("input:not([type=checkbox]), textarea, select, [contenteditable]") {
            if event.key() == "Escape"
                && let Some(held) = self.selected()
            {
                focus(self.wanted, &held.id);
            }
            return;
        }
        let key = event.key();
        match key.as_str() {
            // Arrows scroll a long text, and move between the options of a control, before they do anything here.
            "ArrowDown" | "ArrowUp" if within("pre, nav, summary") => return,
            "j" | "ArrowDown" => self.step(true),
            "k" | "ArrowUp" => self.step(false),
            "?" => self.help.set(true),
            "Escape" => self.queue.check_none(),
            "a" | "r" | "x" | "c" if event.repeat() => {}
            "a" | "r" if untrack(|| self.queue.number_checked()) > 0 => self.give_all(key == "a"),
            "a" | "r" => self.on_selected(|held| self.give(held, key == "a")),
            "x" => self.on_selected(|held| {
                if untrack(|| self.queue.standing(&held.now())).may(false) {
                    self.queue.toggle(&held.id);
                }
            }),
            "c" => self.on_selected(|held| focus_on(&format!("comment-{}", held.id))),
            _ => return,
        }
        event.prevent_default();
    }

    fn on_selected(self, act: impl FnOnce(&Held)) {
        match self.selected() {
            Some(held) => act(&held),
            None => self.toasts.failed("nothing is selected; go to an action with `j` or `k` first"),
        }
    }
}

fn place_of(items: &[Held], id: Option<&str>) -> Option<usize> {
    items.iter().position(|held| Some(&*held.id) == id)
}

/// The selected action, as in the URL. The URL follows a moment after the key; the next key must not wait for that, or
/// it would apply to the earlier selection.
fn selection() -> (Memo<Option<String>>, SignalSetter<Option<String>>) {
    let (at, lead) = url::query("id");
    // The old state that the URL may still have, and the new one.
    let led = RwSignal::new((Vec::<Option<String>>::new(), None::<String>));
    let selected = Memo::new(move |_| {
        let at = at.get();
        led.with(|(passing, to)| if passing.contains(&at) { to.clone() } else { at })
    });
    let select = SignalSetter::map(move |id: Option<String>| {
        let at = at.get_untracked();
        led.update(|(passing, to)| {
            if passing.contains(&at) {
                passing.push(to.take());
            } else {
                *passing = vec![at];
            }
            *to = id.clone();
        });
        lead.set(id);
    });
    (selected, select)
}

/// Moves the focus to an action, unless another one was selected by the time the page is drawn.
fn focus(selected: Memo<Option<String>>, id: &str) {
    let wanted = id.to_owned();
    focus_if(&format!("held-{id}"), move || {
        selected.try_with_untracked(|selected| selected.as_ref() == Some(&wanted)) == Some(true)
    });
}

fn focus_on(element: &str) {
    focus_if(element, || true);
}

/// Moves the focus once the page shows its target, if it is still wanted then.
fn focus_if(element: &str, still: impl FnOnce() -> bool + 'static) {
    let element = element.to_owned();
    request_animation_frame(move || {
        let found = document().get_element_by_id(&element);
        let found = found.and_then(|found| found.dyn_into::<web_sys::HtmlElement>().ok());
        if let Some(found) = found.filter(|_| still()) {
            _ = found.focus();
        }
    });
}
