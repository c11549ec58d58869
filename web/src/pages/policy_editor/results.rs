//! The decisions on the recorded actions: counted, as a matrix, and one by one with the changes on top.

use std::sync::Arc;

use engine::decision::{Decision, Outcome};
use leptos::prelude::*;

use super::workbench::{Results, Workbench};
use crate::components::Column::{Buttons, Text};
use crate::components::{Isolated, Link, Matrix, OutcomeBadge, Table};
use crate::format;
use crate::simulation::samples::Sample;
use crate::simulation::{Origin, Outlook, Row, Summary};
use crate::wording;

/// How many rows are shown at first, and how many more each time.
const PAGE: usize = 50;
/// How many records are named that cannot be tried, for each reason.
const NAMED: usize = 20;

/// The recorded actions under the edited text.
#[component]
pub fn RecordedResults(
    /// The editor.
    bench: Workbench,
) -> impl IntoView {
    let results = bench.results;
    let most = RwSignal::new(PAGE);
    let unchanged = RwSignal::new(false);
    // What nothing changes of stays in the page as it is, open or closed.
    let summary = Memo::new(move |_| results.with(|results| results.summary.clone()));
    view! {
        <section class="card" class:stale=move || !bench.valid.get() aria-labelledby="recorded-heading">
            <div class="head">
                <h2 id="recorded-heading">"Recorded actions"</h2>
                <span class="muted" data-simulation-ms=move || format!("{:.2}", results.with(|results| results.took_ms))>
                    {move || results.with(took)}
                </span>
            </div>
            <p role="status" class="summary">{move || results.with(headline)}</p>
            {move || {
                (!bench.valid.get())
                    .then(|| {
                        view! {
                            <p class="notice warning">
                                "The text has errors; the results below are those of the last text without errors."
                            </p>
                        }
                    })
            }}
            {move || summary.with(matrix)}
            {move || chosen(bench, |origin| matches!(origin, Origin::Recorded(_)))}
            {move || details(bench, summary)}
            {move || rows(bench, most, unchanged)}
        </section>
    }
}

fn took(results: &Results) -> String {
    format!("{} tried in {:.1} ms", format::counted(results.rows.len() as u64, "action"), results.took_ms)
}

/// The effect on the recorded actions in one sentence.
pub fn headline(results: &Results) -> String {
    let summary = &results.summary;
    match (summary.tried, summary.changed) {
        (0, _) => "no recorded actions to try yet".to_owned(),
        (tried, 0) => format!("none of {} changes", format::counted(tried, "recorded action")),
        (tried, changed) => {
            let verb = if changed == 1 { "changes" } else { "change" };
            format!(
                "{changed} of {} {verb}: {}",
                format::counted(tried, "recorded action"),
                summary.transitions()
            )
        }
    }
}

fn matrix(summary: &Summary) -> Option<AnyView> {
    let summary = summary.clone();
    let tried = summary.tried;
    let cell = move |from: Outcome, to: Option<Outcome>| {
        let cell = to.and_then(|to| summary.matrix.get(&(from, to)).cloned()).unwrap_or_default();
        let class = match (Some(from) == to, cell.count) {
            (_, 0) => "number end muted",
            (true, _) => "number end",
            (false, _) => "number end changed",
        };
        let amounts: Vec<_> =
            cell.amounts.iter().map(|(name, sum)| format!("{name} {}", format::amount(*sum))).collect();
        view! {
            <td class=class>
                {format::count(cell.count)}
                {(!amounts.is_empty()).then(|| view! { <div class="help">{amounts.join(", ")}</div> })}
            </td>
        }
        .into_any()
    };
    (tried > 0).then(|| {
        view! {
            <Matrix
                label="outcomes in force and under the edited text"
                corner="In force"
                columns=Outcome::ALL.map(Some).to_vec()
                cell
                caption="From the policy in force (rows) to the edited text (columns), with the sums of the amounts"
            />
        }
        .into_any()
    })
}

/// The agents concerned, and the limits of the comparison.
fn details(bench: Workbench, summary: Memo<Summary>) -> impl IntoView {
    let summary = summary.get();
    let agents: Vec<_> =
        summary.agents.iter().map(|(agent, count)| format!("{} ({count})", format::name(agent))).collect();
    let pending = summary.pending.clone();
    let left = bench.left.get();
    view! {
        {(!agents.is_empty()).then(|| view! { <p>"Agents affected: " <Isolated text=agents.join(", ") /></p> })}
        {(!pending.is_empty())
            .then(|| {
                let word = format::counted(pending.len() as u64, "pending approval");
                let links = pending
                    .into_iter()
                    .map(|(id, outcome)| {
                        view! {
                            <li>
                                <Link to=format!("/actions?id={id}")>{format::short(&id)}</Link>
                                " would get "
                                <OutcomeBadge outcome />
                            </li>
                        }
                    })
                    .collect_view();
                view! {
                    <details class="notice warning">
                        <summary>{word} " would no longer be held"</summary>
                        <ul>{links}</ul>
                    </details>
                }
            })}
        {(!left.is_empty())
            .then(|| {
                let count: usize = left.values().map(Vec::len).sum();
                let count = format::counted(count as u64, "recorded decision");
                let reasons = left
                    .into_iter()
                    .map(|(why, places)| {
                        let named = places.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
                        let more = places.len().saturating_sub(NAMED);
                        view! {
                            <li>
                                {why} ": " <span class="muted">{named}</span>
                                {(more > 0).then(|| format!(" and {more} more"))}
                            </li>
                        }
                    })
                    .collect_view();
                view! {
                    <details>
                        <summary class="help">{count} " cannot be tried"</summary>
                        <ul>{reasons}</ul>
                    </details>
                }
            })}
    }
}

/// The actions whose outcome changes. Those that stay as they are wait behind a button: they are no effect.
fn rows(bench: Workbench, most: RwSignal<usize>, unchanged: RwSignal<bool>) -> impl IntoView {
    let Results { rows, outlooks, .. } = bench.results.get();
    let recorded = (0..rows.len())
        .filter(|index| rows.get(*index).is_some_and(|row| matches!(row.origin, Origin::Recorded(_))));
    let changed = |index: &usize| outlooks.get(*index).is_some_and(Outlook::changed);
    let (mut order, same): (Vec<usize>, Vec<usize>) = recorded.partition(changed);
    let folded = if unchanged.get() { 0 } else { same.len() };
    if folded == 0 {
        order.extend(same);
    }
    let total = order.len();
    order.truncate(most.get());
    let hidden = total - order.len();
    let shown =
        order.into_iter().filter_map(|index| Some((rows.get(index)?.clone(), outlooks.get(index)?.clone())));
    let shown: Vec<_> = shown.map(|(row, outlook)| one(bench, row, outlook)).collect();
    let fold = (folded > 0).then(|| {
        view! {
            <button type="button" class="quiet small" on:click=move |_| unchanged.set(true)>
                "Show " {format::counted(folded as u64, "unchanged action")}
            </button>
        }
    });
    let table = (total > 0).then(|| {
        view! {
            <Table
                label="recorded actions"
                class="outlooks"
                columns=[Text("In force"), Text("Edited text"), Text("Rule"), Text("Action"), Buttons("Keep")]
            >
                {shown}
            </Table>
            {(hidden > 0)
                .then(|| {
                    view! {
                        <button type="button" class="quiet small" on:click=move |_| most.update(|most| *most += PAGE)>
                            "Show more of " {format::count(hidden as u64)}
                        </button>
                    }
                })}
        }
    });
    view! {
        {table}
        {fold}
    }
}

fn one(bench: Workbench, row: Row, outlook: Outlook) -> impl IntoView {
    let changed = outlook.changed();
    let keep = {
        let (row, outcome) = (row.clone(), outlook.before.outcome);
        move |_| {
            let canonical = bench.recorded.with_untracked(|recorded| {
                let same = recorded.iter().find(|other| other.row.origin == row.origin);
                same.map(|found| found.canonical.clone())
            });
            if let Some(canonical) = canonical {
                let name = format!("recorded action {}", format::short(&row.title));
                let sample = Sample::like(bench.next_number(), name, &canonical, outcome);
                bench.samples.update(|samples| samples.push(sample));
            }
        }
    };
    let origin = row.origin.clone();
    view! {
        <tr class:changed=changed on:click=move |_| bench.choose(&origin)>
            <td><OutcomeBadge outcome=outlook.before.outcome /></td>
            <td><OutcomeBadge outcome=outlook.after.outcome /></td>
            <td>{deciding(bench, row.origin.clone(), &outlook)}</td>
            <td class="wide">
                <code><bdi>{format::name(&row.tool)}</bdi></code>
                " "
                <Isolated text=row.arguments />
                <div class="help">
                    <bdi>{format::name(&row.agent_id)}</bdi>
                    ", "
                    <Link to=format!("/actions?id={}", row.title)>{row.at.as_deref().map(format::row_time)}</Link>
                </div>
            </td>
            <td>
                <button type="button" class="quiet small" on:click=keep>"Keep as sample"</button>
            </td>
        </tr>
    }
}

/// Which rule decided under the edited text; choosing it says why, and lights it up.
pub fn deciding(bench: Workbench, origin: Origin, outlook: &Outlook) -> AnyView {
    let after = &outlook.after;
    let word = match &after.rule {
        Some(rule) if bench.name.with_value(|name| *name == rule.policy) => rule.id.clone(),
        Some(rule) => format!("{}: {}", rule.policy, rule.id),
        None => wording::reason(after.reason_code).to_owned(),
    };
    view! {
        <button type="button" class="link" on:click=move |_| bench.choose(&origin)>{word}</button>
    }
    .into_any()
}

/// The explanation of the chosen row.
pub fn chosen(bench: Workbench, is_here: fn(&Origin) -> bool) -> Option<AnyView> {
    let (row, outlook) = bench.outlook(&bench.chosen.get().filter(is_here)?)?;
    let side = |name: &'static str, decision: Decision| {
        let rule =
            decision.rule.map(|rule| format!("rule {} in {}, line {}", rule.id, rule.policy, rule.line));
        let risk = format!("risk {} ({})", decision.risk_level.as_str(), decision.risk_score.get());
        view! {
            <dt>{name}</dt>
            <dd>
                <OutcomeBadge outcome=decision.outcome />
                " "
                {rule.unwrap_or_else(|| wording::reason(decision.reason_code).to_owned())}
                ", "
                {risk}
                <div dir="auto">{decision.reason}</div>
            </dd>
        }
    };
    let close = move |_| {
        bench.chosen.set(None);
        bench.lit.set(None);
    };
    Some(
        view! {
            <div class="notice chosen" role="status">
                <div class="head">
                    <span><code><bdi>{format::name(&row.tool)}</bdi></code> " " <Isolated text=row.arguments /></span>
                    <button type="button" class="quiet small" aria-label="close" on:click=close>"✕"</button>
                </div>
                <dl class="facts">{side("In force", outlook.before)} {side("Edited text", outlook.after)}</dl>
            </div>
        }
        .into_any(),
    )
}

/// The list of changes, for a question before saving.
pub fn changes(results: &Results) -> Vec<(Row, Outlook)> {
    let Results { rows, outlooks, .. } = results;
    let pairs = Arc::clone(rows);
    let pairs = pairs.iter().zip(outlooks.iter());
    pairs
        .filter(|(row, outlook)| matches!(row.origin, Origin::Recorded(_)) && outlook.changed())
        .map(|(row, outlook)| (row.clone(), outlook.clone()))
        .collect()
}
