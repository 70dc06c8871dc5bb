//! What a run leaves in its job for those after it: the numbers of the summary, so that they count the job and not the
//! last run. Opaque to the frontier, which keeps it with every commit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::summary::{ErrorGroup, Summary};
use crate::error::Error;
use crate::fetch::ErrorKind;
use crate::frontier::store::Stock;
use crate::job::Numbers;
use crate::outcome::Skip;
use crate::scope::Reason;

/// See the module. Its fields are those of [`Summary`]; enumerations by their stable names.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Note {
    seeds: u64,
    dropped: u64,
    discovered: u64,
    finished: u64,
    failed: u64,
    fallback: u64,
    cancelled: u64,
    skipped: BTreeMap<String, u64>,
    statuses: BTreeMap<u16, u64>,
    errors: BTreeMap<String, (u64, String, String)>,
    failed_seeds: u64,
    links_found: u64,
    links_seen: u64,
    links_rejected: BTreeMap<String, u64>,
    retries: u64,
    robots: u64,
    wire_bytes: u64,
    body_bytes: u64,
    /// Seeds taken in without an outcome.
    pub(super) seeds_waiting: u64,
    /// Links offered that the frontier has not decided about.
    pub(super) links_open: u64,
}

impl Note {
    pub(super) fn new(summary: &Summary, seeds_waiting: u64, links_open: u64) -> Self {
        let named = |(kind, group): (&ErrorKind, &ErrorGroup)| {
            let ErrorGroup { count, example, message } = group;
            (kind.as_str().to_owned(), (*count, example.clone(), message.clone()))
        };
        Self {
            seeds: summary.seeds,
            dropped: summary.dropped,
            discovered: summary.discovered,
            finished: summary.finished,
            failed: summary.failed,
            fallback: summary.fallback,
            cancelled: summary.cancelled,
            skipped: summary.skipped.iter().map(|(skip, n)| (skip.as_str().to_owned(), *n)).collect(),
            statuses: summary.statuses.clone(),
            errors: summary.errors.iter().map(named).collect(),
            failed_seeds: summary.failed_seeds,
            links_found: summary.links.found,
            links_seen: summary.links.seen,
            links_rejected: summary
                .links
                .rejected
                .iter()
                .map(|(why, n)| (why.as_str().to_owned(), *n))
                .collect(),
            retries: summary.retries,
            robots: summary.robots,
            wire_bytes: summary.wire_bytes,
            body_bytes: summary.body_bytes,
            seeds_waiting,
            links_open,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
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

    /// The summary as it was.
    pub fn summary(&self) -> Summary {
        let skip = |name: &String| Skip::ALL.iter().copied().find(|skip| skip.as_str() == name);
        let kind = |name: &String| ErrorKind::ALL.iter().copied().find(|kind| kind.as_str() == name);
        let reason = |name: &String| Reason::ALL.into_iter().find(|reason| reason.as_str() == name);
        let mut summary = Summary {
            seeds: self.seeds,
            dropped: self.dropped,
            discovered: self.discovered,
            finished: self.finished,
            failed: self.failed,
            fallback: self.fallback,
            cancelled: self.cancelled,
            skipped: self.skipped.iter().filter_map(|(name, n)| Some((skip(name)?, *n))).collect(),
            statuses: self.statuses.clone(),
            failed_seeds: self.failed_seeds,
            retries: self.retries,
            robots: self.robots,
            wire_bytes: self.wire_bytes,
            body_bytes: self.body_bytes,
            ..Summary::default()
        };
        for (name, (count, example, message)) in &self.errors {
            if let Some(kind) = kind(name) {
                let group = ErrorGroup { count: *count, example: example.clone(), message: message.clone() };
                summary.errors.insert(kind, group);
            }
        }
        (summary.links.found, summary.links.seen) = (self.links_found, self.links_seen);
        let rejected = self.links_rejected.iter();
        summary.links.rejected = rejected.filter_map(|(name, n)| Some((reason(name)?, *n))).collect();
        summary.earlier = summary.settled();
        summary
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
    pub fn numbers(&self) -> Numbers {
        let count = |kind: ErrorKind| self.errors.get(kind.as_str()).map_or(0, |(count, ..)| *count);
        let repeated = self.skipped.get(Skip::DuplicateSeed.as_str()).copied().unwrap_or(0);
        Numbers {
            came_in: self.seeds + self.discovered,
            settled: self.summary().settled(),
            dropped: self.dropped,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_gives_the_summary_back() {
        let mut summary =
            Summary { seeds: 10, discovered: 5, finished: 3, failed: 2, retries: 1, ..Summary::default() };
        summary.skipped.insert(Skip::RobotsDenied, 4);
        summary.statuses.insert(404, 2);
        let group = ErrorGroup { count: 2, example: "http://h/".into(), message: "refused".into() };
        summary.errors.insert(ErrorKind::Connect, group);
        summary.links.rejected.insert(Reason::ALL[0], 7);
        let note = Note::from_bytes(&Note::new(&summary, 6, 1).to_bytes()).unwrap();
        let back = note.summary();
        assert_eq!(format!("{:?}", Note::new(&back, 6, 1)), format!("{note:?}"));
        assert_eq!((back.skipped_total(), back.errors[&ErrorKind::Connect].count), (4, 2));
        assert!(Note::from_bytes(b"x").is_err());
        assert_eq!(Note::from_bytes(b"").unwrap().seeds, 0);
    }
}
