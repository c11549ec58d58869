//! `faramesh actions approve` and `deny`: a person answers for an action that is held.

use api::{Action, ApprovalRequest, ProblemCode};
use clap::Args;
use engine::decision::Outcome as Decided;

use crate::client::{Client, Connection, KeyUse, id_segment};
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::{Format, Screen};
use crate::{text, time};

/// Arguments of `actions approve` and `actions deny`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 answered and settled, 3 more people must approve, 1 refused, or the policy now denies it.\n\
    Approvals count by key: two people need two keys."
)]
pub(crate) struct Answer {
    /// The action's id, or at least its first 8 characters
    id: String,

    /// The reason, for the record and the agent
    #[arg(long)]
    reason: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(args: &Answer, approve: bool, screen: &Screen) -> Outcome {
    let client = Client::new(&args.connection, KeyUse::Found)?;
    let body = ApprovalRequest { approve, reason: args.reason.clone(), token: None };
    let body = serde_json::to_vec(&body).map_err(|error| Failure::usage(error.to_string()))?;
    let id = id_segment(&args.id)?;
    let answer = client.post(&format!("/v1/actions/{id}/approval"), &body);
    let answer = answer.map_err(|failure| settled(&client, id, approve, failure))?;
    let action: Action = client.read(&answer)?;
    let outcome = action.decision.outcome;
    match screen.format() {
        Format::Table => {
            let reason = text::visible(&action.decision.reason);
            let what = match (approve, outcome) {
                // The reason says who answered, and how.
                (false, _) | (true, Decided::Execute) => reason,
                (true, Decided::Abstain) => format!("approved by you, and held for more people: {reason}"),
                (true, Decided::Halt) => {
                    format!("approved by you, and denied by the policy in force now: {reason}")
                }
            };
            let badge = screen.paint().outcome(outcome, &screen.badge(outcome));
            screen.data(&format!("{badge}  {}  {what}", text::short_id(&action.id)))?;
            for answer in action.standing.approvals.iter().filter(|answer| answer.counts == Some(false)) {
                let name = text::visible(&answer.principal);
                screen.message(&format!("the approval by {name} does not count: its key was revoked"));
            }
            if let (Decided::Execute, Some(until)) = (outcome, &action.standing.start_by) {
                let until = time::date_and_clock(until);
                screen.message(&format!("it may start until {until}; nothing starts it but its caller"));
            }
        }
        Format::Json | Format::Jsonl | Format::Yaml => screen.value(&answer)?,
    }
    Ok(if approve { Exit::of(outcome) } else { Exit::Done })
}

/// The failure to answer an action that no longer waits for one, with what became of it.
fn settled(client: &Client, id: &str, approve: bool, failure: Failure) -> Failure {
    if failure.code() != Some(ProblemCode::WrongStatus.as_str()) {
        return failure;
    }
    let answer = client.get(&format!("/v1/actions/{id}"), &[]);
    let Ok(action) = answer.and_then(|answer| client.read::<Action>(&answer)) else { return failure };
    let id = text::short_id(&action.id);
    let (verb, status) = (if approve { "approved" } else { "rejected" }, action.standing.status.as_str());
    let since = time::date_and_clock(&action.standing.updated_at);
    let reason = text::visible(&action.decision.reason);
    failure.because(format!("`{id}` cannot be {verb}: it is `{status}` since {since}: {reason}"))
}
