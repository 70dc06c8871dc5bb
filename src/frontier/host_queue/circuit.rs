//! [`Circuit`]: whether a host may be asked at all, after it could not be reached or wanted fewer requests.
//!
//! It is *closed* while all is well. A failure to reach the host, or a 429 or 503, *opens* it: nothing starts until the rest
//! is over and what was out is back. Then exactly one request, the *probe*, says how it goes on: a good answer closes it, a
//! failure or another 429 opens it for longer, and what says nothing about the host (e.g. it was called off) lets the
//! next one probe at once. What was under way when it opened tells nothing new. A host whose probes fail too often is
//! given up. All but the probe under way survives a restart, as [marks](super::marks).

use std::time::{Duration, Instant};

use super::{BACKOFF, FORGIVEN_AFTER, MAX_PARK, MAX_PARKED, PARK};
use crate::fetch::{ErrorKind, Phase};
use crate::frontier::{Fate, HostSignal};

/// See the module.
pub(super) struct Circuit {
    /// Until when nothing may start.
    pub(super) until: Instant,
    /// 429s and 503s that are not forgiven, the pauses since the last good answer, and when the last came.
    pub(super) strikes: u32,
    pub(super) parked: Duration,
    pub(super) last_strike: Instant,
    /// Failures in a row to reach it, each after a rest.
    pub(super) waves: u32,
    /// The probe is out.
    probing: bool,
}

impl Circuit {
    pub(super) fn new(now: Instant) -> Self {
        Self { until: now, strikes: 0, parked: Duration::ZERO, last_strike: now, waves: 0, probing: false }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.waves == 0 && self.parked.is_zero()
    }

    /// Whether it holds nothing that has to be known of the host later.
    pub(super) fn is_blank(&self) -> bool {
        self.is_closed() && self.strikes == 0
    }

    /// A page is asked for.
    pub(super) fn started(&mut self) {
        self.probing = !self.is_closed();
    }

    /// It answers: says whether that is news.
    pub(super) fn close(&mut self) -> bool {
        let was_open = !self.is_closed();
        (self.waves, self.parked) = (0, Duration::ZERO);
        was_open
    }

    /// Waits at least so long.
    pub(super) fn rest(&mut self, until: Instant) {
        self.until = self.until.max(until);
    }

    /// A page came back, and says this of its host; so many failures in a row give it up, 0 never. Says whether
    /// something changed that is to be kept, and the end of the host if it comes to that.
    pub(super) fn heed(&mut self, signal: HostSignal, most: u32, now: Instant) -> (bool, Option<Fate>) {
        let is_news = std::mem::take(&mut self.probing) || self.is_closed();
        match signal {
            HostSignal::Answered(_) | HostSignal::Healthy if is_news => (self.close(), None),
            HostSignal::Throttled(asked) => (true, self.park(asked, is_news, now)),
            HostSignal::Unreachable(kind, message) if is_news => {
                (true, self.unreachable(kind, &message, most, now))
            }
            _ => (false, None),
        }
    }

    fn unreachable(&mut self, kind: ErrorKind, message: &str, most: u32, now: Instant) -> Option<Fate> {
        self.waves = self.waves.saturating_add(1);
        self.until = now + BACKOFF * 2u32.pow((self.waves - 1).min(6));
        if most == 0 || self.waves < most {
            return None;
        }
        let failures = if most == 1 { "1 failure".into() } else { format!("{most} failures in a row") };
        let message = format!("host given up after {failures}: {message}").into();
        let phase = if kind == ErrorKind::Dns { Phase::Resolve } else { Phase::Connect };
        Some(Fate::Failed { kind, phase, message })
    }

    /// Parks the whole host: as long as it asks, else a time that doubles. One flood of 429s is one strike.
    fn park(&mut self, asked: Option<Duration>, is_news: bool, now: Instant) -> Option<Fate> {
        self.waves = 0;
        // A host that is not asked is quiet without having earned it.
        let answering_since = self.last_strike.max(self.until);
        if now.saturating_duration_since(answering_since) >= FORGIVEN_AFTER {
            self.strikes = 0;
        }
        self.strikes += u32::from(is_news);
        self.last_strike = now;
        let park = asked.unwrap_or(PARK * 2u32.pow((self.strikes.max(1) - 1).min(10))).min(MAX_PARK);
        self.rest(now + park);
        let fate = (is_news && self.parked >= MAX_PARKED).then_some(Fate::Throttled);
        self.parked += if is_news { park } else { Duration::ZERO };
        fate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn down() -> HostSignal {
        HostSignal::Unreachable(ErrorKind::Connect, "refused".into())
    }

    #[test]
    fn one_probe_decides() {
        let now = Instant::now();
        let mut circuit = Circuit::new(now);
        circuit.started();
        assert!(circuit.heed(down(), 5, now).0 && !circuit.is_closed() && circuit.until == now + SECOND);
        // What was under way, whenever it lands, for good or bad.
        for signal in [down(), HostSignal::Healthy, HostSignal::Neutral] {
            let landed = circuit.heed(signal, 5, now + 9 * SECOND);
            assert!(!landed.0 && circuit.waves == 1 && circuit.until == now + SECOND);
        }
        circuit.started();
        circuit.heed(HostSignal::Neutral, 5, now + 9 * SECOND);
        assert!(!circuit.is_closed() && circuit.until == now + SECOND, "nothing learnt: the next may probe");
        circuit.started();
        circuit.heed(down(), 5, now + 9 * SECOND);
        assert!(circuit.waves == 2 && circuit.until == now + 11 * SECOND);
        circuit.started();
        assert!(circuit.heed(HostSignal::Healthy, 5, now + 11 * SECOND).0 && circuit.is_closed());
    }

    #[test]
    fn a_host_is_given_up_after_as_many_failures_as_asked_for() {
        for (most, expected) in [(1, "after 1 failure: "), (3, "after 3 failures in a row: ")] {
            let now = Instant::now();
            let mut circuit = Circuit::new(now);
            let mut end = None;
            for wave in 1..=most {
                assert!(end.is_none(), "{wave}");
                circuit.started();
                end = circuit.heed(down(), most, now).1;
            }
            let Some(Fate::Failed { message, .. }) = end else { panic!("{end:?}") };
            assert!(message.contains(expected), "{message}");
        }
        let now = Instant::now();
        let mut circuit = Circuit::new(now);
        for _ in 0..1000 {
            circuit.started();
            assert!(circuit.heed(down(), 0, now).1.is_none());
        }
        assert_eq!(circuit.until, now + BACKOFF * 64, "never given up, and asked once a minute");
    }

    #[test]
    fn a_park_ends_with_one_request() {
        let now = Instant::now();
        let mut circuit = Circuit::new(now);
        circuit.heed(HostSignal::Throttled(Some(10 * SECOND)), 5, now);
        // More of the same flood, later than the pause that it asked for.
        circuit.heed(HostSignal::Throttled(Some(10 * SECOND)), 5, now + 12 * SECOND);
        assert!(circuit.strikes == 1 && circuit.until == now + 22 * SECOND && !circuit.is_closed());
        circuit.started();
        circuit.heed(HostSignal::Healthy, 5, now + 22 * SECOND);
        assert!(circuit.is_closed() && !circuit.is_blank(), "its strike is not forgiven yet");
    }
}
