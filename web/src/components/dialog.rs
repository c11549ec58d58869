//! A dialog: the browser's own element, which keeps the focus inside and closes with Escape.

use leptos::html;
use leptos::prelude::*;

/// A dialog that is open as long as `open` says so.
#[component]
pub fn Dialog(
    /// Whether it is open; closing it changes this.
    open: RwSignal<bool>,
    /// The title.
    #[prop(into)]
    title: Signal<String>,
    /// The content.
    children: ChildrenFn,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => _ = dialog.show_modal(),
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    view! {
        <dialog node_ref=dialog on:close=move |_| open.set(false) aria-label=move || title.get()>
            <header class="dialog-head">
                <h2>{move || title.get()}</h2>
                <button type="button" class="quiet" aria-label="close" on:click=move |_| open.set(false)>
                    "✕"
                </button>
            </header>
            <Show when=move || open.get()>{children()}</Show>
        </dialog>
    }
}
