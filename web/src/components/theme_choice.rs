//! The choice between light, dark and the setting of the system.

use leptos::prelude::*;

use crate::theme::Theme;

/// Light, dark, or as the system says.
#[component]
pub fn ThemeChoice() -> impl IntoView {
    let chosen = Theme::chosen();
    view! {
        <label class="theme">
            <span class="hidden">"Theme"</span>
            <select on:change=move |event| Theme::from_word(&event_target_value(&event)).choose()>
                {Theme::ALL
                    .into_iter()
                    .map(|theme| {
                        view! { <option value=theme.as_str() selected=theme == chosen>{theme.as_str()}</option> }
                    })
                    .collect_view()}
            </select>
        </label>
    }
}
