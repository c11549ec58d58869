//! How to send a first action, for an overview that has nothing to show yet.

use leptos::prelude::*;

use crate::components::CopyButton;

/// The two shortest ways. Sending an action runs nothing: it is decided and recorded.
#[component]
pub fn FirstAction() -> impl IntoView {
    let server = window().location().origin().unwrap_or_default();
    let (curl, python) = (curl(&server), python(&server));
    view! {
        <p>"Send one from a terminal. It is decided and recorded; nothing runs:"</p>
        <pre class="json" tabindex="0" role="group" aria-label="with curl">{curl.clone()}</pre>
        <CopyButton text=curl label="Copy" />
        <p>"Or from Python:"</p>
        <pre class="json" tabindex="0" role="group" aria-label="with Python">{python.clone()}</pre>
        <CopyButton text=python label="Copy" />
    }
}

/// The request, as `curl` sends it.
pub fn curl(server: &str) -> String {
    format!(
        "curl {server}/v1/actions -H 'Content-Type: application/json' \\\n  -d '{{\"agent_id\":\"support-agent-prod\",\"tool\":\"process_refund\",\"operation\":\"call\",\"params\":{{\"customer_id\":\"c-1\",\"amount\":45}}}}'"
    )
}

/// The same in Python.
pub fn python(server: &str) -> String {
    format!(
        "from faramesh import Client\nClient(\"{server}\").submit(\"support-agent-prod\", \"process_refund\", {{\"customer_id\": \"c-1\", \"amount\": 45}})"
    )
}
