//! The files in force, and what was found in them.

use engine::diagnostic::Severity;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::remove::Removing;
use crate::api::types::{PolicySet, PolicySummary};
use crate::components::Column::{Buttons, Number, Text};
use crate::components::{DiagnosticList, Empty, Hash, Link, Table};
use crate::format::{count, counted};
use crate::session::Sessions;
use crate::url::encoded;

/// Where a file is edited.
pub fn editor_of(file: &str) -> String {
    format!("/policies/{}", encoded(file))
}

/// The files in force.
#[component]
pub fn Files(
    /// All of them.
    set: PolicySet,
    /// What asks before one is deleted.
    removing: Removing,
) -> impl IntoView {
    let PolicySet { policy_hash, policy_version, summaries, diagnostics, .. } = set;
    let navigate = use_navigate();
    let found = Signal::stored(diagnostics.clone());
    let choose = Callback::new(move |finding: engine::diagnostic::Diagnostic| {
        navigate(&editor_of(&finding.file), Default::default());
    });
    let has_findings = !diagnostics.is_empty();
    let table = if summaries.is_empty() {
        view! {
            <Empty title="no policy is in force">
                <p>"Every action is halted until there is one."</p>
            </Empty>
        }
        .into_any()
    } else {
        let rows: Vec<_> = summaries
            .into_iter()
            .map(|summary| {
                let of_file = diagnostics.iter().filter(|finding| finding.file == summary.file);
                let (errors, warnings): (Vec<_>, Vec<_>) =
                    of_file.partition(|finding| finding.severity == Severity::Error);
                view! { <File summary errors=errors.len() as u64 warnings=warnings.len() as u64 removing /> }
            })
            .collect();
        view! {
            <Table
                label="policies in force"
                class="policies"
                columns=[Text("file"), Text("mode"), Text("agents"), Number("rules"), Text("findings"), Text("hash"), Buttons("delete")]
            >
                {rows}
            </Table>
        }
        .into_any()
    };
    view! {
        <section class="card" aria-labelledby="in-force">
            <div class="head">
                <h2 id="in-force">"In force"</h2>
                <span class="muted">"version " {policy_version}</span>
                <Hash value=policy_hash />
            </div>
            {table}
            {has_findings
                .then(|| view! {
                    <h3>"Findings"</h3>
                    <DiagnosticList list=found on_choose=choose />
                })}
        </section>
    }
}

#[component]
fn File(summary: PolicySummary, errors: u64, warnings: u64, removing: Removing) -> impl IntoView {
    let sessions = Sessions::here();
    let for_removal = StoredValue::new(summary.clone());
    let PolicySummary { agents, description, file, hash, mode, name, rules } = summary;
    let agents = match agents.as_slice() {
        [] => view! { <span>"all agents"</span> }.into_any(),
        some => some
            .iter()
            .map(|glob| view! { <code class="glob">{glob.clone()}</code> })
            .collect_view()
            .into_any(),
    };
    let badge = |number: u64, class: &'static str| {
        (number > 0)
            .then(|| view! { <span class=format!("badge {class}")>{counted(number, class)}</span> " " })
    };
    let stem = file.trim_end_matches(".yaml").trim_end_matches(".yml");
    let other_name =
        (name != stem && name != file).then(|| view! { <span class="muted">" (" {name} ")"</span> });
    let delete_label = format!("delete {file}");
    view! {
        <tr>
            <th scope="row" class="file">
                <Link to=editor_of(&file)>{file.clone()}</Link>
                {other_name}
                {description.map(|text| view! { <p class="help"><bdi>{text}</bdi></p> })}
            </th>
            <td>
                <Mode mode />
            </td>
            <td>{agents}</td>
            <td class="number end">{count(rules)}</td>
            <td>
                {badge(errors, "error")} {badge(warnings, "warning")}
                {(errors == 0 && warnings == 0).then(|| view! { <span class="muted">"none"</span> })}
            </td>
            <td>
                <Hash value=hash />
            </td>
            <td>
                {move || {
                    let label = delete_label.clone();
                    sessions.may("edit_policies")
                        .then(|| view! {
                            <button
                                type="button"
                                class="quiet small"
                                aria-label=label
                                on:click=move |_| removing.ask(for_removal.get_value())
                            >
                                "delete"
                            </button>
                        })
                }}
            </td>
        </tr>
    }
}

#[component]
fn Mode(mode: String) -> impl IntoView {
    let is_shadow = mode == "shadow";
    view! {
        <span class="badge" class:info=is_shadow>
            <span aria-hidden="true">{if is_shadow { "◌ " } else { "● " }}</span>
            {mode}
        </span>
    }
}
