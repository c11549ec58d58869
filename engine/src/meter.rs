//! The work of one decision, counted in steps that are the same on every host.
//!
//! A step is worth at most some hundred instructions of the module: a state of a search for a pattern, some bytes of
//! a text, an element of a list. Steps are taken before the work is done, so an action that needs more than
//! [`LIMIT`] halts after as many steps in a server as in a browser, long before a host's own limit stops the module.

use std::cell::Cell;

use crate::value::Value;

/// The most steps of one decision. A dozen common patterns over all parameters of an action of 1 MiB take less.
pub const LIMIT: u64 = 1 << 30;

/// The remaining steps of one decision.
#[derive(Debug)]
pub struct Meter(Cell<u64>);

impl Meter {
    /// All of them.
    pub fn full() -> Self {
        Meter(Cell::new(LIMIT))
    }

    /// Takes steps. Where there are not as many left, it takes all, and says `false` from then on.
    pub fn spend(&self, steps: u64) -> bool {
        let left = self.0.get().checked_sub(steps.max(1));
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }

    /// The steps that are left.
    pub fn left(&self) -> u64 {
        self.0.get()
    }

    /// Whether more was asked for than there was.
    pub fn is_spent(&self) -> bool {
        self.left() == 0
    }
}

/// The steps of looking at so many bytes.
pub(crate) fn bytes(length: usize) -> u64 {
    (length as u64).saturating_div(8).saturating_add(1)
}

/// The steps of looking at everything in a value.
pub(crate) fn whole(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => bytes(text.len()),
        Value::Array(items) => items.iter().fold(1, |sum, item| sum.saturating_add(whole(item))),
        Value::Object(object) => object
            .iter()
            .fold(1, |sum, (key, member)| sum.saturating_add(bytes(key.len())).saturating_add(whole(member))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_taken_until_there_are_none() {
        let meter = Meter::full();
        assert!(meter.spend(LIMIT - 1));
        assert!(!meter.is_spent());
        assert!(!meter.spend(2));
        assert!(meter.is_spent());
        assert!(!meter.spend(0));
    }
}
