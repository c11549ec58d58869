//! Tables for people: columns without lines between them, fitted to the terminal's width, plain in pipes.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};
use engine::decision::Outcome;

use super::screen::Screen;

/// Rows under a header.
pub(crate) struct Rows<'a> {
    screen: &'a Screen,
    table: Table,
}

impl<'a> Rows<'a> {
    /// A table with these columns.
    pub(crate) fn new(screen: &'a Screen, columns: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING);
        if screen.is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            table.force_no_tty();
        }
        if screen.paint().is_on() {
            table.enforce_styling();
        }
        let header = |name: &&str| {
            let cell = Cell::new(name);
            if screen.paint().is_on() { cell.add_attribute(Attribute::Bold) } else { cell }
        };
        table.set_header(columns.iter().map(header));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Rows { screen, table }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, cells: Vec<Cell>) {
        self.table.add_row(cells);
    }

    /// An outcome as a cell: symbol, word and colour.
    pub(crate) fn outcome(&self, outcome: Outcome) -> Cell {
        let cell = Cell::new(self.screen.badge(outcome));
        if !self.screen.paint().is_on() {
            return cell;
        }
        match outcome {
            Outcome::Execute => cell.fg(Color::Green),
            Outcome::Abstain => cell.fg(Color::Yellow),
            Outcome::Halt => cell.fg(Color::Red),
        }
    }

    /// The table as text.
    pub(crate) fn print(self) -> String {
        self.table.trim_fmt()
    }
}

/// Names and values below each other, the names in one width.
pub(crate) fn facts(screen: &Screen, facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, value) in facts {
        let padded = format!("{name:width$}");
        out.push_str(&screen.paint().dim(&padded));
        out.push_str("  ");
        out.push_str(value);
        out.push('\n');
    }
    out
}
