//! The page for a URL that leads nowhere.

use leptos::prelude::*;

use crate::components::Link;
use crate::shell;

/// The message and the way back.
#[component]
pub fn NotFound() -> impl IntoView {
    shell::remove();
    view! {
        <main class="alone">
            <h1>"Page not found"</h1>
            <p><Link to="/">"Go to the overview"</Link></p>
        </main>
    }
}
