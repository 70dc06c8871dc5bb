//! One sub-table of [`Seen`](super::Seen): the low 48 bits of the fingerprints that share the high 16.
//!
//! An open-addressing table with linear probing that is kept *sorted*: the home slot of a key is
//! proportional to the key, and an insertion shifts what is greater to the right. So a search ends at
//! the first greater key, also in a table that is nearly full, and reading the slots in order gives the
//! keys in order. What is shifted past the last slot goes on at the first: these `wrapped` entries are
//! the greatest of all.
//!
//! A key is never 0, which marks an empty slot. Any capacity will do, so a table need not double.

use std::{iter, mem};

/// The bits of a key.
pub(super) const KEY_BITS: u32 = 48;

/// The smallest allocation, in bytes.
const MIN_BYTES: usize = 32;

/// 48 bits, little endian; all zero is empty.
type Slot = [u8; 6];

const EMPTY: Slot = [0; 6];

/// A sorted set of non-zero 48-bit keys. Empty, it owns no heap.
#[derive(Default)]
pub(super) struct Table {
    slots: Box<[Slot]>,
    used: u32,
    /// How many entries, from slot 0 on, belong behind the last slot.
    wrapped: u32,
}

impl Table {
    /// A table of `len` keys, none twice.
    pub(super) fn from_keys(len: usize, keys: impl Iterator<Item = u64>) -> Self {
        let mut table = Self::default();
        if len > 0 {
            table.slots = vec![EMPTY; capacity_for(len)].into_boxed_slice();
        }
        for key in keys {
            table.insert(key);
        }
        table
    }

    /// Adds `key`; `false` when it was there.
    pub(super) fn insert(&mut self, key: u64) -> bool {
        let Err(mut at) = self.find(key) else { return false };
        if self.len() == limit(self.slots.len()) {
            *self = Self::from_keys(self.len() + 1, self.keys());
            // Not found just now, so not found in the copy.
            at = self.find(key).unwrap_or_else(|at| at);
        }
        self.insert_at(at, key);
        true
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.find(key).is_ok()
    }

    pub(super) fn len(&self) -> usize {
        self.used as usize
    }

    /// Bytes of heap.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }

    /// All keys, ascending.
    pub(super) fn keys(&self) -> impl Iterator<Item = u64> {
        let (last, first) = self.slots.split_at(self.wrapped as usize);
        first.iter().chain(last).filter(|slot| **slot != EMPTY).map(key_of)
    }

    /// Where `key` is, or where it has to go. A position beyond the last slot means slot 0 and up.
    fn find(&self, key: u64) -> Result<usize, usize> {
        let (capacity, wrapped) = (self.slots.len(), self.wrapped as usize);
        let start = home(key, capacity).max(wrapped);
        let probes = iter::zip(start.., &self.slots[start..]);
        for (at, slot) in probes.chain(iter::zip(capacity.., &self.slots[..wrapped])) {
            match key_of(slot) {
                found if found == key => return Ok(at),
                found if found == 0 || found > key => return Err(at),
                _ => {}
            }
        }
        Err(capacity + wrapped)
    }

    /// Puts `key` at `at`, moving what is there and behind it up to the next empty slot. There is one.
    fn insert_at(&mut self, at: usize, key: u64) {
        let capacity = self.slots.len();
        let (mut at, mut carried) = (at, slot_of(key));
        if at > capacity {
            at -= capacity;
            self.wrapped += 1;
        }
        while carried != EMPTY {
            if at == capacity {
                at = 0;
                self.wrapped += 1;
            }
            mem::swap(&mut self.slots[at], &mut carried);
            at += 1;
        }
        self.used += 1;
    }
}

/// The slot where the search for `key` begins: never a smaller one for a greater key.
///
/// The high 32 of the 48 bits tell enough slots apart, and the product fits.
fn home(key: u64, capacity: usize) -> usize {
    (((key >> (KEY_BITS - 32)) * capacity as u64) >> 32) as usize
}

/// How many keys `capacity` slots take: beyond seven eighths an insertion moves too many.
fn limit(capacity: usize) -> usize {
    capacity * 7 / 8
}

/// The slots for `len` keys and a few to come.
///
/// An allocation has 4, 5, 6 or 7 times a power of two bytes, so a table grows by 14 to 25 %, to a size
/// that allocators with size classes do not round up again.
fn capacity_for(len: usize) -> usize {
    let bytes = ((len * 8).div_ceil(7) * size_of::<Slot>()).max(MIN_BYTES);
    bytes.next_multiple_of(1 << (bytes.ilog2() - 2)) / size_of::<Slot>()
}

fn key_of(slot: &Slot) -> u64 {
    let [a, b, c, d, e, f] = *slot;
    u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

fn slot_of(key: u64) -> Slot {
    let [a, b, c, d, e, f, ..] = key.to_le_bytes();
    [a, b, c, d, e, f]
}
