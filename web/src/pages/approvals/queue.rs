//! The queue as the page holds it: fetched once, then updated with the server's events, action by action.
//!
//! INVARIANT: an answer goes to the action that the person looked at. The selection is an id and never a position, an
//! id that leaves the queue is not replaced by another by itself, and right after the list has moved under a person's
//! hand an answer is refused.

use engine::order::sort_by;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use engine::lifecycle::Status;
use leptos::prelude::*;

use super::words::{Standing, departures, ended, name, needs, order, refusal};
use crate::components::Toasts;
use crate::format::{counted, now_ms};
use crate::live::{Event, Live};
use crate::pending::changes_queue;
use crate::server;
use crate::server::Failure;
use crate::session::Sessions;
use crate::url::encoded;
use api::{Action, ActionPage, ApprovalRequest, Permission};

/// Above this, the whole queue is fetched again instead of each action.
const MANY: usize = 50;
/// Up to this, it is said of each action that left unseen how it ended.
const FEW: usize = 50;
/// How long the list must be still before it accepts answers again.
const STILL_MS: f64 = 400.0;

/// A waiting action, and the answer being written.
#[derive(Clone)]
pub struct Held {
    /// Its id.
    pub id: Arc<str>,
    /// The action as it is now.
    pub action: ArcRwSignal<Arc<Action>>,
    /// The unsent answer.
    pub comment: ArcRwSignal<String>,
    /// Whether an answer is on its way.
    pub sending: ArcRwSignal<bool>,
    /// Why the last answer was refused.
    pub problem: ArcRwSignal<Option<String>>,
}

impl Held {
    fn new(action: Action) -> Self {
        Held {
            id: action.id.as_str().into(),
            action: ArcRwSignal::new(Arc::new(action)),
            comment: ArcRwSignal::default(),
            sending: ArcRwSignal::default(),
            problem: ArcRwSignal::default(),
        }
    }

    /// The action, without following it.
    pub fn now(&self) -> Arc<Action> {
        self.action.get_untracked()
    }
}

/// How an answer went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is recorded, and took effect.
    Done,
    /// It is not, or it did not.
    Refused,
    /// It did not get through, and neither would the next one.
    Unsent,
}

/// The queue, for every component of its page.
#[derive(Clone, Copy)]
pub struct Queue {
    /// Shared, because looking at it must cost nothing, however long it is.
    items: RwSignal<Option<Arc<Vec<Held>>>>,
    failure: RwSignal<Option<Failure>>,
    /// Which of them are ticked.
    checked: RwSignal<BTreeSet<Arc<str>>>,
    /// Those that were answered among many and are still in the list.
    leaving: StoredValue<BTreeSet<Arc<str>>>,
    /// When the list last moved, and from which place on.
    moved: StoredValue<(f64, usize)>,
    heard: StoredValue<Rc<RefCell<Heard>>, LocalStorage>,
    sessions: Sessions,
    toasts: Toasts,
}

#[derive(Default)]
struct Heard {
    ids: BTreeSet<String>,
    loading: bool,
    /// Whether to look again as soon as the whole queue was fetched.
    again: bool,
}

impl Queue {
    /// Fetches the queue and keeps it up, for the component that asks. `on_first` is called when it is there.
    pub fn provide(on_first: impl FnOnce(Queue) + 'static) -> Self {
        let queue = Queue {
            items: RwSignal::new(None),
            failure: RwSignal::new(None),
            checked: RwSignal::new(BTreeSet::new()),
            leaving: StoredValue::new(BTreeSet::new()),
            moved: StoredValue::new((0.0, 0)),
            heard: StoredValue::new_local(Rc::default()),
            sessions: Sessions::here(),
            toasts: Toasts::here(),
        };
        provide_context(queue);
        Live::here().on_change_of(move |event| queue.hear(event), move || queue.catch_up());
        let first = RefCell::new(Some(on_first));
        queue.load(move || {
            if let Some(first) = first.take() {
                first(queue);
            }
        });
        queue
    }

    /// The queue of this page.
    ///
    /// # Panics
    /// Outside of the page.
    pub fn here() -> Self {
        expect_context()
    }

    /// The waiting actions, once they are known.
    pub fn items(self) -> Arc<Vec<Held>> {
        self.items.get().unwrap_or_default()
    }

    /// The waiting actions, without following them.
    pub fn items_untracked(self) -> Arc<Vec<Held>> {
        self.items.try_get_untracked().flatten().unwrap_or_default()
    }

    /// How many wait, once that is known.
    pub fn number(self) -> Option<usize> {
        self.items.with(|items| items.as_ref().map(|items| items.len()))
    }

    /// One of them.
    pub fn find(self, id: &str) -> Option<Held> {
        self.items().iter().find(|held| &*held.id == id).cloned()
    }

    /// Why the queue could not be fetched.
    pub fn failure(self) -> Option<Failure> {
        self.failure.get()
    }

    /// Which are ticked and still wait, in the order of the queue.
    pub fn checked(self) -> Vec<Held> {
        let checked = self.checked.read();
        self.items().iter().filter(|held| checked.contains(&held.id)).cloned().collect()
    }

    /// How many are ticked.
    pub fn number_checked(self) -> usize {
        self.checked.with(BTreeSet::len)
    }

    /// Whether one is ticked.
    pub fn is_checked(self, id: &str) -> bool {
        self.checked.with(|checked| checked.contains(id))
    }

    /// Ticks or unticks one.
    pub fn toggle(self, id: &Arc<str>) {
        self.checked.update(|checked| {
            if !checked.remove(id) {
                checked.insert(Arc::clone(id));
            }
        });
    }

    /// Ticks those of `some` that the person who is logged in may answer.
    pub fn check(self, some: &[Held]) {
        let may_answer = some.iter().filter(|held| untrack(|| self.standing(&held.now())).may(false));
        self.checked.set(may_answer.map(|held| Arc::clone(&held.id)).collect());
    }

    /// Ticks the whole queue, shown or not: only to reject it.
    pub fn check_all(self) {
        self.check(&self.items_untracked());
    }

    /// Unticks all.
    pub fn check_none(self) {
        self.checked.set(BTreeSet::new());
    }

    /// The permissions of the session for an action.
    pub fn standing(self, action: &Action) -> Standing {
        Standing::of(action, self.sessions.may(Permission::Approve))
    }

    /// Whether the list has just moved at this action's position, so that a click may hit another action than intended.
    pub fn is_moving(self, id: &str) -> bool {
        let place = self.items_untracked().iter().position(|held| &*held.id == id).unwrap_or_default();
        let (at, from) = self.moved.get_value();
        place >= from && now_ms() - at < STILL_MS
    }

    /// Fetches all of it.
    pub fn load(self, then: impl FnOnce() + 'static) {
        let Some(heard) = self.heard.try_with_value(Rc::clone) else { return };
        heard.borrow_mut().loading = true;
        leptos::task::spawn_local(async move {
            let answer = fetch_all().await;
            heard.borrow_mut().loading = false;
            match answer {
                Ok(actions) => self.replace(actions),
                Err(failure) => {
                    self.sessions.notice(&failure);
                    _ = self.failure.try_set(Some(failure));
                    return;
                }
            }
            then();
            // Events during the loading of the pages may be missing from them.
            let again = std::mem::take(&mut heard.borrow_mut().again);
            if again || !heard.borrow().ids.is_empty() {
                self.catch_up();
            }
        });
    }

    /// Notes whom an event concerns, and says whether there is anything to look at.
    fn hear(self, event: &Event) -> bool {
        let Some(id) = event.action_id.as_deref().filter(|_| changes_queue(event)) else { return false };
        let heard = self.heard.try_with_value(Rc::clone);
        let Some(mut heard) = heard.as_ref().map(|heard| heard.borrow_mut()) else { return false };
        let items = self.items_untracked();
        let here = items.iter().find(|held| *held.id == *id);
        let is_known = match here {
            // The data being fetched may be older than the events.
            _ if heard.loading => false,
            // The answer that is on its way says itself how it went.
            Some(held) => held.sending.get_untracked(),
            // An action that has left does not return.
            None => event.kind != "decision",
        };
        if !is_known {
            heard.ids.insert(id.to_owned());
        }
        !is_known
    }

    /// Looks at each action of which something was heard; at all of them when that is many, or when nothing in
    /// particular was heard because the connection was not there for a while.
    fn catch_up(self) {
        let Some(heard) = self.heard.try_with_value(Rc::clone) else { return };
        if heard.borrow().loading {
            heard.borrow_mut().again = true;
            return;
        }
        let ids = std::mem::take(&mut heard.borrow_mut().ids);
        if ids.is_empty() || ids.len() > MANY {
            return self.load(|| {});
        }
        leptos::task::spawn_local(async move {
            let mut left = Vec::new();
            for id in ids {
                match server::get::<Action>(&format!("/v1/actions/{}", encoded(&id))).await {
                    Ok(action) => left.extend(self.take_in(action)),
                    Err(failure) => {
                        self.sessions.notice(&failure);
                        break;
                    }
                }
            }
            for note in departures(&left) {
                self.toasts.say(note);
            }
        });
    }

    fn replace(self, mut actions: Vec<Action>) {
        sort_by(&mut actions, order);
        self.settle();
        let Some(before) = self.items.try_update_untracked(Option::take) else { return };
        let before = before.unwrap_or_default();
        let places: Vec<Arc<str>> = before.iter().map(|held| Arc::clone(&held.id)).collect();
        let mut before: BTreeMap<Arc<str>, Held> =
            before.iter().map(|held| (Arc::clone(&held.id), held.clone())).collect();
        let mut items: Vec<Held> = actions
            .into_iter()
            .map(|action| match before.remove(action.id.as_str()) {
                Some(held) => {
                    held.action.set(Arc::new(action));
                    held
                }
                None => Held::new(action),
            })
            .collect();
        if before.len() > FEW {
            self.toasts.say(format!("{} left the queue meanwhile", counted(before.len() as u64, "action")));
            _ = self.checked.try_update(|checked| checked.retain(|id| !before.contains_key(id)));
        } else {
            // They stay until it is known who answered.
            _ = self.heard.try_with_value(|heard| {
                heard.borrow_mut().ids.extend(before.keys().map(|id| id.to_string()));
            });
            items.extend(before.into_values());
            sort_by(&mut items, |left, right| order(&left.now(), &right.now()));
        }
        let same = places.iter().zip(&items).take_while(|(id, held)| **id == held.id).count();
        if same < places.len() {
            self.moved.set_value((now_ms(), same));
        }
        _ = self.failure.try_set(None);
        _ = self.items.try_set(Some(Arc::new(items)));
    }

    /// Takes an action in as it is now, and gives it back when it has left the queue without this page.
    fn take_in(self, action: Action) -> Option<Action> {
        let here = self.items_untracked().iter().find(|held| *held.id == *action.id).cloned();
        match (here, action.standing.status == Status::PendingApproval) {
            (Some(held), true) => held.action.set(Arc::new(action)),
            // The answer that is on its way says itself how it went.
            (Some(held), false) if held.sending.get_untracked() => {}
            (Some(held), false) => {
                self.remove(&held.id);
                return Some(action);
            }
            (None, true) => {
                _ = self.items.try_update(|items| {
                    let items = Arc::make_mut(items.get_or_insert_default());
                    let place = items.partition_point(|held| order(&held.now(), &action).is_lt());
                    if place < items.len() {
                        self.moved.set_value((now_ms(), place));
                    }
                    items.insert(place, Held::new(action));
                });
            }
            (None, false) => {}
        }
        None
    }

    fn remove(self, id: &Arc<str>) {
        self.remove_all(&BTreeSet::from([Arc::clone(id)]));
    }

    fn remove_all(self, ids: &BTreeSet<Arc<str>>) {
        _ = self.checked.try_update(|checked| checked.retain(|id| !ids.contains(id)));
        _ = self.items.try_update(|items| {
            let Some(items) = items else { return };
            if let Some(place) = items.iter().position(|held| ids.contains(&held.id)) {
                Arc::make_mut(items).retain(|held| !ids.contains(&held.id));
                self.moved.set_value((now_ms(), place));
            }
        });
    }

    /// Takes those out that were answered among many. Drawing the list anew for each takes longer than the answer.
    pub fn settle(self) {
        let ids = self.leaving.try_update_value(std::mem::take).unwrap_or_default();
        if !ids.is_empty() {
            self.remove_all(&ids);
        }
    }

    /// Sends an answer, says how it went, and takes the action out when it does not wait any more.
    pub async fn answer(self, held: Held, approve: bool) -> Sent {
        if held.sending.get_untracked() {
            return Sent::Refused;
        }
        held.sending.set(true);
        let sent = self.send(&held, approve, false).await;
        held.sending.set(false);
        sent
    }

    /// Sends an answer for one of many, which are all marked as being sent. The caller reports the result, and removes
    /// actions that no longer wait with [`Queue::settle`].
    pub async fn answer_one_of_many(self, held: Held, approve: bool) -> Sent {
        let sent = self.send(&held, approve, true).await;
        let leaves = self.leaving.try_with_value(|leaving| leaving.contains(&held.id));
        if leaves != Some(true) {
            held.sending.set(false);
        }
        sent
    }

    async fn send(self, held: &Held, approve: bool, one_of_many: bool) -> Sent {
        held.problem.set(None);
        let comment = held.comment.get_untracked().trim().to_owned();
        let reason = Some(comment).filter(|comment| !comment.is_empty());
        let path = format!("/v1/actions/{}/approval", encoded(&held.id));
        let body = ApprovalRequest { approve, reason, token: None };
        match server::post::<Action>(self.sessions, &path, &body).await {
            Ok(action) => self.answered(held, approve, one_of_many, action),
            Err(failure) => self.refused(held, &failure).await,
        }
    }

    fn answered(self, held: &Held, approve: bool, one_of_many: bool, action: Action) -> Sent {
        let what = name(&action);
        let is_waited_for = held.now().standing.waiting != Some(false);
        if action.standing.status == Status::PendingApproval {
            let missing: Vec<String> = needs(action.decision.approval.as_ref(), &action.standing.approvals)
                .into_iter()
                .filter(|need| need.have < need.of as usize)
                .map(|need| need.text())
                .collect();
            self.toasts.say(format!("{what}: your approval is recorded; so far {}", missing.join(" and ")));
            held.comment.set(String::new());
            held.action.set(Arc::new(action));
            return Sent::Done;
        }
        if one_of_many {
            _ = self.leaving.try_update_value(|leaving| leaving.insert(Arc::clone(&held.id)));
        } else {
            self.remove(&held.id);
        }
        match (approve, action.standing.status) {
            (true, Status::Denied) => {
                self.toasts.failed(format!("{what} does not run: {}", ended(&action)));
                Sent::Refused
            }
            _ if one_of_many => Sent::Done,
            _ => {
                let how = match (approve, is_waited_for) {
                    (false, _) => "rejected",
                    (true, false) => {
                        "approved; no caller waits for it, so it runs only if the agent resumes it"
                    }
                    (true, true) => "approved",
                };
                self.toasts.say(format!("{what}: {how}"));
                Sent::Done
            }
        }
    }

    async fn refused(self, held: &Held, failure: &Failure) -> Sent {
        let gone = matches!(failure.code.as_str(), "wrong_status" | "not_found");
        if gone && let Ok(action) = server::get::<Action>(&format!("/v1/actions/{}", encoded(&held.id))).await
        {
            self.remove(&held.id);
            self.toasts.failed(format!("{}: your answer came too late; {}", name(&action), ended(&action)));
        } else {
            held.problem.set(Some(refusal(failure)));
        }
        // Without a session or a server there is nothing to ask.
        let is_cut_off = failure.is_passing() || failure.status == 401;
        if is_cut_off { Sent::Unsent } else { Sent::Refused }
    }
}

async fn fetch_all() -> Result<Vec<Action>, Failure> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let from = cursor.map(|cursor| format!("&cursor={}", encoded(&cursor))).unwrap_or_default();
        let page: ActionPage =
            server::get(&format!("/v1/actions?status=pending_approval&limit=500{from}")).await?;
        all.extend(page.actions);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}
