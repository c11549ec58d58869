//! Lists of actions: a filter as SQL, one page of what fits it, and how many fit in all.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::read::all;
use super::rows::{self, signed, unsigned};
use crate::store::{Filter, Page, StoreError};

/// The most actions of one page.
const LONGEST_PAGE: u32 = 500;

/// The canonical action, as it stands at the start of its canonical record. No action can hold the text that ends it
/// here: it was sent before its id was drawn.
const ACTION_TEXT: &str = r#"substr(r.body, 11, instr(r.body, ',"action_id":"' || lower(
    substr(hex(a.id), 1, 8) || '-' || substr(hex(a.id), 9, 4) || '-' || substr(hex(a.id), 13, 4) || '-' ||
    substr(hex(a.id), 17, 4) || '-' || substr(hex(a.id), 21))) - 11)"#;

/// A page of the actions that fit `filter`, newest first.
///
/// The cursor is the number of the page's last action. Numbers only grow, so actions that come while somebody turns
/// the pages move nothing from one page to the next.
pub(super) fn actions(connection: &Connection, filter: &Filter) -> Result<Page, StoreError> {
    let before = filter.cursor.as_deref().map(read_cursor).transpose()?;
    let mut fits = Conditions::of(filter);
    let sql = format!("SELECT count(*) FROM {} {}", fits.source(), fits.clause());
    let total = connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(&fits.params), |row| row.get(0))
        .map(unsigned)?;

    if let Some(before) = before {
        fits.add("a.number < ?", [Value::Integer(before)]);
    }
    let limit = filter.limit.clamp(1, LONGEST_PAGE);
    let sql = format!("SELECT {} {} ORDER BY a.number DESC LIMIT ? OFFSET ?", rows::ACTION, fits.clause());
    // One more than asked for shows whether anything comes after the page.
    fits.params.push(Value::Integer(i64::from(limit) + 1));
    fits.params.push(Value::Integer(signed(filter.offset)));
    let mut found = all(connection, &sql, params_from_iter(&fits.params), |row| {
        Ok((row.get::<_, i64>(rows::NUMBER)?, rows::action(row)?))
    })?;
    let whole = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > whole;
    found.truncate(whole);
    let next_cursor = found.last().filter(|_| more).map(|(number, _)| write_cursor(*number));
    Ok(Page { actions: found.into_iter().map(|(_, row)| row).collect(), total, next_cursor })
}

/// `a1f` is behind the action with the number 31.
fn write_cursor(number: i64) -> String {
    format!("a{number:x}")
}

fn read_cursor(cursor: &str) -> Result<i64, StoreError> {
    let number = cursor.strip_prefix('a').and_then(|hex| i64::from_str_radix(hex, 16).ok());
    // What is read back must be what would be written, so that one place has one cursor.
    number.filter(|number| write_cursor(*number) == cursor).ok_or(StoreError::BadCursor)
}

/// What an action must fulfil, as SQL with a `?` for each of `params`.
struct Conditions {
    sql: Vec<String>,
    params: Vec<Value>,
    reads_records: bool,
}

impl Conditions {
    fn of(filter: &Filter) -> Self {
        let mut fits = Conditions { sql: Vec::new(), params: Vec::new(), reads_records: false };
        let text = |text: &str| Value::Text(text.to_owned());
        if let Some(status) = filter.status {
            // As a literal, because only so does SQLite see that the index of open actions has all of them.
            fits.add(&format!("a.status = '{}'", status.as_str()), []);
        }
        if !filter.agent_ids.is_empty() {
            let one_of: Vec<_> = filter.agent_ids.iter().map(|agent| agent_condition(agent)).collect();
            let agents = filter.agent_ids.iter().map(|agent| Value::Text(agent_pattern(agent)));
            fits.add(&format!("({})", one_of.join(" OR ")), agents);
        }
        if let Some(tool) = &filter.tool {
            fits.add("a.tool = ?", [text(tool)]);
        }
        if let Some(outcome) = filter.outcome {
            fits.add("a.outcome = ?", [text(outcome.as_str())]);
        }
        if let Some(level) = filter.risk_level {
            fits.add("a.risk_level = ?", [text(level.as_str())]);
        }
        if let Some(principal) = &filter.principal {
            fits.add("a.principal = ?", [text(principal)]);
        }
        if let Some(since_ms) = filter.since_ms {
            fits.add("a.created_at_ms >= ?", [Value::Integer(since_ms)]);
        }
        if let Some(until_ms) = filter.until_ms {
            fits.add("a.created_at_ms < ?", [Value::Integer(until_ms)]);
        }
        if let Some(q) = filter.q.as_deref().filter(|q| !q.is_empty()) {
            let action = Value::Text(format!("%{}%", like_literal(q)));
            // What is nowhere in the record is not in the action, and to see that is faster.
            let in_action = format!(r"r.body LIKE ? ESCAPE '\' AND {ACTION_TEXT} LIKE ? ESCAPE '\'");
            if let Some((low, high)) = rows::id_range(&q.to_ascii_lowercase()) {
                let ids = [Value::Blob(low.into()), Value::Blob(high.into())];
                let params = ids.into_iter().chain([action.clone(), action]);
                fits.add(&format!("(a.id BETWEEN ? AND ? OR ({in_action}))"), params);
            } else {
                fits.add(&in_action, [action.clone(), action]);
            }
            fits.reads_records = true;
        }
        fits
    }

    fn add(&mut self, sql: &str, params: impl IntoIterator<Item = Value>) {
        self.sql.push(sql.to_owned());
        self.params.extend(params);
    }

    fn clause(&self) -> String {
        if self.sql.is_empty() { String::new() } else { format!("WHERE {}", self.sql.join(" AND ")) }
    }

    /// Counting leaves the records alone unless they are searched. Then they are read in their order, which is not
    /// the one of any index.
    fn source(&self) -> &'static str {
        if self.reads_records {
            "actions a NOT INDEXED JOIN records r ON r.number = a.number"
        } else {
            "actions a"
        }
    }
}

/// Agents come as names or, from the keys bound to them, as patterns with `*` and `?`.
fn is_pattern(agent: &str) -> bool {
    agent.contains(['*', '?'])
}

fn agent_condition(agent: &str) -> &'static str {
    // GLOB looks no further than a NUL, so an agent that has one fits no pattern.
    if is_pattern(agent) {
        "(a.agent_id GLOB ? AND instr(a.agent_id, char(0)) = 0)"
    } else {
        "a.agent_id = ?"
    }
}

/// GLOB knows `[...]` too, which patterns of agents do not.
fn agent_pattern(agent: &str) -> String {
    if is_pattern(agent) { agent.replace('[', "[[]") } else { agent.to_owned() }
}

fn like_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '%' | '_' | '\\') {
            literal.push('\\');
        }
        literal.push(char);
    }
    literal
}
