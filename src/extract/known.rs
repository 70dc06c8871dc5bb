//! [`Known`]: a small memory of links that a crawl has taken up before, so that a page need not spell them out again.
//!
//! Most links of most pages lead to where earlier pages led: navigation, neighbours, the front page. A link that is
//! found here costs its fingerprint and no more: no allocation, no judgement, no look-up in the frontier. It may forget any
//! link at any time, and holds none that was not offered to the frontier, so it changes what things cost and not what is
//! fetched. Whoever admits links to the frontier fills it; workers ask it, on any thread.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Places; each holds one fingerprint. 512 KiB, which a processor's second cache holds.
const PLACES: usize = 1 << 16;

/// See the module.
pub struct Known {
    places: Box<[AtomicU64]>,
}

impl Default for Known {
    fn default() -> Self {
        Self { places: std::iter::repeat_with(|| AtomicU64::new(0)).take(PLACES).collect() }
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
        self.place(fingerprint).store(fingerprint, Ordering::Relaxed);
    }

    /// Whether a link is remembered. `false` says nothing.
    pub fn has(&self, fingerprint: u64) -> bool {
        // An empty place holds zero, which is nobody's.
        fingerprint != 0 && self.place(fingerprint).load(Ordering::Relaxed) == fingerprint
    }

    fn place(&self, fingerprint: u64) -> &AtomicU64 {
        &self.places[(fingerprint >> 48) as usize % PLACES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_last_of_a_place() {
        let known = Known::default();
        let (one, other) = (7 << 48 | 1, 7 << 48 | 2);
        assert!(!known.has(one) && !known.has(0));
        known.insert(one);
        assert!(known.has(one) && !known.has(other));
        known.insert(other);
        known.insert(u64::MAX);
        assert!(!known.has(one) && known.has(other) && known.has(u64::MAX));
    }
}
