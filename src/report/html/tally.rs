//! Counting by names that others choose, in bounded memory.
//!
//! A server can make up any number of content types and a list can hold any number of hosts, so a [`Tally`] knows at most
//! so many names and counts what comes later as *others*.

use std::collections::HashMap;

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
}
