//! One event, one line. Remembers which action is which, because only the first record of an action says so.

use std::collections::{HashMap, VecDeque};

use engine::policy::glob::Glob;
use serde::Deserialize as _;
use serde_json::Value;

use crate::actions::{tool_of, who};
use crate::client::{Client, id_segment};
use crate::screen::Screen;
use crate::{text, time};

/// How many actions are remembered; one that was forgotten is asked for.
const REMEMBERED: usize = 10_000;
/// How many characters of arguments are shown.
const ARGUMENTS: usize = 60;

/// The output.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) agent: Option<Glob>,
    pub(super) tool: Option<Glob>,
    pub(super) outcome: Option<String>,
    pub(super) risk: Option<String>,
}

impl Wanted {
    fn call(&self, call: &Call) -> bool {
        let fits = |glob: &Option<Glob>, value: &str| glob.as_ref().is_none_or(|glob| glob.matches(value));
        fits(&self.agent, &call.agent) && fits(&self.tool, &call.tool)
    }

    fn decision(&self, decision: &Value) -> bool {
        let outcome = outcome(decision).as_str();
        let level = decision.get("risk_level").and_then(Value::as_str);
        self.outcome.as_deref().is_none_or(|wanted| wanted == outcome)
            && self.risk.as_deref().is_none_or(|wanted| Some(wanted) == level)
    }

    fn is_everything(&self) -> bool {
        self.agent.is_none() && self.tool.is_none() && self.outcome.is_none() && self.risk.is_none()
    }
}

/// The caller and its tool.
#[derive(Debug, Clone)]
struct Call {
    agent: String,
    tool: String,
    /// `support-1  process_refund(amount=45)`.
    shown: String,
    /// Whether its last decision was wanted.
    wanted: bool,
}

/// Makes lines of events.
#[derive(Debug)]
pub(super) struct Lines {
    wanted: Wanted,
    calls: HashMap<String, Call>,
    order: VecDeque<String>,
}

impl Lines {
    pub(super) fn new(wanted: Wanted) -> Self {
        Lines { wanted, calls: HashMap::new(), order: VecDeque::new() }
    }

    /// The line for an action from a list; none when it is not wanted.
    pub(super) fn action(&mut self, action: &Value, screen: &Screen) -> Option<String> {
        let id = action.get("id").and_then(Value::as_str).unwrap_or_default();
        let call = self.learn(id, action, action, screen);
        let wanted = self.wanted.call(&call) && self.wanted.decision(action);
        self.mark(id, wanted);
        wanted.then(|| decided(screen, action, action, &call, "created_at", id))
    }

    /// The line for a record; none when it is not wanted.
    pub(super) fn record(&mut self, record: &Value, client: &Client, screen: &Screen) -> Option<String> {
        let id = record.get("action_id").and_then(Value::as_str).unwrap_or_default();
        let kind = record.get("kind").and_then(Value::as_str).unwrap_or_default();
        if id.is_empty() {
            let shown =
                self.wanted.is_everything() || (kind == "decision" && self.wanted.call(&unreadable()));
            return shown.then(|| without_action(record, kind, screen));
        }
        let call = match self.calls.get(id) {
            Some(call) => call.clone(),
            None => {
                let action = match record.get("action").filter(|action| action.is_object()) {
                    Some(action) => action.clone(),
                    None if kind == "decision" => Value::Null,
                    None => ask(client, id).unwrap_or_default(),
                };
                let decision = record.get("decision").unwrap_or(&action);
                self.learn(id, &action, decision, screen)
            }
        };
        if !self.wanted.call(&call) {
            return None;
        }
        let wanted = match record.get("decision") {
            Some(decision) => self.wanted.decision(decision),
            None => call.wanted,
        };
        self.mark(id, wanted);
        if !wanted {
            return None;
        }
        let decision = record.get("decision").unwrap_or(&Value::Null);
        Some(match kind {
            "decision" => decided(screen, record, decision, &call, "at", id),
            _ => followed(screen, record, decision, &call, kind, id),
        })
    }

    fn learn(&mut self, id: &str, action: &Value, decision: &Value, screen: &Screen) -> Call {
        let word = |key: &str| action.get(key).and_then(Value::as_str).map(str::to_owned);
        let call = match (word("agent_id"), word("tool")) {
            (Some(agent), Some(tool_name)) => {
                let params = action.get("params").unwrap_or(&Value::Null);
                let first = decision.get("key_params").and_then(|names| Vec::deserialize(names).ok());
                let first: Vec<String> = first.unwrap_or_default();
                let operation = action.get("operation").and_then(Value::as_str).unwrap_or_default();
                let arguments = text::arguments(params, &first, ARGUMENTS, screen.symbol("…", "..."));
                let shown =
                    format!("{}  {}({arguments})", text::name(&agent), tool_of(&tool_name, operation));
                Call { agent, tool: tool_name, shown, wanted: self.wanted.is_everything() }
            }
            _ => unreadable(),
        };
        if self.calls.insert(id.to_owned(), call.clone()).is_none() {
            self.order.push_back(id.to_owned());
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.calls.remove(&oldest);
        }
        call
    }

    fn mark(&mut self, id: &str, wanted: bool) {
        if let Some(call) = self.calls.get_mut(id) {
            call.wanted = wanted;
        }
    }
}

/// The text in place of an action that could not be read.
fn unreadable() -> Call {
    Call {
        agent: String::new(),
        tool: String::new(),
        shown: "an action that cannot be read".to_owned(),
        wanted: false,
    }
}

fn ask(client: &Client, id: &str) -> Option<Value> {
    client.get(&format!("/v1/actions/{}", id_segment(id).ok()?), &[]).ok()
}

fn outcome(decision: &Value) -> engine::decision::Outcome {
    text::outcome(decision.get("outcome").and_then(Value::as_str))
}

/// The rule's id, or the reason code where no rule decided. A newer server's events may hold words that this version does
/// not know; they are shown as they come.
fn rule(decision: &Value) -> String {
    let rule = decision.pointer("/rule/id").and_then(Value::as_str);
    rule.map_or_else(|| text::at(decision, "/reason_code"), text::visible)
}

fn at(record: &Value, key: &str) -> String {
    record.get(key).and_then(Value::as_str).map_or_else(|| "--:--:--".to_owned(), time::clock)
}

/// `14:03:22  ✓ EXECUTE  support-1  process_refund(amount=45)  small-refunds  low 0  0.08 ms  0b1c2d3e`.
fn decided(screen: &Screen, record: &Value, decision: &Value, call: &Call, time: &str, id: &str) -> String {
    let paint = screen.paint();
    let outcome = outcome(decision);
    let badge = paint.outcome(outcome, &format!("{:9}", screen.badge(outcome)));
    let duration =
        record.get("duration_us").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), text::duration);
    format!(
        "{}  {badge}  {}  {}  {} {}  {duration}  {}",
        paint.dim(&at(record, time)),
        call.shown,
        rule(decision),
        text::at(decision, "/risk_level"),
        text::at(decision, "/risk_score"),
        paint.dim(&text::short_id(id)),
    )
}

/// `14:05:01  ✓ EXECUTE  support-1  process_refund(amount=340)  approved by alice: fine by me  0b1c2d3e`.
fn followed(screen: &Screen, record: &Value, decision: &Value, call: &Call, kind: &str, id: &str) -> String {
    let paint = screen.paint();
    let principal = who(record);
    let outcome = outcome(decision);
    let arrow = |word: &str| format!("{:9}", format!("{} {word}", screen.symbol("→", ">")));
    let badge = || {
        // A wrapper that decides locally records the result of an answer separately.
        if decision.is_null() {
            arrow("answer")
        } else {
            paint.outcome(outcome, &format!("{:9}", screen.badge(outcome)))
        }
    };
    let (sign, what) = match kind {
        "approval" => {
            let yes = record.pointer("/approval/approve").and_then(Value::as_bool) == Some(true);
            let reason = record.pointer("/approval/reason").and_then(Value::as_str);
            let reason = reason.map_or_else(String::new, |reason| format!(": {}", text::visible(reason)));
            (badge(), format!("{} by {principal}{reason}", if yes { "approved" } else { "rejected" }))
        }
        "expiry" => {
            let what = match record.get("reason_code").and_then(Value::as_str) {
                Some("permit_expired") => "permitted, and not started in time",
                Some("policy_changed") => "permitted, and no longer under the policies in force",
                _ => "no one answered in time",
            };
            (badge(), what.to_owned())
        }
        "withdrawal" => (arrow("withdraw"), format!("given up by {principal}")),
        "start" => (arrow("start"), format!("started by {principal}")),
        "result" => {
            let error = record.get("error").and_then(Value::as_str);
            let error = error.map_or_else(String::new, |error| {
                format!(": {}", text::shortened(&text::visible(error), 80, "..."))
            });
            let what = match record.get("success").and_then(Value::as_bool) {
                Some(true) => "succeeded",
                Some(false) => "failed",
                None => "said nothing in time",
            };
            (arrow("result"), format!("{what}{error}"))
        }
        other => (arrow(&text::visible(other)), principal),
    };
    format!(
        "{}  {sign}  {}  {what}  {}",
        paint.dim(&at(record, "at")),
        call.shown,
        paint.dim(&text::short_id(id)),
    )
}

/// Events without an action: policies, keys, and unreadable calls.
fn without_action(record: &Value, kind: &str, screen: &Screen) -> String {
    let paint = screen.paint();
    let what = match kind {
        "decision" => {
            let decision = record.get("decision").unwrap_or(&Value::Null);
            return decided(screen, record, decision, &unreadable(), "at", "-");
        }
        "policy" => {
            let hash = text::short_id(record.get("policy_hash").and_then(Value::as_str).unwrap_or_default());
            let files = match record.get("files") {
                Some(Value::Object(files)) => files.len(),
                Some(Value::Array(files)) => files.len(),
                _ => 0,
            };
            let files = text::counted(u64::try_from(files).unwrap_or(u64::MAX), "file");
            match record.get("in_force").and_then(Value::as_bool) {
                Some(true) => format!("in force: {hash} ({files})"),
                Some(false) => {
                    paint.red(&format!("refused: {hash} ({files}); `faramesh policy check` says why"))
                }
                // A wrapper that decides locally names its own policies.
                None => {
                    let (agent, host) = (text::at(record, "/agent_id"), text::at(record, "/host"));
                    format!("in use by {agent} on {host}: {hash} ({files})")
                }
            }
        }
        "access" => {
            format!(
                "{} {} by {}",
                text::at(record, "/event"),
                text::at(record, "/key/name"),
                text::at(record, "/principal")
            )
        }
        _ => text::at(record, "/principal"),
    };
    let kind = format!("{:9}", format!("{} {}", screen.symbol("→", ">"), text::visible(kind)));
    format!("{}  {kind}  {what}", paint.dim(&at(record, "at")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::screen::{ColorChoice, Format};

    #[test]
    fn what_a_wrapper_decided_by_itself_is_not_told_as_refused_or_denied() {
        let screen = Screen::new(Format::Table, ColorChoice::Never);
        let hash = "0123456789abcdef";
        let files = json!([{ "name": "a.yaml", "hash": "00" }]);
        let policy = json!({ "agent_id": "bot", "files": files, "host": "node", "policy_hash": hash });
        let line = without_action(&policy, "policy", &screen);
        assert!(line.ends_with("policy   in use by bot on node: 01234567 (1 file)"), "{line}");
        for (in_force, words) in
            [(true, "in force: 01234567 (1 file)"), (false, "refused: 01234567 (1 file)")]
        {
            let of_server = json!({ "files": { "a.yaml": "00" }, "in_force": in_force, "policy_hash": hash });
            let line = without_action(&of_server, "policy", &screen);
            assert!(line.contains(words), "{line}");
        }

        let said = json!({ "approve": true, "principal": "ann", "reason": "fine", "roles": [] });
        let answer = json!({ "approval": said, "principal": "ann" });
        let told = |decision: &Value| followed(&screen, &answer, decision, &unreadable(), "approval", "a1");
        let line = told(&Value::Null);
        assert!(line.contains("answer") && line.contains("approved by ann: fine"), "{line}");
        assert!(!line.contains("HALT"), "{line}");
        assert!(told(&json!({ "outcome": "HALT" })).contains("HALT"));
    }
}
