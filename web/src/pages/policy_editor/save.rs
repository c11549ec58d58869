//! Saving: what stands in its way, what it changes, and what to do when somebody else was faster.

use leptos::prelude::*;
use serde::Deserialize;

use super::draft::Draft;
use super::load::{Loading, TestsFile};
use super::results::changes;
use super::share::ShareButton;
use super::workbench::Workbench;
use crate::api::{self, Failure, Tagged};
use crate::components::{Dialog, Diff, FailureView, OutcomeBadge, Toasts};
use crate::format;
use crate::session::Sessions;
use crate::simulation::samples;
use crate::url::encoded;

/// How many changes are listed before saving.
const LISTED: usize = 100;

#[derive(Deserialize)]
struct Saved {
    hash: Option<String>,
}

/// What can be done with the text, and why not.
#[component]
pub fn SaveBar(
    /// The editor.
    bench: Workbench,
    /// What was fetched.
    loading: Loading,
    /// Whether it can only be read.
    #[prop(into)]
    read_only: Signal<bool>,
) -> impl IntoView {
    let sessions = Sessions::here();
    let toasts = Toasts::here();
    let saving = RwSignal::new(false);
    let asking = RwSignal::new(false);
    let comparing = RwSignal::new(false);
    let failure = RwSignal::new(None::<Failure>);

    let text_changed = Memo::new(move |_| bench.base().as_deref() != Some(bench.text.read().as_str()));
    let printed = Memo::new(move |_| {
        let policies = loading.samples_policies.get();
        bench.samples.with(|list| samples::print(list, policies.as_deref()))
    });
    let samples_changed = Memo::new(move |_| {
        let before = loading.samples_text.get().and_then(|text| samples::read("", &text).ok());
        let before = before.map(|(list, _)| list).unwrap_or_default();
        loading.samples_problem.get().is_none()
            && bench.samples.with(|list| {
                list.len() != before.len()
                    || list.iter().zip(&before).any(|(a, b)| {
                        (&a.name, &a.agent_id, &a.tool, &a.params, &a.expect)
                            != (&b.name, &b.agent_id, &b.tool, &b.params, &b.expect)
                    })
            })
    });
    let hindrance = Memo::new(move |_| {
        let changed = text_changed.get();
        if read_only.get() {
            Some("your key may read policies and not change them")
        } else if !changed && !samples_changed.get() {
            Some("nothing has changed")
        } else if changed && !bench.valid.get() {
            Some("a policy with errors cannot be saved")
        } else if samples_changed.get() && printed.with(Result::is_err) {
            Some("a sample cannot be read")
        } else if loading.theirs.get().is_some() {
            Some("somebody else has changed this file; compare first")
        } else {
            None
        }
    });
    let save = move || {
        if saving.get_untracked() {
            return;
        }
        asking.set(false);
        saving.set(true);
        failure.set(None);
        leptos::task::spawn_local(async move {
            match save_all(
                sessions,
                bench,
                loading,
                text_changed.get_untracked(),
                printed.get_untracked().ok().filter(|_| samples_changed.get_untracked()),
            )
            .await
            {
                Ok(()) => toasts.say("saved; it is in force"),
                Err(Stopped::Late) => {
                    if let Err(error) = loading.fetch_theirs().await {
                        _ = failure.try_set(Some(error));
                    }
                    _ = comparing.try_set(true);
                }
                Err(Stopped::Failed(error)) => _ = failure.try_set(Some(error)),
            }
            _ = saving.try_set(false);
        });
    };
    let wish = move || match (
        hindrance.get_untracked(),
        bench.results.with_untracked(|results| results.summary.changed),
    ) {
        (Some(why), _) => toasts.failed(format!("not saved: {why}")),
        (None, changed) if changed > 0 && text_changed.get_untracked() => asking.set(true),
        (None, _) => save(),
    };
    Effect::new(move |seen: Option<u64>| {
        let wishes = loading.wishes.get();
        if seen.is_some_and(|seen| seen != wishes) {
            wish();
        }
        wishes
    });
    // Nobody loses what they wrote by closing a tab.
    let unsaved = window_event_listener(leptos::ev::beforeunload, move |event| {
        if text_changed.get_untracked() || samples_changed.get_untracked() {
            event.prevent_default();
        }
    });
    on_cleanup(move || {
        unsaved.remove();
        // Nor by looking at another page: it is there again when they come back.
        let changed = |memo: Memo<bool>| memo.try_get_untracked() == Some(true);
        if changed(text_changed) || changed(samples_changed) {
            let samples =
                printed.try_get_untracked().and_then(Result::ok).filter(|_| changed(samples_changed));
            let hash = loading.hash.try_get_untracked().flatten();
            if let (Some(name), Some(text)) = (bench.name.try_get_value(), bench.text.try_get_untracked()) {
                Draft { hash, text, samples }.keep(&name);
            }
        }
    });
    let revert = move |_| {
        bench.text.set(bench.base_untracked().unwrap_or_default());
        let file = loading.samples_text.get_untracked().zip(loading.samples_hash.get_untracked());
        loading.take_samples(file.map(|(text, hash)| TestsFile { text, hash }));
    };

    view! {
        <div class="row save-bar">
            <button type="button" disabled=move || hindrance.get().is_some() || saving.get() on:click=move |_| wish()>
                {move || if saving.get() { "saving …" } else { "save" }}
            </button>
            <span class="help" role="status">
                {move || hindrance.get().unwrap_or("not saved yet")}
            </span>
            <button
                type="button"
                class="quiet"
                disabled=move || !text_changed.get() && !samples_changed.get()
                on:click=revert
            >
                "undo all changes"
            </button>
            <ShareButton bench />
        </div>
        {move || failure.get().map(|failure| view! { <FailureView failure /> })}
        {move || {
            loading
                .samples_problem
                .get()
                .map(|why| {
                    view! {
                        <p class="notice error" role="alert">
                            "✕ the file of samples cannot be read, so it is left as it is: " {why}
                        </p>
                    }
                })
        }}
        {move || {
            (samples_changed.get() && loading.samples_text.get().is_some_and(|text| text.contains('#')))
                .then(|| {
                    view! { <p class="notice warning">"saving the samples writes their file anew, without its comments"</p> }
                })
        }}
        {move || {
            loading
                .theirs
                .get()
                .map(|_| {
                    view! {
                        <p class="notice warning" role="alert">
                            "Somebody else has changed this file since you began. "
                            <button type="button" class="small" on:click=move |_| comparing.set(true)>
                                "compare"
                            </button>
                        </p>
                    }
                })
        }}
        <Dialog open=asking title="Some recorded outcomes would change">
            {move || {
                let list = bench.results.with_untracked(changes);
                let more = list.len().saturating_sub(LISTED);
                let words = bench.results.with_untracked(|results| results.summary.transitions());
                let items = list
                    .into_iter()
                    .take(LISTED)
                    .map(|(row, outlook)| {
                        view! {
                            <li>
                                <OutcomeBadge outcome=outlook.before.outcome />
                                " → "
                                <OutcomeBadge outcome=outlook.after.outcome />
                                " "
                                <code>{row.tool}</code>
                                " "
                                <span dir="auto">{row.arguments}</span>
                            </li>
                        }
                    })
                    .collect_view();
                view! {
                    <p>{words}</p>
                    <ul class="change-list" tabindex="0" aria-label="changes">{items}</ul>
                    {(more > 0).then(|| view! { <p class="help">"and " {format::count(more as u64)} " more"</p> })}
                    <div class="row">
                        <button type="button" on:click=move |_| save()>"save all the same"</button>
                        <button type="button" class="quiet" on:click=move |_| asking.set(false)>"go on editing"</button>
                    </div>
                }
            }}
        </Dialog>
        <Dialog open=comparing title="Two versions of this file">
            {move || conflict(bench, loading, comparing)}
        </Dialog>
    }
}

/// Both versions, and what one can do.
fn conflict(bench: Workbench, loading: Loading, comparing: RwSignal<bool>) -> impl IntoView {
    let Some((theirs, hash)) = loading.theirs.get() else {
        return view! { <p>"There is no other version."</p> }.into_any();
    };
    let gone = theirs.is_none();
    let text = theirs.clone().unwrap_or_default();
    let take = {
        let (text, hash) = (text.clone(), hash.clone());
        move |_| {
            loading.hash.set(hash.clone());
            bench.text.set(text.clone());
            loading.theirs.set(None);
            comparing.set(false);
        }
    };
    let keep = move |_| {
        // The next save says that it knows their version, and replaces it.
        loading.hash.set(hash.clone());
        loading.theirs.set(None);
        comparing.set(false);
    };
    let mine = bench.text.get_untracked();
    view! {
        <p>
            {if gone { "The file was deleted by somebody else." } else { "From their version (−) to yours (+):" }}
        </p>
        <Diff old=text new=mine />
        <div class="row">
            <button type="button" on:click=keep>"keep mine"</button>
            <button type="button" class="quiet" on:click=take>"take theirs"</button>
            <button type="button" class="quiet" on:click=move |_| comparing.set(false)>"decide later"</button>
        </div>
        <p class="help">"Nothing is saved by this: “keep mine” lets you save over their version."</p>
    }
    .into_any()
}

enum Stopped {
    /// Somebody else has changed the file.
    Late,
    Failed(Failure),
}

async fn save_all(
    sessions: Sessions,
    bench: Workbench,
    loading: Loading,
    text_changed: bool,
    samples: Option<String>,
) -> Result<(), Stopped> {
    let stopped =
        |failure: Failure| if failure.status == 412 { Stopped::Late } else { Stopped::Failed(failure) };
    // The samples are saved even when somebody leaves the page before the policy is.
    let samples = samples.zip(loading.samples_path());
    let samples_before = loading.samples_hash.get_untracked();
    if text_changed {
        let text = bench.text.get_untracked();
        let path = format!("/v1/policies/{}", bench.name.with_value(|name| encoded(name)));
        let before = loading.hash.get_untracked();
        let Tagged { value: Saved { hash }, .. } =
            api::put_text(sessions, &path, before.as_deref(), &text).await.map_err(stopped)?;
        loading.saved(hash).await.map_err(Stopped::Failed)?;
    }
    if let Some((text, path)) = samples {
        let before = samples_before;
        let saved: Tagged<Saved> = api::put_text(sessions, &path, before.as_deref(), &text).await.map_err(|failure| {
            let detail = match failure.status {
                412 => "the policy was saved; its samples were changed by somebody else, load the page again to see them".to_owned(),
                _ => format!("the samples were not saved: {}", failure.detail),
            };
            Stopped::Failed(Failure { detail, ..failure })
        })?;
        let hash = saved.value.hash.or(saved.etag).unwrap_or_default();
        loading.take_samples(Some(TestsFile { text, hash }));
    }
    Ok(())
}
