//! Bars with names, each a stack, with its numbers in words next to it.

use leptos::prelude::*;

use super::data::{Data, stack};
use super::{fill, percent};
use crate::components::Link;
use crate::format::{count, visible};

/// The bars.
#[component]
pub fn Bars(
    /// Their numbers.
    #[prop(into)]
    data: Signal<Data>,
) -> impl IntoView {
    view! { <ul class="bars">{move || data.with(bars)}</ul> }
}

fn bars(data: &Data) -> Vec<impl IntoView + use<>> {
    let end = data.largest();
    data.groups
        .iter()
        .map(|group| {
            let label = visible(&group.label);
            let name = match group.href.clone() {
                Some(href) => view! { <Link to=href><bdi>{label}</bdi></Link> }.into_any(),
                None => view! { <bdi>{label}</bdi> }.into_any(),
            };
            let marks: Vec<_> = data
                .series
                .iter()
                .zip(stack(&group.values, end))
                .map(|(series, (start, length))| {
                    view! {
                        <rect
                            class=format!("mark {}", series.class)
                            fill=fill(series.class)
                            x=percent(start)
                            y="0"
                            width=percent(length)
                            height="100%"
                        />
                    }
                })
                .collect();
            let several = data.series.len() > 1;
            let numbers: Vec<_> = data
                .series
                .iter()
                .zip(&group.values)
                .filter(|(_, value)| !several || **value > 0)
                .map(|(series, value)| {
                    let name = several.then(|| view! { " " <span class="muted">{series.name}</span> });
                    view! { <span>{count(*value)} {name}</span> }
                })
                .collect();
            view! {
                <li>
                    <span class="name">{name}</span>
                    <span class="numbers number">{numbers}</span>
                    <svg class="bar" aria-hidden="true">{marks}</svg>
                </li>
            }
        })
        .collect()
}
