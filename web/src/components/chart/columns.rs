//! Columns side by side, each a stack. One of them can be read out, with the pointer or with the arrow keys.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;

use super::data::{Data, scale, stack};
use super::{fill, percent};
use crate::format::count;

/// How much of its place a column fills.
const FILLED: f64 = 0.8;

/// The columns.
#[component]
pub fn Columns(
    /// The subject of the chart.
    label: &'static str,
    /// Its numbers.
    #[prop(into)]
    data: Signal<Data>,
) -> impl IntoView {
    let active = RwSignal::new(None::<usize>);
    let number = move || data.with(|data| data.groups.len());
    let press = move |event: KeyboardEvent| {
        let last = untrack(number).saturating_sub(1);
        let here = active.get_untracked().unwrap_or(last);
        let next = match event.key().as_str() {
            "ArrowLeft" => here.saturating_sub(1),
            "ArrowRight" => here.saturating_add(1).min(last),
            "Home" => 0,
            "End" => last,
            _ => return,
        };
        event.prevent_default();
        active.set(Some(next));
    };
    let enter = move |_| {
        if active.get_untracked().is_none() {
            active.set(untrack(number).checked_sub(1));
        }
    };
    let read = move || active.get().and_then(|index| data.with(|data| data.read(index)));
    view! {
        <div class="with-axis"><div
            class="columns-chart"
            tabindex="0"
            role="group"
            aria-label=format!("{label}: the arrow keys read it column by column")
            on:keydown=press
            on:focus=enter
            on:blur=move |_| active.set(None)
            on:pointerleave=move |_| active.set(None)
        >
            {move || data.with(axis)}
            <svg class="plot" aria-hidden="true">
                {move || data.with(drawing)}
                {move || (0..number()).map(|index| target(index, number(), active)).collect_view()}
            </svg>
            {move || data.with(ticks)}
        </div></div>
        <p class="readout number" aria-live="polite">
            {move || read().unwrap_or_else(|| "Point at a column, or use the arrow keys, to read it.".to_owned())}
        </p>
    }
}

fn drawing(data: &Data) -> impl IntoView + use<> {
    let lines = scale(data.largest());
    let end = lines.last().copied().unwrap_or(1);
    let grid: Vec<_> = lines
        .iter()
        .map(|line| {
            let y = percent(1.0 - *line as f64 / end as f64);
            view! { <line class="grid" x1="0" x2="100%" y1=y.clone() y2=y /> }
        })
        .collect();
    let place = 1.0 / data.groups.len().max(1) as f64;
    let marks: Vec<_> = data
        .groups
        .iter()
        .enumerate()
        .flat_map(|(index, group)| {
            let x = percent(place * (index as f64 + (1.0 - FILLED) / 2.0));
            let parts = data.series.iter().zip(stack(&group.values, end));
            parts.filter(|(_, (_, length))| *length > 0.0).map(move |(series, (start, length))| {
                view! {
                    <rect
                        class=format!("mark {}", series.class)
                        fill=fill(series.class)
                        x=x.clone()
                        y=percent(1.0 - start - length)
                        width=percent(place * FILLED)
                        height=percent(length)
                    />
                }
            })
        })
        .collect();
    view! { {grid} {marks} }
}

/// The whole height of a column, to point at.
fn target(index: usize, number: usize, active: RwSignal<Option<usize>>) -> impl IntoView {
    let place = 1.0 / number.max(1) as f64;
    view! {
        <rect
            class="target"
            class:active=move || active.get() == Some(index)
            x=percent(place * index as f64)
            y="0"
            width=percent(place)
            height="100%"
            on:pointerenter=move |_| active.set(Some(index))
        />
    }
}

fn axis(data: &Data) -> impl IntoView + use<> {
    let lines = scale(data.largest());
    let end = lines.last().copied().unwrap_or(1);
    let texts: Vec<_> = lines
        .iter()
        .map(|line| {
            view! { <text x="100%" y=percent(1.0 - *line as f64 / end as f64) dy="0.35em" text-anchor="end">{count(*line)}</text> }
        })
        .collect();
    view! { <svg class="axis" aria-hidden="true">{texts}</svg> }
}

fn ticks(data: &Data) -> impl IntoView + use<> {
    let number = data.groups.len().max(1) as f64;
    let texts: Vec<_> = data
        .groups
        .iter()
        .enumerate()
        .filter_map(|(index, group)| Some((index, group.tick.clone()?)))
        .map(|(index, tick)| {
            view! { <text x=percent((index as f64 + 0.5) / number) y="1em" text-anchor="middle">{tick}</text> }
        })
        .collect();
    view! { <svg class="ticks" aria-hidden="true">{texts}</svg> }
}
