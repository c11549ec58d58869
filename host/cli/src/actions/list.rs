//! `faramesh actions list`: a row for every action.

use api::Action;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use comfy_table::Cell;
use engine::decision::Outcome as Decided;
use engine::lifecycle::Status as Lifecycle;
use engine::risk::RiskLevel;
use serde::Deserialize;
use serde_json::Value;

use super::get::{status, tool};
use crate::client::{Client, Connection, KeyUse};
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::{Format, Screen};
use crate::{policy, table, text, time};

/// Arguments of `actions list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only actions with this status
    #[arg(long, value_name = "STATUS", value_parser = statuses(), ignore_case = true)]
    status: Option<String>,

    /// Only actions of this agent
    #[arg(long)]
    agent: Option<String>,

    /// Only calls of this tool
    #[arg(long)]
    tool: Option<String>,

    /// Only actions with this outcome
    #[arg(long, value_name = "OUTCOME", value_parser = outcomes(), ignore_case = true)]
    outcome: Option<String>,

    /// Only actions with this risk level
    #[arg(long, value_name = "LEVEL", value_parser = risk_levels(), ignore_case = true)]
    risk: Option<String>,

    /// Only actions that a person answered this way, whatever happened afterwards
    #[arg(long, value_enum, ignore_case = true)]
    answer: Option<Answer>,

    /// Only actions that this person answered
    #[arg(long, value_name = "NAME")]
    answered_by: Option<String>,

    /// Only actions that the rule with this id decided first
    #[arg(long, value_name = "ID")]
    rule: Option<String>,

    /// Only actions with this reason code, such as `approval_expired`
    #[arg(long, value_name = "CODE")]
    reason_code: Option<String>,

    /// Only actions since then: a time, a day, or how long ago (`1h`)
    #[arg(long, value_parser = time::parse_since)]
    since: Option<String>,

    /// Only actions before then: a time, a day, or how long ago
    #[arg(long, value_parser = time::parse_since)]
    until: Option<String>,

    /// Only actions with this text in their arguments or id
    #[arg(short, long, value_name = "TEXT")]
    query: Option<String>,

    /// How many actions to list at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,

    /// How many of the newest actions to skip
    #[arg(long, default_value_t = 0)]
    offset: u64,

    #[command(flatten)]
    connection: Connection,
}

/// The columns that a terminal needs for all of a row.
const WIDE: u16 = 140;

/// The statuses, in whatever case they are typed.
fn statuses() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(Lifecycle::ALL.map(Lifecycle::as_str)).map(|word| word.to_ascii_lowercase())
}

/// The outcomes, in whatever case they are typed.
pub(crate) fn outcomes() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(Decided::ALL.map(Decided::as_str)).map(|word| word.to_ascii_uppercase())
}

/// The risk levels, in whatever case they are typed.
pub(crate) fn risk_levels() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(RiskLevel::ALL.map(RiskLevel::as_str)).map(|word| word.to_ascii_lowercase())
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

/// The word of a choice, as it is typed and as it is on the wire.
fn word<T: ValueEnum>(choice: T) -> Option<String> {
    choice.to_possible_value().map(|value| value.get_name().to_owned())
}

/// [`api::ActionPage`] with the actions as they came, which other formats than a table print.
#[derive(Deserialize)]
struct Page {
    actions: Vec<Value>,
    next_cursor: Option<String>,
    total: u64,
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
            ("status", self.status.clone()),
            ("agent_id", self.agent.clone()),
            ("tool", self.tool.clone()),
            ("outcome", self.outcome.clone()),
            ("risk_level", self.risk.clone()),
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

    /// Asks for pages until there are enough actions: the server ends a page early where actions are large. Gives how
    /// many there were, and how many fit in all.
    fn pages(
        &self,
        client: &Client,
        mut visit: impl FnMut(&[Value]) -> Result<(), Failure>,
    ) -> Result<(u32, u64), Failure> {
        let (mut shown, mut cursor) = (0_u32, None);
        loop {
            let answer = client.get("/v1/actions", &self.query(shown, cursor))?;
            let page: Page = client.read(&answer)?;
            let count = u32::try_from(page.actions.len()).unwrap_or(u32::MAX);
            shown = shown.saturating_add(count);
            visit(&page.actions)?;
            cursor = page.next_cursor;
            if count == 0 || cursor.is_none() || shown >= self.limit {
                return Ok((shown, page.total));
            }
        }
    }
}

pub(crate) fn run(args: &List, screen: &Screen) -> Outcome {
    let client = Client::new(&args.connection, KeyUse::Found)?;
    match screen.format() {
        Format::Table => table(args, &client, screen),
        Format::Jsonl => {
            args.pages(&client, |actions| Ok(screen.list(actions)?))?;
            Ok(Exit::Done)
        }
        Format::Json | Format::Yaml => {
            let mut all = Vec::new();
            args.pages(&client, |actions| {
                all.extend_from_slice(actions);
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
        for action in actions {
            let cells = cells(&rows, &client.read(action)?, screen, narrow);
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

fn cells(rows: &table::Rows<'_>, action: &Action, screen: &Screen, narrow: bool) -> Vec<Cell> {
    let Action { decision, standing, .. } = action;
    let params = serde_json::from_str(action.params.get()).unwrap_or_default();
    let (time, most) = if narrow {
        (time::clock(&standing.created_at), 24)
    } else {
        (time::date_and_clock(&standing.created_at), 60)
    };
    let mut cells = vec![
        Cell::new(text::short_id(&action.id)),
        Cell::new(time),
        Cell::new(text::name(&action.agent_id)),
        Cell::new(tool(action)),
        Cell::new(text::arguments(&params, &decision.key_params, most, screen.symbol("…", "..."))),
        Cell::new(status(standing)),
        rows.outcome(decision.outcome),
    ];
    if !narrow {
        cells.push(Cell::new(policy::rule(decision)));
        cells.push(Cell::new(format!("{} {}", decision.risk_level.as_str(), decision.risk_score.get())));
    }
    cells
}
