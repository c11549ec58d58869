//! Approvals.

use leptos::prelude::*;

/// Approvals.
#[component]
pub fn Approvals() -> impl IntoView {
    view! { <h1>"Approvals"</h1> }
}
