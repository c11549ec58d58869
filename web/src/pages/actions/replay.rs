//! Deciding an action again, at the server, and comparing.

use leptos::prelude::*;

use crate::components::{FailureView, Hash, Json};
use crate::format::words;
use crate::server::{self, Failure};
use crate::session::Sessions;
use crate::url::encoded;
use api::{Empty, Replay, ReplayedPass};

/// A button that decides again, and what came of it.
#[component]
pub fn ReplayPart(
    /// The action.
    id: String,
) -> impl IntoView {
    let sessions = Sessions::here();
    let answer = RwSignal::new(None::<Result<Replay, Failure>>);
    let asking = RwSignal::new(false);
    let replay = move |_| {
        if asking.get_untracked() {
            return;
        }
        asking.set(true);
        let path = format!("/v1/actions/{}/replay", encoded(&id));
        leptos::task::spawn_local(async move {
            let got = server::post::<Replay>(sessions, &path, &Empty {}).await;
            _ = answer.try_set(Some(got));
            _ = asking.try_set(false);
        });
    };
    view! {
        <p class="help">
            "The server decides it once more from what was recorded: the same action, policies, state and engine."
        </p>
        <button type="button" class="quiet" aria-disabled=move || asking.get().to_string() on:click=replay>
            {move || if asking.get() { "Replaying …" } else { "Replay" }}
        </button>
        <div aria-live="polite">
            {move || match answer.get() {
                None => ().into_any(),
                Some(Err(failure)) => view! { <FailureView failure /> }.into_any(),
                Some(Ok(replay)) => compared(replay),
            }}
        </div>
    }
}

fn compared(replay: Replay) -> AnyView {
    let passes = replay.passes.len();
    let (class, text) = if replay.matches {
        let text = match passes {
            1 => "✓ the same decision, byte for byte".to_owned(),
            _ => format!("✓ the same decision in all {passes} passes, byte for byte"),
        };
        ("notice ok", text)
    } else if passes == 0 {
        ("notice warning", "? nothing was decided that could be decided again".to_owned())
    } else {
        ("notice error", "✕ the decision differs from what is recorded".to_owned())
    };
    view! {
        <p class=class>{text}</p>
        <ul class="traces">{replay.passes.into_iter().map(pass).collect_view()}</ul>
    }
    .into_any()
}

fn pass(pass: ReplayedPass) -> impl IntoView {
    let engine = if pass.same_engine { "the engine of this server" } else { "an engine kept from then" };
    let differences = (!pass.differences.is_empty()).then(|| {
        let rows = pass.differences.into_iter().map(|difference| {
            view! {
                <dt><code>{difference.field}</code></dt>
                <dd>
                    "recorded "
                    <Json text=difference.recorded.get() label="as recorded" />
                    "now "
                    <Json text=difference.replayed.get() label="as replayed" />
                </dd>
            }
        });
        view! { <dl class="facts">{rows.collect_view()}</dl> }
    });
    view! {
        <li>
            <p>
                {if pass.matches { "✓ same" } else { "✕ differs" }} ": " {words(pass.kind.as_str())} " " <code>{pass.stream} ":" {pass.seq}</code>
                ", decided by " {engine} " " <Hash value=pass.engine_hash /> " under the policies " <Hash value=pass.policy_hash />
            </p>
            {differences}
        </li>
    }
}
