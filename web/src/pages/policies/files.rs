//! The files in force, and the findings about them.

use engine::diagnostic::Severity;
use engine::policy::Mode;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::remove::Removing;
use crate::components::Column::{Buttons, Number, Text};
use crate::components::{DiagnosticList, Empty, Hash, Link, Table};
use crate::format::{count, counted};
use crate::session::Sessions;
use crate::url::encoded;
use api::{Permission, PolicyList};
use engine::abi::LoadedFile;

/// Where a file is edited.
pub fn editor_of(file: &str) -> String {
    format!("/policies/{}", encoded(file))
}

/// The files in force.
#[component]
pub fn Files(
    /// All of them.
    set: PolicyList,
    /// What asks before one is deleted.
    removing: Removing,
) -> impl IntoView {
    let PolicyList { policy_hash, policy_version, details, .. } = set;
    let (summaries, diagnostics) =
        details.map(|details| (details.summaries, details.diagnostics)).unwrap_or_default();
    let navigate = use_navigate();
    let found = Signal::stored(diagnostics.clone());
    let choose = Callback::new(move |finding: engine::diagnostic::Diagnostic| {
        navigate(&editor_of(&finding.file), Default::default());
    });
    let has_findings = !diagnostics.is_empty();
    let table = if summaries.is_empty() {
        view! {
            <Empty title="No policy is in force">
                <p>"Every action is denied until there is one."</p>
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
                columns=[Text("File"), Text("Mode"), Text("Agents"), Number("Rules"), Text("Findings"), Text("Hash"), Buttons("Delete")]
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
                <span class="muted">"Version " {policy_version}</span>
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
fn File(summary: LoadedFile, errors: u64, warnings: u64, removing: Removing) -> impl IntoView {
    let sessions = Sessions::here();
    let for_removal = StoredValue::new(summary.clone());
    let LoadedFile { agents, description, file, hash, mode, name, rules } = summary;
    let agents = match agents.as_slice() {
        [] => view! { <span>"All agents"</span> }.into_any(),
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
                <ModeBadge mode />
            </td>
            <td>{agents}</td>
            <td class="number end">{count(rules as u64)}</td>
            <td>
                {badge(errors, "error")} {badge(warnings, "warning")}
                {(errors == 0 && warnings == 0).then(|| view! { <span class="muted">"None"</span> })}
            </td>
            <td>
                <Hash value=hash />
            </td>
            <td>
                {move || {
                    let label = delete_label.clone();
                    sessions.may(Permission::EditPolicies)
                        .then(|| view! {
                            <button
                                type="button"
                                class="link danger"
                                aria-label=label
                                on:click=move |_| removing.ask(for_removal.get_value())
                            >
                                "Delete"
                            </button>
                        })
                }}
            </td>
        </tr>
    }
}

#[component]
fn ModeBadge(mode: Mode) -> impl IntoView {
    let is_shadow = mode == Mode::Shadow;
    view! {
        <span class="badge" class:info=is_shadow>
            <span aria-hidden="true">{if is_shadow { "◌ " } else { "● " }}</span>
            {mode.as_str()}
        </span>
    }
}
