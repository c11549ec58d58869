//! Statistics: one pass over the actions of a period. [`crate::stats`] defines the counts.

use engine::decision::Outcome;
use engine::risk::RiskScore;
use rusqlite::{Connection, Row};
use serde::Deserialize;

use super::rows;
use crate::StoreError;
use crate::stats::{Fact, Span, Stats, Tally};
use crate::time::parse_time;

/// The part of an action's list of answers that is read.
#[derive(Deserialize)]
struct Said {
    at: String,
}

/// The statistics of a span.
pub(super) fn stats(connection: &Connection, span: Span) -> Result<Stats, StoreError> {
    // Only held actions have answers, which are in the second table.
    let sql = "SELECT a.created_at_ms, a.first_outcome, a.first_risk_score, a.reason_code, a.first_policy, a.first_rule,
                   a.tool, a.agent_id, a.status,
                   CASE a.first_outcome WHEN 'ABSTAIN' THEN
                       (SELECT t.approvals FROM action_texts t WHERE t.number = a.number) END
               FROM actions a WHERE a.created_at_ms >= ?1 AND a.created_at_ms < ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query((span.since_ms, span.until_ms))?;
    let mut tally = Tally::new(span);
    while let Some(row) = found.next()? {
        tally.add(&fact(row)?);
    }
    Ok(tally.finish())
}

fn fact<'r>(row: &'r Row<'_>) -> Result<Fact<'r>, StoreError> {
    let outcome: Outcome = rows::word(row, 1)?;
    let risk_score: Option<u8> = row.get(2)?;
    let text = |at: usize| -> Result<Option<&'r str>, StoreError> {
        row.get_ref(at)?.as_str_or_null().map_err(|error| StoreError::because("a text is damaged", error))
    };
    let whole = |at: usize, name: &str| {
        text(at)?.ok_or_else(|| StoreError::failed(format!("an action has no `{name}`")))
    };
    let answered_at_ms = match text(9)? {
        None => None,
        Some(answers) => {
            let answers: Vec<Said> = serde_json::from_str(answers)
                .map_err(|_| StoreError::failed("the list of approvals of an action is damaged"))?;
            answers.iter().filter_map(|said| parse_time(&said.at)).max()
        }
    };
    Ok(Fact {
        created_at_ms: row.get(0)?,
        outcome,
        risk_score: risk_score.and_then(RiskScore::new),
        reason_code: rows::word(row, 3)?,
        rule: text(4)?.zip(text(5)?),
        tool: whole(6, "tool")?,
        agent_id: whole(7, "agent_id")?,
        status: rows::word(row, 8)?,
        answered_at_ms,
    })
}
