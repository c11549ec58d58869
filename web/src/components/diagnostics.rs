//! Findings about policies, in the words of `faramesh policy check`.

use engine::diagnostic::{Diagnostic, Severity};
use leptos::prelude::*;

/// A list of findings, each with its place, its code and what to do about it. Choosing one calls `on_choose`.
#[component]
pub fn DiagnosticList(
    /// The findings.
    #[prop(into)]
    list: Signal<Vec<Diagnostic>>,
    /// Called with the finding that the user wants to see.
    #[prop(optional, into)]
    on_choose: Option<Callback<Diagnostic>>,
) -> impl IntoView {
    view! {
        <ul class="diagnostics">
            <For each=move || list.get().into_iter().enumerate() key=|(index, finding)| (*index, finding.code, finding.span.start, finding.message.clone()) let((_, finding))>
                {one(finding, on_choose)}
            </For>
        </ul>
    }
}

fn one(finding: Diagnostic, on_choose: Option<Callback<Diagnostic>>) -> impl IntoView {
    let (class, word) = match finding.severity {
        Severity::Error => ("error", "error"),
        Severity::Warning => ("warning", "warning"),
    };
    let code = serde_json::to_value(finding.code).ok().and_then(|code| code.as_str().map(str::to_owned));
    let place = format!("{}:{}:{}", finding.file, finding.line, finding.column);
    let (message, help) = (finding.message.clone(), finding.help.clone());
    let place = match on_choose {
        Some(choose) => view! {
            <button type="button" class="link" on:click=move |_| choose.run(finding.clone())>{place}</button>
        }
        .into_any(),
        None => view! { <code>{place}</code> }.into_any(),
    };
    view! {
        <li class=class>
            <span class=format!("badge {class}")>{word}</span>
            " "
            {place}
            " "
            <span>{message}</span>
            " "
            <code class="muted">{code}</code>
            {help.map(|help| view! { <p class="help">{help}</p> })}
        </li>
    }
}
