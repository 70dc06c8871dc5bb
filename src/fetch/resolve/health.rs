//! Whether names fail, or the resolver.
//!
//! A domain with broken servers and a resolver that is gone look alike from here: nobody answers. What tells them apart is
//! whether other names still resolve. [`Names`](super::names::Names) asks after each look-up that could not be answered.
//! Pure: the time comes in as an argument.

use std::time::Duration;

use tokio::time::Instant;

use super::answer::DnsFault;

/// So many names must fail in a row ...
const NAMES: usize = 3;
/// ... and none be answered for so long, for the resolver to be at fault.
const SILENCE: Duration = Duration::from_secs(10);

/// What came of the last look-ups.
pub(super) struct Health {
    /// Names that failed since the last answer, the first few.
    failing: Vec<Box<str>>,
    answered: Instant,
}

impl Health {
    pub(super) fn new(now: Instant) -> Self {
        Self { failing: Vec::new(), answered: now }
    }

    /// The resolver said something about some name.
    pub(super) fn answered(&mut self, now: Instant) {
        self.failing.clear();
        self.answered = now;
    }

    /// It could not say anything about this name: whose fault is that?
    pub(super) fn failed(&mut self, name: &str, now: Instant) -> DnsFault {
        if self.failing.len() < NAMES && !self.failing.iter().any(|other| **other == *name) {
            self.failing.push(name.into());
        }
        let is_silent = now.saturating_duration_since(self.answered) >= SILENCE;
        if self.failing.len() >= NAMES && is_silent { DnsFault::ResolverDown } else { DnsFault::Failed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_or_a_short_while_say_nothing_about_the_resolver() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut health = Health::new(start);
        for second in 0..60 {
            assert_eq!(health.failed("a.test", at(second)), DnsFault::Failed);
        }
        assert_eq!(health.failed("b.test", at(60)), DnsFault::Failed);
        assert_eq!(health.failed("c.test", at(61)), DnsFault::ResolverDown);
        health.answered(at(62));
        for (second, name) in [(63, "a.test"), (64, "b.test"), (65, "c.test"), (71, "d.test")] {
            assert_eq!(health.failed(name, at(second)), DnsFault::Failed, "{second}");
        }
        assert_eq!(health.failed("a.test", at(72)), DnsFault::ResolverDown);
    }
}
