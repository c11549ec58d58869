//! The actions of all agents: a live list that can be searched, and one of them opened with everything about it.
//!
//! The state of the page is in the URL. The list itself is kept in `feed`; nothing here decides about an action.

pub mod curl;
pub mod drawer;
pub mod feed;
pub mod filters;
pub mod keys;
pub mod query;
pub mod records;
pub mod replay;
pub mod rows;
pub mod table;

use std::rc::Rc;

use leptos::html;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};

use self::drawer::Drawer;
use self::feed::Feed;
use self::filters::Filters;
use self::keys::{Keys, KeysButton};
use self::query::{PAGE_SIZES, Query};
use self::table::ActionTable;
use crate::components::{Empty, FailureView};
use crate::format::{count, counted};

type Navigate = Rc<dyn Fn(&str, NavigateOptions)>;

/// Goes to another state of this page.
#[derive(Clone, Copy)]
pub struct Go(StoredValue<Navigate, LocalStorage>);

impl Go {
    fn here() -> Self {
        let navigate = use_navigate();
        Go(StoredValue::new_local(Rc::new(move |path: &str, options| navigate(path, options))))
    }

    /// Replaces the current entry: the browser's history does not grow.
    pub fn replace(self, query: Query) {
        self.to(&query, true);
    }

    /// As a step that the browser can go back from.
    pub fn push(self, query: Query) {
        self.to(&query, false);
    }

    /// Opens an action, or closes it. Going back closes it too, however many were opened one after the other.
    pub fn open(self, query: Query, id: Option<String>) {
        let replace = query.id.is_some();
        self.to(&query.opening(id), replace);
    }

    fn to(self, query: &Query, replace: bool) {
        let options = NavigateOptions { replace, scroll: false, ..NavigateOptions::default() };
        _ = self.0.try_with_value(|navigate| navigate(&query.path(), options));
    }
}

/// Actions.
#[component]
pub fn Actions() -> impl IntoView {
    let parameters = use_query_map();
    let query = Memo::new(move |_| parameters.with(|parameters| Query::read(|key| parameters.get(key))));
    let go = Go::here();
    let feed = Feed::new(query);
    let search = NodeRef::<html::Input>::new();
    let help = RwSignal::new(false);
    let is_open = Memo::new(move |_| query.with(|query| query.id.is_some()));
    // While another list is loading, or if it fails, the rows do not match the filters.
    let is_old = Memo::new(move |_| {
        let list = feed.list.get();
        feed.page.with(|page| page.is_some_and(|page| page.list != list))
    });
    let is_there = Memo::new(move |_| {
        feed.page.with(|page| page.is_some()) && !(is_old.get() && feed.page.failure().is_some())
    });
    // Said once for each list, and not again whenever an action comes in.
    let found = Memo::new(move |before: Option<&(Query, String)>| {
        let page = feed.page.get().unwrap_or_default();
        match before {
            Some((list, said)) if *list == page.list && !said.is_empty() => (page.list, said.clone()),
            _ if feed.page.with(|page| page.is_none()) => (page.list, String::new()),
            _ => (page.list, counted(page.total, "action")),
        }
    });
    let is_empty = Memo::new(move |_| feed.page.with(|page| page.is_some_and(|page| page.rows.is_empty())));
    view! {
        <Keys feed query go search help />
        <div class="head">
            <h1>"Actions"</h1>
            <button
                type="button"
                class="quiet"
                aria-pressed=move || feed.paused.get().to_string()
                title="new actions wait until you want to see them"
                on:click=move |_| feed.paused.update(|paused| *paused = !*paused)
            >
                {move || if feed.paused.get() { "▸ Resume" } else { "‖ Pause" }}
            </button>
            <KeysButton help />
        </div>
        <Filters query go search />
        <div class="beside" class:open=is_open>
            <section class="list" aria-label="list of actions">
                <Pager feed query go />
                <p class="hidden" role="status">{move || found.get().1}</p>
                {move || feed.page.failure().map(|failure| view! { <FailureView failure /> })}
                <Show when=move || !is_there.get() && feed.page.failure().is_none()>
                    <p class="loading" role="status">"Loading …"</p>
                </Show>
                <Show when=move || is_there.get()>
                    <div class="table-scroll" class:nothing=is_empty class:old=is_old aria-busy=move || is_old.get().to_string()>
                        <ActionTable feed query go />
                    </div>
                    <Show when=move || is_empty.get()>
                        <Nothing query />
                    </Show>
                </Show>
            </section>
            <Show when=move || is_open.get()>
                <Drawer feed query go />
            </Show>
        </div>
    }
}

#[component]
fn Nothing(query: Memo<Query>) -> impl IntoView {
    move || {
        if query.with(Query::is_filtered) {
            view! {
                <Empty title="No action fits">
                    <p>"Remove a filter to see more."</p>
                </Empty>
            }
        } else {
            view! {
                <Empty title="No actions yet">
                    <p>"Actions appear here as soon as an agent proposes them."</p>
                </Empty>
            }
        }
    }
}

/// How many there are, what has come in, and where the page is in the list.
#[component]
fn Pager(feed: Feed, query: Memo<Query>, go: Go) -> impl IntoView {
    // Where each page that was seen begins, and where the one before it did.
    let trail = StoredValue::new(std::collections::HashMap::<Query, Option<String>>::new());
    let place = move |cursor: Option<String>| query.get_untracked().opening(None).at(cursor);
    let go_to = move |cursor: Option<String>| {
        feed.selected.set(None);
        go.push(query.get_untracked().opening(None).at(cursor));
        window().scroll_to_with_x_and_y(0.0, 0.0);
    };
    let next = move || feed.page.with(|page| page.and_then(|page| page.next_cursor.clone()));
    let older = move |_| {
        if let Some(cursor) = next() {
            let from = query.get_untracked().cursor;
            trail.update_value(|trail| _ = trail.insert(place(Some(cursor.clone())), from));
            go_to(Some(cursor));
        }
    };
    let before = move || {
        let list = feed.list.get();
        trail.with_value(|trail| trail.get(&list).cloned())
    };
    let newer = move |_| {
        if let Some(cursor) = before() {
            go_to(cursor);
        }
    };
    let is_first = Memo::new(move |_| query.with(|query| query.cursor.is_none()));
    let number = move || {
        let mut list = feed.list.get();
        let mut number = 1_u64;
        while let Some(cursor) = list.cursor.clone() {
            let before = trail.with_value(|trail| trail.get(&list).cloned());
            let before = before.filter(|before| before.as_ref() != Some(&cursor))?;
            list = list.at(before);
            number = number.saturating_add(1);
        }
        Some(number)
    };
    let total = move || feed.page.with(|page| page.map(|page| page.total));
    let show_news = move |_| {
        feed.selected.set(None);
        let list = query.get_untracked();
        if list.cursor.is_some() {
            go.push(list.at(None));
        } else {
            feed.reload();
        }
        window().scroll_to_with_x_and_y(0.0, 0.0);
    };
    view! {
        <div class="pager">
            <span class="number">{move || total().map(|total| counted(total, "action"))}</span>
            <Show when=move || { feed.news() > 0 }>
                <button type="button" class="news" on:click=show_news>
                    {move || format!("↑ {} new", count(feed.news()))}
                </button>
            </Show>
            <nav class="row" aria-label="places in the list">
                <button type="button" class="quiet" disabled=is_first on:click=move |_| go_to(None)>"Newest"</button>
                <button type="button" id="newer" class="quiet" disabled=move || before().is_none() on:click=newer>"Newer"</button>
                <span class="muted number">{move || number().map(|number| format!("page {}", count(number)))}</span>
                <button type="button" id="older" class="quiet" disabled=move || next().is_none() on:click=older>"Older"</button>
            </nav>
            <label class="row">
                <span>"Per page"</span>
                <select on:change=move |event| {
                    let limit = event_target_value(&event).parse().unwrap_or_default();
                    if PAGE_SIZES.contains(&limit) {
                        go.replace(query.get_untracked().of_size(limit));
                    }
                }>
                    {PAGE_SIZES
                        .into_iter()
                        .map(|size| {
                            let is_it = move || query.with(|query| query.limit == size);
                            view! { <option value=size.to_string() selected=is_it>{size.to_string()}</option> }
                        })
                        .collect_view()}
                </select>
            </label>
        </div>
    }
}
