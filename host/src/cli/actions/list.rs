//! `faramesh actions list`: a row for every action.

use clap::{Args, ValueEnum};
use comfy_table::Cell;
use serde_json::Value;

use crate::cli::client::{Client, KeyUse};
use crate::cli::exit::{Exit, Outcome};
use crate::cli::screen::{Format, Screen};
use crate::cli::{Global, policy, table, text, time};

/// Arguments of `actions list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only what stands so
    #[arg(long, value_enum)]
    status: Option<Status>,

    /// Only this agent
    #[arg(long)]
    agent: Option<String>,

    /// Only this tool
    #[arg(long)]
    tool: Option<String>,

    /// Only this outcome
    #[arg(long, value_enum, ignore_case = true)]
    outcome: Option<OutcomeWord>,

    /// Only this risk level
    #[arg(long, value_enum)]
    risk: Option<Risk>,

    /// Only what came since: a time, a day, or how long ago (`1h`)
    #[arg(long, value_parser = time::parse_since)]
    since: Option<String>,

    /// Only what came before: a time, a day, or how long ago
    #[arg(long, value_parser = time::parse_since)]
    until: Option<String>,

    /// Only what holds this text in the action or the id
    #[arg(short, long, value_name = "TEXT")]
    query: Option<String>,

    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,

    /// Leave out the newest so many
    #[arg(long, default_value_t = 0)]
    offset: u64,
}

/// The outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum OutcomeWord {
    /// It may run now
    Execute,
    /// It is held for a person
    Abstain,
    /// It does not run
    Halt,
}

/// Where an action can stand.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Status {
    Allowed,
    PendingApproval,
    Approved,
    Denied,
    Executing,
    Succeeded,
    Failed,
    Timeout,
}

/// The risk levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Risk {
    Low,
    Medium,
    High,
    Critical,
}

/// The word of a choice, as it is typed and as it is on the wire.
pub(crate) fn word<T: ValueEnum>(choice: T) -> Option<String> {
    choice.to_possible_value().map(|value| value.get_name().to_owned())
}

impl List {
    fn query(&self) -> Vec<(&'static str, String)> {
        let filters = [
            ("status", self.status.and_then(word)),
            ("agent_id", self.agent.clone()),
            ("tool", self.tool.clone()),
            ("outcome", self.outcome.and_then(word)),
            ("risk_level", self.risk.and_then(word)),
            ("since", self.since.clone()),
            ("until", self.until.clone()),
            ("q", self.query.clone()),
            ("limit", Some(self.limit.to_string())),
            ("offset", (self.offset > 0).then(|| self.offset.to_string())),
        ];
        filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

pub(crate) fn run(args: &List, global: &Global, screen: &Screen) -> Outcome {
    let client = Client::new(global, KeyUse::Found)?;
    let answer = client.get("/v1/actions", &args.query())?;
    let actions = answer.get("actions").and_then(Value::as_array).cloned().unwrap_or_default();
    if screen.format() != Format::Table {
        screen.list(&actions)?;
        return Ok(Exit::Done);
    }
    if actions.is_empty() {
        screen.message("no actions fit");
        return Ok(Exit::Done);
    }
    let columns = ["ID", "TIME", "AGENT", "TOOL", "ARGUMENTS", "STATUS", "OUTCOME", "RULE", "RISK"];
    let mut rows = table::Rows::new(screen, &columns);
    for action in &actions {
        let outcome = text::outcome(action.get("outcome").and_then(Value::as_str));
        let word = |key: &str| action.get(key).and_then(Value::as_str).unwrap_or_default();
        rows.push(vec![
            Cell::new(text::short_id(word("id"))),
            Cell::new(time::date_and_clock(word("created_at"))),
            Cell::new(text::at(action, "/agent_id")),
            Cell::new(tool(action)),
            Cell::new(text::arguments(
                action.get("params").unwrap_or(&Value::Null),
                action,
                60,
                screen.symbol("…", "..."),
            )),
            Cell::new(text::at(action, "/status")),
            rows.outcome(outcome),
            Cell::new(policy::rule(action)),
            Cell::new(format!("{} {}", text::at(action, "/risk_level"), text::at(action, "/risk_score"))),
        ]);
    }
    screen.data(&rows.print())?;
    let total = answer.get("total").and_then(Value::as_u64).unwrap_or_default();
    let shown = u64::try_from(actions.len()).unwrap_or(u64::MAX);
    if total > shown.saturating_add(args.offset) {
        screen.message(&format!("{shown} of {total}; more with `--limit` and `--offset`"));
    }
    Ok(Exit::Done)
}

/// `process_refund`, or `stripe.refund` for a tool with operations.
pub(crate) fn tool(action: &Value) -> String {
    let tool = text::at(action, "/tool");
    match action.get("operation").and_then(Value::as_str) {
        None | Some("" | "call") => tool,
        Some(operation) => format!("{tool}.{}", text::visible(operation)),
    }
}
