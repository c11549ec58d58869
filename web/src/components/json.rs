//! JSON to read. It is shown as text, so that its content cannot become markup.

use leptos::prelude::*;

use super::Isolated;
use crate::format::{counted, pretty};

/// Longer texts are shown in full only on demand: browsers become slow with very long lines.
const SHOWN_CHARS: usize = 20_000;

/// A JSON text with line breaks.
#[component]
pub fn Json(
    /// The text.
    #[prop(into)]
    text: String,
    /// The name of the value.
    label: &'static str,
) -> impl IntoView {
    let whole = RwSignal::new(false);
    let text = StoredValue::new(pretty(&text));
    let missing = text.with_value(|text| text.chars().count().saturating_sub(SHOWN_CHARS) as u64);
    let is_long = missing > 0;
    let shown = move || {
        text.with_value(|text| match text.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) if !whole.get() => text.get(..end).unwrap_or_default().to_owned(),
            _ => text.clone(),
        })
    };
    view! {
        {move || {
            (is_long && !whole.get())
                .then(|| view! { <p class="notice warning">"⚠ " {counted(missing, "more character")} " not shown"</p> })
        }}
        <pre class="json" tabindex="0" role="group" aria-label=label>
            {move || view! { <Isolated text=shown() /> }}
        </pre>
        {is_long
            .then(|| {
                view! {
                    <button type="button" class="quiet small" on:click=move |_| whole.update(|whole| *whole = !*whole)>
                        {move || if whole.get() { "Show less" } else { "Show all of it" }}
                    </button>
                }
            })}
    }
}
