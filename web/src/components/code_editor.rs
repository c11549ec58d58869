//! The code editor as a component: a text that both sides change, its findings, and the highlighted lines.

use std::sync::Arc;

use engine::diagnostic::{Diagnostic, Severity};
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};

pub use crate::editor::RuleMark;
use crate::editor::{Editor, Finding, Options};
use crate::simulation::utf16_offsets;

/// More findings in one text are of no use, and make the editor slow.
const MOST_FINDINGS: usize = 300;

type OnChange = Closure<dyn FnMut(String)>;
type OnSave = Closure<dyn FnMut()>;

/// An editor for a policy.
#[component]
pub fn CodeEditor(
    /// The text.
    text: RwSignal<String>,
    /// Its name for screen readers.
    label: &'static str,
    /// Whether it can only be read.
    #[prop(into)]
    read_only: Signal<bool>,
    /// The findings about the current text.
    #[prop(into)]
    diagnostics: Signal<Arc<Vec<Diagnostic>>>,
    /// The rules and what reaches them.
    #[prop(into)]
    rules: Signal<Arc<Vec<RuleMark>>>,
    /// The lines that are lit, first and last.
    #[prop(into)]
    lit: Signal<Option<(u32, u32)>>,
    /// A place to go to: line and column. Set again to go there again.
    #[prop(into)]
    place: Signal<Option<(usize, usize)>>,
    /// Called when the user presses the keys for saving.
    on_save: Callback<()>,
) -> impl IntoView {
    let parent = NodeRef::<html::Div>::new();
    let editor = StoredValue::new_local(None::<Editor>);
    let callbacks = StoredValue::new_local(None::<(OnChange, OnSave)>);
    let ready = RwSignal::new(false);
    let failed = RwSignal::new(None::<String>);

    Effect::new(move |begun: Option<bool>| {
        let Some(parent) = parent.get() else { return false };
        if begun == Some(true) {
            return true;
        }
        let change = OnChange::new(move |changed: String| _ = text.try_set(changed));
        let save = OnSave::new(move || on_save.run(()));
        let (on_change, on_save) = (change.as_ref().clone(), save.as_ref().clone());
        callbacks.set_value(Some((change, save)));
        let (begun_with, read_only) = (text.get_untracked(), read_only.get_untracked());
        leptos::task::spawn_local(async move {
            let options = Options::new(&begun_with, label, read_only, on_change, on_save);
            match Editor::create(parent.unchecked_ref(), options).await {
                Ok(made) => {
                    // The page may be gone by now.
                    if editor.try_set_value(Some(made.clone())).is_some() {
                        destroy(&made);
                    }
                    _ = ready.try_set(true);
                }
                Err(error) => {
                    web_sys::console::error_1(&error);
                    _ = failed.try_set(Some("the editor could not be loaded; this is plain text".to_owned()));
                }
            }
        });
        true
    });
    let with = move |act: &dyn Fn(&Editor) -> Result<(), JsValue>| {
        if !ready.get() {
            return;
        }
        editor.with_value(|editor| {
            if let Some(Err(error)) = editor.as_ref().map(act) {
                web_sys::console::error_1(&error);
            }
        });
    };
    Effect::new(move |_| {
        let wanted = text.get();
        with(&|editor| if editor.text()? == wanted { Ok(()) } else { editor.set_text(&wanted) });
    });
    Effect::new(move |_| {
        let read_only = read_only.get();
        with(&|editor| editor.set_read_only(read_only));
    });
    Effect::new(move |_| {
        let diagnostics = diagnostics.get();
        with(&|editor| text.with_untracked(|text| editor.set_diagnostics(&findings(text, &diagnostics))));
    });
    Effect::new(move |_| {
        let rules = rules.get();
        with(&|editor| editor.set_rules(&rules));
    });
    Effect::new(move |_| {
        let lines = lit.get();
        with(&|editor| editor.light(lines));
    });
    Effect::new(move |_| {
        if let Some((line, column)) = place.get() {
            let (line, column) = (line.try_into().unwrap_or(u32::MAX), column.try_into().unwrap_or(u32::MAX));
            with(&|editor| editor.go_to(line, column).and_then(|()| editor.focus()));
        }
    });
    on_cleanup(move || {
        _ = editor.try_update_value(|editor| {
            if let Some(made) = editor.take() {
                destroy(&made);
            }
        });
    });

    view! {
        <div class="code-editor" node_ref=parent hidden=move || failed.get().is_some()></div>
        {move || {
            failed
                .get()
                .map(|why| {
                    view! {
                        <p class="notice warning" role="alert">{why}</p>
                        <textarea
                            class="code-editor"
                            aria-label=label
                            spellcheck="false"
                            readonly=move || read_only.get()
                            prop:value=move || text.get()
                            on:input=move |event| text.set(event_target_value(&event))
                        ></textarea>
                    }
                })
        }}
    }
}

fn destroy(editor: &Editor) {
    if let Err(error) = editor.destroy() {
        web_sys::console::error_1(&error);
    }
}

/// The findings as the editor takes them: places in UTF-16.
fn findings<'a>(text: &str, diagnostics: &'a [Diagnostic]) -> Vec<Finding<'a>> {
    let shown = diagnostics.iter().take(MOST_FINDINGS);
    let offsets: Vec<usize> =
        shown.clone().flat_map(|finding| [finding.span.start, finding.span.end]).collect();
    let offsets = utf16_offsets(text, &offsets);
    let at = |byte: usize| offsets.get(&byte).copied().unwrap_or_default();
    shown
        .map(|finding| Finding {
            from: at(finding.span.start),
            to: at(finding.span.end),
            severity: match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            code: finding.code,
            message: &finding.message,
            help: finding.help.as_deref(),
        })
        .collect()
}
