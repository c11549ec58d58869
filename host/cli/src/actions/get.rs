//! `faramesh actions get`: one action in full, its decision, who answered, its place in the chain, its history.

use api::{Action, PersonsAnswer, Receipt, Standing, Via};
use engine::quorum::ApprovalRequirement;
use serde::Deserialize;
use serde_json::Value;
use store::intake::is_local;

use super::Id;
use crate::client::{Client, KeyUse, id_segment};
use crate::exit::{Exit, Outcome};
use crate::screen::{Format, Screen};
use crate::{policy, table, text, time};

pub(crate) fn run(Id { id, connection }: &Id, screen: &Screen) -> Outcome {
    let client = Client::new(connection, KeyUse::Found)?;
    let action = client.get(&format!("/v1/actions/{}", id_segment(id)?), &[])?;
    if screen.format() != Format::Table {
        screen.value(&action)?;
        return Ok(Exit::Done);
    }
    let action: Action = client.read(&action)?;
    screen.data(&describe(screen, &action))?;
    let events = client.get(&format!("/v1/actions/{}/events", id_segment(&action.id)?), &[])?;
    let records: Records = client.read(&events)?;
    if records.events.is_empty() {
        return Ok(Exit::Done);
    }
    screen.data(&format!("\n{}", screen.paint().bold("history")))?;
    for record in &records.events {
        screen.data(&history_line(record))?;
    }
    Ok(Exit::Done)
}

/// The records of an action. What a record says is read in place: each kind has its own members.
#[derive(Deserialize)]
struct Records {
    events: Vec<Value>,
}

/// An action in full, for people.
pub(crate) fn describe(screen: &Screen, action: &Action) -> String {
    let Action { decision, standing, .. } = action;
    let outcome = decision.outcome;
    let mut facts = vec![
        ("id", text::visible(&action.id)),
        ("status", status(standing)),
        ("outcome", screen.paint().outcome(outcome, &screen.badge(outcome))),
        ("reason", text::visible(&decision.reason)),
        ("reason_code", decision.reason_code.as_str().to_owned()),
        ("rule", policy::rule_place(decision)),
        ("risk", policy::risk(decision)),
        ("agent", text::name(&action.agent_id)),
        ("tool", tool(action)),
    ];
    if standing.contradicted {
        let stream = text::visible(&standing.receipt.stream);
        let says = format!("{stream} decided otherwise; what is shown is this server's decision");
        facts.push(("contradicted", says));
    }
    for (name, value) in [("params", &action.params), ("context", &action.context)] {
        if value.get() != "{}" {
            facts.push((name, text::visible(value.get())));
        }
    }
    facts.push(("created", time::date_and_clock(&standing.created_at)));
    facts.push(("updated", time::date_and_clock(&standing.updated_at)));
    facts.push(("decided in", text::duration(standing.duration_us)));
    for answer in &standing.approvals {
        facts.push((if answer.approve { "approved by" } else { "rejected by" }, answer_line(answer)));
    }
    facts.extend(decision.approval.as_ref().map(|approval| ("needs", requirement(approval))));
    if let Some(waiting) = standing.waiting {
        let words =
            if waiting { "its caller waits for the answer" } else { "no one waits for the answer now" };
        facts.push(("waiting", words.to_owned()));
    }
    let until = |until: &Option<String>| until.as_deref().map(time::date_and_clock);
    facts.extend(until(&standing.expires_at).map(|until| ("expires", until)));
    facts.extend(until(&standing.start_by).map(|until| ("start by", until)));
    facts.extend(standing.error.as_deref().map(|error| ("error", text::scalar(&error.into()))));
    if let Some(result) = &action.result {
        let value = serde_json::from_str(result.get()).unwrap_or_default();
        facts.push(("result", text::scalar(&value)));
    }
    let hash = decision.request_hash.map_or_else(|| "-".to_owned(), |hash| hash.to_string());
    facts.push(("request_hash", hash));
    facts.push(("policy_hash", decision.policy_hash.to_string()));
    facts.push(("policy_version", text::visible(&standing.policy_version)));
    facts.push(("runtime_version", text::visible(&decision.runtime_version)));
    facts.push(("provenance_id", decision.provenance_id.to_string()));
    let Receipt { stream, seq, record_hash } = &standing.receipt;
    facts.push(("record", format!("{} #{seq}", text::visible(stream))));
    facts.push(("record_hash", record_hash.to_string()));
    table::facts(screen, &facts)
}

fn date(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).map_or_else(|| "-".to_owned(), time::date_and_clock)
}

/// Where an action stands, and whether that is what its wrapper says.
pub(super) fn status(standing: &Standing) -> String {
    let status = standing.status.as_str();
    if standing.contradicted { format!("{status} (contradicted)") } else { status.to_owned() }
}

/// The tool of an action, see [`tool_of`].
pub(super) fn tool(action: &Action) -> String {
    tool_of(&action.tool, &action.operation)
}

/// `process_refund`, or `stripe operation=refund` for a tool with operations, which no tool's own name reads like.
pub(crate) fn tool_of(tool: &str, operation: &str) -> String {
    let tool = text::name(tool);
    match operation {
        "" | "call" => tool,
        operation => format!("{tool} operation={}", text::name(operation)),
    }
}

/// `alice`, `alice (by link)`, `alice (claimed by local-…)`.
fn person(answer: &PersonsAnswer) -> String {
    let name = text::visible(&answer.principal);
    match (answer.via, &answer.claimed_by) {
        (_, Some(stream)) => format!("{name} (claimed by {})", text::visible(stream)),
        (Some(Via::Link), None) => format!("{name} (by link)"),
        _ => name,
    }
}

/// `alice (finance) at 2026-11-22 14:03:22: fine by me`.
fn answer_line(answer: &PersonsAnswer) -> String {
    let mut line = person(answer);
    let roles: Vec<_> = answer.roles.iter().map(|role| text::visible(role)).collect();
    if !roles.is_empty() {
        line.push_str(&format!(" ({})", roles.join(", ")));
    }
    line.push_str(&format!(" at {}", time::date_and_clock(&answer.at)));
    if answer.counts == Some(false) {
        line.push_str(", which does not count");
    }
    if let Some(reason) = &answer.reason {
        line.push_str(&format!(": {}", text::visible(reason)));
    }
    line
}

/// `2 of finance, 1 of anyone who may approve`.
fn requirement(approval: &ApprovalRequirement) -> String {
    let parts = approval.requires.iter().map(|quorum| {
        let roles: Vec<_> = quorum.roles.iter().map(|role| text::visible(role)).collect();
        let who = if roles.is_empty() { "anyone who may approve".to_owned() } else { roles.join(" or ") };
        format!("{} of {who}", quorum.approvers)
    });
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() { "an approval".to_owned() } else { parts.join(", ") }
}

/// `  2026-11-22 14:03:22  approval   #42  alice approved`.
fn history_line(record: &Value) -> String {
    let principal = who(record);
    let outcome = || text::outcome(record.pointer("/decision/outcome").and_then(Value::as_str)).as_str();
    // A wrapper that decides locally records the result of an answer separately.
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
        Some("expiry") => format!("no one answered in time{}", then()),
        Some("withdrawal") => format!("{principal} gave it up"),
        Some("start") => format!("{principal} started it"),
        Some("result") => format!("{principal} reported {}", text::at(record, "/status")),
        _ => principal,
    };
    let kind = text::at(record, "/kind");
    format!("{}  {kind:<9} #{:<6} {what}", date(record, "at"), text::at(record, "/seq"))
}

/// The principal in a record. A local stream's statement about a person is a claim of that stream.
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
            ("expiry", Some("HALT"), "no one answered in time: HALT"),
            ("expiry", None, "no one answered in time"),
        ];
        for (kind, decision, expected) in cases {
            let line = answer(kind, decision);
            assert!(line.ends_with(expected), "{line}");
        }
    }
}
