//! Deleting a policy: asked once, and only the very file that is shown.

use engine::policy::Mode;
use leptos::prelude::*;

use crate::components::{DiagnosticList, Dialog, FailureView, Toasts};
use crate::format::counted;
use crate::server;
use crate::session::Sessions;
use crate::url::encoded;
use engine::abi::LoadedFile;

/// The file that the user may want to delete, and whether the confirmation is open.
#[derive(Clone, Copy)]
pub struct Removing {
    open: RwSignal<bool>,
    file: RwSignal<Option<LoadedFile>>,
}

impl Removing {
    /// None yet.
    pub fn new() -> Self {
        Removing { open: RwSignal::new(false), file: RwSignal::new(None) }
    }

    /// Asks about this file.
    pub fn ask(self, file: LoadedFile) {
        self.file.set(Some(file));
        self.open.set(true);
    }
}

impl Default for Removing {
    fn default() -> Self {
        Removing::new()
    }
}

/// Asks whether the file is to be deleted.
#[component]
pub fn Remove(
    /// The file.
    removing: Removing,
    /// Called when it is gone.
    #[prop(into)]
    reload: Callback<()>,
) -> impl IntoView {
    let Removing { open, file } = removing;
    view! {
        <Dialog open title="Delete a policy">
            {move || file.get().map(|file| view! { <Ask file open reload /> })}
        </Dialog>
    }
}

#[component]
fn Ask(file: LoadedFile, open: RwSignal<bool>, reload: Callback<()>) -> impl IntoView {
    let (sessions, toasts) = (Sessions::here(), Toasts::here());
    let failure = RwSignal::new(None::<server::Failure>);
    let asking = RwSignal::new(false);
    let LoadedFile { file: name, hash, mode, rules, agents, .. } = file;
    let whose = if agents.is_empty() { "all agents".to_owned() } else { agents.join(", ") };
    let effect = if mode == Mode::Shadow {
        "It is in shadow mode, so no outcome changes."
    } else {
        "Its rules stop applying at once. Actions that only they allowed are denied; actions that only they restricted are no longer restricted."
    };
    let title = name.clone();
    let delete = move |_| {
        asking.set(true);
        let name = name.clone();
        leptos::task::spawn_local(async move {
            let answer =
                server::delete(sessions, &format!("/v1/policies/{}", encoded(&name)), Some(hash)).await;
            _ = asking.try_set(false);
            match answer {
                Ok(()) => {
                    toasts.say(format!("{name} is deleted"));
                    _ = open.try_set(false);
                    reload.run(());
                }
                Err(found) => _ = failure.try_set(Some(found)),
            }
        });
    };
    view! {
        <p>
            "Delete " <strong>{title}</strong> " with " {counted(rules as u64, "rule")} " for " {whose} "?"
        </p>
        <p>{effect} " The history keeps its text."</p>
        {move || {
            failure
                .get()
                .map(|failure| {
                    let found = failure.diagnostics.clone();
                    let is_conflict = failure.status == 412;
                    view! {
                        <FailureView failure />
                        <DiagnosticList list=Signal::stored(found) />
                        {is_conflict
                            .then(|| {
                                view! {
                                    <p class="help">
                                        "Someone changed or deleted it meanwhile. Close this and check the file again."
                                    </p>
                                }
                            })}
                    }
                })
        }}
        <div class="row">
            <button type="button" class="danger" disabled=move || asking.get() on:click=delete>"Delete"</button>
            <button type="button" class="quiet" on:click=move |_| open.set(false)>"Keep it"</button>
        </div>
    }
}
