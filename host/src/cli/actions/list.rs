//! `faramesh actions list`: a row for every action.

use clap::{Args, ValueEnum};
use comfy_table::Cell;
use serde_json::Value;

use super::get::status;
use crate::cli::client::{Client, KeyUse};
use crate::cli::exit::{Exit, Failure, Outcome};
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

    /// Only what a person answered so, whatever became of it since
    #[arg(long, value_enum)]
    answer: Option<Answer>,

    /// Only what this person answered
    #[arg(long, value_name = "NAME")]
    answered_by: Option<String>,

    /// Only what the rule with this id decided at first
    #[arg(long, value_name = "ID")]
    rule: Option<String>,

    /// Only this reason code, such as `approval_expired`
    #[arg(long, value_name = "CODE")]
    reason_code: Option<String>,

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

/// The columns that a terminal needs for all of a row.
const WIDE: u16 = 140;

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

/// How people answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Answer {
    /// At least one approved
    Approved,
    /// At least one rejected
    Rejected,
    /// At least one answered
    Any,
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
    /// Whether it asks for all actions.
    fn is_unfiltered(&self) -> bool {
        let texts = [
            &self.agent,
            &self.tool,
            &self.answered_by,
            &self.rule,
            &self.reason_code,
            &self.since,
            &self.until,
            &self.query,
        ];
        texts.into_iter().all(Option::is_none)
            && (self.status.is_none()
                && self.answer.is_none()
                && self.outcome.is_none()
                && self.risk.is_none())
            && self.offset == 0
    }

    /// The query for the next page, `shown` actions after the first.
    fn query(&self, shown: u32, cursor: Option<String>) -> Vec<(&'static str, String)> {
        let offset = (self.offset > 0 && cursor.is_none()).then(|| self.offset.to_string());
        let filters = [
            ("status", self.status.and_then(word)),
            ("agent_id", self.agent.clone()),
            ("tool", self.tool.clone()),
            ("outcome", self.outcome.and_then(word)),
            ("risk_level", self.risk.and_then(word)),
            ("answer", self.answer.and_then(word)),
            ("answered_by", self.answered_by.clone()),
            ("rule", self.rule.clone()),
            ("reason_code", self.reason_code.clone()),
            ("since", self.since.clone()),
            ("until", self.until.clone()),
            ("q", self.query.clone()),
            ("limit", Some(self.limit.saturating_sub(shown).to_string())),
            ("offset", offset),
            ("cursor", cursor),
        ];
        filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Asks for pages until there are enough actions: the server ends a page early where actions are large. Gives how many
    /// there were, and how many fit in all.
    fn pages(
        &self,
        client: &Client,
        mut visit: impl FnMut(Vec<Value>) -> Result<(), Failure>,
    ) -> Result<(u32, u64), Failure> {
        let (mut shown, mut cursor) = (0_u32, None);
        loop {
            let mut answer = client.get("/v1/actions", &self.query(shown, cursor))?;
            let total = answer.get("total").and_then(Value::as_u64).unwrap_or_default();
            cursor = answer.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            let Some(Value::Array(actions)) = answer.get_mut("actions").map(Value::take) else {
                return Err(client.foreign());
            };
            let count = u32::try_from(actions.len()).unwrap_or(u32::MAX);
            shown = shown.saturating_add(count);
            visit(actions)?;
            if count == 0 || cursor.is_none() || shown >= self.limit {
                return Ok((shown, total));
            }
        }
    }
}

pub(crate) fn run(args: &List, global: &Global, screen: &Screen) -> Outcome {
    let client = Client::new(global, KeyUse::Found)?;
    match screen.format() {
        Format::Table => table(args, &client, screen),
        Format::Jsonl => {
            args.pages(&client, |actions| Ok(screen.list(&actions)?))?;
            Ok(Exit::Done)
        }
        Format::Json | Format::Yaml => {
            let mut all = Vec::new();
            args.pages(&client, |actions| {
                all.extend(actions);
                Ok(())
            })?;
            screen.list(&all)?;
            Ok(Exit::Done)
        }
    }
}

fn table(args: &List, client: &Client, screen: &Screen) -> Outcome {
    let narrow = table::width(screen).is_some_and(|width| width < WIDE);
    let columns: &[&str] = if narrow {
        &["ID", "TIME", "AGENT", "TOOL", "ARGUMENTS", "STATUS", "OUTCOME"]
    } else {
        &["ID", "TIME", "AGENT", "TOOL", "ARGUMENTS", "STATUS", "OUTCOME", "RULE", "RISK"]
    };
    let mut rows = table::Rows::new(screen, columns);
    let (shown, total) = args.pages(client, |actions| {
        for action in &actions {
            let cells = cells(&rows, action, screen, narrow);
            rows.push(cells);
        }
        Ok(())
    })?;
    if shown == 0 {
        screen.message(if args.is_unfiltered() { "no actions yet" } else { "no actions fit" });
        return Ok(Exit::Done);
    }
    screen.data(&rows.print())?;
    if total > u64::from(shown).saturating_add(args.offset) {
        screen.message(&format!("{shown} of {total}; more with `--limit` and `--offset`"));
    }
    Ok(Exit::Done)
}

fn cells(rows: &table::Rows<'_>, action: &Value, screen: &Screen, narrow: bool) -> Vec<Cell> {
    let outcome = text::outcome(action.get("outcome").and_then(Value::as_str));
    let word = |key: &str| action.get(key).and_then(Value::as_str).unwrap_or_default();
    let params = action.get("params").unwrap_or(&Value::Null);
    let (time, most) = if narrow {
        (time::clock(word("created_at")), 24)
    } else {
        (time::date_and_clock(word("created_at")), 60)
    };
    let mut cells = vec![
        Cell::new(text::short_id(word("id"))),
        Cell::new(time),
        Cell::new(text::name_at(action, "/agent_id")),
        Cell::new(tool(action)),
        Cell::new(text::arguments(params, action, most, screen.symbol("…", "..."))),
        Cell::new(status(action)),
        rows.outcome(outcome),
    ];
    if !narrow {
        cells.push(Cell::new(policy::rule(action)));
        let risk = format!("{} {}", text::at(action, "/risk_level"), text::at(action, "/risk_score"));
        cells.push(Cell::new(risk));
    }
    cells
}

/// `process_refund`, or `stripe operation=refund` for a tool with operations, which no tool's own name reads like.
pub(crate) fn tool(action: &Value) -> String {
    let tool = text::name_at(action, "/tool");
    match action.get("operation").and_then(Value::as_str) {
        None | Some("" | "call") => tool,
        Some(operation) => format!("{tool} operation={}", text::name(operation)),
    }
}
