//! One event, one line. Remembers which action is which, because only the first record of an action says so.

use std::collections::{HashMap, VecDeque};

use engine::canonical::Canonical;
use engine::decision::ReasonCode;
use engine::policy::glob::Glob;
use engine::record::{AccessBody, PolicyBody, RanOut, Record, RecordBody, Vote};
use engine::time::Timestamp;
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
        let at = action.get("created_at").and_then(Value::as_str);
        let duration_us = action.get("duration_us").and_then(Value::as_u64);
        wanted.then(|| decided(screen, (at, duration_us), action, &call, id))
    }

    /// The line for a record; none when it is not wanted.
    pub(super) fn record(&mut self, record: &Record, client: &Client, screen: &Screen) -> Option<String> {
        let decision = record.body.ruling().map(|ruling| json(&ruling.decision));
        let Some(id) = record.action_id.as_deref() else {
            let is_decision = matches!(record.body, RecordBody::Decision(_));
            let shown = self.wanted.is_everything() || (is_decision && self.wanted.call(&unreadable()));
            return shown.then(|| without_action(record, screen));
        };
        let call = match self.calls.get(id) {
            Some(call) => call.clone(),
            None => {
                let action = match &record.body {
                    RecordBody::Decision(body) => body.action.as_ref().map(json).unwrap_or_default(),
                    _ => ask(client, id).unwrap_or_default(),
                };
                self.learn(id, &action, decision.as_ref().unwrap_or(&action), screen)
            }
        };
        if !self.wanted.call(&call) {
            return None;
        }
        let wanted = decision.as_ref().map_or(call.wanted, |decision| self.wanted.decision(decision));
        self.mark(id, wanted);
        wanted.then(|| match (&record.body, &decision) {
            (RecordBody::Decision(body), Some(decision)) => {
                let at = record.at.to_string();
                decided(screen, (Some(&at), Some(body.ruling.duration_us)), decision, &call, id)
            }
            _ => followed(screen, record, decision.as_ref(), &call, id),
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

/// JSON that the engine printed.
fn json(printed: &Canonical) -> Value {
    serde_json::from_str(printed.as_str()).unwrap_or_default()
}

fn clock(at: Timestamp) -> String {
    time::clock(&at.to_string())
}

/// `14:03:22  ✓ EXECUTE  support-1  process_refund(amount=45)  small-refunds  low 0  0.08 ms  0b1c2d3e`.
fn decided(
    screen: &Screen,
    (at, duration_us): (Option<&str>, Option<u64>),
    decision: &Value,
    call: &Call,
    id: &str,
) -> String {
    let paint = screen.paint();
    let outcome = outcome(decision);
    let badge = paint.outcome(outcome, &format!("{:9}", screen.badge(outcome)));
    let duration = duration_us.map_or_else(|| "-".to_owned(), text::duration);
    format!(
        "{}  {badge}  {}  {}  {} {}  {duration}  {}",
        paint.dim(&at.map_or_else(|| "--:--:--".to_owned(), time::clock)),
        call.shown,
        rule(decision),
        text::at(decision, "/risk_level"),
        text::at(decision, "/risk_score"),
        paint.dim(&text::short_id(id)),
    )
}

/// `14:05:01  ✓ EXECUTE  support-1  process_refund(amount=340)  approved by alice: fine by me  0b1c2d3e`.
fn followed(screen: &Screen, record: &Record, decision: Option<&Value>, call: &Call, id: &str) -> String {
    let paint = screen.paint();
    let principal = who(record);
    let arrow = |word: &str| format!("{:9}", format!("{} {word}", screen.symbol("→", ">")));
    let badge = || match decision.map(outcome) {
        // A wrapper that decides locally records the outcome of an answer separately.
        None => arrow("answer"),
        Some(outcome) => paint.outcome(outcome, &format!("{:9}", screen.badge(outcome))),
    };
    let (sign, what) = match &record.body {
        RecordBody::Approval(body) => {
            let Vote { approve, reason, .. } = &body.approval;
            let reason =
                reason.as_ref().map_or_else(String::new, |reason| format!(": {}", text::visible(reason)));
            (badge(), format!("{} by {principal}{reason}", if *approve { "approved" } else { "rejected" }))
        }
        RecordBody::Expiry(body) => {
            let what = match body.what {
                RanOut::Permission { reason_code: ReasonCode::PolicyChanged } => {
                    "permitted, and no longer under the policies in force"
                }
                RanOut::Permission { .. } => "permitted, and not started in time",
                RanOut::Approval { .. } => "no one answered in time",
            };
            (badge(), what.to_owned())
        }
        RecordBody::Withdrawal(_) => (arrow("withdraw"), format!("given up by {principal}")),
        RecordBody::Start(_) => (arrow("start"), format!("started by {principal}")),
        RecordBody::Result(body) => {
            let error = body.error.as_ref().map_or_else(String::new, |error| {
                format!(": {}", text::shortened(&text::visible(error), 80, "..."))
            });
            let what = match body.success {
                Some(true) => "succeeded",
                Some(false) => "failed",
                None => "said nothing in time",
            };
            (arrow("result"), format!("{what}{error}"))
        }
        RecordBody::Decision(_) | RecordBody::Policy(_) | RecordBody::Access(_) | RecordBody::Checkpoint => {
            (arrow(record.body.kind().as_str()), principal)
        }
    };
    format!(
        "{}  {sign}  {}  {what}  {}",
        paint.dim(&clock(record.at)),
        call.shown,
        paint.dim(&text::short_id(id)),
    )
}

/// The line for a record without an action: policies, keys, and calls that could not be read.
fn without_action(record: &Record, screen: &Screen) -> String {
    let paint = screen.paint();
    let files = |count: usize| text::counted(u64::try_from(count).unwrap_or(u64::MAX), "file");
    let what = match &record.body {
        RecordBody::Decision(body) => {
            let (at, decision) = (record.at.to_string(), json(&body.ruling.decision));
            let about = (Some(at.as_str()), Some(body.ruling.duration_us));
            return decided(screen, about, &decision, &unreadable(), "-");
        }
        RecordBody::Policy(PolicyBody::Activation(body)) => {
            let hash = body.policy_hash.map(|hash| hash.to_hex()).unwrap_or_default();
            let (hash, files) = (text::short_id(&hash), files(body.files.len()));
            if body.in_force {
                format!("in force: {hash} ({files})")
            } else {
                paint.red(&format!("refused: {hash} ({files}); `faramesh policy check` says why"))
            }
        }
        // A wrapper that decides by itself names the policies that it uses.
        RecordBody::Policy(PolicyBody::Local(body)) => {
            let or_dash =
                |name: &Option<String>| name.as_deref().map_or_else(|| "-".to_owned(), text::visible);
            let (agent, host) = (or_dash(&body.agent_id), or_dash(&body.host));
            let hash = text::short_id(&body.policy_hash.to_hex());
            format!("in use by {agent} on {host}: {hash} ({})", files(body.files.len()))
        }
        RecordBody::Access(body) => {
            let of = match body {
                AccessBody::KeyCreated(body) | AccessBody::KeyRevoked(body) => text::visible(&body.key.name),
                AccessBody::LoginFailed(_) | AccessBody::StreamBegun(_) => "-".to_owned(),
            };
            format!("{} {of} by {}", body.event(), text::visible(body.principal().name()))
        }
        _ => record.body.principal().map_or_else(|| "-".to_owned(), |by| text::visible(by.name())),
    };
    let kind = format!("{:9}", format!("{} {}", screen.symbol("→", ">"), record.body.kind()));
    format!("{}  {kind}  {what}", paint.dim(&clock(record.at)))
}

#[cfg(test)]
mod tests {
    use engine::record::seal_json;
    use serde_json::json;

    use super::*;
    use crate::screen::{ColorChoice, Format};

    /// A record of a local stream with these members.
    fn record(kind: &str, action_id: &str, members: &str) -> Record {
        let (zeros, hash) = ("0".repeat(64), "0123456789abcdef".repeat(4));
        let members = members.replace("HASH", &hash);
        let record = format!(
            r#"{{"action_id":{action_id},"at":"2026-11-22T15:00:00.000Z","kind":"{kind}","prev_hash":"{zeros}","seq":0,"stream":"s",{members}}}"#
        );
        let (sealed, _) = seal_json(record.as_bytes()).unwrap();
        Record::parse(sealed.as_bytes()).unwrap()
    }

    #[test]
    fn what_a_wrapper_decided_by_itself_is_not_told_as_refused_or_denied() {
        let screen = Screen::new(Format::Table, ColorChoice::Never);
        let local = r#""agent_id":"bot","engine_hash":"HASH","files":[{"name":"a.yaml","hash":"HASH"}],"host":"node","policy_hash":"HASH","runtime_version":"0.1.0""#;
        let line = without_action(&record("policy", "null", local), &screen);
        assert!(line.ends_with("policy   in use by bot on node: 01234567 (1 file)"), "{line}");
        for (in_force, words) in
            [(true, "in force: 01234567 (1 file)"), (false, "refused: 01234567 (1 file)")]
        {
            let of_server = format!(
                r#""diagnostics":[],"engine_hash":"HASH","files":{{"a.yaml":"HASH"}},"in_force":{in_force},"policy_hash":"HASH","principal":"system""#
            );
            let line = without_action(&record("policy", "null", &of_server), &screen);
            assert!(line.contains(words), "{line}");
        }

        let answer =
            r#""approval":{"approve":true,"principal":"ann","reason":"fine","roles":[]},"principal":"ann""#;
        let answer = record("approval", r#""a1""#, answer);
        let told = |decision: Option<&Value>| followed(&screen, &answer, decision, &unreadable(), "a1");
        let line = told(None);
        assert!(line.contains("answer") && line.contains("approved by ann: fine"), "{line}");
        assert!(!line.contains("HALT"), "{line}");
        assert!(told(Some(&json!({ "outcome": "HALT" }))).contains("HALT"));
    }
}
