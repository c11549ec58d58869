//! The notice in the place of records that could not be fetched.

use leptos::prelude::*;

use crate::failure::Failure;

/// Why records were not fetched. Nothing asks for them again by itself.
#[component]
pub fn NotFetched(
    /// What went wrong.
    failure: Failure,
    /// What can be done.
    again: &'static str,
) -> impl IntoView {
    let help = failure.is_passing().then_some(again);
    view! {
        <div class="notice error" role="alert">
            <p>
                <strong>"✕ The records could not be fetched: "</strong>
                {failure.detail}
                " "
                <code class="muted">{failure.code}</code>
            </p>
            {help.map(|help| view! { <p class="help">{help}</p> })}
        </div>
    }
}
