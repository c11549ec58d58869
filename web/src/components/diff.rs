//! Two texts, line by line, with the removed and the added lines.

use std::time::Duration;

use leptos::prelude::*;
use similar::{ChangeTag, TextDiff};

use super::Scroll;
use crate::format::{count, counted};

/// How many lines around a change are shown.
const AROUND: usize = 3;
/// How many lines are shown at first, and how many more each time.
const PAGE: usize = 500;
/// How long to search for common parts; the rest of two large texts then counts as replaced.
const COMPARED_FOR: Duration = Duration::from_millis(200);

/// A line of either text, or of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whether it was taken out, was put in, or is in both.
    pub tag: ChangeTag,
    /// Its number before, from 1.
    pub old: Option<usize>,
    /// Its number after, from 1.
    pub new: Option<usize>,
    /// Its text.
    pub text: String,
}

/// The places where `new` differs from `old`, each with a few lines around it.
pub fn hunks(old: &str, new: &str) -> Vec<Vec<Line>> {
    let diff = TextDiff::configure().timeout(COMPARED_FOR).diff_lines(old, new);
    let groups = diff.grouped_ops(AROUND);
    let lines = groups.iter().map(|group| {
        let changes = group.iter().flat_map(|op| diff.iter_changes(op));
        changes
            .map(|change| Line {
                tag: change.tag(),
                old: change.old_index().map(|index| index + 1),
                new: change.new_index().map(|index| index + 1),
                text: change.value().trim_end_matches(['\r', '\n']).to_owned(),
            })
            .collect()
    });
    lines.collect()
}

/// The difference from `old` to `new`.
#[component]
pub fn Diff(
    /// The text before.
    old: String,
    /// The text after.
    new: String,
) -> impl IntoView {
    let hunks = hunks(&old, &new);
    if hunks.is_empty() {
        return view! { <p class="muted">"No difference"</p> }.into_any();
    }
    let all: usize = hunks.iter().map(Vec::len).sum();
    let hunks = StoredValue::new(hunks);
    let shown = RwSignal::new(PAGE);
    let bodies = move || {
        let mut left = shown.get();
        hunks.with_value(|hunks| {
            let bodies = hunks.iter().map(|hunk| {
                let lines: Vec<_> = hunk.iter().take(left).map(line).collect();
                left -= lines.len();
                (!lines.is_empty()).then(|| view! { <tbody>{lines}</tbody> })
            });
            bodies.collect_view()
        })
    };
    view! {
        <Scroll label="changed lines">
            <table class="diff">
                <thead class="hidden">
                    <tr>
                        <th>"Line before"</th>
                        <th>"Line after"</th>
                        <th>"Change"</th>
                        <th>"Text"</th>
                    </tr>
                </thead>
                {bodies}
            </table>
        </Scroll>
        <Show when=move || shown.get() < all>
            <button type="button" class="quiet" on:click=move |_| shown.update(|shown| *shown += PAGE)>
                {move || format!("Show more: {} of {} are shown", count(shown.get() as u64), counted(all as u64, "line"))}
            </button>
        </Show>
    }
    .into_any()
}

fn line(line: &Line) -> impl IntoView + use<> {
    let Line { tag, old, new, text } = line.clone();
    let (class, sign) = match tag {
        ChangeTag::Delete => ("removed", "−"),
        ChangeTag::Insert => ("added", "+"),
        ChangeTag::Equal => ("", " "),
    };
    view! {
        <tr class=class>
            <td class="number">{old}</td>
            <td class="number">{new}</td>
            <td class="sign">{sign}</td>
            <td>
                <code>{text}</code>
            </td>
        </tr>
    }
}
