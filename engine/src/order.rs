//! Sorting, compiled once: every type that the standard sort is used with adds some 10 KiB to the wasm module.

use std::cmp::Ordering;

/// Above this length, moving elements one by one costs more than a general sort.
const FEW: usize = 24;

/// Sorts `items`; equal ones keep their order.
pub fn sort_by<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    if items.len() <= FEW {
        for end in 1..items.len() {
            let mut at = end;
            while let Some(before) = at.checked_sub(1)
                && let (Some(one), Some(next)) = (items.get(before), items.get(at))
                && compare(one, next) == Ordering::Greater
            {
                items.swap(before, at);
                at = before;
            }
        }
        return;
    }
    let order = sorted_indices(items.len(), &|one, other| match (items.get(one), items.get(other)) {
        (Some(one), Some(other)) => compare(one, other),
        _ => Ordering::Equal,
    });
    let mut taken: Vec<Option<T>> = std::mem::take(items).into_iter().map(Some).collect();
    items.extend(order.into_iter().filter_map(|index| taken.get_mut(index)?.take()));
}

#[inline(never)]
fn sorted_indices(length: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_by(|one, other| compare(*one, *other));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_like_the_standard_library() {
        for length in [0_u64, 1, 2, 3, 23, 24, 25, 26, 200] {
            // A fixed scramble with repeated keys, so that stability shows.
            let mut ours: Vec<(u64, u64)> = (0..length).map(|n| ((n * 7919) % 13, n)).collect();
            let mut theirs = ours.clone();
            sort_by(&mut ours, |one, other| one.0.cmp(&other.0));
            theirs.sort_by_key(|one| one.0);
            assert_eq!(ours, theirs);
        }
    }
}
