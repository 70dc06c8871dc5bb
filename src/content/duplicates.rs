//! [`Duplicates`]: which page was the first with a content, exactly or nearly so.
//!
//! One for a run, shared by all workers: they call [`judge`](Duplicates::judge) with a page that was read whole. Exact is a
//! keyed 128-bit hash of the decoded body; near is a [simhash](super::simhash) at most [`NEAR`] bits away, found by four tables
//! of 16 bits each: what differs in three bits agrees in one of the four (Manku et al. 2007, §3).
//!
//! Bounded: the newest [`MAX_EXACT`] and [`MAX_NEAR`] contents are known, and [`MAX_URL_BYTES`] of URLs; older ones are
//! forgotten, so a copy of them counts as new. Locked for some microseconds at a time, nothing waits while it is.

use std::collections::{HashMap, VecDeque};
use std::hash::Hasher as _;
use std::sync::{Arc, Mutex, PoisonError};

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::simhash::{self, NEAR};
use crate::url::{CrawlUrl, Fingerprinter};

/// Contents that are known exactly.
const MAX_EXACT: usize = 1_000_000;
/// Contents that near ones are searched among.
const MAX_NEAR: usize = 200_000;
/// Bytes of their URLs.
const MAX_URL_BYTES: usize = 128 << 20;

/// What makes a page a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The same bytes, decoded.
    Exact,
    /// Or nearly the same text.
    Near,
}

/// What identifies a content: what a job keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Print {
    /// Keyed hash of the bytes.
    pub exact: u128,
    /// Of pages that are judged near.
    pub simhash: Option<u64>,
    /// Identity of the URL.
    pub page: u64,
    /// The URL, as it may be shown.
    pub url: Arc<str>,
}

/// How a page compares to those before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// What was judged.
    pub print: Print,
    /// The URL of the first page with this content, when that is another.
    pub duplicate_of: Option<Arc<str>>,
}

/// See the module.
#[derive(Debug)]
pub struct Duplicates {
    kind: Kind,
    key: (u64, u64),
    fingerprinter: Fingerprinter,
    known: Mutex<Known>,
}

impl Duplicates {
    /// With the key of a job, so that hashes that it kept are known again.
    pub fn with_key(kind: Kind, key: (u64, u64)) -> Self {
        let fingerprinter = Fingerprinter::with_key(key.0, key.1);
        Self { kind, key, fingerprinter, known: Mutex::new(Known::new(MAX_EXACT, MAX_NEAR)) }
    }

    /// With a random key.
    pub fn new(kind: Kind) -> Self {
        Self::with_key(kind, (fastrand::u64(..), fastrand::u64(..)))
    }

    /// Whether pages are compared by their text too.
    pub fn is_near(&self) -> bool {
        self.kind == Kind::Near
    }

    /// Hashes a page: CPU work, without the lock. `html` is its text in UTF-8, if it is a page and that is wanted.
    pub fn print(&self, url: &CrawlUrl, body: &[u8], html: Option<&[u8]>) -> Print {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(body);
        let simhash = html.filter(|_| self.is_near()).and_then(simhash::of);
        let page = self.fingerprinter.fingerprint(url);
        Print { exact: hasher.finish128().as_u128(), simhash, page, url: url.to_string().into() }
    }

    /// Whether the content is known from another page; if it is known from none, this is the first one from now on.
    pub fn judge(&self, print: Print) -> Mark {
        let duplicate_of = self.lock().first(&print);
        Mark { print, duplicate_of }
    }

    /// Takes what an earlier run knew.
    pub fn remember(&self, print: Print) {
        self.lock().insert(&print);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The contents, oldest first.
#[derive(Debug)]
struct Known {
    max_exact: usize,
    max_near: usize,
    prints: VecDeque<Print>,
    /// Number of the oldest in `prints`.
    oldest: u64,
    /// Number by hash.
    exact: HashMap<u128, u64>,
    /// Those with a simhash, with their numbers, and for each of four blocks of it the numbers by value.
    near: VecDeque<(u64, u64)>,
    blocks: HashMap<(u8, u16), VecDeque<(u64, u64)>>,
    url_bytes: usize,
}

/// The four blocks of a simhash.
fn blocks(simhash: u64) -> impl Iterator<Item = (u8, u16)> {
    (0..4).map(move |block| (block, (simhash >> (16 * block)) as u16))
}

impl Known {
    fn new(max_exact: usize, max_near: usize) -> Self {
        Self {
            max_exact,
            max_near,
            prints: VecDeque::new(),
            oldest: 0,
            exact: HashMap::new(),
            near: VecDeque::new(),
            blocks: HashMap::new(),
            url_bytes: 0,
        }
    }

    fn get(&self, number: u64) -> Option<&Print> {
        self.prints.get(usize::try_from(number.checked_sub(self.oldest)?).ok()?)
    }

    /// The URL of the first page with this content, unless that is this page or there was none.
    fn first(&mut self, print: &Print) -> Option<Arc<str>> {
        if let Some(first) = self.exact.get(&print.exact).and_then(|number| self.get(*number)) {
            return (first.page != print.page).then(|| Arc::clone(&first.url));
        }
        if let Some(near) = print.simhash.and_then(|simhash| self.nearest(simhash, print.page)) {
            return Some(near);
        }
        self.insert(print);
        None
    }

    /// The oldest page that is near.
    fn nearest(&self, simhash: u64, page: u64) -> Option<Arc<str>> {
        let alike = blocks(simhash).filter_map(|block| self.blocks.get(&block)).flatten();
        let near = alike.filter(|(other, _)| simhash::distance(*other, simhash) <= NEAR);
        let others = near.filter(|(_, number)| self.get(*number).is_some_and(|print| print.page != page));
        let oldest = others.map(|(_, number)| *number).min()?;
        self.get(oldest).map(|print| Arc::clone(&print.url))
    }

    fn insert(&mut self, print: &Print) {
        if self.exact.contains_key(&print.exact) {
            return;
        }
        let number = self.oldest + self.prints.len() as u64;
        self.exact.insert(print.exact, number);
        self.url_bytes += print.url.len();
        self.prints.push_back(print.clone());
        if let Some(simhash) = print.simhash {
            self.near.push_back((simhash, number));
            blocks(simhash)
                .for_each(|block| self.blocks.entry(block).or_default().push_back((simhash, number)));
        }
        while self.near.len() > self.max_near {
            self.forget_near();
        }
        while self.prints.len() > self.max_exact || (self.url_bytes > MAX_URL_BYTES && number > self.oldest) {
            let Some(print) = self.prints.pop_front() else { return };
            self.exact.remove(&print.exact);
            self.url_bytes -= print.url.len();
            if self.near.front().is_some_and(|(_, number)| *number == self.oldest) {
                self.forget_near();
            }
            self.oldest += 1;
        }
    }

    /// The oldest stands first in each of its blocks, since all forget in order.
    fn forget_near(&mut self) {
        let Some((simhash, _)) = self.near.pop_front() else { return };
        for block in blocks(simhash) {
            if let Some(same) = self.blocks.get_mut(&block) {
                same.pop_front();
                if same.is_empty() {
                    self.blocks.remove(&block);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(exact: u128, simhash: Option<u64>, page: u64) -> Print {
        Print { exact, simhash, page, url: format!("http://h/{page}").into() }
    }

    #[test]
    fn the_first_page_with_a_content_is_named_and_never_itself() {
        let all = Duplicates::new(Kind::Exact);
        let judge = |path: &str, body: &[u8]| {
            let url = CrawlUrl::parse(&format!("http://u:secret@h/{path}")).unwrap();
            all.judge(all.print(&url, body, Some(b"<p>"))).duplicate_of
        };
        assert_eq!(judge("a", b"one"), None);
        assert_eq!(judge("b", b"one").as_deref(), Some("http://u:***@h/a"));
        assert_eq!(judge("a", b"one"), None, "the same page again");
        assert_eq!(judge("c", b"two"), None);
        assert_eq!(judge("b", b"one").as_deref(), Some("http://u:***@h/a"));
    }

    #[test]
    fn three_bits_are_near_wherever_they_are() {
        let mut known = Known::new(100, 100);
        let hash = 0x0123_4567_89ab_cdef_u64;
        assert_eq!(known.first(&print(0, Some(hash), 0)), None);
        for bits in [[0, 1, 2], [0, 20, 63], [15, 16, 47], [60, 61, 62]] {
            let other = bits.iter().fold(hash, |hash, bit| hash ^ 1 << bit);
            assert_eq!(known.first(&print(u128::from(other), Some(other), 1)).as_deref(), Some("http://h/0"));
            let far = other ^ 1 << 30;
            assert_eq!(Known::new(1, 1).first(&print(1, Some(far), 1)), None);
            assert_eq!(known.nearest(far, 1), None, "four bits");
        }
        assert_eq!(known.nearest(hash, 0), None, "the page itself");
    }

    #[test]
    fn only_the_newest_are_known() {
        let mut known = Known::new(10, 4);
        for n in 0..100_u64 {
            let simhash = n.is_multiple_of(2).then(|| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            assert_eq!(known.first(&print(u128::from(n), simhash, n)), None);
        }
        assert_eq!((known.prints.len(), known.exact.len(), known.near.len()), (10, 10, 4));
        assert_eq!(known.blocks.values().map(VecDeque::len).sum::<usize>(), 16);
        assert_eq!(known.first(&print(95, None, 7)).as_deref(), Some("http://h/95"));
        assert_eq!(known.first(&print(85, None, 7)), None, "forgotten, so it is new");
    }

    proptest::proptest! {
        /// The tables find what a search through all would.
        #[test]
        fn nothing_near_is_missed(hashes in proptest::collection::vec((0_u64..8, 0_u32..64, 0_u32..64, 0_u32..64, 0_u32..64), 1..60)) {
            let (mut known, mut model) = (Known::new(20, 20), VecDeque::new());
            for (n, (base, a, b, c, d)) in hashes.into_iter().enumerate() {
                let hash = base.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 1 << a ^ 1 << b ^ 1 << c ^ 1 << d;
                let expected = model.iter().find(|(_, other)| simhash::distance(hash, *other) <= NEAR).map(|(n, _)| *n);
                let found = known.first(&print(n as u128, Some(hash), n as u64));
                assert_eq!(found.as_deref(), expected.map(|n: usize| format!("http://h/{n}")).as_deref());
                if expected.is_none() {
                    model.push_back((n, hash));
                    if model.len() > 20 { model.pop_front(); }
                }
            }
        }
    }
}
