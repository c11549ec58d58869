//! Overview.

use leptos::prelude::*;

/// Overview.
#[component]
pub fn Overview() -> impl IntoView {
    view! { <h1>"Overview"</h1> }
}
