//! Two edits of one file put together, line by line. It never chooses between two edits of the same lines.

use std::ops::Range;

use engine::order::sort_by;
use similar::{DiffTag, TextDiff};

/// A stretch of lines of the base, and the lines in their place.
struct Edit<'a> {
    from: Range<usize>,
    to: Vec<&'a str>,
}

/// `base` with the changes that lead to `mine` and those that lead to `theirs`; nothing when both change the same
/// lines, or lines next to each other.
pub fn merge(base: &str, mine: &str, theirs: &str) -> Option<String> {
    let (mine, theirs) = (TextDiff::from_lines(base, mine), TextDiff::from_lines(base, theirs));
    let mut edits = edits(&mine);
    edits.extend(self::edits(&theirs));
    sort_by(&mut edits, |one, other| (one.from.start, one.from.end).cmp(&(other.from.start, other.from.end)));
    edits.dedup_by(|next, one| next.from == one.from && next.to == one.to);
    let lines = mine.old_slices();
    let mut merged = String::new();
    let mut at = 0;
    for (index, edit) in edits.iter().enumerate() {
        if index > 0 && edit.from.start <= at {
            return None;
        }
        lines.get(at..edit.from.start)?.iter().chain(&edit.to).for_each(|line| merged.push_str(line));
        at = edit.from.end;
    }
    lines.get(at..)?.iter().for_each(|line| merged.push_str(line));
    Some(merged)
}

fn edits<'a>(diff: &TextDiff<'a, 'a, '_, str>) -> Vec<Edit<'a>> {
    let changed = diff.ops().iter().filter(|op| op.tag() != DiffTag::Equal);
    let lines = diff.new_slices();
    changed
        .map(|op| Edit {
            from: op.old_range(),
            to: lines.get(op.new_range()).map(<[&str]>::to_vec).unwrap_or_default(),
        })
        .collect()
}
