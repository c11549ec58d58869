//! One action with everything about it: what was proposed, what was decided and why, and what is recorded of it.

use std::sync::Arc;

use engine::decision::{Quorum, ReasonCode, ShadowOpinion};
use engine::lifecycle::Status;
use leptos::html;
use leptos::prelude::*;

use super::Go;
use super::curl::curl;
use super::feed::Feed;
use super::keys::focus;
use super::query::Query;
use super::records::Records;
use super::replay::ReplayPart;
use super::table::link_id;
use crate::api;
use crate::api::types::{Action, Approval, Events, Explained};
use crate::components::{
    CopyButton, ExplanationView, FailureView, Hash, Json, Link, OutcomeBadge, Resource, RiskMeter, RuleLink,
    StatusBadge,
};
use crate::format::{counted, micros, short, time, visible, words};
use crate::live::Live;
use crate::pages::approvals::words::approver;
use crate::session::Sessions;
use crate::url::{self, encoded};

/// The opened action. It stays the same element while one action after the other is looked at.
#[component]
pub fn Drawer(
    /// The list, which may have the action already.
    feed: Feed,
    /// What the URL says.
    query: Memo<Query>,
    /// Goes elsewhere.
    go: Go,
) -> impl IntoView {
    let id = Memo::new(move |_| query.with(|query| query.id.clone()));
    let shown = StoredValue::new(None::<String>);
    // When it closes, the focus goes back to where it came from.
    on_cleanup(move || {
        let id = shown.get_value();
        request_animation_frame(move || {
            if let Some(id) = id {
                focus(&link_id(&id));
            }
        });
    });
    let close = move |_| go.open(query.get_untracked(), None);
    let title = NodeRef::<html::H2>::new();
    Effect::new(move |_| {
        if let (Some(id), Some(title)) = (id.get(), title.get()) {
            shown.set_value(Some(id));
            _ = title.focus();
        }
    });
    let action = Resource::<Arc<Action>>::new();
    let load = move || {
        let Some(id) = id.get_untracked() else { return };
        action.load(async move { api::get(&format!("/v1/actions/{}", encoded(&id))).await.map(Arc::new) });
    };
    Effect::new(move |_| {
        let Some(id) = id.get() else { return };
        action.clear();
        let rows = feed.page.get_untracked().map(|page| page.rows).unwrap_or_default();
        if let Some(row) = rows.into_iter().find(|row| row.id == id) {
            action.set(row.action.get_untracked());
        }
        load();
    });
    Live::here().on_event(move |event| {
        let about = event.action_id.as_deref();
        if id.with_untracked(|id| id.as_deref().zip(about).is_some_and(|(id, about)| about.starts_with(id))) {
            load();
        }
    });
    let there = Memo::new(move |_| action.with(|action| action.map(|action| action.id.clone())));
    view! {
        <aside class="drawer card" aria-label="the opened action">
            <header class="dialog-head">
                <h2 tabindex="-1" node_ref=title>
                    "Action "
                    <code>{move || id.get().map(|id| short(&id))}</code>
                </h2>
                <button type="button" class="quiet" aria-label="close" on:click=close>
                    "✕"
                </button>
            </header>
            {move || action.failure().map(|failure| view! { <FailureView failure /> })}
            {move || match there.get() {
                Some(id) => view! { <Everything id action /> }.into_any(),
                None if action.failure().is_some() => ().into_any(),
                None => view! { <p class="loading" role="status">"loading …"</p> }.into_any(),
            }}
        </aside>
    }
}

/// All of an action. What cannot change is made once; the rest is made anew when something is recorded of the action.
#[component]
fn Everything(id: String, action: Resource<Arc<Action>>) -> impl IntoView {
    let sessions = Sessions::here();
    let version =
        Memo::new(move |_| action.with(|action| action.map(|action| action.receipt.record_hash.clone())));
    let now = move |part: fn(&Action) -> AnyView| {
        move || {
            // Only reading a memo makes it follow what it is made of.
            _ = version.get();
            action.get_untracked().map(|action| part(&action))
        }
    };
    let once = |part: fn(&Action) -> AnyView| action.get_untracked().map(|action| part(&action));
    let sees_all = untrack(|| sessions.may("see_all"));
    view! {
        {now(standing)}
        {once(taking)}
        {now(facts)}
        {once(proposed)}
        {now(result)}
        {now(approvals)}
        {now(shadows)}
        {sees_all.then(|| view! { <Why id=id.clone() version /> })}
        <History id=id.clone() action version />
        {now(hashes)}
        {sees_all
            .then(|| {
                view! {
                    <section aria-label="replay">
                        <h3>"Replay"</h3>
                        <ReplayPart id=id.clone() />
                    </section>
                }
            })}
    }
}

fn standing(action: &Action) -> AnyView {
    let pending = (action.status == Status::PendingApproval).then(|| {
        let to = format!("/approvals?id={}", encoded(&action.id));
        let until = action.expires_at.clone();
        let until = until.map(|at| view! { " It can be answered until " <time datetime=at.clone()>{time(&at)}</time> "." });
        view! { <p class="notice warning"><Link to>"answer it on the page of approvals"</Link> "." {until}</p> }
    });
    let start = action.start_by.clone().map(|at| {
        view! { <p class="help">"It may start until " <time datetime=at.clone()>{time(&at)}</time> "."</p> }
    });
    let contradicted = action.contradicted.then(|| {
        view! {
            <p class="notice error">
                "The wrapper that recorded this action decided otherwise. The decision shown is this server's own, and \
                 nothing that the wrapper says of the action counts."
            </p>
        }
    });
    view! {
        <p class="row">
            <OutcomeBadge outcome=action.outcome />
            <StatusBadge status=action.status />
            <RiskMeter level=action.risk_level score=action.risk_score />
        </p>
        {contradicted}
        {pending}
        {start}
    }
    .into_any()
}

/// What can be taken along.
fn taking(action: &Action) -> AnyView {
    let origin = window().location().origin().unwrap_or_default();
    let link = format!("{origin}{}", url::of(&Query::default().opening(Some(action.id.clone())).path()));
    view! {
        <p class="row">
            <CopyButton text=curl(&origin, action) label="copy as curl" />
            <CopyButton text=link label="copy link" />
            <CopyButton text=action.id.clone() label="copy id" />
        </p>
    }
    .into_any()
}

fn facts(action: &Action) -> AnyView {
    let only = |key: &'static str, value: &str| Query::default().with(key, value).path();
    let at = |rfc3339: &String| view! { <time class="number" datetime=rfc3339.clone() title=rfc3339.clone()>{time(rfc3339)}</time> };
    let rule = match action.rule.clone() {
        Some(rule) => view! { <RuleLink rule /> }.into_any(),
        None => view! { <span class="muted">"none"</span> }.into_any(),
    };
    let (agent, tool) = (visible(&action.agent_id), visible(&action.tool));
    let needs = action.approval.as_ref().map(|approval| {
        let each: Vec<_> = approval.requires.iter().map(quorum).collect();
        view! { <dt>"needs"</dt> <dd>{each.join(", and ")}</dd> }
    });
    let risk_rules = (!action.risk_rules.is_empty())
        .then(|| view! { <dt>"risk rules"</dt> <dd><bdi>{action.risk_rules.join(", ")}</bdi></dd> });
    let error =
        action.error.clone().map(|error| view! { <dt>"error"</dt> <dd dir="auto">{visible(&error)}</dd> });
    view! {
        <dl class="facts">
            <dt>"agent"</dt>
            <dd><Link to=only("agent_id", &action.agent_id)><bdi>{agent}</bdi></Link></dd>
            <dt>"tool"</dt>
            <dd><Link to=only("tool", &action.tool)><bdi>{tool}</bdi></Link></dd>
            <dt>"operation"</dt>
            <dd><bdi>{visible(&action.operation)}</bdi></dd>
            <dt>"decision"</dt>
            <dd>{words(action.outcome.effect().as_str())} " " <code class="muted">{action.reason_code.as_str()}</code></dd>
            <dt>"reason"</dt>
            <dd dir="auto">{visible(&action.reason)}</dd>
            <dt>"rule"</dt>
            <dd>{rule}</dd>
            {needs}
            {risk_rules}
            {error}
            <dt>"decided in"</dt>
            <dd class="number">{micros(action.duration_us)}</dd>
            <dt>"came"</dt>
            <dd>{at(&action.created_at)}</dd>
            <dt>"last changed"</dt>
            <dd>{at(&action.updated_at)}</dd>
        </dl>
    }
    .into_any()
}

/// `2 approvals by finance or legal`.
fn quorum(quorum: &Quorum) -> String {
    let who =
        if quorum.roles.is_empty() { String::new() } else { format!(" by {}", quorum.roles.join(" or ")) };
    format!("{}{who}", counted(quorum.approvers.into(), "approval"))
}

fn proposed(action: &Action) -> AnyView {
    let context = (action.context.get() != "{}").then(|| {
        view! {
            <h3>"Context"</h3>
            <Json text=action.context.get() label="context" />
        }
    });
    view! {
        <section aria-label="arguments">
            <h3>"Arguments"</h3>
            <Json text=action.params.get() label="arguments" />
            <CopyButton text=action.params.get().to_owned() label="copy arguments" />
            {context}
        </section>
    }
    .into_any()
}

fn result(action: &Action) -> AnyView {
    let Some(result) = &action.result else { return ().into_any() };
    view! {
        <section aria-label="result">
            <h3>"Result"</h3>
            <Json text=result.get() label="result" />
        </section>
    }
    .into_any()
}

fn approvals(action: &Action) -> AnyView {
    if action.approvals.is_empty() {
        return ().into_any();
    }
    let one = |approval: &Approval| {
        let who = approver(approval);
        let Approval { roles, approve, reason, at, .. } = approval.clone();
        let roles = (!roles.is_empty()).then(|| format!(" ({})", roles.join(", ")));
        view! {
            <li>
                <span class=if approve { "badge ok" } else { "badge error" }>{if approve { "✓ approved" } else { "✕ rejected" }}</span>
                " "
                <bdi>{who}</bdi>
                {roles}
                ", "
                <time class="number" datetime=at.clone() title=at.clone()>{time(&at)}</time>
                {reason.map(|reason| view! { <p dir="auto">{visible(&reason)}</p> })}
            </li>
        }
    };
    view! {
        <section aria-label="approvals">
            <h3>"Approvals"</h3>
            <ul class="traces">{action.approvals.iter().map(one).collect_view()}</ul>
        </section>
    }
    .into_any()
}

fn shadows(action: &Action) -> AnyView {
    if action.shadow.is_empty() {
        return ().into_any();
    }
    let one = |opinion: &ShadowOpinion| {
        let ShadowOpinion { outcome, policy, reason_code, rule, .. } = opinion.clone();
        let said = match outcome {
            Some(outcome) => view! { <OutcomeBadge outcome /> }.into_any(),
            None => view! { <span class="muted">"no opinion"</span> }.into_any(),
        };
        let rule = rule.map(|rule| view! { " " <RuleLink rule /> });
        view! {
            <li>
                {said} " " <bdi>{policy}</bdi> " "
                <code class="muted">{reason_code.map(ReasonCode::as_str)}</code> {rule}
            </li>
        }
    };
    view! {
        <section aria-label="shadow files">
            <h3>"Shadow files"</h3>
            <p class="help">"What they would have said. They have no part in the outcome."</p>
            <ul class="traces">{action.shadow.iter().map(one).collect_view()}</ul>
        </section>
    }
    .into_any()
}

fn hashes(action: &Action) -> AnyView {
    let Action { request_hash, policy_hash, provenance_id, receipt, policy_version, runtime_version, .. } =
        action.clone();
    let request = match request_hash {
        Some(hash) => view! { <Hash value=hash /> }.into_any(),
        None => view! { <span class="muted">"none: the action could not be read"</span> }.into_any(),
    };
    view! {
        <section aria-label="hashes">
            <h3>"Hashes"</h3>
            <dl class="facts">
                <dt>"request"</dt>
                <dd>{request}</dd>
                <dt>"policies"</dt>
                <dd><Hash value=policy_hash /> " version " {policy_version}</dd>
                <dt>"provenance"</dt>
                <dd><Hash value=provenance_id /></dd>
                <dt>"engine rules"</dt>
                <dd>"version " {runtime_version}</dd>
                <dt>"receipt"</dt>
                <dd><code>{receipt.stream} ":" {receipt.seq}</code> " " <Hash value=receipt.record_hash /></dd>
            </dl>
        </section>
    }
    .into_any()
}

#[component]
fn Why(id: String, version: Memo<Option<String>>) -> impl IntoView {
    let explained = Resource::<Explained>::new();
    Effect::new(move |_| {
        _ = version.get();
        let path = format!("/v1/actions/{}/explain", encoded(&id));
        explained.load(async move { api::get(&path).await });
    });
    view! {
        <section aria-label="explanation">
            <h3>"Explanation"</h3>
            {explained.view(|explained| view! { <ExplanationView explanation=explained.explanation /> })}
        </section>
    }
}

#[component]
fn History(id: String, action: Resource<Arc<Action>>, version: Memo<Option<String>>) -> impl IntoView {
    let events = Resource::<Events>::new();
    Effect::new(move |_| {
        _ = version.get();
        let path = format!("/v1/actions/{}/events", encoded(&id));
        events.load(async move { api::get(&path).await });
    });
    let receipt = move || action.get_untracked().map(|action| action.receipt.clone());
    view! {
        <section aria-label="records">
            <h3>"Records"</h3>
            {events.view(move |events| receipt().map(|receipt| view! { <Records events receipt /> }))}
        </section>
    }
}
