//! `faramesh watch`: follows the server's events and prints a line for each. Reconnects behind the last one it saw,
//! so that nothing is missed.

mod line;

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Read;
use std::time::Duration;

use clap::Args;
use engine::policy::glob::Glob;
use serde_json::Value;

use self::line::{Lines, Wanted};
use super::actions::{outcomes, risk_levels};
use super::client::{Client, Connection, KeyUse};
use super::exit::{Exit, Failure, Outcome};
use super::screen::{Format, Screen};
use super::sse::Events;
use super::time;

/// How long to wait before the second try to reconnect; every try doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Arguments of `watch`.
#[derive(Debug, Args)]
#[command(
    after_help = "Ctrl-C ends it, with exit code 0. With `-o jsonl` it prints every record as it is stored."
)]
pub(crate) struct Watch {
    /// Only these agents; `*` and `?` stand for any characters
    #[arg(long, value_name = "GLOB")]
    agent: Option<String>,

    /// Only these tools; `*` and `?` stand for any characters
    #[arg(long, value_name = "GLOB")]
    tool: Option<String>,

    /// Only actions with this outcome
    #[arg(long, value_name = "OUTCOME", value_parser = outcomes(), ignore_case = true)]
    outcome: Option<String>,

    /// Only actions with this risk level
    #[arg(long, value_name = "LEVEL", value_parser = risk_levels(), ignore_case = true)]
    risk: Option<String>,

    /// Begin with the actions since then: a time, a day, or how long ago (`10m`)
    #[arg(long, value_name = "TIME", value_parser = time::parse_since)]
    since_last: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

impl Watch {
    fn wanted(&self) -> Wanted {
        Wanted {
            agent: self.agent.as_deref().map(Glob::new),
            tool: self.tool.as_deref().map(Glob::new),
            outcome: self.outcome.clone(),
            risk: self.risk.clone(),
        }
    }
}

pub(crate) fn run(args: &Watch, screen: &Screen) -> Outcome {
    let client = Client::new(&args.connection, KeyUse::Found)?;
    end_on_interrupt()?;
    let mut stream = client.events(None)?;
    screen.message(&format!("watching {}; Ctrl-C ends it", client.url()));
    let mut lines = Lines::new(args.wanted());
    // The events are open already, so there is no gap between this list and them.
    let mut listed = match &args.since_last {
        Some(since) => list(since, &client, &mut lines, screen)?,
        None => HashSet::new(),
    };
    let mut last_id = None;
    loop {
        follow(stream, &mut last_id, &mut listed, &mut lines, &client, screen)?;
        screen.message(&format!("lost {}; trying to reconnect", client.url()));
        stream = reconnect(&client, last_id.as_deref())?;
        screen.message("reconnected");
    }
}

/// Prints the actions since `since`, the oldest first, and says which they are.
fn list(
    since: &str,
    client: &Client,
    lines: &mut Lines,
    screen: &Screen,
) -> Result<HashSet<String>, Failure> {
    let query = [("since", since.to_owned()), ("limit", "500".to_owned())];
    let answer = client.get("/v1/actions", &query)?;
    let actions = answer.get("actions").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut ids = HashSet::new();
    for action in actions.iter().rev() {
        if let Some(line) = lines.action(action, screen) {
            print(screen, &line, action.to_string().as_str())?;
        }
        ids.extend(action.get("id").and_then(Value::as_str).map(str::to_owned));
    }
    Ok(ids)
}

/// Prints what comes until the line breaks.
fn follow(
    stream: impl Read,
    last_id: &mut Option<String>,
    listed: &mut HashSet<String>,
    lines: &mut Lines,
    client: &Client,
    screen: &Screen,
) -> Result<(), Failure> {
    let mut events = Events::new(stream);
    // An error of reading is a line that broke, like its end.
    while let Ok(Some(event)) = events.next() {
        let Ok(record) = serde_json::from_str::<Value>(&event.data) else { continue };
        let id = record.get("action_id").and_then(Value::as_str).unwrap_or_default();
        let is_decision = record.get("kind").and_then(Value::as_str) == Some("decision");
        if is_decision && listed.remove(id) {
            continue;
        }
        if let Some(line) = lines.record(&record, client, screen) {
            print(screen, &line, &record_of(&event.data, &record))?;
        }
    }
    // Also when nothing came: the server says at the beginning where it begins.
    if events.last_id().is_some() {
        *last_id = events.last_id().map(str::to_owned);
    }
    Ok(())
}

/// The record in an event, byte for byte: the event says the kind once more at its end, as `type`.
fn record_of<'a>(data: &'a str, record: &Value) -> Cow<'a, str> {
    let kind = record.get("type").and_then(Value::as_str).unwrap_or_default();
    match data.strip_suffix(&format!(",\"type\":\"{kind}\"}}")) {
        Some(members) => Cow::Owned(format!("{members}}}")),
        None => Cow::Borrowed(data),
    }
}

fn print(screen: &Screen, line: &str, json: &str) -> Result<(), Failure> {
    match screen.format() {
        Format::Table => screen.data(line)?,
        Format::Json | Format::Jsonl => screen.json(json)?,
        Format::Yaml => {
            let value: Value = serde_json::from_str(json).unwrap_or_default();
            screen.data("---")?;
            screen.value(&value)?;
        }
    }
    Ok(())
}

fn reconnect(client: &Client, last_id: Option<&str>) -> Result<Box<dyn Read>, Failure> {
    let mut wait = FIRST_WAIT;
    loop {
        match client.events(last_id) {
            Err(failure) if failure.exit() == Exit::Unreachable => {
                std::thread::sleep(wait);
                wait = wait.saturating_mul(2).min(LONGEST_WAIT);
            }
            answer => return answer,
        }
    }
}

/// Ctrl-C is how watching ends, so it ends well.
fn end_on_interrupt() -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::refused(format!("Ctrl-C cannot be waited for: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
    std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                std::process::exit(0);
            }
        })
        .map_err(failed)?;
    Ok(())
}
