//! For a URL that is no page.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::url;

/// There is no such page.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <main class="alone">
            <h1>"There is no such page"</h1>
            <p><A href=url::of("/")>"Go to the overview"</A></p>
        </main>
    }
}
