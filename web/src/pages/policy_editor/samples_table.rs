//! The samples as a table that one can edit: an action in each row, what is expected, and what it gets.

use engine::decision::Outcome;
use leptos::prelude::*;

use super::results::{chosen, deciding};
use super::workbench::Workbench;
use crate::components::Column::{Buttons, Text};
use crate::components::{OutcomeBadge, Table};
use crate::format;
use crate::simulation::samples::Sample;
use crate::simulation::{Origin, Outlook};

/// The samples.
#[component]
pub fn SamplesTable(
    /// The editor.
    bench: Workbench,
    /// Whether the samples can only be read.
    #[prop(into)]
    read_only: Signal<bool>,
) -> impl IntoView {
    let outlook = move |number: u64| {
        bench.results.with(|results| {
            let index = results.rows.iter().position(|row| row.origin == Origin::Sample(number))?;
            results.outlooks.get(index).cloned()
        })
    };
    let failing = move || {
        let samples =
            bench.samples.with(|samples| samples.iter().map(|sample| sample.number).collect::<Vec<_>>());
        let fails = |number: &u64| outlook(*number).is_none_or(|outlook| !outlook.differences.is_empty());
        (samples.len(), samples.iter().filter(|number| fails(number)).count())
    };
    let add = move |_| {
        let number = bench.next_number();
        bench.samples.update(|samples| samples.push(Sample::new(number)));
    };
    view! {
        <section class="card" aria-labelledby="samples-heading">
            <div class="head">
                <h2 id="samples-heading">"Samples"</h2>
                <span role="status">
                    {move || match failing() {
                        (0, _) => "none yet".to_owned(),
                        (all, 0) => format!("✓ {} as expected", format::counted(all as u64, "sample")),
                        (all, failing) => format!("✕ {failing} of {} not as expected", format::counted(all as u64, "sample")),
                    }}
                </span>
                <button type="button" class="quiet small" disabled=move || read_only.get() on:click=add>
                    "add a sample"
                </button>
            </div>
            {move || chosen(bench, |origin| matches!(origin, Origin::Sample(_)))}
            <Table
                label="samples"
                class="samples"
                columns=[
                    Text("edited text"), Text("what it shows"), Text("expected"), Text("arguments"), Text("tool"), Text("agent"),
                    Text("in force"), Buttons("remove"),
                ]
            >
                <For
                    each=move || bench.samples.with(|samples| samples.iter().map(|sample| sample.number).collect::<Vec<_>>())
                    key=|number| *number
                    let(number)
                >
                    {one(bench, number, read_only, Memo::new(move |_| outlook(number)))}
                </For>
            </Table>
        </section>
    }
}

fn one(
    bench: Workbench,
    number: u64,
    read_only: Signal<bool>,
    outlook: Memo<Option<Outlook>>,
) -> impl IntoView {
    let read = move |look: fn(&Sample) -> String| {
        bench.samples.with(|samples| {
            samples.iter().find(|sample| sample.number == number).map(look).unwrap_or_default()
        })
    };
    let write = move |change: &dyn Fn(&mut Sample)| {
        bench
            .samples
            .update(|samples| samples.iter_mut().filter(|sample| sample.number == number).for_each(change));
    };
    let field = move |label: &'static str,
                      class: &'static str,
                      look: fn(&Sample) -> String,
                      set: fn(&mut Sample, String)| {
        view! {
            <input
                class=class
                aria-label=move || format!("{label} of sample {}", read(|sample| sample.name.clone()))
                spellcheck="false"
                dir="auto"
                readonly=move || read_only.get()
                prop:value=move || read(look)
                on:input=move |event| {
                    let text = event_target_value(&event);
                    write(&|sample| set(sample, text.clone()));
                }
            />
        }
    };
    let wrong = Memo::new(move |_| {
        bench.samples.with(|samples| {
            samples.iter().find(|sample| sample.number == number).and_then(|sample| sample.action().err())
        })
    });
    let remove = move |_| bench.samples.update(|samples| samples.retain(|sample| sample.number != number));
    view! {
        <tr class:changed=move || outlook.with(|outlook| outlook.as_ref().is_some_and(Outlook::changed))>
            <td class="verdicts">
                {move || {
                    outlook
                        .get()
                        .map(|outlook| {
                            let differences: Vec<_> = outlook
                                .differences
                                .iter()
                                .map(|difference| {
                                    format!("{}: expected {}, got {}", difference.field, difference.expected, difference.actual)
                                })
                                .collect();
                            let passed = differences.is_empty();
                            view! {
                                <span class=if passed { "verdict ok" } else { "verdict error" }>
                                    {if passed { "pass " } else { "fail " }}
                                </span>
                                <OutcomeBadge outcome=outlook.after.outcome />
                                {(!passed).then(|| view! { <p class="field-error">{differences.join("; ")}</p> })}
                            }
                        })
                }}
                <div class="help">{move || outlook.get().map(|outlook| deciding(bench, Origin::Sample(number), &outlook))}</div>
            </td>
            <td>{field("name", "wide", |sample| sample.name.clone(), |sample, text| sample.name = text)}</td>
            <td>
                <select
                    aria-label=move || format!("expected outcome of sample {}", read(|sample| sample.name.clone()))
                    disabled=move || read_only.get()
                    prop:value=move || read(|sample| sample.expect.outcome.as_str().to_owned())
                    on:change=move |event| {
                        let word = event_target_value(&event);
                        if let Some(outcome) = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == word) {
                            write(&|sample| sample.expect.outcome = outcome);
                        }
                    }
                >
                    {Outcome::ALL
                        .map(|outcome| {
                            let chosen = move || read(|sample| sample.expect.outcome.as_str().to_owned()) == outcome.as_str();
                            view! { <option value=outcome.as_str() selected=chosen>{outcome.as_str()}</option> }
                        })
                        .collect_view()}
                </select>
            </td>
            <td>
                {field("arguments", "wide code", |sample| sample.params.clone(), |sample, text| sample.params = text)}
                {move || wrong.get().map(|why| view! { <p class="field-error" role="alert">"✕ " {why}</p> })}
            </td>
            <td>{field("tool", "", |sample| sample.tool.clone(), |sample, text| sample.tool = text)}</td>
            <td>{field("agent", "", |sample| sample.agent_id.clone(), |sample, text| sample.agent_id = text)}</td>
            <td>{move || outlook.get().map(|outlook| view! { <OutcomeBadge outcome=outlook.before.outcome /> })}</td>
            <td>
                <button
                    type="button"
                    class="quiet small"
                    aria-label=move || format!("remove sample {}", read(|sample| sample.name.clone()))
                    disabled=move || read_only.get()
                    on:click=remove
                >
                    "✕"
                </button>
            </td>
        </tr>
    }
}
