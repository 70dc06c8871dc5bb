//! How many URLs and bytes came in each stretch of the run.
//!
//! The stretches are known once the span of the run is, so this is for a second pass. There are at most [`MOST`] of them,
//! whatever the records say about time.

use std::time::{Duration, SystemTime};

use super::super::Fact;

/// Stretches at most.
const MOST: u64 = 90;

/// Milliseconds that a stretch may have; beyond, days and their doubles.
const STEPS: &[u64] = &[
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000,
    300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000,
    86_400_000,
];

/// When a record was decided, in milliseconds since 1970; `None` if it does not say so.
pub(super) fn millis_of(fact: &Fact) -> Option<u64> {
    let time = humantime::parse_rfc3339_weak(&fact.timestamp).ok()?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

/// From the start of the first fetch to the last record, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Span {
    /// Makes it cover one more record.
    pub(super) fn with(span: Option<Self>, fact: &Fact) -> Option<Self> {
        let Some(last) = millis_of(fact) else { return span };
        let first = last.saturating_sub(fact.time_total_ms.unwrap_or(0.0) as u64);
        Some(match span {
            None => Self { first, last },
            Some(span) => Self { first: span.first.min(first), last: span.last.max(last) },
        })
    }

    pub(super) fn millis(self) -> u64 {
        self.last - self.first
    }

    /// Its start as a time.
    pub(super) fn start(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.first)
    }
}

/// What came in a stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Stretch {
    pub(super) good: u64,
    /// Failed, or a status of 400 and above.
    pub(super) bad: u64,
    /// As received.
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(super) struct Timeline {
    first: u64,
    /// Milliseconds of a stretch.
    pub(super) step: u64,
    pub(super) stretches: Vec<Stretch>,
}

impl Timeline {
    pub(super) fn over(span: Span) -> Self {
        let fits = |step: &u64| span.millis() / step < MOST;
        let step = STEPS.iter().copied().find(fits).unwrap_or_else(|| {
            let day = STEPS[STEPS.len() - 1];
            (0..40).map(|n| day << n).find(fits).unwrap_or(u64::MAX)
        });
        let stretches = vec![Stretch::default(); (span.millis() / step) as usize + 1];
        Self { first: span.first, step, stretches }
    }

    /// Counts a URL that was asked for.
    pub(super) fn add(&mut self, fact: &Fact, is_bad: bool) {
        let at = millis_of(fact).map_or(0, |at| at.saturating_sub(self.first) / self.step) as usize;
        let Some(stretch) = self.stretches.get_mut(at) else { return };
        stretch.bytes = stretch.bytes.saturating_add(fact.wire_bytes.unwrap_or(0));
        match is_bad {
            true => stretch.bad += 1,
            false => stretch.good += 1,
        }
    }

    /// So much in a stretch, in a second.
    pub(super) fn per_second(&self, count: u64) -> f64 {
        count as f64 * 1e3 / self.step as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(timestamp: &str, total: f64) -> Fact {
        Fact {
            timestamp: timestamp.into(),
            time_total_ms: Some(total),
            wire_bytes: Some(7),
            ..Fact::default()
        }
    }

    #[test]
    fn records_fall_into_stretches_in_any_order() {
        let facts =
            [at("2026-11-21T10:00:08.000Z", 9.0), at("2026-11-21T10:00:00.500Z", 500.0), at("never", 1.0)];
        let span = facts.iter().fold(None, Span::with).unwrap();
        assert_eq!((span.millis(), span.first % 1000), (8000, 0));
        let mut line = Timeline::over(span);
        assert_eq!((line.step, line.stretches.len()), (100, 81));
        facts.iter().for_each(|fact| line.add(fact, fact.time_total_ms == Some(9.0)));
        assert_eq!(line.stretches[80], Stretch { good: 0, bad: 1, bytes: 7 });
        assert_eq!(line.stretches.iter().map(|s| s.good + s.bad).sum::<u64>(), 3);
        assert_eq!(line.per_second(3), 30.0);
    }

    #[test]
    fn no_span_makes_many_stretches() {
        for last in
            ["1970-01-01T00:00:00Z", "1970-01-01T00:01:30Z", "2026-11-21T10:00:00Z", "9999-12-31T23:59:59Z"]
        {
            let span =
                [at("1970-01-01T00:00:00Z", 1e300), at(last, 0.0)].iter().fold(None, Span::with).unwrap();
            let count = Timeline::over(span).stretches.len() as u64;
            assert!((1..=MOST).contains(&count), "{last}: {count}");
        }
    }
}
