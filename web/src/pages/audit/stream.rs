//! One stream: where it ends, whether it is whole, and what can be done with it.

use std::sync::Arc;

use engine::record::Head;
use leptos::prelude::*;
use serde::Deserialize;

use super::check::Wrong;
use super::export::Exports;
use super::not_fetched::NotFetched;
use super::runs::{Runs, State, Verified};
use crate::components::{Hash, Json, Link};
use crate::format::{count, counted, micros};
use crate::url::encoded;

/// The running operation on a stream, so that buttons stay while numbers change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Unknown,
    Running,
    Ended,
}

/// One stream.
#[component]
pub fn StreamView(
    /// Its head, as the server names it now.
    #[prop(into)]
    head: Signal<Head>,
    /// The verifications on this page.
    runs: Runs,
    /// The exports on this page.
    exports: Exports,
) -> impl IntoView {
    let name = head.with_untracked(|head| head.stream.clone());
    let stream = StoredValue::new(name.clone());
    let state = move || stream.with_value(|stream| runs.state(stream));
    let phase = Memo::new(move |_| match state() {
        None => Phase::Unknown,
        Some(State::Running { .. }) => Phase::Running,
        Some(_) => Phase::Ended,
    });
    let verify = move |_| match phase.get_untracked() {
        Phase::Running => stream.with_value(|stream| runs.stop(stream)),
        Phase::Unknown | Phase::Ended => runs.start(head.get_untracked()),
    };
    let verify_label = move || match phase.get() {
        Phase::Unknown => "Verify",
        Phase::Running => "Cancel",
        Phase::Ended => "Verify again",
    };
    let export_label = format!("export {name}");
    view! {
        <li class="card stream">
            <div class="head">
                <h3>
                    <bdi>{name.clone()}</bdi>
                </h3>
                <button type="button" class:quiet=move || phase.get() == Phase::Running on:click=verify>
                    {verify_label}
                    <span class="hidden">" " {name}</span>
                </button>
                <button
                    type="button"
                    class="quiet"
                    aria-label=export_label
                    disabled=move || exports.is_running()
                    on:click=move |_| exports.start(vec![head.get_untracked()])
                >
                    "Export"
                </button>
            </div>
            <dl class="facts">
                <dt>"Records"</dt>
                <dd class="number">{move || head.with(|head| count(head.size))}</dd>
                <dt>"Head"</dt>
                <dd>{move || head.with(|head| view! { <Hash value=head.record_hash.to_string() /> })}</dd>
            </dl>
            {move || match phase.get() {
                Phase::Unknown => ().into_any(),
                Phase::Running => view! { <Progress state=Signal::derive(state) /> }.into_any(),
                Phase::Ended => view! { <Ended state=Signal::derive(state) head /> }.into_any(),
            }}
        </li>
    }
}

#[component]
fn Progress(state: Signal<Option<State>>) -> impl IntoView {
    let numbers = Memo::new(move |_| match state.get() {
        Some(State::Running { done, total }) => (done, total),
        _ => (0, 0),
    });
    view! {
        <div class="row">
            <progress
                aria-label="records verified"
                max=move || numbers.get().1.to_string()
                prop:value=move || numbers.get().0 as f64
            ></progress>
            <span class="number">
                {move || count(numbers.get().0)} " of " {move || counted(numbers.get().1, "record")}
            </span>
        </div>
    }
}

#[component]
fn Ended(state: Signal<Option<State>>, head: Signal<Head>) -> impl IntoView {
    move || {
        match state.get() {
        None | Some(State::Running { .. }) => ().into_any(),
        Some(State::Failed(failure)) => {
            view! { <NotFetched failure again="verify again when it answers" /> }.into_any()
        }
        Some(State::Stopped { done }) => view! {
            <p class="notice" role="status">
                "Stopped: the first " {counted(done, "record")} " are whole and linked; the rest was not checked"
            </p>
        }
        .into_any(),
        Some(State::Done(verified)) => match &verified.wrong {
            None => view! { <Whole verified head /> }.into_any(),
            Some(wrong) => view! { <Broken wrong=wrong.clone() /> }.into_any(),
        },
    }
    }
}

#[component]
fn Whole(verified: Arc<Verified>, head: Signal<Head>) -> impl IntoView {
    let Verified { head: found, took_ms, .. } = verified.as_ref();
    let size = found.size;
    let newer = move || head.with(|head| head.size.saturating_sub(size));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time that is shown")]
    let took = micros((*took_ms * 1000.0).max(0.0) as u64);
    let what = match size.checked_sub(1) {
        Some(last) => format!("whole up to record {}: ", count(last)),
        None => "no records yet".to_owned(),
    };
    view! {
        <div class="notice ok" role="status">
            <p>
                <strong>"✓ " {what}</strong>
                {(size > 0)
                    .then(|| {
                        format!(
                            "{} hashed and chained here in {took}; the last one is the head that the server names",
                            counted(size, "record"),
                        )
                    })}
            </p>
            {move || {
                (newer() > 0)
                    .then(|| {
                        view! {
                            <p class="help">{counted(newer(), "record")} " written since; verify again to include them"</p>
                        }
                    })
            }}
        </div>
    }
}

#[derive(Deserialize)]
struct About {
    action_id: Option<String>,
}

#[component]
fn Broken(wrong: Wrong) -> impl IntoView {
    let Wrong { seq, how, message, body } = wrong;
    let about = body.as_deref().and_then(|body| serde_json::from_str::<About>(body).ok());
    let action = about.and_then(|about| about.action_id);
    let before = match seq {
        0 => "no record before it could be checked".to_owned(),
        1 => "record 0, before it, is whole".to_owned(),
        _ => format!("the {} before it are whole and linked", counted(seq, "record")),
    };
    view! {
        <div class="notice error" role="alert">
            <p>
                <strong>"✕ record " {count(seq)} ": " {how.as_str()}</strong>
                " – "
                {message}
            </p>
            <p class="help">{before} "; nothing from there on can be trusted"</p>
            {action
                .map(|id| {
                    let to = format!("/actions?id={}", encoded(&id));
                    view! {
                        <p>
                            "The record names the action "
                            <Link to>
                                <code>{id}</code>
                            </Link>
                        </p>
                    }
                })}
            {body.map(|body| view! { <Json text=body label="the record in its place" /> })}
        </div>
    }
}
