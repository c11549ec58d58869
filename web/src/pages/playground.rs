//! `/ui/playground`: the policy editor without a server. The text comes from the URL's fragment, or is a sample policy;
//! changes are compared with the original text.

use leptos::prelude::*;

use super::policy_editor::Text;
use super::policy_editor::samples_table::SamplesTable;
use super::policy_editor::share::{ShareButton, Shared};
use super::policy_editor::workbench::Workbench;
use crate::components::ThemeChoice;
use crate::shell;
use crate::simulation::samples;

/// The playground.
#[component]
pub fn Playground() -> impl IntoView {
    shell::remove();
    let opened = RwSignal::new(None::<(Shared, Option<String>)>);
    let fragment = window().location().hash().unwrap_or_default();
    leptos::task::spawn_local(async move {
        let shared = match fragment.trim_start_matches('#') {
            "" => (sample(), None),
            fragment => match Shared::unpack(fragment).await {
                Ok(shared) => (shared, None),
                Err(why) => (sample(), Some(why)),
            },
        };
        _ = opened.try_set(Some(shared));
    });
    view! {
        <header class="top">
            <span class="brand">"Faramesh"</span>
            <span class="muted">"Playground"</span>
            <div class="who"><ThemeChoice /></div>
        </header>
        {move || match opened.get() {
            Some((shared, problem)) => view! { <Opened shared problem /> }.into_any(),
            None => view! { <main class="alone"><p class="loading" role="status">"Loading …"</p></main> }.into_any(),
        }}
    }
}

#[component]
fn Opened(
    /// The edited text.
    shared: Shared,
    /// Why it is not the text of the link.
    problem: Option<String>,
) -> impl IntoView {
    let bench = Workbench::new(shared.name.clone());
    bench.in_force.set(vec![(shared.name.clone(), shared.text.clone())]);
    bench.text.set(shared.text);
    let samples_problem = shared.samples.and_then(|text| match samples::read("samples", &text) {
        Ok((list, _)) => {
            bench.samples.set(list);
            None
        }
        Err(finding) => {
            Some(format!("the samples cannot be read: line {}: {}", finding.line, finding.message))
        }
    });
    let problems = [problem, samples_problem].into_iter().flatten();
    view! {
        <main>
            <div class="head">
                <h1 dir="auto">{shared.name}</h1>
                <ShareButton bench />
            </div>
            <p class="help">
                "The engine runs in this page and nothing is sent anywhere. “In force” is the text as you opened it."
            </p>
            {problems.map(|why| view! { <p class="notice error" role="alert">"✕ " {why}</p> }).collect_view()}
            <div class="editor-columns">
                <Text bench read_only=false />
                <div class="editor-side">
                    <SamplesTable bench read_only=false />
                </div>
            </div>
        </main>
    }
}

fn sample() -> Shared {
    Shared {
        name: "support-agent.yaml".to_owned(),
        text: include_str!("../../../policies/support-agent.yaml").to_owned(),
        samples: Some(include_str!("../../../policies/support-agent.test.yaml").to_owned()),
    }
}
