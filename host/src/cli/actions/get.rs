//! `faramesh actions get`: one action in full, its decision, who answered, its place in the chain, its history.

use host::store::intake::is_local;
use serde_json::Value;

use super::list::tool;
use crate::cli::client::{Client, KeyUse, id_segment};
use crate::cli::exit::{Exit, Outcome};
use crate::cli::screen::{Format, Screen};
use crate::cli::{Global, policy, table, text, time};

pub(crate) fn run(id: &str, global: &Global, screen: &Screen) -> Outcome {
    let client = Client::new(global, KeyUse::Found)?;
    let action = client.get(&format!("/v1/actions/{}", id_segment(id)?), &[])?;
    if screen.format() != Format::Table {
        screen.value(&action)?;
        return Ok(Exit::Done);
    }
    screen.data(&describe(screen, &action))?;
    let full_id = action.get("id").and_then(Value::as_str).unwrap_or(id);
    let events = client.get(&format!("/v1/actions/{}/events", id_segment(full_id)?), &[])?;
    let records = events.get("records").or_else(|| events.get("events")).unwrap_or(&events);
    let Some(records) = records.as_array().filter(|records| !records.is_empty()) else {
        return Ok(Exit::Done);
    };
    screen.data(&format!("\n{}", screen.paint().bold("history")))?;
    for record in records {
        screen.data(&history_line(record))?;
    }
    Ok(Exit::Done)
}

/// An action in full, for people.
pub(crate) fn describe(screen: &Screen, action: &Value) -> String {
    let outcome = text::outcome(action.get("outcome").and_then(Value::as_str));
    let mut facts = vec![("id", text::at(action, "/id")), ("status", status(action))];
    facts.extend([
        ("outcome", screen.paint().outcome(outcome, &screen.badge(outcome))),
        ("reason", text::at(action, "/reason")),
        ("reason_code", text::at(action, "/reason_code")),
        ("rule", policy::rule_place(action)),
        ("risk", policy::risk(action)),
        ("agent", text::name_at(action, "/agent_id")),
        ("tool", tool(action)),
    ]);
    if is_contradicted(action) {
        let stream = text::at(action, "/receipt/stream");
        facts.push((
            "contradicted",
            format!("{stream} decided otherwise; what is shown is this server's decision"),
        ));
    }
    for (name, key) in [("params", "params"), ("context", "context")] {
        if let Some(value) =
            action.get(key).filter(|value| value.as_object().is_some_and(|map| !map.is_empty()))
        {
            facts.push((name, text::visible(&value.to_string())));
        }
    }
    facts.push(("created", date(action, "created_at")));
    facts.push(("updated", date(action, "updated_at")));
    if let Some(us) = action.get("duration_us").and_then(Value::as_u64) {
        facts.push(("decided in", text::duration(us)));
    }
    for answer in action.get("approvals").and_then(Value::as_array).into_iter().flatten() {
        facts.push((if said_yes(answer) { "approved by" } else { "rejected by" }, answer_line(answer)));
    }
    if action.get("approval").is_some_and(|approval| !approval.is_null()) {
        facts.push(("needs", requirement(action)));
    }
    if let Some(waiting) = action.get("waiting").and_then(Value::as_bool) {
        let words =
            if waiting { "its caller waits for the answer" } else { "no one waits for the answer now" };
        facts.push(("waiting", words.to_owned()));
    }
    for (name, key) in
        [("expires", "expires_at"), ("start by", "start_by"), ("error", "error"), ("result", "result")]
    {
        match action.get(key).filter(|value| !value.is_null()) {
            Some(_) if key == "expires_at" || key == "start_by" => facts.push((name, date(action, key))),
            Some(value) => facts.push((name, text::visible(&text::scalar(value)))),
            None => {}
        }
    }
    for key in ["request_hash", "policy_hash", "policy_version", "runtime_version", "provenance_id"] {
        facts.push((key, text::at(action, &format!("/{key}"))));
    }
    let at = |pointer| text::at(action, pointer);
    if action.get("receipt").is_some_and(|receipt| !receipt.is_null()) {
        facts.push(("record", format!("{} #{}", at("/receipt/stream"), at("/receipt/seq"))));
        facts.push(("record_hash", at("/receipt/record_hash")));
    }
    table::facts(screen, &facts)
}

fn date(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).map_or_else(|| "-".to_owned(), time::date_and_clock)
}

/// Whether the wrapper that brought the action decided otherwise than the server does.
fn is_contradicted(action: &Value) -> bool {
    action.get("contradicted").and_then(Value::as_bool) == Some(true)
}

/// Where an action stands, and whether that is what its wrapper says.
pub(super) fn status(action: &Value) -> String {
    let status = text::at(action, "/status");
    if is_contradicted(action) { format!("{status} (contradicted)") } else { status }
}

fn said_yes(answer: &Value) -> bool {
    answer.get("approve").and_then(Value::as_bool) == Some(true)
}

/// `alice`, `alice (by link)`, `alice (claimed by local-…)`.
fn person(answer: &Value) -> String {
    let name = text::at(answer, "/principal");
    match (answer.get("via").and_then(Value::as_str), answer.get("claimed_by").and_then(Value::as_str)) {
        (_, Some(stream)) => format!("{name} (claimed by {})", text::visible(stream)),
        (Some("link"), None) => format!("{name} (by link)"),
        _ => name,
    }
}

/// `alice (finance) at 2026-11-22 14:03:22: fine by me`.
fn answer_line(answer: &Value) -> String {
    let mut line = person(answer);
    let roles = answer.get("roles").and_then(Value::as_array).into_iter().flatten();
    let roles: Vec<_> = roles.filter_map(Value::as_str).map(text::visible).collect();
    if !roles.is_empty() {
        line.push_str(&format!(" ({})", roles.join(", ")));
    }
    line.push_str(&format!(" at {}", date(answer, "at")));
    if answer.get("counts") == Some(&Value::Bool(false)) {
        line.push_str(", which does not count");
    }
    if let Some(reason) = answer.get("reason").and_then(Value::as_str) {
        line.push_str(&format!(": {}", text::visible(reason)));
    }
    line
}

/// `2 of finance, 1 of anybody`.
fn requirement(action: &Value) -> String {
    let requires = action.pointer("/approval/requires").and_then(Value::as_array).into_iter().flatten();
    let parts: Vec<_> = requires
        .map(|quorum| {
            let roles = quorum.get("roles").and_then(Value::as_array).into_iter().flatten();
            let roles: Vec<_> = roles.filter_map(Value::as_str).map(text::visible).collect();
            let who =
                if roles.is_empty() { "anybody who may approve".to_owned() } else { roles.join(" or ") };
            format!("{} of {who}", text::at(quorum, "/approvers"))
        })
        .collect();
    if parts.is_empty() { "an approval".to_owned() } else { parts.join(", ") }
}

/// `  2026-11-22 14:03:22  approval   #42  alice approved`.
fn history_line(record: &Value) -> String {
    let principal = who(record);
    let outcome = || text::outcome(record.pointer("/decision/outcome").and_then(Value::as_str)).as_str();
    // A wrapper that decides by itself says what came of an answer in a record of its own.
    let then = || record.get("decision").map_or_else(String::new, |_| format!(": {}", outcome()));
    let what = match record.get("kind").and_then(Value::as_str) {
        Some("decision") if record.get("contradicts").is_some() => {
            format!("{}, decided by this server instead", outcome())
        }
        Some("decision") => format!("{} from {principal}", outcome()),
        Some("approval") => {
            let yes = record.pointer("/approval/approve").and_then(Value::as_bool) == Some(true);
            format!("{principal} {}{}", if yes { "approved" } else { "rejected" }, then())
        }
        Some("expiry") => format!("nobody answered in time{}", then()),
        Some("withdrawal") => format!("{principal} gave it up"),
        Some("start") => format!("{principal} started it"),
        Some("result") => format!("{principal} reported {}", text::at(record, "/status")),
        _ => principal,
    };
    let kind = text::at(record, "/kind");
    format!("{}  {kind:<9} #{:<6} {what}", date(record, "at"), text::at(record, "/seq"))
}

/// Who a record says it was. What a local stream says of people is a claim of that stream.
pub(crate) fn who(record: &Value) -> String {
    let principal = text::at(record, "/principal");
    let stream = record.get("stream").and_then(Value::as_str).filter(|stream| is_local(stream));
    match stream {
        Some(stream) => format!("{principal} (claimed by {})", text::visible(stream)),
        None => principal,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::history_line;

    #[test]
    fn what_a_local_stream_says_of_people_is_its_claim() {
        let answer = |stream: &str| {
            let said = json!({ "approve": true });
            json!({ "approval": said, "kind": "approval", "principal": "admin", "seq": 7, "stream": stream })
        };
        let claimed = history_line(&answer("local-one"));
        assert!(claimed.ends_with("admin (claimed by local-one) approved"), "{claimed}");
        assert!(history_line(&answer("server-1")).ends_with("admin approved"));
    }

    #[test]
    fn an_answer_says_what_came_of_it_only_where_that_is_known() {
        let answer = |kind: &str, decision: Option<&str>| {
            let mut record =
                json!({ "approval": { "approve": true }, "kind": kind, "principal": "ann", "seq": 7 });
            if let Some(outcome) = decision {
                record["decision"] = json!({ "outcome": outcome });
            }
            history_line(&record)
        };
        let cases = [
            ("approval", Some("EXECUTE"), "ann approved: EXECUTE"),
            ("approval", None, "ann approved"),
            ("expiry", Some("HALT"), "nobody answered in time: HALT"),
            ("expiry", None, "nobody answered in time"),
        ];
        for (kind, decision, expected) in cases {
            let line = answer(kind, decision);
            assert!(line.ends_with(expected), "{line}");
        }
    }
}
