//! `faramesh actions approve` and `deny`: a person answers for an action that is held.

use clap::Args;
use engine::decision::Outcome as Decided;
use serde_json::{Value, json};

use crate::cli::client::{Client, KeyUse, id_segment};
use crate::cli::exit::{Exit, Outcome};
use crate::cli::screen::{Format, Screen};
use crate::cli::{Global, text, time};

/// Arguments of `actions approve` and `actions deny`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 answered and settled, 3 more people must approve, 1 refused, or the policy now denies it.\n\
    Approvals count by key: two people need a key each."
)]
pub(crate) struct Answer {
    /// The action's id, or its first 8 or more characters
    id: String,

    /// What the record and the agent are told
    #[arg(long)]
    reason: Option<String>,
}

pub(crate) fn run(args: &Answer, approve: bool, global: &Global, screen: &Screen) -> Outcome {
    let client = Client::new(global, KeyUse::Found)?;
    let body = json!({ "approve": approve, "reason": args.reason });
    let path = format!("/v1/actions/{}/approval", id_segment(&args.id)?);
    let action = client.post(&path, body.to_string().as_bytes())?;
    let outcome = text::outcome(action.get("outcome").and_then(Value::as_str));
    match screen.format() {
        Format::Table => {
            let word = match (approve, outcome) {
                (false, _) => "denied",
                (true, Decided::Execute) => "approved",
                (true, Decided::Abstain) => "approved by you, and held for more people",
                (true, Decided::Halt) => "approved by you, and denied by the policy in force now",
            };
            let badge = screen.paint().outcome(outcome, &screen.badge(outcome));
            let id = text::short_id(action.get("id").and_then(Value::as_str).unwrap_or(&args.id));
            screen.data(&format!("{badge}  {id}  {word}: {}", text::at(&action, "/reason")))?;
            for left_out in uncounted(&action) {
                screen.message(&format!("the approval by {left_out} does not count: its key was revoked"));
            }
            if let (Decided::Execute, Some(until)) = (outcome, action.get("start_by").and_then(Value::as_str))
            {
                screen.message(&format!(
                    "it may start until {}; nothing starts it but its caller",
                    time::date_and_clock(until)
                ));
            }
        }
        Format::Json | Format::Jsonl | Format::Yaml => screen.value(&action)?,
    }
    Ok(if approve { Exit::of(outcome) } else { Exit::Done })
}

/// The people whose yes does not count any more.
fn uncounted(action: &Value) -> Vec<String> {
    let answers = action.get("approvals").and_then(Value::as_array).into_iter().flatten();
    let left_out = answers.filter(|answer| answer.get("counts") == Some(&Value::Bool(false)));
    left_out.map(|answer| text::at(answer, "/principal")).collect()
}
