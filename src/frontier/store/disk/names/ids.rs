//! Ids by the hash of their names, in about 12 bytes each: a table with linear probing that knows 32 bits of the hash and
//! asks its owner for the rest.
//!
//! A map that holds whole fingerprints takes up to three times as much, and there may be a million hosts. `Names` has
//! many of these, so that none is large and takes long to grow.

const FREE: u32 = u32::MAX;

/// See the module.
#[derive(Default)]
pub(super) struct Ids {
    /// Hash and id; [`FREE`] is no id.
    slots: Box<[(u32, u32)]>,
    used: usize,
}

impl Ids {
    /// The id with this hash that `is` the one.
    pub(super) fn get(&self, hash: u32, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.find(hash, is).map(|at| self.slots[at].1)
    }

    /// Adds an id that is not there.
    pub(super) fn insert(&mut self, hash: u32, id: u32) {
        if (self.used + 1) * 8 > self.slots.len() * 7 {
            self.grow();
        }
        let mut at = self.home(hash);
        while self.slots[at].1 != FREE {
            at = self.after(at);
        }
        self.slots[at] = (hash, id);
        self.used += 1;
    }

    /// Removes an id, if it is there.
    pub(super) fn remove(&mut self, hash: u32, id: u32) {
        let Some(mut hole) = self.find(hash, |found| found == id) else { return };
        self.used -= 1;
        let mut at = self.after(hole);
        while self.slots[at].1 != FREE {
            // What could not be found any more behind the hole moves into it.
            if self.distance(self.home(self.slots[at].0), at) >= self.distance(hole, at) {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
            at = self.after(at);
        }
        self.slots[hole] = (0, FREE);
    }

    fn find(&self, hash: u32, is: impl Fn(u32) -> bool) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mut at = self.home(hash);
        loop {
            match self.slots[at] {
                (_, FREE) => return None,
                (found, id) if found == hash && is(id) => return Some(at),
                _ => at = self.after(at),
            }
        }
    }

    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.slots.len() as u64) >> 32) as usize
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.slots.len() - from }
    }

    fn grow(&mut self) {
        let larger = vec![(0, FREE); (self.slots.len() * 3 / 2).max(8)].into_boxed_slice();
        let before = std::mem::replace(&mut self.slots, larger);
        self.used = 0;
        before.into_iter().filter(|slot| slot.1 != FREE).for_each(|(hash, id)| self.insert(hash, id));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few hashes, some of them at the end of the table, so that they collide and wrap.
        #[test]
        fn is_a_map(calls in prop::collection::vec((any::<bool>(), 0..40u32), 0..300)) {
            let hash = |id: u32| if id.is_multiple_of(3) { u32::MAX - id % 7 } else { id % 5 * 1000 };
            let (mut ids, mut model) = (Ids::default(), BTreeMap::new());
            for (add, id) in calls {
                if add && model.insert(id, ()).is_none() {
                    ids.insert(hash(id), id);
                } else if !add {
                    model.remove(&id);
                    ids.remove(hash(id), id);
                }
                for id in 0..40 {
                    let there = model.contains_key(&id).then_some(id);
                    prop_assert_eq!(ids.get(hash(id), |found| found == id), there);
                }
                prop_assert_eq!(ids.used, model.len());
            }
        }
    }
}
