//! Sending the same answer for several actions: a few at a time, with an end to it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::*;

use super::desk::Desk;
use super::progress::Progress;
use super::queue::{Held, Sent};
use crate::components::Toasts;
use crate::format::{count, counted, now_ms};

/// How many answers are on their way at once; a browser has few connections for one server.
const AT_ONCE: usize = 4;
/// How often the page shows how far it has come.
const SHOWN_EVERY_MS: f64 = 250.0;

/// What the answers for several have in common while they are sent. Leaving the page does not stop them.
struct Sending {
    waiting: RefCell<std::vec::IntoIter<Held>>,
    at_work: Cell<usize>,
    done: Cell<u64>,
    refused: Cell<u64>,
    shown_at_ms: Cell<f64>,
    is_lost: Cell<bool>,
}

/// Sends an answer for each of them, a few at a time, until the user stops it or the server cannot be reached.
pub fn send(desk: Desk, toasts: Toasts, mut all: Vec<Held>, approve: bool, comment: &str) {
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
