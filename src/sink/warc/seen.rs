//! Payloads that are in the archive already, so that the next with the same digest is a `revisit`.
//!
//! Bounded: the newest are remembered, so many and with so much of URLs; a payload that was forgotten is written again,
//! which costs room and nothing else. A new run begins without any.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::digest::Sum;

/// Payloads that are remembered.
const MOST: usize = 200_000;
/// Bytes of their URLs.
const MOST_BYTES: usize = 32 << 20;

/// Where a payload was written first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct First {
    /// The URL, as the archive names it.
    pub(super) uri: Arc<str>,
    /// The date of the record.
    pub(super) date: Arc<str>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Seen {
    firsts: HashMap<Sum, First>,
    order: VecDeque<Sum>,
    bytes: usize,
}

impl Seen {
    /// Where this payload was written, if that is remembered.
    pub(super) fn first(&self, sum: Sum) -> Option<&First> {
        self.firsts.get(&sum)
    }

    /// Remembers that it was written there.
    pub(super) fn add(&mut self, sum: Sum, uri: &str, date: &str) {
        self.bytes += uri.len();
        if let Some(before) = self.firsts.insert(sum, First { uri: uri.into(), date: date.into() }) {
            self.bytes -= before.uri.len();
        } else {
            self.order.push_back(sum);
        }
        while self.order.len() > MOST || self.bytes > MOST_BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            self.bytes -= self.firsts.remove(&oldest).map_or(0, |first| first.uri.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::digest::Digest;
    use super::*;

    #[test]
    fn the_newest_are_remembered() {
        let mut seen = Seen::default();
        let sum = |n: usize| Digest::Sha1.of(&[&n.to_le_bytes()]);
        for n in 0..MOST + 10 {
            seen.add(sum(n), "http://h/", "2026");
        }
        assert!(seen.first(sum(9)).is_none() && seen.first(sum(10)).is_some());
        assert_eq!((seen.order.len(), seen.firsts.len()), (MOST, MOST));
        let long = "x".repeat(MOST_BYTES / 2);
        for n in 0..3 {
            seen.add(sum(n), &long, "2026");
        }
        assert!(seen.order.len() == 2 && seen.bytes <= MOST_BYTES);
    }
}
