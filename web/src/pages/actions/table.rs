//! The list as a table; where there is little room, as cards. Each row has one link, which opens the action.

use leptos::prelude::*;

use super::Go;
use super::feed::Feed;
use super::query::Query;
use super::rows::Row;
use crate::components::{Isolated, OutcomeBadge, RiskMeter, StatusBadge};
use crate::format::{arguments, micros, name, row_time, visible};
use crate::pages::approvals::words::approver;
use crate::url;
use crate::wording;
use api::Action;

/// The `id` of the link of a row.
pub fn link_id(action_id: &str) -> String {
    format!("action-{action_id}")
}

/// The rows of the list.
#[component]
pub fn ActionTable(
    /// The list.
    feed: Feed,
    /// The state in the URL.
    query: Memo<Query>,
    /// Goes elsewhere.
    go: Go,
) -> impl IntoView {
    let rows = Memo::new_with_compare(
        move |_| feed.page.with(|page| page.map(|page| page.rows.clone()).unwrap_or_default()),
        |old, new| {
            let ids = |rows: Option<&Vec<Row>>| {
                rows.map(|rows| rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>())
            };
            ids(old) != ids(new)
        },
    );
    // One row can be reached with the tab key: the focused one, or else the first.
    let stop = Memo::new(move |_| {
        let selected = feed.selected.get();
        rows.with(|rows| {
            let is_here = rows.iter().any(|row| selected.as_ref() == Some(&row.id));
            if is_here { selected } else { rows.first().map(|row| row.id.clone()) }
        })
    });
    // The roles are said, because a table that is laid out as cards loses its own.
    view! {
        <table class="actions" role="table" aria-label="actions">
            <thead role="rowgroup">
                <tr role="row">
                    <th role="columnheader" scope="col">"Outcome"</th>
                    <th role="columnheader" scope="col">"Status"</th>
                    <th role="columnheader" scope="col">"Agent"</th>
                    <th role="columnheader" scope="col">"Tool"</th>
                    <th role="columnheader" scope="col">"Arguments"</th>
                    <th role="columnheader" scope="col">"Rule"</th>
                    <th role="columnheader" scope="col">"Risk"</th>
                    <th role="columnheader" scope="col">"Duration"</th>
                    <th role="columnheader" scope="col">"Time"</th>
                </tr>
            </thead>
            <tbody role="rowgroup">
                <For each=move || rows.get() key=|row| row.id.clone() let(row)>
                    <ActionRow row feed query go stop />
                </For>
            </tbody>
        </table>
    }
}

#[component]
fn ActionRow(row: Row, feed: Feed, query: Memo<Query>, go: Go, stop: Memo<Option<String>>) -> impl IntoView {
    let Row { id, action } = row;
    let id = StoredValue::new(id);
    let is = move |other: Option<&String>| id.with_value(|id| other == Some(id));
    let is_open = Memo::new(move |_| query.with(|query| is(query.id.as_ref())));
    let is_selected = Memo::new(move |_| feed.selected.with(|selected| is(selected.as_ref())));
    let is_stop = Memo::new(move |_| stop.with(|stop| is(stop.as_ref())));
    let open = move || go.open(query.get_untracked(), Some(id.get_value()));
    let on_link = move |event: leptos::ev::MouseEvent| {
        if event.meta_key() || event.ctrl_key() || event.shift_key() || event.alt_key() {
            event.stop_propagation();
            return;
        }
        event.prevent_default();
        event.stop_propagation();
        open();
    };
    let on_row = move |_| {
        // A user who selects text does not want to leave it.
        let marked = window().get_selection().ok().flatten().is_some_and(|marked| !marked.is_collapsed());
        if !marked {
            open();
        }
    };
    let href = move || url::of(&query.get().opening(Some(id.get_value())).path());
    let cell = |label: &'static str, class: &'static str, part: fn(&Action) -> AnyView| {
        let action = action.clone();
        view! {
            <td role="cell" class=class>
                <span class="label" aria-hidden="true">{label}</span>
                {move || part(&action.get())}
            </td>
        }
    };
    let label = {
        let action = action.clone();
        move || {
            let Action { decision, tool, agent_id, .. } = &*action.get();
            format!("{} {}, {}", wording::outcome(decision.outcome), name(tool), name(agent_id))
        }
    };
    let outcome = action.clone();
    let link = view! {
        <a
            id=link_id(&id.get_value())
            class="row-link"
            href=href
            aria-label=label
            aria-current=move || is_open.get().then_some("true")
            tabindex=move || if is_stop.get() { "0" } else { "-1" }
            on:click=on_link
            on:focus=move |_| feed.selected.set(Some(id.get_value()))
        >
            {move || view! { <OutcomeBadge outcome=outcome.get().decision.outcome /> }}
        </a>
    };
    view! {
        <tr role="row" class:open=is_open class:selected=is_selected on:click=on_row>
            <td role="cell" class="cell-outcome">{link}</td>
            {cell("Status", "cell-status", |action| {
                let contradicted =
                    action.standing.contradicted.then(|| view! { " " <span class="badge error">"! contradicted"</span> });
                view! { <StatusBadge status=action.standing.status reason_code=action.decision.reason_code /> {contradicted} {answered(action)} }.into_any()
            })}
            {cell("Agent", "cell-agent", |action| clipped(&action.agent_id))}
            {cell(
                "Tool",
                "cell-tool",
                |action| {
                    let operation = (action.operation != "call").then(|| {
                        view! { " " <bdi class="muted">{name(&action.operation)}</bdi> }
                    });
                    view! { <span class="clip" title=name(&action.tool)><bdi>{name(&action.tool)}</bdi>{operation}</span> }.into_any()
                },
            )}
            {cell(
                "Arguments",
                "cell-arguments",
                |action| view! { <code class="clip"><Isolated text=arguments(&action.params, &action.decision.key_params) /></code> }.into_any(),
            )}
            {cell("Rule", "cell-rule", rule)}
            {cell(
                "Risk",
                "cell-risk",
                |action| view! { <RiskMeter level=action.decision.risk_level score=action.decision.risk_score /> }.into_any(),
            )}
            {cell("Duration", "cell-duration", |action| view! { <span class="number">{micros(action.standing.duration_us)}</span> }.into_any())}
            {cell(
                "Time",
                "cell-time",
                |action| {
                    view! {
                        <time class="number" datetime=action.standing.created_at.clone() title=action.standing.created_at.clone()>
                            {row_time(&action.standing.created_at)}
                        </time>
                    }
                        .into_any()
                },
            )}
        </tr>
    }
}

fn clipped(text: &str) -> AnyView {
    view! { <span class="clip" title=name(text)><bdi>{name(text)}</bdi></span> }.into_any()
}

/// The person whose answer came last.
fn answered(action: &Action) -> AnyView {
    let by = action.standing.approvals.last().map(|last| {
        let verb = if last.approve { "Approved by " } else { "Rejected by " };
        view! { " " <span class="muted clip">{verb} <bdi>{approver(last)}</bdi></span> }
    });
    view! { {by} }.into_any()
}

fn rule(action: &Action) -> AnyView {
    match &action.decision.rule {
        Some(rule) => {
            let title = format!("{}, line {} of {}", rule.id, rule.line, rule.policy);
            view! { <span class="clip" title=title><bdi>{visible(&rule.id)}</bdi></span> }.into_any()
        }
        None => view! { <span class="muted">"None"</span> }.into_any(),
    }
}
