//! What a run leaves in its job for those after it: the numbers of its summary, so that they count the job and not the last
//! run. Opaque to the frontier, which keeps it with every commit; the engine makes it and reads it (`crawl/note.rs`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Numbers;
use crate::error::Error;
use crate::fetch::ErrorKind;
use crate::frontier::store::Stock;
use crate::outcome::Skip;

/// See the module. Its fields are those of the summary; enumerations by their stable names.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Note {
    pub(crate) seeds: u64,
    pub(crate) dropped: u64,
    pub(crate) discovered: u64,
    pub(crate) finished: u64,
    pub(crate) failed: u64,
    pub(crate) fallback: u64,
    pub(crate) cancelled: u64,
    pub(crate) skipped: BTreeMap<String, u64>,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) errors: BTreeMap<String, (u64, String, String)>,
    pub(crate) failed_seeds: u64,
    pub(crate) unchanged: u64,
    pub(crate) duplicates: u64,
    pub(crate) links_found: u64,
    pub(crate) links_seen: u64,
    pub(crate) links_rejected: BTreeMap<String, u64>,
    pub(crate) retries: u64,
    pub(crate) robots: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) body_bytes: u64,
    /// Seeds taken in without an outcome.
    pub(crate) seeds_waiting: u64,
    /// Links offered that the frontier has not decided about.
    pub(crate) links_open: u64,
}

impl Note {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Nothing in it can fail to be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what a run noted; nothing is the note of a job that never ran.
    ///
    /// # Errors
    /// When it is no note.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        match bytes {
            [] => Ok(Self::default()),
            bytes => serde_json::from_slice(bytes)
                .map_err(|why| Error::Internal(format!("the job's numbers cannot be read: {why}"))),
        }
    }

    /// The note when failed URLs are to be tried again: these are pending then. Failures that are not tried again, of
    /// lines that are no URLs, stay.
    #[must_use]
    pub fn without_failed(mut self, again: Again) -> Vec<u8> {
        let no_url = |kind: &ErrorKind| matches!(kind, ErrorKind::InvalidUrl | ErrorKind::UnsupportedScheme);
        let kept: Vec<_> =
            ErrorKind::ALL.iter().filter(|kind| no_url(kind)).map(|kind| kind.as_str()).collect();
        self.errors.retain(|kind, _| kept.contains(&kind.as_str()));
        let bad: u64 = self.errors.values().map(|(count, ..)| count).sum();
        let of_urls = self.failed.saturating_sub(bad).min(again.urls);
        self.fallback = self.fallback.saturating_sub(again.urls - of_urls);
        self.failed -= of_urls;
        self.failed_seeds = self.failed_seeds.min(bad);
        self.seeds_waiting += again.seeds;
        self.to_bytes()
    }

    /// The note with what the frontier decided about links after it was written.
    #[must_use]
    pub fn with_decided(mut self, stock: &Stock) -> Self {
        self.discovered += stock.new_links;
        self.links_seen += stock.seen_links;
        self.links_open = self.links_open.saturating_sub(stock.new_links + stock.seen_links);
        self
    }

    /// Of the undecided, how many are seeds.
    pub fn seeds_open(&self, undecided: u64) -> u64 {
        undecided.saturating_sub(self.links_open)
    }

    /// What of it can be checked against the rest of the job.
    pub fn numbers(&self, undecided: u64) -> Numbers {
        let count = |kind: ErrorKind| self.errors.get(kind.as_str()).map_or(0, |(count, ..)| *count);
        let repeated = self.skipped.get(Skip::DuplicateSeed.as_str()).copied().unwrap_or(0);
        Numbers {
            came_in: self.seeds + self.discovered,
            settled: self.finished
                + self.failed
                + self.fallback
                + self.cancelled
                + self.skipped.values().sum::<u64>(),
            dropped: self.dropped,
            seeds_open: self.seeds_open(undecided),
            no_urls: repeated + count(ErrorKind::InvalidUrl) + count(ErrorKind::UnsupportedScheme),
        }
    }
}

/// What of the outcomes is taken back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Again {
    /// URLs that failed, with a fallback or without.
    pub urls: u64,
    /// Seeds among them.
    pub seeds: u64,
}
