//! The groups by name: which id a host key has, and the other way round.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use crate::frontier::pages::Pages;
use crate::frontier::store::memory::Identity;
use crate::url::Fingerprinter;

const MAPS: usize = 256;

/// Names of groups, about 75 bytes each. Ids are dense; a released one is given out again first.
pub(super) struct Names {
    /// By the keyed fingerprint of the name, which is as good as the name (see [`Fingerprinter`]). Many small maps: to
    /// grow a large one takes long.
    ids: Vec<HashMap<u64, u32, BuildHasherDefault<Identity>>>,
    names: Pages<Option<Box<str>>>,
    free: Vec<u32>,
    /// The one asked for last: most links of a page go to one host.
    last: u32,
    fingerprinter: Fingerprinter,
}

impl Names {
    pub(super) fn new(fingerprinter: Fingerprinter) -> Self {
        let ids = std::iter::repeat_with(HashMap::default).take(MAPS).collect();
        Self { ids, names: Pages::default(), free: Vec::new(), last: 0, fingerprinter }
    }

    /// The id of a name, and whether it is new.
    pub(super) fn id(&mut self, name: &str) -> (u32, bool) {
        if self.name(self.last) == name {
            return (self.last, false);
        }
        let print = self.fingerprinter.fingerprint_str(name);
        if let Some(id) = self.ids[map(print)].get(&print) {
            self.last = *id;
            return (*id, false);
        }
        self.last = self.free.pop().unwrap_or(self.names.len() as u32);
        self.set(self.last, name);
        (self.last, true)
    }

    /// Gives an id this name.
    pub(super) fn set(&mut self, id: u32, name: &str) {
        self.release(id);
        self.free.retain(|free| *free != id);
        if self.names.len() <= id as usize {
            self.free.extend(self.names.len() as u32..id);
        }
        *self.names.at(id as usize) = Some(name.into());
        let print = self.fingerprinter.fingerprint_str(name);
        self.ids[map(print)].insert(print, id);
    }

    /// Frees an id.
    pub(super) fn release(&mut self, id: u32) {
        if let Some(name) = self.names.get_mut(id as usize).and_then(Option::take) {
            let print = self.fingerprinter.fingerprint_str(&name);
            self.ids[map(print)].remove(&print);
            self.free.push(id);
        }
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

/// Which map has a fingerprint: bits that the map itself makes little of.
fn map(print: u64) -> usize {
    (print >> 32) as usize % MAPS
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
