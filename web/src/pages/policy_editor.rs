//! PolicyEditor.

use leptos::prelude::*;

/// PolicyEditor.
#[component]
pub fn PolicyEditor() -> impl IntoView {
    view! { <h1>"PolicyEditor"</h1> }
}
