//! The summary as a [`Note`], and a note as the summary that it was.

use super::summary::{ErrorGroup, Summary};
use crate::fetch::ErrorKind;
use crate::job::Note;
use crate::outcome::Skip;
use crate::scope::Reason;

impl Summary {
    /// What the job keeps of it, with the seeds taken in without an outcome and the links that are not decided about.
    pub(super) fn note(&self, seeds_waiting: u64, links_open: u64) -> Note {
        let summary = self;
        let named = |(kind, group): (&ErrorKind, &ErrorGroup)| {
            let ErrorGroup { count, example, message } = group;
            (kind.as_str().to_owned(), (*count, example.clone(), message.clone()))
        };
        Note {
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
            unchanged: summary.unchanged,
            duplicates: summary.duplicates,
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

    /// The summary that a note was made of.
    pub fn of_note(note: &Note) -> Self {
        let skip = |name: &String| Skip::ALL.iter().copied().find(|skip| skip.as_str() == name);
        let kind = |name: &String| ErrorKind::ALL.iter().copied().find(|kind| kind.as_str() == name);
        let reason = |name: &String| Reason::ALL.into_iter().find(|reason| reason.as_str() == name);
        let mut summary = Self {
            seeds: note.seeds,
            dropped: note.dropped,
            discovered: note.discovered,
            finished: note.finished,
            failed: note.failed,
            fallback: note.fallback,
            cancelled: note.cancelled,
            skipped: note.skipped.iter().filter_map(|(name, n)| Some((skip(name)?, *n))).collect(),
            statuses: note.statuses.clone(),
            failed_seeds: note.failed_seeds,
            unchanged: note.unchanged,
            duplicates: note.duplicates,
            retries: note.retries,
            robots: note.robots,
            wire_bytes: note.wire_bytes,
            body_bytes: note.body_bytes,
            ..Self::default()
        };
        for (name, (count, example, message)) in &note.errors {
            if let Some(kind) = kind(name) {
                let group = ErrorGroup { count: *count, example: example.clone(), message: message.clone() };
                summary.errors.insert(kind, group);
            }
        }
        (summary.links.found, summary.links.seen) = (note.links_found, note.links_seen);
        let rejected = note.links_rejected.iter();
        summary.links.rejected = rejected.filter_map(|(name, n)| Some((reason(name)?, *n))).collect();
        summary.earlier = summary.settled();
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_gives_the_summary_back() {
        let mut summary = Summary {
            seeds: 10,
            discovered: 5,
            finished: 3,
            failed: 2,
            retries: 1,
            unchanged: 1,
            duplicates: 1,
            ..Summary::default()
        };
        summary.skipped.insert(Skip::RobotsDenied, 4);
        summary.statuses.insert(404, 2);
        let group = ErrorGroup { count: 2, example: "http://h/".into(), message: "refused".into() };
        summary.errors.insert(ErrorKind::Connect, group);
        summary.links.rejected.insert(Reason::ALL[0], 7);
        let note = Note::from_bytes(&summary.note(6, 1).to_bytes()).unwrap();
        let back = Summary::of_note(&note);
        assert_eq!(format!("{:?}", back.note(6, 1)), format!("{note:?}"));
        assert_eq!((back.skipped_total(), back.errors[&ErrorKind::Connect].count), (4, 2));
        assert!(Note::from_bytes(b"x").is_err());
        assert_eq!(Note::from_bytes(b"").unwrap().seeds, 0);
    }
}
