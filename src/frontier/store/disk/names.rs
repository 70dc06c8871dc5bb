//! The groups by name: which id a host key has, and the other way round.

mod ids;

use self::ids::Ids;
use crate::frontier::pages::Pages;
use crate::url::Fingerprinter;

/// Tables of ids, each of some thousand at most.
const TABLES: usize = 256;

/// Names of groups, about 65 bytes each. Ids are dense; a released one is given out again first.
pub(super) struct Names {
    /// Each in one of [`TABLES`], by the fingerprint of its name.
    ids: Vec<Ids>,
    names: Pages<Option<Box<str>>>,
    free: Vec<u32>,
    /// The one asked for last: most links of a page go to one host.
    last: u32,
    fingerprinter: Fingerprinter,
}

impl Names {
    pub(super) fn new(fingerprinter: Fingerprinter) -> Self {
        let ids = std::iter::repeat_with(Ids::default).take(TABLES).collect();
        Self { ids, names: Pages::default(), free: Vec::new(), last: 0, fingerprinter }
    }

    /// The id of a name, and whether it is new.
    pub(super) fn id(&mut self, name: &str) -> (u32, bool) {
        if self.name(self.last) == name {
            return (self.last, false);
        }
        let (table, hash) = self.place(name);
        let known = self.ids[table].get(hash, |id| self.name(id) == name);
        self.last = known.or_else(|| self.free.pop()).unwrap_or(self.names.len() as u32);
        if known.is_none() {
            *self.names.at(self.last as usize) = Some(name.into());
            self.ids[table].insert(hash, self.last);
        }
        (self.last, known.is_none())
    }

    /// Gives an id this name, as it was given before.
    pub(super) fn set(&mut self, id: u32, name: &str) {
        self.release(id);
        self.free.retain(|free| *free != id);
        if self.names.len() <= id as usize {
            self.free.extend(self.names.len() as u32..id);
        }
        let (table, hash) = self.place(name);
        *self.names.at(id as usize) = Some(name.into());
        self.ids[table].insert(hash, id);
    }

    /// Frees an id.
    pub(super) fn release(&mut self, id: u32) {
        if let Some(name) = self.names.get_mut(id as usize).and_then(Option::take) {
            let (table, hash) = self.place(&name);
            self.ids[table].remove(hash, id);
            self.free.push(id);
        }
    }

    /// The table of a name, and its hash there.
    fn place(&self, name: &str) -> (usize, u32) {
        let print = self.fingerprinter.fingerprint_str(name);
        ((print >> 32) as usize % TABLES, print as u32)
    }

    /// The name of an id; empty when it has none.
    pub(super) fn name(&self, id: u32) -> &str {
        self.names.get(id as usize).and_then(|name| name.as_deref()).unwrap_or_default()
    }

    /// How many ids there are, free ones included.
    pub(super) fn len(&self) -> u32 {
        self.names.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_dense_and_come_again() {
        let mut names = Names::new(Fingerprinter::with_key(1, 2));
        assert_eq!(names.id("http://a"), (0, true));
        assert_eq!(names.id("http://b"), (1, true));
        assert_eq!(names.id("http://a"), (0, false));
        names.release(0);
        assert_eq!(names.name(0), "");
        assert_eq!(names.id("http://c"), (0, true));
        assert_eq!(names.id("http://a"), (2, true));
        names.set(5, "http://f");
        names.set(5, "http://g");
        assert_eq!((names.id("http://f").1, names.id("http://g")), (true, (5, false)));
        assert!(names.len() >= 6);
    }
}
