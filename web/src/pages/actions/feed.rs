//! The list as it is fetched and kept up to date.
//!
//! New actions appear by themselves only where they cannot disturb a reader: on the first page, at its top, with no row
//! chosen. Elsewhere they are counted, and the visible rows change in place.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use gloo::timers::callback::Timeout;
use leptos::prelude::*;

use super::query::Query;
use super::rows::Page;
use crate::components::Resource;
use crate::format::now_ms;
use crate::live::Live;
use crate::server::{self, Failure};
use crate::url::encoded;
use api::{Action, ActionPage};

/// How many rows are fetched one by one in a go.
const ROWS_AT_ONCE: usize = 16;
/// The least time between two refreshes; a server that takes long is asked less often.
const REST_MS: f64 = 300.0;
/// Further down than this, a person is reading.
const TOP_PX: f64 = 4.0;

/// The list of the page.
#[derive(Clone, Copy)]
pub struct Feed {
    /// The page that is shown.
    pub page: Resource<Page>,
    /// Which list it is; the opened action is not part of it.
    pub list: Memo<Query>,
    /// Whether the user wants it to stop.
    pub paused: RwSignal<bool>,
    /// The row with the focus.
    pub selected: RwSignal<Option<String>>,
    /// How many have come in that are not shown, and in which list.
    news: RwSignal<(Query, u64)>,
    inner: StoredValue<Rc<Inner>, LocalStorage>,
}

/// When the newest action came, and how many came with it; none where there is no action.
type Newest = Option<(String, u64)>;

#[derive(Default)]
struct Inner {
    /// Shown actions of which something was recorded since they were fetched.
    changed: RefCell<BTreeSet<String>>,
    /// Up to where new actions are known, and in which list.
    newest: RefCell<Option<(Query, Newest)>>,
    busy: Cell<bool>,
    again: Cell<bool>,
    rest: RefCell<Option<Timeout>>,
}

impl Feed {
    /// Fetches what `query` says, whenever that changes, and listens.
    pub fn new(query: Memo<Query>) -> Self {
        let list = Memo::new(move |_| query.get().opening(None));
        let feed = Feed {
            page: Resource::new(),
            list,
            paused: RwSignal::new(false),
            selected: RwSignal::new(query.with_untracked(|query| query.id.clone())),
            news: RwSignal::new((Query::default(), 0)),
            inner: StoredValue::new_local(Rc::new(Inner::default())),
        };
        Effect::new(move |_| feed.load(list.get()));
        let live = Live::here();
        live.on_event(move |event| {
            if let Some(id) = &event.action_id {
                _ = feed.inner.try_with_value(|inner| inner.changed.borrow_mut().insert(id.clone()));
            }
        });
        live.on_change(move || feed.refresh());
        on_cleanup(move || {
            _ = feed.inner.try_with_value(|inner| inner.rest.take());
        });
        feed
    }

    /// How many actions have come in that are not shown.
    pub fn news(self) -> u64 {
        let first = self.list.get().at(None);
        self.news.with(|(list, count)| if *list == first { *count } else { 0 })
    }

    /// Fetches the list anew, from where it is.
    pub fn reload(self) {
        self.load(self.list.get_untracked());
    }

    fn load(self, list: Query) {
        self.page.load(self.fetch(list, false));
    }

    /// Fetches the list. If it was `by_itself`, and a person has begun to read in the meantime, the rows stay.
    async fn fetch(self, list: Query, by_itself: bool) -> Result<Page, Failure> {
        let inner = self.inner.try_with_value(Rc::clone);
        let before = inner.as_ref().map(|inner| inner.changed.take()).unwrap_or_default();
        let answer: Result<ActionPage, _> = server::get(&list.request(now_ms())).await;
        let shown = self.page.get_untracked().unwrap_or_default();
        let is_kept = by_itself && self.is_held();
        if let Some(inner) = inner.filter(|_| answer.is_err() || is_kept) {
            inner.changed.borrow_mut().extend(before);
        }
        let page = Page::merged(list.clone(), answer?, &shown.rows);
        if is_kept {
            return Ok(shown);
        }
        if list.cursor.is_none() {
            if let Some(inner) = self.inner.try_with_value(Rc::clone) {
                *inner.newest.borrow_mut() = Some((list.clone(), page.newest()));
            }
            _ = self.news.try_set((list, 0));
        }
        Ok(page)
    }

    /// Whether a person is reading, so that nothing must move. False once the page is gone.
    fn is_held(self) -> bool {
        let scrolled = window().scroll_y().unwrap_or_default() > TOP_PX;
        scrolled
            || self.paused.try_get_untracked() == Some(true)
            || self.selected.try_with_untracked(Option::is_some) == Some(true)
            || self.list.try_with_untracked(|list| list.cursor.is_some()) == Some(true)
    }

    fn refresh(self) {
        let Some(inner) = self.inner.try_with_value(Rc::clone) else { return };
        if inner.busy.replace(true) {
            inner.again.set(true);
            return;
        }
        let began = now_ms();
        leptos::task::spawn_local(async move {
            self.refresh_once(&inner).await;
            let rest = (2.0 * (now_ms() - began)).clamp(REST_MS, 60_000.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was clamped")]
            let rest = rest as u32;
            let after = Timeout::new(rest, move || {
                let Some(inner) = self.inner.try_with_value(Rc::clone) else { return };
                inner.busy.set(false);
                if inner.again.replace(false) {
                    self.refresh();
                }
            });
            *inner.rest.borrow_mut() = Some(after);
        });
    }

    async fn refresh_once(self, inner: &Inner) {
        let Some(list) = self.list.try_get_untracked() else { return };
        let shown = self.page.get_untracked();
        let Some(page) = shown.filter(|_| self.is_held()) else {
            return self.page.loading(self.fetch(list, true)).await;
        };
        inner.changed.borrow_mut().retain(|id| page.rows.iter().any(|row| row.id == *id));
        let changed: Vec<_> = inner.changed.borrow().iter().take(ROWS_AT_ONCE).cloned().collect();
        for row in page.rows.iter().filter(|row| changed.contains(&row.id)) {
            inner.changed.borrow_mut().remove(&row.id);
            match server::get::<Action>(&format!("/v1/actions/{}", encoded(&row.id))).await {
                Ok(action) => row.refresh(action),
                Err(_) => _ = inner.changed.borrow_mut().insert(row.id.clone()),
            }
        }
        let counted = self.count_news(inner, list.at(None)).await;
        if counted.is_ok() && self.page.failure_untracked().is_some() {
            self.page.set(page);
        }
        if !inner.changed.borrow().is_empty() {
            inner.again.set(true);
        }
    }

    async fn count_news(self, inner: &Inner, list: Query) -> Result<(), Failure> {
        let total = async |since: Option<&str>| {
            let answer: ActionPage = server::get(&list.request_since(since, now_ms())).await?;
            Ok::<_, Failure>(Page::merged(list.clone(), answer, &[]))
        };
        let known =
            inner.newest.borrow().clone().filter(|(known, _)| *known == list).map(|(_, newest)| newest);
        match known {
            Some(newest) => {
                let (at, together) = newest.unzip();
                let since = total(at.as_deref()).await?.total;
                _ = self.news.try_set((list, since.saturating_sub(together.unwrap_or(0))));
            }
            // The first page was never shown; new actions are counted from here on.
            None => {
                let newest = match total(None).await?.newest() {
                    Some((at, _)) => Some((at.clone(), total(Some(&at)).await?.total)),
                    None => None,
                };
                *inner.newest.borrow_mut() = Some((list, newest));
            }
        }
        Ok(())
    }
}
