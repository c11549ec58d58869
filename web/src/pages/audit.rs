//! Audit.

use leptos::prelude::*;

/// Audit.
#[component]
pub fn Audit() -> impl IntoView {
    view! { <h1>"Audit"</h1> }
}
