//! One action with everything about it: the proposal, the decision and its reason, and its records.

use std::sync::Arc;

use engine::decision::{Decision, ReasonCode, ShadowOpinion};
use engine::hash::RecordHash;
use engine::lifecycle::Status;
use engine::quorum::Quorum;
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
use crate::components::{
    CopyButton, ExplanationView, FailureView, Hash, Json, Link, OutcomeBadge, Resource, RiskMeter, RuleLink,
    StatusBadge,
};
use crate::format::{counted, micros, name, short, time, visible};
use crate::live::Live;
use crate::pages::approvals::words::approver;
use crate::server;
use crate::session::Sessions;
use crate::url::{self, encoded};
use crate::wording;
use api::{Action, ActionRecords, Explained, Permission, PersonsAnswer, Standing};

/// The opened action. It stays the same element while one action after the other is looked at.
#[component]
pub fn Drawer(
    /// The list, which may have the action already.
    feed: Feed,
    /// The state in the URL.
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
        action.load(async move { server::get(&format!("/v1/actions/{}", encoded(&id))).await.map(Arc::new) });
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
                None => view! { <p class="loading" role="status">"Loading …"</p> }.into_any(),
            }}
        </aside>
    }
}

/// All of an action. Constant parts are rendered once; the rest is rendered again after each record of the action.
#[component]
fn Everything(id: String, action: Resource<Arc<Action>>) -> impl IntoView {
    let sessions = Sessions::here();
    let version = Memo::new(move |_| {
        action.with(|action| action.map(|action| action.standing.receipt.record_hash.clone()))
    });
    let now = move |part: fn(&Action) -> AnyView| {
        move || {
            // Only reading a memo makes it follow its sources.
            _ = version.get();
            action.get_untracked().map(|action| part(&action))
        }
    };
    let once = |part: fn(&Action) -> AnyView| action.get_untracked().map(|action| part(&action));
    let sees_all = untrack(|| sessions.may(Permission::SeeAll));
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
    let pending = (action.standing.status == Status::PendingApproval).then(|| {
        let to = format!("/approvals?id={}", encoded(&action.id));
        let until = action.standing.expires_at.clone();
        let until = until.map(
            |at| view! { " It can be answered until " <time datetime=at.clone()>{time(&at)}</time> "." },
        );
        view! { <p class="notice warning"><Link to>"Answer it under Approvals"</Link> "." {until}</p> }
    });
    let start = action.standing.start_by.clone().map(|at| {
        view! { <p class="help">"It may start until " <time datetime=at.clone()>{time(&at)}</time> "."</p> }
    });
    let contradicted = action.standing.contradicted.then(|| {
        view! {
            <p class="notice error">
                "The wrapper that recorded this action decided otherwise. The decision shown is the server's own; the \
                 wrapper's does not count."
            </p>
        }
    });
    view! {
        <p class="row">
            <OutcomeBadge outcome=action.decision.outcome />
            <StatusBadge status=action.standing.status reason_code=action.decision.reason_code />
            <RiskMeter level=action.decision.risk_level score=action.decision.risk_score />
        </p>
        {contradicted}
        {pending}
        {start}
    }
    .into_any()
}

/// The parts to copy or export.
fn taking(action: &Action) -> AnyView {
    let origin = window().location().origin().unwrap_or_default();
    let link = format!("{origin}{}", url::of(&Query::default().opening(Some(action.id.clone())).path()));
    view! {
        <p class="row">
            <CopyButton text=curl(&origin, action) label="Copy as curl" />
            <CopyButton text=link label="Copy link" />
            <CopyButton text=action.id.clone() label="Copy id" />
        </p>
    }
    .into_any()
}

fn facts(action: &Action) -> AnyView {
    let only = |key: &'static str, value: &str| Query::default().with(key, value).path();
    let at = |rfc3339: &String| view! { <time class="number" datetime=rfc3339.clone() title=rfc3339.clone()>{time(rfc3339)}</time> };
    let rule = match action.decision.rule.clone() {
        Some(rule) => view! { <RuleLink rule /> }.into_any(),
        None => view! { <span class="muted">"None"</span> }.into_any(),
    };
    let (agent, tool) = (name(&action.agent_id), name(&action.tool));
    let needs = action.decision.approval.as_ref().map(|approval| {
        let each: Vec<_> = approval.requires.iter().map(quorum).collect();
        view! { <dt>"Needs"</dt> <dd>{each.join(", and ")}</dd> }
    });
    let risk_rules = (!action.decision.risk_rules.is_empty())
        .then(|| view! { <dt>"Risk rules"</dt> <dd><bdi>{action.decision.risk_rules.join(", ")}</bdi></dd> });
    let error = action
        .standing
        .error
        .clone()
        .map(|error| view! { <dt>"Error"</dt> <dd dir="auto">{visible(&error)}</dd> });
    view! {
        <dl class="facts">
            <dt>"Agent"</dt>
            <dd><Link to=only("agent_id", &action.agent_id)><bdi>{agent}</bdi></Link></dd>
            <dt>"Tool"</dt>
            <dd><Link to=only("tool", &action.tool)><bdi>{tool}</bdi></Link></dd>
            <dt>"Operation"</dt>
            <dd><bdi>{name(&action.operation)}</bdi></dd>
            <dt>"Decision"</dt>
            <dd>{wording::reason(action.decision.reason_code)} " " <code class="muted">{action.decision.reason_code.as_str()}</code></dd>
            <dt>"Reason"</dt>
            <dd dir="auto">{visible(&action.decision.reason)}</dd>
            <dt>"Rule"</dt>
            <dd>{rule}</dd>
            {needs}
            {risk_rules}
            {error}
            <dt>"Decided in"</dt>
            <dd class="number">{micros(action.standing.duration_us)}</dd>
            <dt>"Proposed"</dt>
            <dd>{at(&action.standing.created_at)}</dd>
            <dt>"Last changed"</dt>
            <dd>{at(&action.standing.updated_at)}</dd>
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
            <CopyButton text=action.params.get().to_owned() label="Copy arguments" />
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
    if action.standing.approvals.is_empty() {
        return ().into_any();
    }
    let one = |approval: &PersonsAnswer| {
        let who = approver(approval);
        let PersonsAnswer { roles, approve, reason, at, .. } = approval.clone();
        let roles = (!roles.is_empty()).then(|| format!(" ({})", roles.join(", ")));
        view! {
            <li>
                <span class=if approve { "badge ok" } else { "badge error" }>{if approve { "✓ Approved" } else { "✕ Rejected" }}</span>
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
            <ul class="traces">{action.standing.approvals.iter().map(one).collect_view()}</ul>
        </section>
    }
    .into_any()
}

fn shadows(action: &Action) -> AnyView {
    if action.decision.shadow.is_empty() {
        return ().into_any();
    }
    let one = |opinion: &ShadowOpinion| {
        let ShadowOpinion { outcome, policy, reason_code, rule, .. } = opinion.clone();
        let said = match outcome {
            Some(outcome) => view! { <OutcomeBadge outcome /> }.into_any(),
            None => view! { <span class="muted">"No opinion"</span> }.into_any(),
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
            <p class="help">"Their opinions have no part in the outcome."</p>
            <ul class="traces">{action.decision.shadow.iter().map(one).collect_view()}</ul>
        </section>
    }
    .into_any()
}

fn hashes(action: &Action) -> AnyView {
    let Action { decision, standing, .. } = action.clone();
    let Decision { request_hash, policy_hash, provenance_id, runtime_version, .. } = decision;
    let Standing { receipt, policy_version, .. } = standing;
    let request = match request_hash {
        Some(hash) => view! { <Hash value=hash /> }.into_any(),
        None => view! { <span class="muted">"None: the action could not be read"</span> }.into_any(),
    };
    view! {
        <section aria-label="hashes">
            <h3>"Hashes"</h3>
            <dl class="facts">
                <dt>"Request"</dt>
                <dd>{request}</dd>
                <dt>"Policies"</dt>
                <dd><Hash value=policy_hash /> " version " {policy_version}</dd>
                <dt>"Provenance"</dt>
                <dd><Hash value=provenance_id /></dd>
                <dt>"Engine rules"</dt>
                <dd>"version " {runtime_version}</dd>
                <dt>"Receipt"</dt>
                <dd><code>{receipt.stream} ":" {receipt.seq}</code> " " <Hash value=receipt.record_hash /></dd>
            </dl>
        </section>
    }
    .into_any()
}

#[component]
fn Why(id: String, version: Memo<Option<RecordHash>>) -> impl IntoView {
    let explained = Resource::<Explained>::new();
    Effect::new(move |_| {
        _ = version.get();
        let path = format!("/v1/actions/{}/explain", encoded(&id));
        explained.load(async move { server::get(&path).await });
    });
    view! {
        <section aria-label="explanation">
            <h3>"Explanation"</h3>
            {explained.view(|explained| view! { <ExplanationView explanation=explained.explanation /> })}
        </section>
    }
}

#[component]
fn History(id: String, action: Resource<Arc<Action>>, version: Memo<Option<RecordHash>>) -> impl IntoView {
    let events = Resource::<ActionRecords>::new();
    Effect::new(move |_| {
        _ = version.get();
        let path = format!("/v1/actions/{}/events", encoded(&id));
        events.load(async move { server::get(&path).await });
    });
    let receipt = move || action.get_untracked().map(|action| action.standing.receipt.clone());
    view! {
        <section aria-label="records">
            <h3>"Records"</h3>
            {events.view(move |events| receipt().map(|receipt| view! { <Records events receipt /> }))}
        </section>
    }
}
