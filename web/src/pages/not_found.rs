//! For a URL that is no page.

use leptos::prelude::*;

use crate::components::Link;

/// There is no such page.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <main class="alone">
            <h1>"There is no such page"</h1>
            <p><Link to="/">"Go to the overview"</Link></p>
        </main>
    }
}
