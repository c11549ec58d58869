//! The code editor as a component: a text that both sides change, what is wrong with it, and which lines are lit.

use std::sync::Arc;

use engine::diagnostic::{Diagnostic, Severity};
use js_sys::{JSON, Object, Reflect};
use leptos::html;
use leptos::prelude::*;
use serde_json::json;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::editor::Editor;
use crate::simulation::utf16_offsets;

/// More findings than this in one text help nobody, and make the editor slow.
const MOST_FINDINGS: usize = 300;

/// A rule of the text and what reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleMark {
    /// The line on which it starts.
    pub line: u32,
    /// Its id.
    pub id: String,
    /// `none`, `samples`, `recorded` or `both`.
    pub reached: &'static str,
}

type OnChange = Closure<dyn FnMut(String)>;
type OnSave = Closure<dyn FnMut()>;

/// An editor for a policy.
#[component]
pub fn CodeEditor(
    /// The text.
    text: RwSignal<String>,
    /// What screen readers call it.
    label: &'static str,
    /// Whether it can only be read.
    #[prop(into)]
    read_only: Signal<bool>,
    /// What is wrong with the text as it is.
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
    /// Called when somebody presses the keys for saving.
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
        let options = Object::new();
        for (name, value) in [
            ("text", JsValue::from_str(&text.get_untracked())),
            ("label", JsValue::from_str(label)),
            ("readOnly", JsValue::from_bool(read_only.get_untracked())),
            ("onChange", change.as_ref().clone()),
            ("onSave", save.as_ref().clone()),
        ] {
            _ = Reflect::set(&options, &name.into(), &value);
        }
        callbacks.set_value(Some((change, save)));
        leptos::task::spawn_local(async move {
            match Editor::create(parent.unchecked_ref(), &options).await {
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
    let call = move |method: &str, arguments: &[JsValue]| {
        editor.with_value(|editor| {
            let made = editor.as_ref()?;
            match made.call(method, arguments) {
                Ok(value) => Some(value),
                Err(error) => {
                    web_sys::console::error_1(&error);
                    None
                }
            }
        })
    };
    Effect::new(move |_| {
        if !ready.get() {
            return;
        }
        let wanted = text.get();
        if call("text", &[]).and_then(|shown| shown.as_string()).is_some_and(|shown| shown != wanted) {
            call("setText", &[wanted.into(), options_of(&json!({ "undo": true }))]);
        }
    });
    Effect::new(move |_| {
        if ready.get() {
            call("setReadOnly", &[read_only.get().into()]);
        }
    });
    Effect::new(move |_| {
        if ready.get() {
            let marks = text.with_untracked(|text| marks(text, &diagnostics.get()));
            call("setDiagnostics", &[options_of(&marks)]);
        }
    });
    Effect::new(move |_| {
        if ready.get() {
            let list: Vec<_> = rules
                .get()
                .iter()
                .map(|rule| json!({ "line": rule.line, "id": rule.id, "reached": rule.reached }))
                .collect();
            call("setRules", &[options_of(&list.into())]);
        }
    });
    Effect::new(move |_| {
        if ready.get() {
            let lines =
                lit.get().map_or(JsValue::NULL, |(from, to)| options_of(&json!({ "from": from, "to": to })));
            call("light", &[lines]);
        }
    });
    Effect::new(move |_| {
        if let (true, Some((line, column))) = (ready.get(), place.get()) {
            call("goTo", &[JsValue::from_f64(line as f64), JsValue::from_f64(column as f64)]);
            call("focus", &[]);
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
    if let Err(error) = editor.call("destroy", &[]) {
        web_sys::console::error_1(&error);
    }
}

fn options_of(value: &serde_json::Value) -> JsValue {
    JSON::parse(&value.to_string()).unwrap_or(JsValue::NULL)
}

/// The findings as the editor takes them: places in UTF-16.
fn marks(text: &str, diagnostics: &[Diagnostic]) -> serde_json::Value {
    let shown = diagnostics.iter().take(MOST_FINDINGS);
    let offsets: Vec<usize> =
        shown.clone().flat_map(|finding| [finding.span.start, finding.span.end]).collect();
    let offsets = utf16_offsets(text, &offsets);
    let at = |byte: usize| offsets.get(&byte).copied().unwrap_or_default();
    shown
        .map(|finding| {
            json!({
                "from": at(finding.span.start),
                "to": at(finding.span.end),
                "severity": match finding.severity { Severity::Error => "error", Severity::Warning => "warning" },
                "code": finding.code,
                "message": finding.message,
                "help": finding.help,
            })
        })
        .collect()
}
