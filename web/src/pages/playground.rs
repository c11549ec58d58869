//! Playground.

use leptos::prelude::*;

/// Playground.
#[component]
pub fn Playground() -> impl IntoView {
    view! { <h1>"Playground"</h1> }
}
