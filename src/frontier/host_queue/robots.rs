//! What a host queue knows of the host's robots.txt, and when it is to be asked for.
//!
//! It is asked for before the first page, one request at a time, and again after 24 hours (RFC 9309 §2.4).
//! When it cannot be had, all pages wait, it is asked for again a few times, and then the host is given up
//! (§2.3.1.4). Where rules were read before, these go on instead, for as long as 30 days, and it is asked for
//! again after an hour: they are what the site last said.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::robots::Rules;

/// Rules hold so long, then robots.txt is asked for again (RFC 9309 §2.4).
pub(super) const TTL: Duration = Duration::from_secs(24 * 3600);
/// Where it then cannot be had, it is asked for again after this long.
pub(super) const REFRESH: Duration = Duration::from_secs(3600);
/// Rules of this age are no longer what the site says (RFC 9309 §2.3.1.4).
pub(super) const TOO_OLD: Duration = Duration::from_secs(30 * 24 * 3600);

/// See the module.
pub(super) struct Robots {
    pub(super) state: State,
    /// The rules that were read last.
    pub(super) copy: Option<Copy>,
    /// Somebody led to this host who may lead to a private one: it may be asked wherever it is.
    pub(super) open: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody asks, nobody obeys.
    Ignored,
    /// To be asked for; asked so often since it was last answered, and so often called off.
    Unasked { asked: u32, returned: u32 },
    /// Being asked for.
    Asking { asked: u32, returned: u32 },
    /// Not to be asked for on behalf of a public page, since the host has no public address.
    Private,
    /// The copy holds until then.
    Known { until: Instant },
}

/// What was read once.
#[derive(Clone)]
pub(super) struct Copy {
    /// `None` when there was nothing to remember.
    pub(super) rules: Option<Arc<Rules>>,
    pub(super) read: Instant,
}

impl Robots {
    pub(super) const UNASKED: State = State::Unasked { asked: 0, returned: 0 };

    pub(super) fn new(obey: bool) -> Self {
        Self { state: if obey { Self::UNASKED } else { State::Ignored }, copy: None, open: false }
    }

    /// The rules that hold, if any bind.
    pub(super) fn rules(&self) -> Option<&Arc<Rules>> {
        match self.state {
            State::Known { .. } => self.copy.as_ref()?.rules.as_ref(),
            _ => None,
        }
    }

    /// Rules that have had their time are to be asked for again.
    pub(super) fn expire(&mut self, now: Instant) {
        if let State::Known { until } = self.state
            && now >= until
        {
            self.state = Self::UNASKED;
        }
    }

    /// It was answered; an answer that nobody waits for is dropped.
    pub(super) fn answered(&mut self, rules: Rules, now: Instant) {
        self.copy = Some(Copy { rules: (!rules.is_empty()).then(|| Arc::new(rules)), read: now });
        self.state = State::Known { until: now + TTL };
    }

    /// It could not be had, for the `asked`-th time in a row, and may be asked for `tries` times. Rules that were read
    /// before hold until some time after the next page may go out, at `resumes`, or none ever would. `false` when there
    /// is nothing to go by and nobody to ask.
    pub(super) fn unavailable(&mut self, asked: u32, tries: u32, now: Instant, resumes: Instant) -> bool {
        let is_good = |copy: &Copy| now.saturating_duration_since(copy.read) < TOO_OLD;
        if self.copy.as_ref().is_some_and(is_good) {
            self.state = State::Known { until: resumes.max(now) + REFRESH };
            return true;
        }
        self.state = State::Unasked { asked, returned: 0 };
        asked < tries
    }

    /// The request was called off.
    pub(super) fn returned(&mut self) -> bool {
        let State::Asking { asked, returned } = self.state else { return false };
        self.state = State::Unasked { asked: asked - 1, returned: returned + 1 };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn known(now: Instant) -> Robots {
        let mut robots = Robots::new(true);
        robots.answered(Rules::parse(b"User-agent: *\nDisallow: /a", "x"), now);
        robots
    }

    #[test]
    fn rules_hold_for_a_day() {
        let now = Instant::now();
        let mut robots = known(now);
        robots.expire(now + TTL - SECOND);
        assert!(!robots.rules().unwrap().allows("/a"));
        robots.expire(now + TTL);
        assert!(robots.state == Robots::UNASKED && robots.rules().is_none());
    }

    #[test]
    fn without_a_copy_it_is_asked_for_a_few_times() {
        let now = Instant::now();
        let mut robots = Robots::new(true);
        assert!(robots.unavailable(1, 2, now, now));
        assert_eq!(robots.state, State::Unasked { asked: 1, returned: 0 });
        assert!(!robots.unavailable(2, 2, now, now));
        assert!(!Robots::new(true).unavailable(1, 0, now, now), "not worth it");
    }

    #[test]
    fn a_copy_goes_on_for_thirty_days() {
        let mut now = Instant::now();
        let read = now;
        let mut robots = known(now);
        now += TTL;
        while now < read + TOO_OLD {
            robots.expire(now);
            assert_eq!(robots.state, Robots::UNASKED);
            let resumes = now + 7 * REFRESH;
            assert!(robots.unavailable(1, 0, now, resumes));
            robots.expire(resumes);
            assert!(!robots.rules().unwrap().allows("/a"), "the next page may go out");
            now = resumes + REFRESH;
        }
        assert!(!robots.unavailable(1, 1, now, now));
    }

    #[test]
    fn a_new_answer_replaces_the_copy() {
        let now = Instant::now();
        let mut robots = known(now);
        robots.answered(Rules::allow_all(), now + TTL);
        assert!(robots.rules().is_none() && robots.copy.as_ref().unwrap().read == now + TTL);
    }
}
