//! The history of changes: every version of the policies, newest first, each as a diff against its predecessor.

use leptos::prelude::*;

use super::changes::{self, Change, Kind};
use crate::components::{Diff, Empty, Hash, Resource};
use crate::format::{counted, now_ms, parse_time, relative, time};
use crate::live::Live;
use crate::server::{self, Failure};
use crate::url;
use api::{NamedText, PolicyHistory, PolicyTexts, PolicyVersion};

/// How many versions are shown at first, and how many more each time.
const PAGE: usize = 20;
/// The most that the server gives.
const MOST: usize = 500;
/// The author of a change in the folder itself.
const SYSTEM: &str = "system";

/// The newest versions.
///
/// # Errors
/// When the server does not answer, or with a problem.
pub async fn versions(limit: usize) -> Result<Vec<PolicyVersion>, Failure> {
    let PolicyHistory { history } =
        server::get(&format!("/v1/policies/history?limit={}", limit.min(MOST))).await?;
    Ok(history)
}

/// The history.
#[component]
pub fn History() -> impl IntoView {
    let (open, set_open) = url::query("version");
    let shown = RwSignal::new(PAGE);
    let history = Resource::<Vec<PolicyVersion>>::new();
    let load = move || {
        let (shown, wanted) = (shown.get_untracked(), open.get_untracked());
        history.load(async move {
            // One more than is shown: the predecessor of the last one, which also tells whether there are more.
            let found = versions(shown + 1).await?;
            let has = |wanted: &String| found.iter().any(|version| version.policy_version == *wanted);
            if found.len() > shown && wanted.is_some_and(|wanted| !has(&wanted)) {
                return versions(MOST).await;
            }
            Ok(found)
        });
    };
    load();
    Live::here().on_change_of(|event| event.kind == "policy", load);
    let listed = move || {
        let shown = shown.get();
        history.with(|history| {
            let all = history.map(Vec::as_slice).unwrap_or_default();
            let end = match all
                .iter()
                .position(|version| Some(&version.policy_version) == open.get_untracked().as_ref())
            {
                Some(wanted) => shown.max(wanted + 1),
                None => shown,
            };
            all.iter()
                .take(end)
                .cloned()
                .zip(all.iter().skip(1).cloned().map(Some).chain([None]))
                .collect::<Vec<_>>()
        })
    };
    let more = move || {
        shown.set((listed().len() + PAGE).min(MOST));
        load();
    };
    let has_more = move || history.with(|history| history.is_some_and(|all| all.len() > listed().len()));
    let is_empty = move || history.with(|history| history.is_some_and(Vec::is_empty));
    view! {
        <section class="card" aria-labelledby="history">
            <h2 id="history">"History"</h2>
            {history.view(|_| ())}
            <Show when=is_empty>
                <Empty title="No policy was ever in force">
                    <p>"The first version is made when the server reads its policy folder."</p>
                </Empty>
            </Show>
            <ol class="plain versions">
                <For each=listed key=|(version, before)| (version.policy_version.clone(), before.is_some()) let((version, before))>
                    <Version version before open set_open />
                </For>
            </ol>
            <Show when=has_more>
                <button type="button" class="quiet" on:click=move |_| more()>"Show older versions"</button>
            </Show>
        </section>
    }
}

#[component]
fn Version(
    version: PolicyVersion,
    before: Option<PolicyVersion>,
    open: Memo<Option<String>>,
    set_open: SignalSetter<Option<String>>,
) -> impl IntoView {
    let number = version.policy_version.clone();
    let is_open = {
        let number = number.clone();
        Memo::new(move |_| open.with(|open| open.as_deref() == Some(number.as_str())))
    };
    let toggled = number.clone();
    let toggle = move |_| set_open.set((!is_open.get_untracked()).then(|| toggled.clone()));
    let files = changes::files(&version.change);
    let at = version.at.clone();
    let ago = parse_time(&at).map(|ms| relative(ms - now_ms()));
    let who = match version.principal.as_deref() {
        Some(SYSTEM) => view! { <span class="muted">"Read from the folder"</span> }.into_any(),
        Some(name) => view! { <span>"by " <bdi><strong>{name.to_owned()}</strong></bdi></span> }.into_any(),
        None => view! { <span class="muted">"by an unknown person"</span> }.into_any(),
    };
    let summary = match files.as_slice() {
        [] => view! { <span class="muted">"No file changed"</span> }.into_any(),
        files => files.iter().map(chip).collect_view().into_any(),
    };
    let details = StoredValue::new((version, before, files));
    view! {
        <li class="version">
            <h3 class="row">
                <button
                    type="button"
                    class="quiet small"
                    aria-expanded=move || is_open.get().to_string()
                    on:click=toggle
                >
                    <span aria-hidden="true">{move || if is_open.get() { "▾ " } else { "▸ " }}</span>
                    "Version "
                    {number}
                </button>
                <time datetime=at.clone() title=at.clone()>{time(&at)}</time>
                <span class="muted">{ago}</span>
                {who}
            </h3>
            <p class="row">{summary}</p>
            <Show when=move || is_open.get()>
                {details.with_value(|(version, before, files)| {
                    view! { <Details version=version.clone() before=before.clone() files=files.clone() /> }
                })}
            </Show>
        </li>
    }
}

fn chip(change: &Change) -> impl IntoView + use<> {
    let class = match change.kind {
        Kind::Added => "badge ok",
        Kind::Changed => "badge info",
        Kind::Removed => "badge error",
    };
    let Change { name, kind } = change.clone();
    view! {
        <span class=class title=kind.as_str()>
            <span aria-hidden="true">{kind.sign()} " "</span>
            <span class="hidden">{kind.as_str()} " "</span>
            <bdi>{name}</bdi>
        </span>
    }
}

/// The texts of a version and of the one before it.
type Texts = (Vec<NamedText>, Vec<NamedText>);

#[component]
fn Details(version: PolicyVersion, before: Option<PolicyVersion>, files: Vec<Change>) -> impl IntoView {
    let texts = Resource::<Texts>::new();
    let receipt = version.receipt.clone();
    let (hash, set_hash, size) =
        (receipt.record_hash.clone(), version.policy_hash.clone(), version.files.len() as u64);
    let is_first = before.is_none();
    texts.load(async move {
        let old = match before {
            Some(before) => texts_of(&before).await?,
            None => Vec::new(),
        };
        Ok((old, texts_of(&version).await?))
    });
    view! {
        <dl class="facts">
            <dt>"Policies"</dt>
            <dd>{counted(size, "file")} ", " <Hash value=set_hash /></dd>
            <dt>"Record"</dt>
            <dd>{receipt.seq} " of " <bdi>{receipt.stream}</bdi> ", " <Hash value=hash /></dd>
        </dl>
        {files
            .is_empty()
            .then(|| view! {
                <p class="muted">
                    {if is_first { "No files." } else { "No file changed: the server read the folder again." }}
                </p>
            })}
        {texts
            .view(move |(old, new)| {
                files
                    .iter()
                    .map(|change| {
                        let name = &change.name;
                        let (old, new) = (changes::text_of(&old, name), changes::text_of(&new, name));
                        view! {
                            <h4>
                                <bdi>{name.clone()}</bdi>
                                <span class="muted">" " {change.kind.as_str()}</span>
                            </h4>
                            <Diff old new />
                        }
                    })
                    .collect_view()
            })}
    }
}

async fn texts_of(version: &PolicyVersion) -> Result<Vec<NamedText>, Failure> {
    if version.files.is_empty() {
        return Ok(Vec::new());
    }
    let PolicyTexts { files, .. } =
        server::get(&format!("/v1/policies/by-hash/{}", version.policy_hash)).await?;
    Ok(files)
}
