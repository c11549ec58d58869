//! Two texts, line by line, with what was taken out and what was put in.

use leptos::prelude::*;
use similar::{ChangeTag, TextDiff};

/// How many lines around a change are shown.
const AROUND: usize = 3;

/// The difference from `old` to `new`.
#[component]
pub fn Diff(
    /// The text before.
    #[prop(into)]
    old: Signal<String>,
    /// The text after.
    #[prop(into)]
    new: Signal<String>,
) -> impl IntoView {
    move || {
        let (old, new) = (old.get(), new.get());
        if old == new {
            return view! { <p class="muted">"no difference"</p> }.into_any();
        }
        let diff = TextDiff::from_lines(&old, &new);
        let hunks: Vec<_> = diff
            .grouped_ops(AROUND)
            .iter()
            .map(|group| {
                let lines: Vec<_> = group.iter().flat_map(|op| diff.iter_changes(op)).map(line).collect();
                view! { <tbody>{lines}</tbody> }
            })
            .collect();
        view! {
            <div class="scroll" tabindex="0" role="group" aria-label="changed lines">
                <table class="diff">
                    <thead class="hidden">
                        <tr>
                            <th>"line before"</th>
                            <th>"line after"</th>
                            <th>"change"</th>
                            <th>"text"</th>
                        </tr>
                    </thead>
                    {hunks}
                </table>
            </div>
        }
        .into_any()
    }
}

fn line(change: similar::Change<&str>) -> impl IntoView {
    let (class, sign) = match change.tag() {
        ChangeTag::Delete => ("removed", "−"),
        ChangeTag::Insert => ("added", "+"),
        ChangeTag::Equal => ("", " "),
    };
    let number = |index: Option<usize>| index.map(|index| (index + 1).to_string()).unwrap_or_default();
    let text = change.value().trim_end_matches(['\r', '\n']).to_owned();
    view! {
        <tr class=class>
            <td class="number">{number(change.old_index())}</td>
            <td class="number">{number(change.new_index())}</td>
            <td class="sign">{sign}</td>
            <td>
                <code>{text}</code>
            </td>
        </tr>
    }
}
