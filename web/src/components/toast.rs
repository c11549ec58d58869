//! Short notes about what was just done, seen and read aloud, that disappear by themselves; failures stay until closed.

use gloo::timers::callback::Timeout;
use leptos::prelude::*;

const SHOWN_MS: u32 = 6000;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Toast {
    id: u64,
    text: String,
    failed: bool,
}

/// The text of the note.
#[derive(Debug, Clone, Copy)]
pub struct Toasts(RwSignal<Vec<Toast>>, StoredValue<u64>);

impl Toasts {
    /// Makes it known to all components below.
    pub fn provide() -> Self {
        let toasts = Toasts(RwSignal::new(Vec::new()), StoredValue::new(0));
        provide_context(toasts);
        toasts
    }

    /// The notes on this page.
    ///
    /// # Panics
    /// Outside of the frame.
    pub fn here() -> Self {
        expect_context()
    }

    /// Says that something was done.
    pub fn say(self, text: impl Into<String>) {
        if let Some(id) = self.add(text.into(), false) {
            Timeout::new(SHOWN_MS, move || self.close(id)).forget();
        }
    }

    /// Says that something was not done.
    pub fn failed(self, text: impl Into<String>) {
        self.add(text.into(), true);
    }

    fn add(self, text: String, failed: bool) -> Option<u64> {
        let id = self.1.try_update_value(|last| {
            *last += 1;
            *last
        })?;
        self.0.try_update(|toasts| toasts.push(Toast { id, text, failed }))?;
        Some(id)
    }

    fn close(self, id: u64) {
        _ = self.0.try_update(|toasts| toasts.retain(|toast| toast.id != id));
    }
}

/// Where they are shown.
#[component]
pub fn ToastsView() -> impl IntoView {
    let toasts = Toasts::here();
    view! {
        <div class="toasts" role="status" aria-live="polite">
            <For each=move || toasts.0.get() key=|toast| toast.id let(toast)>
                <p class="toast" class:failed=toast.failed>
                    <span>{if toast.failed { "✕ " } else { "✓ " }} {toast.text}</span>
                    <button type="button" class="quiet small" aria-label="close" on:click=move |_| toasts.close(toast.id)>
                        "✕"
                    </button>
                </p>
            </For>
        </div>
    }
}
