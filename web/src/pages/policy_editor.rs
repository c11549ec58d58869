//! The policy editor: a policy, and next to it the decision on every sample and every recorded action under it, while
//! it is being written and before it is saved.

pub mod draft;
pub mod load;
pub mod merge;
pub mod results;
pub mod samples_table;
pub mod save;
pub mod share;
pub mod workbench;

use api::Permission;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use crate::components::{CodeEditor, DiagnosticList, FailureView, Link};
use crate::format;
use crate::session::Sessions;
use crate::url;
use load::Loading;
use results::RecordedResults;
use samples_table::SamplesTable;
use save::SaveBar;
use workbench::Workbench;

/// More findings than this are counted and not listed.
const LISTED: usize = 50;

/// `/ui/policies/NAME`
#[component]
pub fn PolicyEditor() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|params| params.get("name").unwrap_or_default()));
    // Another file is another editor.
    move || view! { <OneFile name=name.get() /> }
}

#[component]
fn OneFile(
    /// The name of the file.
    name: String,
) -> impl IntoView {
    let bench = Workbench::new(name.clone());
    let loading = Loading::begin(bench);
    let sessions = Sessions::here();
    let read_only = Signal::derive(move || !sessions.may(Permission::EditPolicies));
    let (rule, _) = url::query("rule");
    Effect::new(move |shown: Option<bool>| {
        // A link to a rule lights it up once, when the file is there.
        let marks = bench.results.with(|results| results.marks.clone());
        let line =
            rule.get().and_then(|rule| marks.iter().find(|mark| mark.id == rule).map(|mark| mark.line));
        if let (Some(line), false) = (line, shown.unwrap_or(false)) {
            bench.show_rule(line);
        }
        shown.unwrap_or(false) || line.is_some()
    });
    view! {
        <div class="head">
            <h1>
                <Link to="/policies">"Policies"</Link>
                " / "
                <span dir="auto">{name.clone()}</span>
            </h1>
        </div>
        {move || loading.failure().map(|failure| view! { <FailureView failure /> })}
        {move || match loading.is_there() {
            true => {
                view! {
                    <SaveBar bench loading read_only />
                    <div class="editor-columns">
                        <Text bench read_only on_save=Callback::new(move |()| loading.ask_to_save()) />
                        <div class="editor-side">
                            <RecordedResults bench />
                            <SamplesTable bench read_only />
                        </div>
                    </div>
                }
                    .into_any()
            }
            false if loading.failure().is_none() => {
                view! { <p class="loading" role="status">"Loading …"</p> }.into_any()
            }
            false => ().into_any(),
        }}
    }
}

/// The text and its findings.
#[component]
pub fn Text(
    /// The editor.
    bench: Workbench,
    /// Whether it can only be read.
    #[prop(into)]
    read_only: Signal<bool>,
    /// Called by the keys for saving, where there is something to save to.
    #[prop(optional)]
    on_save: Option<Callback<()>>,
) -> impl IntoView {
    let count = move || bench.diagnostics.with(|list| list.len());
    view! {
        <section class="card editor-card" aria-labelledby="text-heading">
            <div class="head">
                <h2 id="text-heading">"Policy"</h2>
                <span class="help keys">
                    <kbd>"Ctrl-Space"</kbd>
                    " completes, "
                    <kbd>"F8"</kbd>
                    " goes to the next finding"
                    {on_save.map(|_| view! { ", " <kbd>"Ctrl-S"</kbd> " saves" })}
                </span>
            </div>
            <CodeEditor
                text=bench.text
                label="policy text"
                read_only
                diagnostics=bench.diagnostics
                rules=Signal::derive(move || bench.results.with(|results| results.marks.clone()))
                lit=bench.lit
                place=bench.place
                on_save=on_save.unwrap_or_else(|| Callback::new(|()| ()))
            />
            <div class="findings" role="region" aria-label="findings" tabindex="0">
                <p role="status">
                    {move || match (count(), bench.valid.get()) {
                        (0, true) => "✓ No findings".to_owned(),
                        (n, true) => format!("✓ Valid, with {}", format::counted(n as u64, "warning")),
                        (n, false) => format!("✕ {}", format::counted(n as u64, "finding")),
                    }}
                </p>
                <DiagnosticList
                    list=Signal::derive(move || {
                        bench.diagnostics.with(|list| list.iter().take(LISTED).cloned().collect::<Vec<_>>())
                    })
                    on_choose=Callback::new(move |finding: engine::diagnostic::Diagnostic| {
                        bench.place.set(Some((finding.line, finding.column)));
                    })
                />
                {move || {
                    (count() > LISTED).then(|| view! { <p class="help">"and " {count() - LISTED} " more"</p> })
                }}
            </div>
        </section>
    }
}
