//! `faramesh actions submit`: proposes an action, as an agent does. The admin key that lies on this machine is not
//! sent, because who proposes an action may not approve it.

use api::Action;
use clap::Args;

use super::get::describe;
use crate::client::{Client, Connection, KeyUse};
use crate::described::Described;
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::{Format, Screen};
use crate::text;

/// Arguments of `actions submit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  faramesh actions submit --agent support-1 --tool process_refund --param amount=45 --param customer_id=c-1
  faramesh actions submit action.json
  echo '{\"agent_id\":\"a\",\"tool\":\"t\"}' | faramesh actions submit -

Exit codes: 0 EXECUTE, 3 ABSTAIN, 1 HALT; with many actions the strictest")]
pub(crate) struct Submit {
    /// The action as JSON, or one per line if the name ends in `.jsonl`; `-` reads standard input
    #[arg(conflicts_with_all = Described::IDS)]
    file: Option<String>,

    #[command(flatten)]
    described: Described,

    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(args: &Submit, screen: &Screen) -> Outcome {
    let actions = args.described.or_read(args.file.as_deref(), "give a file")?;
    let client = Client::new(&args.connection, KeyUse::OnlyGiven)?;
    let mut strictest = None;
    for (index, action) in actions.documents().iter().enumerate() {
        let answer = client.post("/v1/actions", action).map_err(|failure| match actions.line(index) {
            Some(line) => failure.at_line(line, actions.documents().len().saturating_sub(index + 1)),
            None => failure,
        })?;
        let action: Action = client.read(&answer)?;
        let outcome = action.decision.outcome;
        strictest = Some(strictest.map_or(outcome, |strictest| outcome.stricter(strictest)));
        match screen.format() {
            Format::Table => screen.data(&describe(screen, &action))?,
            Format::Json if actions.is_lines() => screen.json(&answer.to_string())?,
            Format::Json | Format::Jsonl | Format::Yaml => screen.value(&answer)?,
        }
        if outcome == engine::decision::Outcome::Abstain && screen.format() == Format::Table {
            let id = text::short_id(&action.id);
            screen.message(&format!("it waits for an approval: `faramesh actions approve {id}`"));
        }
    }
    strictest.map(Exit::of).ok_or_else(|| Failure::usage("there is no action in the file"))
}
