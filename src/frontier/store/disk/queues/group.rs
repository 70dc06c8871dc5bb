//! What memory holds of each group: 40 bytes in a table by number. `Queues` changes a copy and puts it back
//! when all that can fail is done, which is how a failed call leaves the group as it was.

use super::chunk::{Place, Pointer};
use crate::frontier::pages::Pages;

/// The queue of one group: the head, then the tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The next block to take; none only when all that waits, if anything, is in the tail.
    pub head: Place,
    /// The newest run of the tail, each linked to the one before.
    pub tail: Pointer,
    /// Runs in the tail. Of one it is known without reading that it needs no turning around.
    pub tail_runs: u32,
    pub head_entries: u64,
    pub tail_entries: u64,
}

impl Default for Group {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Group {
    pub(super) const EMPTY: Self =
        Self { head: Place::NONE, tail: Pointer::NONE, tail_runs: 0, head_entries: 0, tail_entries: 0 };

    pub(super) fn is_empty(&self) -> bool {
        self.entries() == 0
    }

    pub(super) fn entries(&self) -> u64 {
        self.head_entries + self.tail_entries
    }

    /// The same queue when the head is used up and the tail is a single run, which is in order as it is.
    pub(super) fn with_tail_as_head(self) -> Self {
        Self { head: Place::start(self.tail), head_entries: self.tail_entries, ..Self::EMPTY }
    }
}

/// The groups by number.
pub(super) struct Groups {
    dense: Pages<Group>,
    /// That of number `u32::MAX`, which the table cannot reach.
    last: Group,
}

impl Default for Groups {
    fn default() -> Self {
        Self { dense: Pages::default(), last: Group::EMPTY }
    }
}

impl Groups {
    pub(super) fn get(&self, id: u32) -> Group {
        match id {
            u32::MAX => self.last,
            _ => self.dense.get(id as usize).copied().unwrap_or(Group::EMPTY),
        }
    }

    pub(super) fn set(&mut self, id: u32, group: Group) {
        match id {
            u32::MAX => self.last = group,
            _ => *self.dense.at(id as usize) = group,
        }
    }

    /// The groups that are not empty, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Group)> {
        let dense = (0..).zip(self.dense.iter());
        dense.chain([(u32::MAX, &self.last)]).filter(|(_, group)| !group.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_forty_bytes() {
        assert_eq!(size_of::<Group>(), 40);
    }

    #[test]
    fn the_last_number_takes_no_table() {
        let mut groups = Groups::default();
        let group = Group { head_entries: 1, ..Group::EMPTY };
        groups.set(u32::MAX, group);
        assert_eq!(groups.dense.len(), 0);
        groups.set(2, group);
        assert_eq!(groups.iter().map(|(id, _)| id).collect::<Vec<_>>(), [2, u32::MAX]);
        assert_eq!((groups.get(1), groups.get(7)), (Group::EMPTY, Group::EMPTY));
    }
}
