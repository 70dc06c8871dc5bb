//! How much the report on links may hold while it is made: texts are as long as a server likes, so their bytes count, and what
//! does not fit is only counted. `gather` asks before it keeps anything.

use super::{BadLink, Capped, Fault};

/// What URLs and texts may take in all, bytes, whatever their lengths. What does not fit is counted.
pub(super) const MAX_BYTES: usize = 128 << 20;

/// What is left, bytes.
pub(super) struct Budget(pub(super) usize);

impl Budget {
    /// Takes so much for texts and what holds them, if it is there.
    pub(super) fn take(&mut self, texts: &[usize]) -> bool {
        let rest = self.0.checked_sub(texts.iter().sum::<usize>() + HOLDER);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    pub(super) fn give_back(&mut self, texts: &[usize]) {
        self.0 += texts.iter().sum::<usize>() + HOLDER;
    }
}

/// About what a place in a list or table takes besides its texts, bytes.
const HOLDER: usize = 256;

impl Capped<String> {
    /// Adds a page, shown if there is room.
    pub(super) fn push_within(&mut self, most: usize, page: &str, budget: &mut Budget) {
        let fits = self.shown.len() < most && budget.take(&[page.len()]);
        self.push(if fits { most } else { 0 }, || page.to_owned());
    }
}

impl BadLink {
    /// The lengths of its texts.
    pub(super) fn texts(&self) -> [usize; 4] {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let Fault { error, ends_at, .. } = &self.fault;
        [self.url.len(), length(&self.text), length(error), length(ends_at)]
    }
}

/// What the targets of redirects take.
pub(super) fn length_of(hops: &[(u16, String)]) -> usize {
    hops.iter().map(|(_, to)| to.len() + HOLDER).sum()
}
