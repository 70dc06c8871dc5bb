//! Counting by names that others choose, and keeping the greatest, both in bounded memory.
//!
//! A server can make up any number of content types and a list can hold any number of hosts, so a [`Tally`] knows at most
//! so many names and counts what comes later as *others*. A [`Top`] keeps the few greatest of any number of things.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::text::clipped;

/// Values by name.
#[derive(Debug)]
pub(super) struct Tally<T> {
    most: usize,
    by_name: HashMap<Box<str>, T>,
    /// Of the names that came when there was no room.
    pub(super) others: Option<T>,
}

impl<T: Default> Tally<T> {
    /// One that knows at most so many names.
    pub(super) fn of(most: usize) -> Self {
        Self { most, by_name: HashMap::new(), others: None }
    }

    /// The value of this name, or that of all others.
    pub(super) fn at(&mut self, name: &str) -> &mut T {
        let name = clipped(name);
        let is_full = self.by_name.len() >= self.most && !self.by_name.contains_key(&*name);
        match is_full {
            true => self.others.get_or_insert_default(),
            false => self.by_name.entry(name.into()).or_default(),
        }
    }

    /// How many names are known.
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// All of them, the greatest by `key` first, and by name where that is the same.
    pub(super) fn sorted<K: Ord>(&self, key: impl Fn(&T) -> K) -> Vec<(&str, &T)> {
        let mut all: Vec<_> = self.by_name.iter().map(|(name, value)| (&**name, value)).collect();
        all.sort_by(|a, b| key(b.1).cmp(&key(a.1)).then_with(|| a.0.cmp(b.0)));
        all
    }
}

/// The greatest of what it was shown.
#[derive(Debug)]
pub(super) struct Top<T: Ord> {
    most: usize,
    /// The least on top; of equal ones the first by `T` stays.
    kept: BinaryHeap<Reverse<(u64, Reverse<T>)>>,
}

impl<T: Ord> Top<T> {
    pub(super) fn of(most: usize) -> Self {
        Self { most, kept: BinaryHeap::new() }
    }

    /// Shows it one; `what` is made only if that is among the greatest so far.
    pub(super) fn show(&mut self, key: u64, what: impl FnOnce() -> T) {
        let is_full = self.kept.len() >= self.most;
        if is_full && self.kept.peek().is_some_and(|least| key < least.0.0) {
            return;
        }
        self.kept.push(Reverse((key, Reverse(what()))));
        if is_full {
            self.kept.pop();
        }
    }

    /// The greatest first.
    pub(super) fn sorted(&self) -> Vec<(u64, &T)> {
        let mut all: Vec<_> = self.kept.iter().map(|kept| (kept.0.0, &kept.0.1.0)).collect();
        all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_has_room_for_so_many_names() {
        let mut tally = Tally::<u64>::of(2);
        for name in ["a", "b", "c", "b", "d"] {
            *tally.at(name) += 1;
        }
        assert_eq!(tally.sorted(|n| *n), [("b", &2), ("a", &1)]);
        assert_eq!((tally.others, tally.len()), (Some(2), 2));
    }

    #[test]
    fn the_greatest_stay_whatever_the_order() {
        let mut top = Top::of(3);
        for n in [5, 1, 9, 9, 7, 2, 9] {
            top.show(n, || format!("{n}"));
        }
        assert_eq!(top.sorted().into_iter().map(|(n, _)| n).collect::<Vec<_>>(), [9, 9, 9]);
        let mut top = Top::of(2);
        ["c", "a", "b"].iter().for_each(|name| top.show(4, || *name));
        assert_eq!(top.sorted(), [(4, &"a"), (4, &"b")]);
    }
}
