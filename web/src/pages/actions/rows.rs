//! The rows of the list: each a signal of its own, so that what changes about an action changes its row in place.

use std::collections::HashMap;
use std::sync::Arc;

use leptos::prelude::*;

use super::query::Query;
use api::{Action, ActionPage};

/// An action in the list.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// The action in its current state.
    pub action: ArcRwSignal<Arc<Action>>,
}

impl Row {
    /// A row for an action that was not shown so far.
    pub fn new(action: Action) -> Self {
        Row { id: action.id.clone(), action: ArcRwSignal::new(Arc::new(action)) }
    }

    /// Shows the latest known state of the action.
    pub fn refresh(&self, action: Action) {
        // Every change of an action is recorded, so the last record tells versions apart. Of two answers that were on
        // their way at the same time, the later record wins.
        let is_newer = self.action.with_untracked(|shown| {
            let (shown, now) = (&shown.standing.receipt, &action.standing.receipt);
            shown.record_hash != now.record_hash && (shown.stream != now.stream || shown.seq < now.seq)
        });
        if is_newer {
            self.action.set(Arc::new(action));
        }
    }
}

/// A page of the list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Which list it is a page of.
    pub list: Query,
    /// Newest first.
    pub rows: Vec<Row>,
    /// How many fit the filter in all.
    pub total: u64,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

impl Page {
    /// What the server answered, with the rows that are shown already.
    pub fn merged(list: Query, answer: ActionPage, shown: &[Row]) -> Self {
        let shown: HashMap<&str, &Row> = shown.iter().map(|row| (row.id.as_str(), row)).collect();
        let row = |action: Action| match shown.get(action.id.as_str()) {
            Some(row) => {
                row.refresh(action);
                (*row).clone()
            }
            None => Row::new(action),
        };
        Page {
            list,
            rows: answer.actions.into_iter().map(row).collect(),
            total: answer.total,
            next_cursor: answer.next_cursor,
        }
    }

    /// When the newest action came, and how many came in that very millisecond.
    pub fn newest(&self) -> Option<(String, u64)> {
        let at = |row: &Row| row.action.with_untracked(|action| action.standing.created_at.clone());
        let newest = at(self.rows.first()?);
        let together = self.rows.iter().take_while(|row| at(row) == newest).count();
        Some((newest, together.try_into().unwrap_or(u64::MAX)))
    }
}

/// The row `by` places after the one with this id; the first or the last when that is beyond the end, and the first
/// when the id is not in the list.
pub fn beside(rows: &[Row], id: Option<&str>, by: isize) -> Option<String> {
    let place = id.and_then(|id| rows.iter().position(|row| row.id == id));
    let place = place.map_or(0, |place| place.saturating_add_signed(by).min(rows.len().saturating_sub(1)));
    rows.get(place).map(|row| row.id.clone())
}
