//! Saving: its obstacles, the changes it makes, and the choice when another person was faster.

use leptos::prelude::*;

use super::draft::Draft;
use super::load::Loading;
use super::merge::merge;
use super::results::{changes, headline};
use super::samples_table::verdict;
use super::share::ShareButton;
use super::workbench::{Results, Workbench};
use crate::components::{Dialog, Diff, FailureView, Isolated, OutcomeBadge, Resource, Toasts};
use crate::format::{self, time};
use crate::pages::policies::history::versions as versions_of;
use crate::server::{self, Failure};
use crate::session::Sessions;
use crate::simulation::{Summary, samples};
use crate::url::encoded;
use api::{ChangedPolicy, FileChange, PolicyTests, PolicyVersion};

/// How many changes are listed before saving.
const LISTED: usize = 100;

/// How many versions are searched for the change of another person.
const LOOKED_BACK: usize = 20;

/// The possible actions on the text, and the reasons against them.
#[component]
pub fn SaveBar(
    /// The editor.
    bench: Workbench,
    /// The fetched data.
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
            Some("Your key can read policies but not change them")
        } else if !changed && !samples_changed.get() {
            Some("No changes")
        } else if changed && !bench.valid.get() {
            Some("A policy with errors cannot be saved")
        } else if samples_changed.get() && printed.with(Result::is_err) {
            Some("A sample cannot be read")
        } else if loading.theirs.get().is_some() {
            Some("Someone else changed this file; compare first")
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
                Ok(()) => toasts.say("Saved; it is in force"),
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
        (Some(why), _) => toasts.failed(format!("Not saved: {}", why.to_lowercase())),
        (None, changed)
            if text_changed.get_untracked()
                && (changed > 0 || untrack(|| bench.samples_count().failing > 0)) =>
        {
            asking.set(true);
        }
        (None, _) => save(),
    };
    Effect::new(move |seen: Option<u64>| {
        let wishes = loading.wishes.get();
        if seen.is_some_and(|seen| seen != wishes) {
            wish();
        }
        wishes
    });
    // Closing a tab must not lose unsaved text.
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
        loading.take_samples(file);
    };

    view! {
        <div class="row save-bar">
            <button type="button" disabled=move || hindrance.get().is_some() || saving.get() on:click=move |_| wish()>
                {move || if saving.get() { "Saving …" } else { "Save" }}
            </button>
            <span class="help" role="status">
                {move || hindrance.get().unwrap_or("Not saved yet")}
            </span>
            <button
                type="button"
                class="quiet"
                disabled=move || !text_changed.get() && !samples_changed.get()
                on:click=revert
            >
                "Undo all changes"
            </button>
            <ShareButton bench />
            <Effect bench />
        </div>
        {move || failure.get().map(|failure| view! { <FailureView failure /> })}
        {move || {
            loading
                .samples_problem
                .get()
                .map(|why| {
                    view! {
                        <p class="notice error" role="alert">
                            "✕ The samples file cannot be read, so it stays as it is: " {why}
                        </p>
                    }
                })
        }}
        {move || {
            (samples_changed.get() && loading.samples_text.get().is_some_and(|text| text.contains('#')))
                .then(|| {
                    view! { <p class="notice warning">"Saving the samples rewrites their file without its comments."</p> }
                })
        }}
        {move || {
            loading
                .theirs
                .get()
                .map(|_| {
                    view! {
                        <p class="notice warning" role="alert">
                            "Someone else changed this file since you began. "
                            <button type="button" class="small" on:click=move |_| comparing.set(true)>
                                "Compare"
                            </button>
                        </p>
                    }
                })
        }}
        <Dialog open=asking title="Save this change?">
            {move || {
                let failing = untrack(|| bench.samples_count());
                let warnings = bench.diagnostics.with_untracked(|list| list.len() as u64);
                let (old, new) = (bench.base_untracked().unwrap_or_default(), bench.text.get_untracked());
                let list = bench.results.with_untracked(changes);
                let more = list.len().saturating_sub(LISTED);
                let words = bench.results.with_untracked(headline);
                let sums = bench.results.with_untracked(|results| results.summary.sums());
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
                                <code><bdi>{format::name(&row.tool)}</bdi></code>
                                " "
                                <Isolated text=row.arguments />
                            </li>
                        }
                    })
                    .collect_view();
                view! {
                    {(failing.failing > 0).then(|| view! { <p class="notice error">{verdict(failing)}</p> })}
                    {(warnings > 0)
                        .then(|| view! { <p class="notice warning">"⚠ " {format::counted(warnings, "warning")}</p> })}
                    <p><strong>{words}</strong></p>
                    {(!sums.is_empty()).then(|| view! { <p>{sums}</p> })}
                    <ul class="change-list" tabindex="0" aria-label="changes">{items}</ul>
                    {(more > 0).then(|| view! { <p class="help">"and " {format::count(more as u64)} " more"</p> })}
                    <h3>"The text"</h3>
                    <Diff old new />
                    <div class="row">
                        <button type="button" class="quiet" on:click=move |_| asking.set(false)>"Keep editing"</button>
                        <button type="button" on:click=move |_| save()>"Save and activate"</button>
                    </div>
                }
            }}
        </Dialog>
        <Dialog open=comparing title="Two versions of this file">
            {move || conflict(bench, loading, comparing)}
        </Dialog>
    }
}

/// The effect of the edit in one line, in view at every width.
#[component]
fn Effect(bench: Workbench) -> impl IntoView {
    let warnings = move || bench.diagnostics.with(|list| list.len() as u64);
    view! {
        <span class="effect" class:stale=move || !bench.valid.get() aria-label="effect">
            {move || bench.results.with(effect)}
            {move || {
                let count = bench.samples_count();
                (count.failing > 0)
                    .then(|| view! { " · " <span class="verdict error">{format!("{} failing", format::counted(count.failing as u64, "sample"))}</span> })
            }}
            {move || {
                let word = if bench.valid.get() { "warning" } else { "finding" };
                (warnings() > 0).then(|| view! { " · " {format::counted(warnings(), word)} })
            }}
        </span>
    }
}

fn effect(results: &Results) -> String {
    let Summary { tried, changed, .. } = results.summary;
    let verb = if changed == 1 { "changes" } else { "change" };
    let numbers = format!("{} of {} recorded outcomes {verb}", format::count(changed), format::count(tried));
    match changed {
        0 => numbers,
        _ => format!("{numbers}: {}", results.summary.transitions()),
    }
}

/// Both versions, and what one can do.
fn conflict(bench: Workbench, loading: Loading, comparing: RwSignal<bool>) -> impl IntoView {
    let Some((theirs, hash)) = loading.theirs.get() else {
        return view! { <p>"There is no other version."</p> }.into_any();
    };
    let gone = theirs.is_none();
    let text = theirs.unwrap_or_default();
    let mine = bench.text.get_untracked();
    let merged = loading.begun_with.get_untracked().and_then(|base| merge(&base, &mine, &text));
    // The next save says that it knows their version, and replaces it with this text.
    let go_on_with = {
        let theirs = text.clone();
        move |new: String| {
            loading.hash.set(hash.clone());
            loading.begun_with.set(Some(theirs.clone()));
            loading.theirs.set(None);
            bench.text.set(new);
            comparing.set(false);
        }
    };
    let (keep, take, both) = (go_on_with.clone(), go_on_with.clone(), go_on_with);
    let (kept, taken) = (mine.clone(), text.clone());
    let can_merge = merged.is_some();
    view! {
        <WhoChanged bench />
        <p>
            {if gone { "The file was deleted." } else { "From their version (−) to yours (+):" }}
        </p>
        <Diff old=text new=mine />
        <p>
            {if can_merge {
                "Both edits fit together: they change different lines."
            } else {
                "Both edits change the same lines, so one of them has to give way."
            }}
        </p>
        <div class="row">
            {merged
                .map(|merged| {
                    view! { <button type="button" on:click=move |_| both(merged.clone())>"Merge both"</button> }
                })}
            <button type="button" class:quiet=can_merge on:click=move |_| keep(kept.clone())>"Keep mine"</button>
            <button type="button" class="quiet" on:click=move |_| take(taken.clone())>"Take theirs"</button>
            <button type="button" class="quiet" on:click=move |_| comparing.set(false)>"Decide later"</button>
        </div>
        <p class="help">"This saves nothing yet: save afterwards."</p>
    }
    .into_any()
}

/// Who saved the other version, and when.
#[component]
fn WhoChanged(bench: Workbench) -> impl IntoView {
    let versions = Resource::<Vec<PolicyVersion>>::new();
    versions.load(versions_of(LOOKED_BACK));
    move || {
        let name = bench.name.get_value();
        let last = versions
            .with(|versions| versions?.iter().find(|version| touches(&version.change, &name)).cloned())?;
        let at = time(&last.at);
        Some(match last.principal.as_deref() {
            None | Some("system") => {
                view! { <p>"The file in the policy folder changed at " {at} "."</p> }.into_any()
            }
            Some(name) => {
                let name = name.to_owned();
                view! { <p><bdi><strong>{name}</strong></bdi> " changed this file at " {at} "."</p> }
                    .into_any()
            }
        })
    }
}

/// Whether a version changed this file.
fn touches(change: &FileChange, file: &str) -> bool {
    [&change.added, &change.changed, &change.removed].into_iter().flatten().any(|name| name == file)
}

enum Stopped {
    /// Another person has changed the file.
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
    // The samples are saved even if the user leaves the page before the policy is.
    let samples = samples.zip(loading.samples_path());
    let samples_before = loading.samples_hash.get_untracked();
    if text_changed {
        let text = bench.text.get_untracked();
        let path = format!("/v1/policies/{}", bench.name.with_value(|name| encoded(name)));
        let before = loading.hash.get_untracked();
        let ChangedPolicy { hash, .. } =
            server::put_text(sessions, &path, before, &text).await.map_err(stopped)?;
        loading.saved(hash).await.map_err(Stopped::Failed)?;
    }
    if let Some((text, path)) = samples {
        let before = samples_before;
        let saved: PolicyTests = server::put_text(sessions, &path, before, &text).await.map_err(|failure| {
            let detail = match failure.status {
                412 => "the policy was saved; its samples were changed by somebody else, load the page again to see them".to_owned(),
                _ => format!("the samples were not saved: {}", failure.detail),
            };
            Stopped::Failed(Failure { detail, ..failure })
        })?;
        loading.take_samples(Some((text, saved.hash)));
    }
    Ok(())
}
