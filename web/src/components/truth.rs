//! Whether a condition holds: a word and a sign.

use engine::truth::Truth;
use leptos::prelude::*;

use crate::wording;

/// A truth value.
#[component]
pub fn TruthBadge(
    /// The value.
    truth: Truth,
) -> impl IntoView {
    // A match is no good news by itself: a rule that matched may deny.
    let (class, sign) = match truth {
        Truth::True => ("info", "●"),
        Truth::False => ("", "○"),
        Truth::Undetermined => ("warning", "?"),
    };
    view! {
        <span class=format!("badge truth {class}")>
            <span aria-hidden="true">{sign}</span>
            " "
            {wording::truth(truth)}
        </span>
    }
}
