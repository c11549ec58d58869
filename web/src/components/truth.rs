//! Whether a condition holds: a word and a sign.

use engine::truth::Truth;
use leptos::prelude::*;

/// A truth value.
#[component]
pub fn TruthBadge(
    /// The value.
    truth: Truth,
) -> impl IntoView {
    let (class, sign, word) = match truth {
        Truth::True => ("ok", "✓", "true"),
        Truth::False => ("", "✕", "false"),
        Truth::Undetermined => ("warning", "?", "undetermined"),
    };
    view! {
        <span class=format!("badge truth {class}")>
            <span aria-hidden="true">{sign}</span>
            " "
            {word}
        </span>
    }
}
