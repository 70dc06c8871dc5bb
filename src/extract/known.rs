//! [`Known`]: a small memory of links that a crawl has taken up before, so that a page need not spell them out again.
//!
//! Most links of most pages lead to where earlier pages led: navigation, neighbours, the front page. A link that is
//! found here costs its fingerprint and no more: no allocation, no judgement, no look-up in the frontier. It may forget any
//! link at any time, and holds none that was not offered to the frontier, so it changes what things cost and not what is
//! fetched. Whoever admits links to the frontier fills it; workers ask it, on any thread.
//!
//! A fingerprint may be in any place of a row: with one place for each, of 20,000 links that a site has every seventh would
//! keep driving another out.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Places, each of which holds one fingerprint: 512 KiB, which a processor's second cache holds.
const PLACES: usize = 1 << 16;

/// Places of a row: half of what a processor fetches at once.
const ROW: usize = 4;

type Row = [AtomicU64; ROW];

/// See the module.
pub struct Known {
    rows: Box<[Row]>,
}

impl Default for Known {
    fn default() -> Self {
        Self { rows: std::iter::repeat_with(Row::default).take(PLACES / ROW).collect() }
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}

impl Known {
    /// Remembers a link by its [fingerprint](crate::url::Fingerprinter), perhaps instead of another.
    pub fn insert(&self, fingerprint: u64) {
        let row = self.row(fingerprint);
        let is_free = |place: &&AtomicU64| [0, fingerprint].contains(&place.load(Ordering::Relaxed));
        let place = row.iter().find(is_free).unwrap_or(&row[fingerprint as usize % ROW]);
        place.store(fingerprint, Ordering::Relaxed);
    }

    /// Whether a link is remembered. `false` says nothing.
    pub fn has(&self, fingerprint: u64) -> bool {
        // An empty place holds zero, which is nobody's.
        fingerprint != 0
            && self.row(fingerprint).iter().any(|place| place.load(Ordering::Relaxed) == fingerprint)
    }

    fn row(&self, fingerprint: u64) -> &Row {
        &self.rows[(fingerprint >> 48) as usize % (PLACES / ROW)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_as_many_as_a_row_has_places() {
        let known = Known::default();
        let in_row = |nth: u64| 7 << 48 | nth;
        assert!(!known.has(in_row(1)) && !known.has(0));
        for nth in 1..=ROW as u64 {
            known.insert(in_row(nth));
            known.insert(in_row(nth));
        }
        assert!((1..=ROW as u64).all(|nth| known.has(in_row(nth))));
        known.insert(in_row(9));
        known.insert(u64::MAX);
        assert!(known.has(in_row(9)) && known.has(u64::MAX));
        assert_eq!((1..=ROW as u64).filter(|&nth| known.has(in_row(nth))).count(), ROW - 1);
    }
}
