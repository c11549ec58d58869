//! An action as a command line that proposes it again.

use serde_json::value::RawValue;

use api::Action;

/// The kernel of Linux takes arguments of up to 128 KiB; a longer body is handed over as input.
const LONGEST_ARGUMENT: usize = 100_000;

/// `curl` for a POSIX shell. The key is taken from the environment, so that none is copied along.
pub fn curl(origin: &str, action: &Action) -> String {
    let url = quoted(&format!("{origin}/v1/actions"));
    let body = body(action);
    let head = format!(
        "curl -X POST {url} \\\n  -H \"Authorization: Bearer $FARAMESH_API_KEY\" \\\n  -H 'Content-Type: application/json' \\\n"
    );
    if body.len() <= LONGEST_ARGUMENT {
        format!("{head}  --data-raw {}\n", quoted(&body))
    } else {
        // The body is one line that begins with `{`, so it cannot be the word that ends it.
        format!("{head}  --data-binary @- <<'END'\n{body}\nEND\n")
    }
}

/// The action as it would be proposed; arguments and context are the very bytes that were recorded.
pub fn body(action: &Action) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let members: [(&str, String); 5] = [
        ("agent_id", text(&action.agent_id)),
        ("tool", text(&action.tool)),
        ("operation", text(&action.operation)),
        ("params", raw(&action.params)),
        ("context", raw(&action.context)),
    ];
    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn raw(value: &RawValue) -> String {
    value.get().to_owned()
}

/// A word of a POSIX shell: nothing in it is read by the shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
