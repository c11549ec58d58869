//! The summary of a simulation: how the outcomes of actions under a candidate policy set differ from those under the
//! set in force.
//!
//! It counts outcomes and decides nothing. Each host decides the actions in its own way and hands over the pairs.

use std::collections::BTreeMap;

use crate::decision::Outcome;

/// The outcomes of actions under two policy sets, counted.
///
/// ```
/// use engine::decision::Outcome::{Execute, Halt};
/// use engine::simulate::Comparison;
/// let compared: Comparison = [(Execute, Halt), (Execute, Execute)].into_iter().collect();
/// assert_eq!((compared.tried(), compared.changed()), (2, 1));
/// assert_eq!(compared.in_force()[&Execute], 2);
/// assert_eq!(compared.transitions()["EXECUTE->HALT"], 1);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison(BTreeMap<(Outcome, Outcome), u64>);

impl Comparison {
    /// Counts one action: its outcome under the set in force, and under the candidate.
    pub fn add(&mut self, in_force: Outcome, candidate: Outcome) {
        let count = self.0.entry((in_force, candidate)).or_default();
        *count = count.saturating_add(1);
    }

    /// How many actions have each pair of outcomes, in force first; a pair that none has is left out.
    pub fn pairs(&self) -> impl Iterator<Item = ((Outcome, Outcome), u64)> {
        self.0.iter().map(|(pair, count)| (*pair, *count))
    }

    /// How many actions were tried.
    pub fn tried(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many actions get another outcome.
    pub fn changed(&self) -> u64 {
        self.pairs().filter(|((from, to), _)| from != to).map(|(_, count)| count).sum()
    }

    /// How many actions get each outcome under the candidate set; an outcome that none gets is left out.
    pub fn candidate(&self) -> BTreeMap<Outcome, u64> {
        self.counts(|(_, candidate)| candidate)
    }

    /// How many actions get each outcome under the set in force; an outcome that none gets is left out.
    pub fn in_force(&self) -> BTreeMap<Outcome, u64> {
        self.counts(|(in_force, _)| in_force)
    }

    /// How many actions change from one outcome, in force, to another, such as `EXECUTE->HALT`.
    pub fn transitions(&self) -> BTreeMap<String, u64> {
        let changed = self.pairs().filter(|((from, to), _)| from != to);
        changed.map(|((from, to), count)| (format!("{}->{}", from.as_str(), to.as_str()), count)).collect()
    }

    fn counts(&self, of: impl Fn((Outcome, Outcome)) -> Outcome) -> BTreeMap<Outcome, u64> {
        let mut counts: BTreeMap<Outcome, u64> = BTreeMap::new();
        for (pair, count) in self.pairs() {
            let sum = counts.entry(of(pair)).or_default();
            *sum = sum.saturating_add(count);
        }
        counts
    }
}

/// From the outcome in force and the outcome under the candidate of each action.
impl FromIterator<(Outcome, Outcome)> for Comparison {
    fn from_iter<T: IntoIterator<Item = (Outcome, Outcome)>>(pairs: T) -> Self {
        let mut compared = Comparison::default();
        for (in_force, candidate) in pairs {
            compared.add(in_force, candidate);
        }
        compared
    }
}
