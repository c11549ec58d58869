//! The overview: charts of the outcomes of actions over a period. It counts nothing by itself.

pub mod first;
pub mod pictures;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo::timers::callback::{Interval, Timeout};
use leptos::prelude::*;

use self::first::FirstAction;
use self::pictures::Range;
use crate::components::chart::data::Data;
use crate::components::chart::{Bars, ChartFigure, ChartPatterns, Columns};
use crate::components::{Empty, FailureView, Link, Resource};
use crate::format::{count, now_ms};
use crate::live::Live;
use crate::server;
use crate::url;
use api::Stats;

/// The shortest time between two requests, however much happens.
const REST_MS: u32 = 3000;
/// After this, the span has moved on even when nothing happened.
const MOVES_ON_MS: u32 = 60_000;

/// The overview.
#[component]
pub fn Overview() -> impl IntoView {
    let (word, choose) = url::query("range");
    let range = Memo::new(move |_| Range::from_word(word.get().as_deref()));
    let stats = Resource::<Stats>::new();
    let load = move || {
        let path = range.get_untracked().path(now_ms());
        stats.load(async move { server::get(&path).await });
    };
    Effect::new(move |_| {
        range.track();
        load();
    });
    keep_up(load);
    view! {
        <div class="head">
            <h1>"Overview"</h1>
            <div class="row" role="group" aria-label="time range">
                {Range::ALL
                    .into_iter()
                    .map(|one| {
                        view! {
                            <button
                                type="button"
                                class="quiet choice"
                                aria-pressed=move || (range.get() == one).to_string()
                                on:click=move |_| choose.set((one != Range::Day).then(|| one.as_str().to_owned()))
                            >
                                {one.title()}
                            </button>
                        }
                    })
                    .collect_view()}
            </div>
        </div>
        <ChartPatterns />
        {move || stats.failure().map(|failure| view! { <FailureView failure /> })}
        {
            let standing = Memo::new(move |_| stats.with(|stats| stats.map(|stats| stats.total == 0)));
            move || match standing.get() {
                None if stats.failure().is_some() => ().into_any(),
                None => view! { <p class="loading" role="status">"Loading …"</p> }.into_any(),
                Some(true) => view! { <Nothing range=range.get() /> }.into_any(),
                Some(false) => view! { <Pictures stats /> }.into_any(),
            }
        }
    }
}

/// Calls `load` soon after something happened, with rests, and from time to time when nothing did.
fn keep_up(load: impl Fn() + Copy + 'static) {
    let last = Rc::new(Cell::new(now_ms()));
    let waiting: Rc<RefCell<Option<Timeout>>> = Rc::default();
    let owned = StoredValue::new_local(Rc::clone(&waiting));
    Live::here().on_change(move || {
        if waiting.borrow().is_some() {
            return;
        }
        let passed = (now_ms() - last.get()).clamp(0.0, f64::from(REST_MS));
        let (done, last) = (Rc::clone(&waiting), Rc::clone(&last));
        *waiting.borrow_mut() = Some(Timeout::new(REST_MS - passed as u32, move || {
            done.borrow_mut().take();
            last.set(now_ms());
            load();
        }));
    });
    let clock = StoredValue::new_local(Some(Interval::new(MOVES_ON_MS, load)));
    on_cleanup(move || {
        _ = owned.try_with_value(|waiting| waiting.borrow_mut().take());
        _ = clock.try_update_value(Option::take);
    });
}

#[component]
fn Nothing(range: Range) -> impl IntoView {
    view! {
        <Empty title=format!("No actions in the last {}", range.title())>
            <FirstAction />
        </Empty>
    }
}

#[component]
fn Pictures(stats: Resource<Stats>) -> impl IntoView {
    let of = move |picture: fn(&Stats) -> Data| {
        Memo::new(move |_| stats.with(|stats| stats.map(picture).unwrap_or_default()))
    };
    let say = move |words: fn(&Stats) -> String| {
        Signal::derive(move || stats.with(|stats| stats.map(words).unwrap_or_default()))
    };
    let (times, tools, agents) = (of(pictures::times), of(pictures::tools), of(pictures::agents));
    let (waits, rules) = (of(pictures::waits), of(pictures::rules));
    let (levels, scores) = (of(pictures::levels), of(pictures::scores));
    view! {
        <Tiles stats />
        <ChartFigure caption="Outcomes over time" summary=say(pictures::say_times) data=times>
            <Columns label="Outcomes over time" data=times />
        </ChartFigure>
        <div class="columns">
            <ChartFigure caption="By tool" summary=say(pictures::say_tools) data=tools>
                <Bars data=tools />
            </ChartFigure>
            <ChartFigure caption="By agent" summary=say(pictures::say_agents) data=agents>
                <Bars data=agents />
            </ChartFigure>
            <ChartFigure caption="Rules that denied most" summary=say(pictures::say_rules) data=rules>
                <Bars data=rules />
            </ChartFigure>
            <ChartFigure caption="Time to an answer" summary=say(pictures::say_waits) data=waits>
                <Columns label="Time to an answer" data=waits />
            </ChartFigure>
            <ChartFigure caption="Risk levels" summary=say(pictures::say_levels) data=levels>
                <Bars data=levels />
            </ChartFigure>
            <ChartFigure caption="Risk scores" summary=say(pictures::say_scores) data=scores>
                <Columns label="Risk scores" data=scores />
            </ChartFigure>
        </div>
    }
}

/// The few numbers that matter first.
#[component]
fn Tiles(stats: Resource<Stats>) -> impl IntoView {
    let tiles = Memo::new(move |_| stats.with(|stats| stats.map(pictures::tiles).unwrap_or_default()));
    view! {
        <dl class="tiles">
            {move || {
                tiles
                    .get()
                    .into_iter()
                    .map(|tile| {
                        view! {
                            <div class="card">
                                <dt><Link to=tile.href>{tile.name}</Link></dt>
                                <dd class="number">{count(tile.number)} " " <span class="muted">{tile.share}</span></dd>
                            </div>
                        }
                    })
                    .collect_view()
            }}
        </dl>
    }
}
