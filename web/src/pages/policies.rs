//! Policies.

use leptos::prelude::*;

/// Policies.
#[component]
pub fn Policies() -> impl IntoView {
    view! { <h1>"Policies"</h1> }
}
