//! Whether the page is live.

use leptos::prelude::*;

use crate::live::{Connection, Live};

/// A sign that says it in words.
#[component]
pub fn ConnectionSign() -> impl IntoView {
    let live = Live::here();
    view! {
        <span class="connection" class:lost=move || live.connection() == Connection::Lost role="status">
            {move || match live.connection() {
                Connection::Opening => "… Connecting",
                Connection::Live => "● Live",
                Connection::Lost => "✕ Connection lost, trying again",
            }}
        </span>
    }
}
