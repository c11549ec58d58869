//! Tables for people: columns without lines between them, fitted to the terminal's width, plain in pipes.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table};
use engine::decision::Outcome;

use super::screen::Screen;

/// The columns of a terminal that does not say how many it has.
const USUAL_WIDTH: u16 = 80;
/// The columns that are copied from the screen, and so are never broken into lines.
const WHOLE: [&str; 2] = ["ID", "OUTCOME"];

/// The width of the terminal that data goes to; none for a pipe, where lines may have any length.
pub(crate) fn width(screen: &Screen) -> Option<u16> {
    let width = || Table::new().width().filter(|width| *width > 0).unwrap_or(USUAL_WIDTH);
    screen.is_terminal().then(width)
}

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
        match width(screen) {
            Some(width) => {
                table.set_content_arrangement(ContentArrangement::Dynamic);
                table.set_width(width);
            }
            None => {
                table.force_no_tty();
            }
        }
        if screen.paint().is_on() {
            table.enforce_styling();
        }
        let header = |name: &&str| {
            let cell = Cell::new(name);
            if screen.paint().is_on() { cell.add_attribute(Attribute::Bold) } else { cell }
        };
        table.set_header(columns.iter().map(header));
        for (column, name) in table.column_iter_mut().zip(columns) {
            column.set_padding((0, 2));
            if WHOLE.contains(name) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
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
