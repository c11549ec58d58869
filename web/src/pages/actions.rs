//! Actions.

use leptos::prelude::*;

/// Actions.
#[component]
pub fn Actions() -> impl IntoView {
    view! { <h1>"Actions"</h1> }
}
