//! One action of the queue: everything that a person needs to decide, and the buttons for it.

use std::sync::Arc;

use leptos::prelude::*;

use super::desk::Desk;
use super::queue::Held;
use super::words::{Left, Standing, approver, is_long, left, needs, person};
use crate::components::explanation::rule_path;
use crate::components::{Isolated, Json, Link, RiskMeter};
use crate::format::{arguments, countdown, name, now_ms, parse_time, relative, time, visible};
use crate::wording;
use api::Action;

/// One item. The focus in it selects it.
#[component]
pub fn Item(
    /// The page's state.
    desk: Desk,
    /// The action that it shows.
    held: Held,
) -> impl IntoView {
    // The proposal never changes; only the answers do.
    let action = held.now();
    let id = Arc::clone(&held.id);
    let is_selected = {
        let id = Arc::clone(&id);
        Memo::new(move |_| desk.is_selected(&id))
    };
    let select = {
        let id = Arc::clone(&id);
        move || desk.select(&id)
    };
    let focused = select.clone();
    let heading = format!("held-name-{id}");
    let labelled = heading.clone();
    let context = (action.context.get() != "{}").then(|| {
        view! {
            <details open=!is_long(&action)>
                <summary>"Context"</summary>
                <Json text=action.context.get().to_owned() label="context" />
            </details>
        }
    });
    let operation = (action.operation != "call")
        .then(|| view! { " " <span class="muted"><bdi>{name(&action.operation)}</bdi></span> });
    view! {
        <li>
            <article
                id=format!("held-{id}")
                class="card held"
                class:selected=move || is_selected.get()
                aria-labelledby=labelled
                aria-current=move || is_selected.get().then_some("true")
                tabindex="-1"
                on:focusin=move |_| focused()
                on:click=move |_| select()
            >
                <header class="row">
                    <Tick desk held=held.clone() />
                    <h2 id=heading>
                        <bdi>{name(&action.tool)}</bdi>
                        {operation}
                    </h2>
                    <RiskMeter level=action.decision.risk_level score=action.decision.risk_score />
                    <TimeLeft desk expires_at=action.standing.expires_at.clone() />
                </header>
                <div class="columns">
                    <div>
                        <Glance action=Arc::clone(&action) />
                        <Json text=action.params.get().to_owned() label="arguments" />
                        {context}
                    </div>
                    <Facts held=held.clone() />
                </div>
                <Answer desk held />
            </article>
        </li>
    }
}

/// The arguments on one line above a long text of them, those that the rule compared first: no other argument can push
/// them out of sight.
#[component]
pub fn Glance(
    /// The action.
    action: Arc<Action>,
) -> impl IntoView {
    is_long(&action).then(|| {
        view! { <p class="glance"><code><Isolated text=arguments(&action.params, &action.decision.key_params) /></code></p> }
    })
}

#[component]
fn Tick(desk: Desk, held: Held) -> impl IntoView {
    move || {
        let standing = desk.queue.standing(&held.action.get());
        let (id, ticked) = (Arc::clone(&held.id), Arc::clone(&held.id));
        standing.may(false).then(|| {
            view! {
                <label class="tick">
                    <input
                        type="checkbox"
                        aria-keyshortcuts="x"
                        prop:checked=move || desk.queue.is_checked(&ticked)
                        on:change=move |_| desk.queue.toggle(&id)
                    />
                    <span class="hidden">"Select this one"</span>
                </label>
            }
        })
    }
}

#[component]
fn TimeLeft(desk: Desk, expires_at: Option<String>) -> impl IntoView {
    let at = expires_at.as_deref().map(time);
    let left = Memo::new(move |_| left(expires_at.as_deref(), desk.now.get()));
    view! {
        <span
            class="time-left badge number"
            class:warning=move || matches!(left.get(), Left::Soon(_))
            class:error=move || left.get() == Left::Over
            role="timer"
            title=at
        >
            {move || match left.get() {
                Left::Always => "Does not expire".to_owned(),
                Left::Enough(ms) => format!("{} left", countdown(ms)),
                Left::Soon(ms) => format!("⚠ only {} left", countdown(ms)),
                Left::Over => "✕ Expired".to_owned(),
            }}
        </span>
    }
}

#[component]
fn Facts(held: Held) -> impl IntoView {
    let action = held.now();
    let rule = match &action.decision.rule {
        Some(rule) => {
            let to = rule_path(&rule.policy, Some(&rule.id));
            let place = format!("{}:{}", rule.policy, rule.line);
            let id = rule.id.clone();
            view! { <Link to><bdi>{visible(&id)}</bdi></Link> " " <span class="muted">{place}</span> }
                .into_any()
        }
        None => view! { {wording::reason(action.decision.reason_code)} }.into_any(),
    };
    let risk_rules = (!action.decision.risk_rules.is_empty()).then(|| {
        let chips: Vec<_> = action
            .decision
            .risk_rules
            .iter()
            .map(|rule| view! { <span class="chip">{rule.clone()}</span> " " })
            .collect();
        view! { <dt>"Risk rules"</dt> <dd>{chips}</dd> }
    });
    let proposer =
        action.standing.principal.as_deref().map(|name| view! { " by " <bdi>{visible(&person(name))}</bdi> });
    let since = parse_time(&action.standing.created_at).map(|at| relative(at - now_ms()));
    view! {
        <dl class="facts">
            <dt>"Agent"</dt>
            <dd><bdi>{name(&action.agent_id)}</bdi></dd>
            <dt>"Proposed"</dt>
            <dd>
                <time datetime=action.standing.created_at.clone()>{time(&action.standing.created_at)}</time>
                " "
                <span class="muted">{since}</span>
                {proposer}
            </dd>
            <dt>"Held by"</dt>
            <dd>{rule}</dd>
            <dt>"Reason"</dt>
            <dd><bdi>{visible(&action.decision.reason)}</bdi></dd>
            {risk_rules}
            <Needed held />
        </dl>
    }
}

/// The requirements, and the people who have answered already.
#[component]
fn Needed(held: Held) -> impl IntoView {
    move || {
        let action = held.action.get();
        let needs = needs(action.decision.approval.as_ref(), &action.standing.approvals);
        let needs: Vec<_> = needs.into_iter().map(|need| view! { <li>{need.text()}</li> }).collect();
        let answers: Vec<_> = action
            .standing
            .approvals
            .iter()
            .map(|approval| {
                let roles = (!approval.roles.is_empty()).then(|| format!(" ({})", approval.roles.join(", ")));
                let reason = approval
                    .reason
                    .as_deref()
                    .map(visible)
                    .map(|reason| view! { ": “" <bdi>{reason}</bdi> "”" });
                let verb = if approval.approve { "✓ Approved by " } else { "✕ Rejected by " };
                view! {
                    <li>
                        {verb} <bdi>{approver(approval)}</bdi> {roles} " "
                        <time class="muted" datetime=approval.at.clone()>{time(&approval.at)}</time> {reason}
                    </li>
                }
            })
            .collect();
        view! {
            <dt>"Needs"</dt>
            <dd>
                <ul class="plain">{needs} {answers}</ul>
            </dd>
        }
    }
}

#[component]
fn Answer(desk: Desk, held: Held) -> impl IntoView {
    let standing = {
        let action = held.action.clone();
        Memo::new(move |_| desk.queue.standing(&action.get()))
    };
    let (problem, waiting) = (held.problem.clone(), held.action.clone());
    view! {
        {move || problem.get().map(|problem| view! { <p class="notice error" role="alert">"✕ " {problem}</p> })}
        {move || {
            (waiting.get().standing.waiting == Some(false))
                .then(|| {
                    view! {
                        <p class="notice warning">
                            "⚠ No caller has waited for this in the last minute. An approval has an effect only if the agent resumes it."
                        </p>
                    }
                })
        }}
        {move || standing.get().why().map(|why| view! { <p class="notice">{why}</p> })}
        {move || {
            let standing = standing.get();
            standing.may(false).then(|| view! { <Form desk held=held.clone() standing /> })
        }}
    }
}

#[component]
fn Form(desk: Desk, held: Held, standing: Standing) -> impl IntoView {
    let (comment, said) = (held.comment.clone(), held.comment.clone());
    let (sending, busy) = (held.sending.clone(), held.sending.clone());
    let field = format!("comment-{}", held.id);
    let rejected = held.clone();
    view! {
        <div class="answer">
            <label for=field.clone()>"Comment (optional)"</label>
            <textarea
                id=field
                rows="1"
                aria-keyshortcuts="c"
                prop:value=move || said.get()
                on:input=move |event| comment.set(event_target_value(&event))
            ></textarea>
            <div class="row">
                {standing
                    .may(true)
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                aria-keyshortcuts="a"
                                disabled=move || sending.get()
                                on:click=move |_| desk.give(&held, true)
                            >
                                "Approve"
                            </button>
                        }
                    })}
                <button
                    type="button"
                    class="danger"
                    aria-keyshortcuts="r"
                    disabled=move || busy.get()
                    on:click=move |_| desk.give(&rejected, false)
                >
                    "Reject"
                </button>
            </div>
        </div>
    }
}
