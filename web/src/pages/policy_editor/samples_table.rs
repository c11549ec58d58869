//! The samples as an editable table: an action in each row, the expectation, and the decision.

use engine::decision::Outcome;
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

use super::results::{chosen, deciding};
use super::workbench::{SamplesCount, Workbench};
use crate::components::Column::{Buttons, Text};
use crate::components::{OutcomeBadge, Table};
use crate::format;
use crate::simulation::samples::Sample;
use crate::simulation::{Origin, Outlook};
use crate::wording;

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
    let add = move |_| {
        let number = bench.next_number();
        // On top, where the button is, and ready to be written in.
        bench.samples.update(|samples| samples.insert(0, Sample::new(number)));
        request_animation_frame(move || {
            let field = document().get_element_by_id(&name_id(number));
            if let Some(field) = field.and_then(|field| field.dyn_into::<web_sys::HtmlElement>().ok()) {
                _ = field.focus();
            }
        });
    };
    view! {
        <section class="card" aria-labelledby="samples-heading">
            <div class="head">
                <h2 id="samples-heading">"Samples"</h2>
                <span role="status">
                    {move || verdict(bench.samples_count())}
                </span>
                <button type="button" class="quiet small" disabled=move || read_only.get() on:click=add>
                    "Add a sample"
                </button>
            </div>
            {move || chosen(bench, |origin| matches!(origin, Origin::Sample(_)))}
            <Table
                label="samples"
                class="samples"
                columns=[Text("Edited text"), Text("Sample"), Text("Expected"), Text("In force"), Buttons("Remove")]
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

/// The `id` of the field with a sample's name.
fn name_id(number: u64) -> String {
    format!("sample-{number}")
}

/// How the samples stand, in words.
pub fn verdict(count: SamplesCount) -> String {
    let SamplesCount { all, failing, blank } = count;
    let blank = match blank {
        0 => String::new(),
        number => format!(", {number} to fill in"),
    };
    match (all, failing) {
        (0, _) => "None yet".to_owned(),
        (all, 0) => format!("✓ {} as expected{blank}", format::counted(all as u64, "sample")),
        (all, failing) => {
            format!("✕ {failing} of {} not as expected{blank}", format::counted(all as u64, "sample"))
        }
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
                id=(label == "name").then(|| name_id(number))
                placeholder=label
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
    let blank = Memo::new(move |_| {
        bench.samples.with(|samples| {
            samples.iter().find(|sample| sample.number == number).is_some_and(Sample::is_blank)
        })
    });
    let remove = move |_| bench.samples.update(|samples| samples.retain(|sample| sample.number != number));
    view! {
        <tr class:changed=move || outlook.with(|outlook| outlook.as_ref().is_some_and(Outlook::changed))>
            <td class="verdicts">
                {move || {
                    if blank.get() {
                        return Some(view! { <span class="help">"Fill in a tool and an agent"</span> }.into_any());
                    }
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
                                    {if passed { "Pass " } else { "Fail " }}
                                </span>
                                <OutcomeBadge outcome=outlook.after.outcome />
                                {(!passed).then(|| view! { <p class="field-error">{differences.join("; ")}</p> })}
                            }
                            .into_any()
                        })
                }}
                <div class="help">{move || outlook.get().map(|outlook| deciding(bench, Origin::Sample(number), &outlook))}</div>
            </td>
            <td class="sample">
                {field("name", "name", |sample| sample.name.clone(), |sample, text| sample.name = text)}
                {field("tool", "", |sample| sample.tool.clone(), |sample, text| sample.tool = text)}
                {field("agent", "", |sample| sample.agent_id.clone(), |sample, text| sample.agent_id = text)}
                {field("arguments", "arguments code", |sample| sample.params.clone(), |sample, text| sample.params = text)}
                {move || wrong.get().map(|why| view! { <p class="field-error" role="alert">"✕ " {why}</p> })}
            </td>
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
                            view! { <option value=outcome.as_str() selected=chosen>{wording::outcome(outcome)}</option> }
                        })
                        .collect_view()}
                </select>
            </td>
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
