//! A line of arguments or JSON in which no text moves its neighbours: letters that are written from right to left would
//! else change the order in which names, numbers and brackets beside them appear.

use leptos::prelude::*;

/// A text whose parts from right to left are isolated, each by itself.
#[component]
pub fn Isolated(
    /// The text.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    if !text.chars().any(is_rtl) {
        return view! { <bdi dir="ltr">{text}</bdi> }.into_any();
    }
    let parts = parts(&text).into_iter().map(|(isolated, part)| {
        let part = part.to_owned();
        if isolated { view! { <bdi>{part}</bdi> }.into_any() } else { part.into_any() }
    });
    view! { <bdi dir="ltr">{parts.collect_view()}</bdi> }.into_any()
}

/// The text in order, cut into strings and words, which are isolated where they hold letters from right to left, and
/// the rest.
pub fn parts(text: &str) -> Vec<(bool, &str)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' => string_end(rest),
            first if is_between(first) => rest.find(|char| char == '"' || !is_between(char)),
            _ => rest.find(|char| char == '"' || is_between(char)),
        };
        let (part, behind) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
        parts.push((part.chars().any(is_rtl), part));
        rest = behind;
    }
    parts
}

/// Where the string of JSON ends that the text begins with.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            '"' if !escaped => return Some(at + 1),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

/// Whether the character stands between values and belongs to none.
fn is_between(char: char) -> bool {
    char.is_whitespace() || ",:[]{}=+".contains(char)
}

/// Whether the character belongs to a script that is written from right to left.
fn is_rtl(char: char) -> bool {
    matches!(u32::from(char),
        0x590..=0x8ff | 0xfb1d..=0xfdff | 0xfe70..=0xfeff | 0x10800..=0x10fff | 0x1e800..=0x1efff)
}
