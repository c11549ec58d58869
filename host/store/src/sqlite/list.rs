//! Lists of actions: a filter as SQL, one page of what fits it, and how many fit in all.
//!
//! The rows of a page are selected by numbers alone; only the actions on it are read in full. Text is searched here and
//! not in SQL, in one pass over the records, because that takes a fraction of the time.

use memchr::memmem::{Finder, find};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};
use uuid::Uuid;

use super::read::all;
use super::rows::{self, signed, unsigned};
use crate::{ActionRow, Answered, Filter, LONGEST_PAGE, PAGE_BYTES, Page, Sight, StoreError};

/// The text before the canonical action in its record.
const START: &str = r#"{"action":"#;

/// A page of the actions that fit `filter`, newest first.
///
/// The cursor is the number of the page's last action. Numbers only grow, so new actions do not shift anything from one
/// page to the next.
pub(super) fn actions(connection: &Connection, filter: &Filter, sight: &Sight) -> Result<Page, StoreError> {
    let before = filter.cursor.as_deref().map(read_cursor).transpose()?;
    let limit = filter.limit.clamp(1, LONGEST_PAGE);
    // One more than asked for shows whether anything comes after the page.
    let wanted = Wanted { before, offset: filter.offset, most: u64::from(limit).saturating_add(1) };
    let fits = Conditions::of(filter, sight);
    let (total, mut numbers) = match filter.q.as_deref().filter(|q| !q.is_empty()) {
        Some(q) => search(connection, &fits, &mut Search::of(q), &wanted)?,
        None => select(connection, fits, &wanted)?,
    };
    let whole = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut more = numbers.len() > whole;
    numbers.truncate(whole);
    let sql = format!("SELECT {} WHERE a.number = ?1", rows::ACTION);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut actions = Vec::with_capacity(numbers.len());
    let (mut last, mut bytes) = (None, 0_usize);
    for number in numbers {
        if bytes >= PAGE_BYTES {
            more = true;
            break;
        }
        let mut found = statement.query([number])?;
        if let Some(row) = found.next()? {
            let row = rows::action(row)?;
            bytes = bytes.saturating_add(size(&row));
            actions.push(row);
        }
        last = Some(number);
    }
    let next_cursor = last.filter(|_| more).map(write_cursor);
    Ok(Page { actions, total, next_cursor })
}

/// The bytes of what can be large in an action.
fn size(row: &ActionRow) -> usize {
    let texts =
        [row.error.as_deref().map_or(0, str::len), row.result.as_ref().map_or(0, |json| json.get().len())];
    let always = [row.action.get().len(), row.decision.json.get().len(), row.decision.state.get().len()];
    texts.into_iter().chain(always).fold(0, usize::saturating_add)
}

/// Which of the actions that fit are on the page, counted from the newest.
struct Wanted {
    before: Option<i64>,
    offset: u64,
    most: u64,
}

/// How many actions fit, and the numbers of those that are wanted.
fn select(
    connection: &Connection,
    mut fits: Conditions,
    wanted: &Wanted,
) -> Result<(u64, Vec<i64>), StoreError> {
    let sql = format!("SELECT count(*) FROM actions a {}", fits.clause());
    let total = connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(&fits.params), |row| row.get(0))
        .map(unsigned)?;
    if let Some(before) = wanted.before {
        fits.add("a.number < ?", [Value::Integer(before)]);
    }
    let sql =
        format!("SELECT a.number FROM actions a {} ORDER BY a.number DESC LIMIT ? OFFSET ?", fits.clause());
    fits.params.extend([wanted.most, wanted.offset].map(|count| Value::Integer(signed(count))));
    Ok((total, all(connection, &sql, params_from_iter(&fits.params), |row| Ok(row.get(0)?))?))
}

/// As [`select`], of those that hold the text.
fn search(
    connection: &Connection,
    fits: &Conditions,
    text: &mut Search,
    wanted: &Wanted,
) -> Result<(u64, Vec<i64>), StoreError> {
    // Both tables in the order of their numbers, which is not the one of any index.
    let sql = format!(
        "SELECT a.number, a.id, r.body FROM actions a NOT INDEXED CROSS JOIN records r ON r.number = a.number {}
         ORDER BY a.number DESC",
        fits.clause()
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(&fits.params))?;
    let (mut total, mut behind, mut numbers) = (0_u64, 0_u64, Vec::new());
    while let Some(row) = rows.next()? {
        if !text.is_in(row)? {
            continue;
        }
        total = total.saturating_add(1);
        let number: i64 = row.get(0)?;
        if wanted.before.is_none_or(|before| number < before) {
            behind = behind.saturating_add(1);
            if behind > wanted.offset && behind <= wanted.offset.saturating_add(wanted.most) {
                numbers.push(number);
            }
        }
    }
    Ok((total, numbers))
}

/// Text that is looked for in canonical actions and, where it can be the start of one, in ids. Letters of ASCII are
/// the same large or small.
struct Search {
    text: Finder<'static>,
    ids: Option<([u8; 16], [u8; 16])>,
    lowered: Vec<u8>,
}

impl Search {
    fn of(q: &str) -> Self {
        let q = q.to_ascii_lowercase();
        Search { text: Finder::new(&q).into_owned(), ids: rows::id_range(&q), lowered: Vec::new() }
    }

    /// Whether it is in the action of a row of `number`, `id`, `body`.
    fn is_in(&mut self, row: &Row<'_>) -> Result<bool, StoreError> {
        let id: [u8; 16] = row.get(1)?;
        if self.ids.is_some_and(|(low, high)| (low..=high).contains(&id)) {
            return Ok(true);
        }
        let ValueRef::Text(body) = row.get_ref(2)? else { return Ok(false) };
        self.lowered.clear();
        self.lowered.extend_from_slice(body);
        self.lowered.make_ascii_lowercase();
        // A text that is not in the record is not in the action, and that is faster to check.
        if self.text.find(&self.lowered).is_none() {
            return Ok(false);
        }
        // The canonical action is at the start of its canonical record. It cannot contain the text that ends it here:
        // it was sent before its id was drawn.
        let end = format!(r#","action_id":"{}""#, Uuid::from_bytes(id));
        let action = find(body, end.as_bytes()).and_then(|end| self.lowered.get(START.len()..end));
        Ok(action.is_some_and(|action| self.text.find(action).is_some()))
    }
}

/// `a1f` is behind the action with the number 31.
fn write_cursor(number: i64) -> String {
    format!("a{number:x}")
}

fn read_cursor(cursor: &str) -> Result<i64, StoreError> {
    let number = cursor.strip_prefix('a').and_then(|hex| i64::from_str_radix(hex, 16).ok());
    // The parsed cursor must print as the same text, so that a position has only one cursor.
    number.filter(|number| write_cursor(*number) == cursor).ok_or(StoreError::BadCursor)
}

/// The conditions on an action other than its text, as SQL with a `?` for each of `params`.
struct Conditions {
    sql: Vec<String>,
    params: Vec<Value>,
}

impl Conditions {
    fn of(filter: &Filter, sight: &Sight) -> Self {
        let mut fits = Conditions { sql: Vec::new(), params: Vec::new() };
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
        if let Some(outcome) = filter.first_outcome {
            fits.add("a.first_outcome = ?", [text(outcome.as_str())]);
        }
        if let Some(level) = filter.risk_level {
            fits.add("a.risk_level = ?", [text(level.as_str())]);
        }
        // The same as `Sight::reaches`.
        if let Sight::SentBy(principal) = sight {
            match principal.key_id() {
                Some(id) => fits.add("a.principal_key_id = ?", [text(id)]),
                None => {
                    fits.add("a.principal = ? AND a.principal_key_id IS NULL", [text(principal.name())]);
                }
            }
        }
        if filter.answer.is_some() || filter.answered_by.is_some() {
            let said = match filter.answer {
                Some(Answered::Approved) => " AND j.value ->> '$.approve' = 1",
                Some(Answered::Rejected) => " AND j.value ->> '$.approve' = 0",
                Some(Answered::Any) | None => "",
            };
            let by = if filter.answered_by.is_some() { " AND j.value ->> '$.principal' = ?" } else { "" };
            fits.add(
                &format!(
                    "EXISTS (SELECT 1 FROM action_texts t, json_each(t.approvals) j
                     WHERE t.number = a.number AND json_valid(t.approvals){said}{by})"
                ),
                filter.answered_by.as_deref().map(text),
            );
        }
        if let Some(rule) = &filter.rule {
            fits.add("a.first_rule = ?", [text(rule)]);
        }
        if let Some(code) = filter.reason_code {
            fits.add("a.reason_code = ?", [text(code.as_str())]);
        }
        if let Some(provenance_id) = filter.provenance_id {
            // JSON is read only where the text occurs; an argument may hold the same text elsewhere.
            let hash = text(&provenance_id.to_hex());
            fits.add(
                "EXISTS (SELECT 1 FROM records d WHERE (d.number = a.number OR d.action_number = a.number)
                     AND instr(d.body, ?) > 0 AND json_valid(d.body)
                     AND d.body ->> '$.decision.provenance_id' = ?)",
                [hash.clone(), hash],
            );
        }
        if let Some(since_ms) = filter.since_ms {
            fits.add("a.created_at_ms >= ?", [Value::Integer(since_ms)]);
        }
        if let Some(until_ms) = filter.until_ms {
            fits.add("a.created_at_ms < ?", [Value::Integer(until_ms)]);
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
