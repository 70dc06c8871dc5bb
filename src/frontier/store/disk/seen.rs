//! The set of the URLs seen, as fingerprints in memory: exact, and as small as it can be.
//!
//! Fingerprints are uniform, so their high 16 bits select one of 65,536 equally full [`Table`]s, which
//! hold only the other 48 bits. With slots of 6 bytes that are four fifths full on average, a URL costs
//! about 7.5 bytes; the tables themselves cost 1.5 MiB, from the first fingerprint on.
//!
//! The store asks it about every link. [`sieve`](super::sieve) writes it to a sorted file, which is why
//! it gives its fingerprints in ascending order, without sorting and without a copy.

mod table;
#[cfg(test)]
mod tests;

use std::io;

use self::table::{KEY_BITS, Table};

/// How many tables there are: one for each value of the bits above a key.
const TABLES: usize = 1 << (u64::BITS - KEY_BITS);

/// A set of 64-bit fingerprints, which should be uniform: others are kept as exactly, but slowly.
#[derive(Default)]
pub(super) struct Seen {
    /// None before the first fingerprint, then [`TABLES`].
    tables: Vec<Table>,
    /// The tables that also have the key 0, which a [`Table`] cannot hold. Ascending; as good as never any.
    zeros: Vec<u16>,
    len: u64,
}

impl Seen {
    /// An empty set, which owns no memory.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// An empty set with room for about so many.
    pub(super) fn with_capacity(len: u64) -> Self {
        let mut seen = Self::default();
        let each = usize::try_from(len).unwrap_or(0) / TABLES;
        if each > 0 {
            seen.tables.resize_with(TABLES, || Table::from_keys(each, std::iter::empty()));
        }
        seen
    }

    /// Adds a fingerprint; `true` when it is new.
    pub(super) fn insert(&mut self, fingerprint: u64) -> bool {
        let (table, key) = split(fingerprint);
        let new = if key == 0 { self.insert_zero(table) } else { self.insert_key(table, key) };
        self.len += u64::from(new);
        new
    }

    /// Whether a fingerprint is in the set.
    pub(super) fn contains(&self, fingerprint: u64) -> bool {
        match split(fingerprint) {
            (table, 0) => self.has_zero(table),
            (table, key) => self.tables.get(usize::from(table)).is_some_and(|table| table.contains(key)),
        }
    }

    /// How many fingerprints are in the set.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// All fingerprints, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        (0..=u16::MAX).zip(&self.tables).flat_map(|(index, table)| self.in_table(index, table))
    }

    /// Asks `keep` about every fingerprint, in ascending order, and removes those it says `false` to.
    ///
    /// # Errors
    /// The first one of `keep`, which is not asked again; some that it refused before may be left.
    pub(super) fn try_retain(&mut self, mut keep: impl FnMut(u64) -> io::Result<bool>) -> io::Result<()> {
        let mut kept = Vec::new();
        for index in 0..self.tables.len() {
            let index = index as u16;
            kept.clear();
            for fingerprint in self.in_table(index, &self.tables[usize::from(index)]) {
                if keep(fingerprint)? {
                    kept.push(fingerprint);
                }
            }
            self.replace(index, &kept);
        }
        Ok(())
    }

    /// What the table at `index` stands for, ascending.
    fn in_table<'a>(&'a self, index: u16, table: &'a Table) -> impl Iterator<Item = u64> + 'a {
        let zero = self.has_zero(index).then_some(0);
        zero.into_iter().chain(table.keys()).map(move |key| join(index, key))
    }

    /// Makes `kept`, some of the fingerprints of the table at `index`, all of them.
    fn replace(&mut self, index: u16, kept: &[u64]) {
        let table = &mut self.tables[usize::from(index)];
        let zero = self.zeros.binary_search(&index);
        let before = table.len() + usize::from(zero.is_ok());
        if kept.len() == before {
            return;
        }
        if let Ok(at) = zero
            && kept.first() != Some(&join(index, 0))
        {
            self.zeros.remove(at);
        }
        let keys = kept.iter().map(|fingerprint| split(*fingerprint).1).filter(|key| *key != 0);
        *table = Table::from_keys(keys.clone().count(), keys);
        self.len -= (before - kept.len()) as u64;
    }

    fn insert_key(&mut self, table: u16, key: u64) -> bool {
        self.allocate();
        self.tables[usize::from(table)].insert(key)
    }

    fn insert_zero(&mut self, table: u16) -> bool {
        self.allocate();
        let Err(at) = self.zeros.binary_search(&table) else { return false };
        self.zeros.insert(at, table);
        true
    }

    fn has_zero(&self, table: u16) -> bool {
        self.zeros.binary_search(&table).is_ok()
    }

    fn allocate(&mut self) {
        if self.tables.is_empty() {
            self.tables.resize_with(TABLES, Table::default);
        }
    }
}

/// Table and key of a fingerprint.
fn split(fingerprint: u64) -> (u16, u64) {
    ((fingerprint >> KEY_BITS) as u16, fingerprint & ((1 << KEY_BITS) - 1))
}

/// The fingerprint of table and key.
fn join(table: u16, key: u64) -> u64 {
    u64::from(table) << KEY_BITS | key
}
