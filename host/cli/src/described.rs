//! An action that is described by options, for the commands that also take one from a file.

use clap::Args;
use engine::json;
use engine::value::{Object, Value};

use super::client::quoted;
use super::exit::Failure;
use super::input::Actions;

/// An action in options. Whether it is a good one is the engine's to say.
#[derive(Debug, Args)]
pub(crate) struct Described {
    /// The agent that proposes it
    #[arg(long, help_heading = "Action")]
    agent: Option<String>,

    /// The tool
    #[arg(long, help_heading = "Action")]
    tool: Option<String>,

    /// The operation of a tool that has several
    #[arg(long, help_heading = "Action")]
    operation: Option<String>,

    /// One argument, as JSON or else as text; can be repeated
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Action")]
    param: Vec<String>,

    /// All arguments, as a JSON object
    #[arg(long, value_name = "JSON", help_heading = "Action")]
    params: Option<String>,

    /// The context, as a JSON object
    #[arg(long, value_name = "JSON", help_heading = "Action")]
    context: Option<String>,
}

impl Described {
    /// The names of its options, none of which may be combined with a file.
    pub(crate) const IDS: [&str; 6] = ["agent", "tool", "operation", "param", "params", "context"];

    /// The actions of `file`, or else the one that the options describe. `advice` says how the command
    /// is given a file.
    ///
    /// # Errors
    /// When neither is given, or what is given cannot be read.
    pub(crate) fn or_read(&self, file: Option<&str>, advice: &str) -> Result<Actions, Failure> {
        if let Some(file) = file {
            return Actions::read(file);
        }
        if self.agent.is_none() || self.tool.is_none() {
            return Err(Failure::usage("no action is given")
                .help(format!("{advice}, or describe one with `--agent` and `--tool`")));
        }
        Ok(Actions::One(self.action()?.into_bytes()))
    }

    fn action(&self) -> Result<String, Failure> {
        let mut params = object(self.params.as_deref(), "--params")?;
        for param in &self.param {
            let Some((name, value)) = param.split_once('=') else {
                return Err(Failure::usage(format!("{} is not NAME=VALUE", quoted(param)))
                    .help("write it as `--param amount=45`"));
            };
            let value = json::parse(value.as_bytes(), json::MAX_BYTES).unwrap_or_else(|_| Value::from(value));
            params.push((name.to_owned(), value));
        }
        let mut members = vec![
            ("params".to_owned(), sorted(params)?),
            ("context".to_owned(), sorted(object(self.context.as_deref(), "--context")?)?),
        ];
        for (name, value) in [("agent_id", &self.agent), ("tool", &self.tool), ("operation", &self.operation)]
        {
            if let Some(value) = value {
                members.push((name.to_owned(), Value::from(value.as_str())));
            }
        }
        // Not the canonical form, which spells out `1e20` as an integer that an action may not have.
        serde_json::to_string(&sorted(members)?)
            .map_err(|error| Failure::usage(format!("the action cannot be written: {error}")))
    }
}

fn object(text: Option<&str>, flag: &str) -> Result<Vec<(String, Value)>, Failure> {
    let Some(text) = text else { return Ok(Vec::new()) };
    match json::parse(text.as_bytes(), json::MAX_BYTES) {
        Ok(Value::Object(object)) => {
            Ok(object.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect())
        }
        Ok(_) => Err(Failure::usage(format!("`{flag}` is not a JSON object"))),
        Err(error) => Err(Failure::usage(format!("`{flag}` cannot be read: {error}"))),
    }
}

fn sorted(members: Vec<(String, Value)>) -> Result<Value, Failure> {
    Object::from_members(members)
        .map(Value::Object)
        .map_err(|key| Failure::usage(format!("the argument {} is given twice", quoted(&key))))
}
