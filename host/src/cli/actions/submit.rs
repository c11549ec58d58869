//! `faramesh actions submit`: proposes an action, as an agent does. The admin key that lies on this machine is not
//! sent, because who proposes an action may not approve it.

use clap::Args;
use engine::json;
use engine::value::{Object, Value as Json};
use serde_json::Value;

use super::get::describe;
use crate::cli::client::{Client, KeyUse, quoted};
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::input::Actions;
use crate::cli::screen::{Format, Screen};
use crate::cli::{Global, text};

/// Arguments of `actions submit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  faramesh actions submit --agent support-1 --tool process_refund --param amount=45 --param customer_id=c-1
  faramesh actions submit action.json
  echo '{\"agent_id\":\"a\",\"tool\":\"t\"}' | faramesh actions submit -

Exit codes: 0 EXECUTE, 3 ABSTAIN, 1 HALT; with many actions the strictest")]
pub(crate) struct Submit {
    /// The action as JSON; one a line when the name ends in .jsonl; - for standard input
    #[arg(required_unless_present_all = ["agent", "tool"], conflicts_with_all = ["agent", "tool", "operation", "param", "params", "context"])]
    file: Option<String>,

    /// Who proposes it
    #[arg(long)]
    agent: Option<String>,

    /// The tool
    #[arg(long)]
    tool: Option<String>,

    /// The operation of a tool that has several
    #[arg(long)]
    operation: Option<String>,

    /// One argument; the value is JSON where it reads as JSON, else text; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,

    /// All arguments, as a JSON object
    #[arg(long, value_name = "JSON")]
    params: Option<String>,

    /// The context, as a JSON object
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
}

pub(crate) fn run(args: &Submit, global: &Global, screen: &Screen) -> Outcome {
    let actions = match &args.file {
        Some(file) => Actions::read(file)?,
        None => Actions::One(args.action()?.into_bytes()),
    };
    let client = Client::new(global, KeyUse::OnlyGiven)?;
    let mut strictest = None;
    for (index, action) in actions.documents().iter().enumerate() {
        let answer = client.post("/v1/actions", action).map_err(|failure| match actions.line(index) {
            Some(line) => failure.at_line(line, actions.documents().len().saturating_sub(index + 1)),
            None => failure,
        })?;
        let outcome = text::outcome(answer.get("outcome").and_then(Value::as_str));
        strictest = Some(strictest.map_or(outcome, |strictest| outcome.stricter(strictest)));
        match screen.format() {
            Format::Table => screen.data(&describe(screen, &answer))?,
            Format::Json if actions.is_lines() => screen.json(&answer.to_string())?,
            Format::Json | Format::Jsonl | Format::Yaml => screen.value(&answer)?,
        }
        if outcome == engine::decision::Outcome::Abstain && screen.format() == Format::Table {
            let id = text::short_id(answer.get("id").and_then(Value::as_str).unwrap_or_default());
            screen.message(&format!("it waits for an approval: `faramesh actions approve {id}`"));
        }
    }
    strictest.map(Exit::of).ok_or_else(|| Failure::usage("there is no action in the file"))
}

impl Submit {
    /// The action that the flags describe. Whether it is a good one is the server's to say.
    fn action(&self) -> Result<String, Failure> {
        let mut params = object(self.params.as_deref(), "--params")?;
        for param in &self.param {
            let Some((name, value)) = param.split_once('=') else {
                return Err(Failure::usage(format!("{} is not NAME=VALUE", quoted(param)))
                    .help("write it as `--param amount=45`"));
            };
            let value = json::parse(value.as_bytes(), json::MAX_BYTES).unwrap_or_else(|_| Json::from(value));
            params.push((name.to_owned(), value));
        }
        let mut members = vec![
            ("params".to_owned(), sorted(params)?),
            ("context".to_owned(), sorted(object(self.context.as_deref(), "--context")?)?),
        ];
        for (name, value) in [("agent_id", &self.agent), ("tool", &self.tool), ("operation", &self.operation)]
        {
            if let Some(value) = value {
                members.push((name.to_owned(), Json::from(value.as_str())));
            }
        }
        // Not the canonical form, which spells out `1e20` as an integer that an action may not have.
        serde_json::to_string(&sorted(members)?)
            .map_err(|error| Failure::usage(format!("the action cannot be written: {error}")))
    }
}

fn object(text: Option<&str>, flag: &str) -> Result<Vec<(String, Json)>, Failure> {
    let Some(text) = text else { return Ok(Vec::new()) };
    match json::parse(text.as_bytes(), json::MAX_BYTES) {
        Ok(Json::Object(object)) => {
            Ok(object.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect())
        }
        Ok(_) => Err(Failure::usage(format!("`{flag}` is not a JSON object"))),
        Err(error) => Err(Failure::usage(format!("`{flag}` cannot be read: {error}"))),
    }
}

fn sorted(members: Vec<(String, Json)>) -> Result<Json, Failure> {
    Object::from_members(members)
        .map(Json::Object)
        .map_err(|key| Failure::usage(format!("the argument {} is given twice", quoted(&key))))
}
