//! The numbers of a chart, and the values derived from them: scales, lengths and the text read aloud. It draws nothing.

use crate::format::count;

/// About how many lines a scale has.
const LINES: u64 = 4;

/// One kind of thing that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    /// Gives it its colour and its pattern.
    pub class: &'static str,
    /// Its name.
    pub name: &'static str,
}

/// A column or a bar: a count for each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Its meaning.
    pub label: String,
    /// The same in short, for an axis; none where the axis has no room for one.
    pub tick: Option<String>,
    /// Where one can read more about it.
    pub href: Option<String>,
    /// As many as there are series, in their order.
    pub values: Vec<u64>,
}

impl Group {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.values.iter().sum()
    }
}

/// All numbers of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Data {
    /// The kind of the groups: `tool`, `time`.
    pub what: &'static str,
    /// The kinds.
    pub series: Vec<Series>,
    /// The columns or bars.
    pub groups: Vec<Group>,
}

impl Data {
    /// The total of the largest group.
    pub fn largest(&self) -> u64 {
        self.groups.iter().map(Group::total).max().unwrap_or_default()
    }

    /// A group in words: `14:00: 12 Allowed, 3 Denied`. Kinds of which there are none are left out.
    pub fn read(&self, index: usize) -> Option<String> {
        let group = self.groups.get(index)?;
        let parts: Vec<String> = self
            .series
            .iter()
            .zip(&group.values)
            .filter(|(_, value)| **value > 0)
            .map(|(series, value)| format!("{} {}", count(*value), series.name))
            .collect();
        let numbers = if parts.is_empty() { "none".to_owned() } else { parts.join(", ") };
        Some(format!("{}: {numbers}", group.label))
    }
}

/// The lines of a scale that has room for `largest`, from 0, in round steps. The last one is its end.
pub fn scale(largest: u64) -> Vec<u64> {
    let rough = largest.div_ceil(LINES).max(1);
    let mut unit = 1_u64;
    let step = loop {
        let found = [1, 2, 5].into_iter().map(|times| unit.saturating_mul(times)).find(|step| *step >= rough);
        match found {
            Some(step) => break step,
            None => unit = unit.saturating_mul(10),
        }
    };
    let lines = largest.div_ceil(step).max(1);
    (0..=lines).map(|line| line.saturating_mul(step)).collect()
}

/// Where each value of a stack begins, and how long it is, as shares of `end`.
pub fn stack(values: &[u64], end: u64) -> Vec<(f64, f64)> {
    let end = end.max(1) as f64;
    let mut from = 0_u64;
    values
        .iter()
        .map(|value| {
            let start = from as f64 / end;
            from += value;
            (start, *value as f64 / end)
        })
        .collect()
}

/// `54 %` of `whole`; below one of a hundred it is said to be that.
pub fn share(part: u64, whole: u64) -> String {
    match (part, whole) {
        (0, _) | (_, 0) => "0 %".to_owned(),
        (part, whole) => match part as f64 / whole as f64 * 100.0 {
            percent if percent < 1.0 => "under 1 %".to_owned(),
            percent => format!("{percent:.0} %"),
        },
    }
}
