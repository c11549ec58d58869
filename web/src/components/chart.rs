//! Charts, drawn as SVG by hand: columns over time, and bars next to names.
//!
//! Every chart is a figure with a caption, a sentence with the same content, and its numbers as a table. Series
//! differ by a pattern and a word as well as by a colour. The pages give the numbers their meaning.

pub mod bars;
pub mod columns;
pub mod data;

use leptos::prelude::*;

pub use self::bars::Bars;
pub use self::columns::Columns;
use self::data::Data;
use super::Scroll;
use crate::format::{count, visible};

/// A chart with everything around it.
#[component]
pub fn ChartFigure(
    /// The subject of the chart.
    caption: &'static str,
    /// Its content, as a sentence.
    #[prop(into)]
    summary: Signal<String>,
    /// Its numbers.
    #[prop(into)]
    data: Signal<Data>,
    /// The drawing.
    children: Children,
) -> impl IntoView {
    view! {
        <figure class="card chart">
            <figcaption>
                <h2>{caption}</h2>
                <p class="muted">{summary}</p>
            </figcaption>
            {move || {
                let series = data.with(|data| data.series.clone());
                (series.len() > 1).then(|| view! { <Legend series /> })
            }}
            {children()}
            <details>
                <summary>"Numbers as a table"</summary>
                <Scroll label=format!("{caption}, as a table")>
                    {move || data.with(|data| table(caption, data))}
                </Scroll>
            </details>
        </figure>
    }
}

#[component]
fn Legend(series: Vec<data::Series>) -> impl IntoView {
    let entries: Vec<_> = series
        .into_iter()
        .map(|series| {
            view! {
                <li>
                    <svg class="swatch" aria-hidden="true">
                        <rect class=format!("mark {}", series.class) fill=fill(series.class) width="100%" height="100%" />
                    </svg>
                    {series.name}
                </li>
            }
        })
        .collect();
    view! { <ul class="legend" aria-label="what the patterns mean">{entries}</ul> }
}

fn table(caption: &'static str, data: &Data) -> impl IntoView + use<> {
    let several = data.series.len() > 1;
    let heads: Vec<_> =
        data.series.iter().map(|series| view! { <th scope="col">{series.name}</th> }).collect();
    let rows: Vec<_> = data
        .groups
        .iter()
        .map(|group| {
            let cells: Vec<_> =
                group.values.iter().map(|value| view! { <td class="number">{count(*value)}</td> }).collect();
            let total = several.then(|| view! { <td class="number">{count(group.total())}</td> });
            view! { <tr><th scope="row"><bdi>{visible(&group.label)}</bdi></th> {cells} {total}</tr> }
        })
        .collect();
    view! {
        <table>
            <caption class="hidden">{caption}</caption>
            <thead>
                <tr><th scope="col">{data.what}</th> {heads} {several.then(|| view! { <th scope="col">"All"</th> })}</tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

/// The patterns, once for a page: held is striped, halted is dotted, all else is plain.
#[component]
pub fn ChartPatterns() -> impl IntoView {
    view! {
        <svg class="hidden" width="0" height="0" aria-hidden="true">
            <defs>
                <pattern id="chart-abstain" class="abstain" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
                    <rect class="ground" width="6" height="6" />
                    <rect class="ink" width="2" height="6" />
                </pattern>
                <pattern id="chart-halt" class="halt" width="6" height="6" patternUnits="userSpaceOnUse">
                    <rect class="ground" width="6" height="6" />
                    <circle class="ink" cx="3" cy="3" r="1.25" />
                </pattern>
            </defs>
        </svg>
    }
}

/// The pattern that fills a mark of this class, if there is one; its colour comes from the stylesheet.
fn fill(class: &str) -> Option<&'static str> {
    match class {
        "abstain" => Some("url(#chart-abstain)"),
        "halt" => Some("url(#chart-halt)"),
        _ => None,
    }
}

/// A length in percent, as SVG wants it.
fn percent(share: f64) -> String {
    format!("{:.3}%", share * 100.0)
}
