//! [`Adaptive`]: how many requests at once a host stands, found out by asking it.
//!
//! Additive increase, multiplicative decrease, as TCP does (RFC 5681 §3.1): a *window* is a round trip's worth of answers,
//! at least [`WINDOW`], and one of good answers adds one request; a 429, a 503, a time-out, a lost connection or a host out
//! of reach halves it, and so does a window whose mean time to the first byte is twice the *baseline*, which is what TCP
//! Vegas goes by. After that, what was out is waited for before anything counts again, so it is halved at most once per
//! round trip. It stays between 1 and what the user allows, and grows only while all of it is used.
//!
//! The baseline is what a window takes at a limit of 1, where nobody but the host itself is to blame: the first one, and
//! each one after the limit fell that far. Between, quicker windows lower it by an eighth of the difference, and nothing
//! raises it: a baseline that follows the load would hide it. No answer counts for more than [`OUTLIER`] baselines.

use std::time::Duration;

use crate::frontier::HostSignal;

/// The fewest answers that are compared at once, and that add one request.
const WINDOW: u32 = 8;
/// No answer counts for more than so many baselines: one slow page is no slow host.
const OUTLIER: f32 = 4.0;
/// So many times the baseline is too slow.
const TOO_SLOW: f32 = 2.0;
/// And by so much: less is noise.
const NOTICEABLE: f32 = 0.010;

/// See the module. Times are in seconds.
pub(super) struct Adaptive {
    limit: f32,
    baseline: f32,
    /// The window under way is one at a limit of 1, and becomes the baseline.
    measuring: bool,
    sum: f32,
    count: u32,
    /// So many were out when it was halved and tell of the time before.
    stale: u32,
    answers: u64,
}

impl Adaptive {
    pub(super) fn new() -> Self {
        Self { limit: 1.0, baseline: f32::MAX, measuring: true, sum: 0.0, count: 0, stale: 0, answers: 0 }
    }

    /// Requests that it may have in flight.
    pub(super) fn limit(&self) -> u32 {
        self.limit as u32
    }

    /// How many answers it has learnt from.
    pub(super) fn answers(&self) -> u64 {
        self.answers
    }

    /// One of `in_flight` requests came back; the user allows so many at `most`.
    pub(super) fn landed(&mut self, signal: &HostSignal, in_flight: u32, most: u32) {
        self.answers += 1;
        if self.stale > 0 {
            self.stale -= 1;
            return;
        }
        match signal {
            HostSignal::Answered(time) => {
                if !self.measuring && in_flight >= self.limit() {
                    self.limit = (self.limit + 1.0 / self.limit.max(WINDOW as f32)).min(most.max(1) as f32);
                }
                self.sample(*time, in_flight);
            }
            HostSignal::Throttled(_) | HostSignal::Strained | HostSignal::Unreachable(..) => {
                self.halve(in_flight);
            }
            HostSignal::Healthy | HostSignal::Neutral => {}
        }
    }

    fn sample(&mut self, time: Duration, in_flight: u32) {
        let most = if self.measuring { f32::MAX } else { self.baseline * OUTLIER };
        self.sum += time.as_secs_f32().min(most);
        self.count += 1;
        if self.count < WINDOW.max(self.limit()) {
            return;
        }
        let mean = self.sum / self.count as f32;
        (self.sum, self.count) = (0.0, 0);
        if std::mem::take(&mut self.measuring) {
            self.baseline = mean;
        } else if mean < self.baseline {
            self.baseline -= (self.baseline - mean) / 8.0;
        } else if mean > self.baseline * TOO_SLOW && mean - self.baseline > NOTICEABLE {
            self.halve(in_flight);
        }
    }

    fn halve(&mut self, in_flight: u32) {
        self.limit = (self.limit / 2.0).max(1.0);
        self.stale = in_flight.saturating_sub(1);
        (self.sum, self.count) = (0.0, 0);
        self.measuring |= self.limit() == 1;
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    use proptest::prelude::*;

    use super::*;
    use crate::fetch::ErrorKind;

    const BASE: u64 = 50_000;

    /// Plays so many requests against a server, which says how it answers one that finds so many others, itself included:
    /// after how many microseconds, and what. Gives the limit after each answer.
    fn play(requests: usize, most: u32, mut server: impl FnMut(u32) -> (u64, bool)) -> (Vec<u32>, usize) {
        let mut adaptive = Adaptive::new();
        let mut out: BinaryHeap<Reverse<(u64, u64, bool)>> = BinaryHeap::new();
        let (mut now, mut limits, mut refused) = (0, Vec::new(), 0);
        while limits.len() < requests {
            while (out.len() as u32) < adaptive.limit().min(most) {
                let (time, good) = server(out.len() as u32 + 1);
                out.push(Reverse((now + time, time, good)));
            }
            let in_flight = out.len() as u32;
            let Reverse((at, time, good)) = out.pop().unwrap();
            now = at;
            refused += usize::from(!good);
            let signal = match good {
                true => HostSignal::Answered(Duration::from_micros(time)),
                false => HostSignal::Throttled(None),
            };
            adaptive.landed(&signal, in_flight, most);
            limits.push(adaptive.limit());
        }
        (limits, refused)
    }

    fn mean(limits: &[u32]) -> f64 {
        limits.iter().map(|limit| f64::from(*limit)).sum::<f64>() / limits.len() as f64
    }

    #[test]
    fn a_server_that_slows_down_beyond_some_is_held_near_them() {
        for k in [1, 2, 4, 8, 20] {
            let mut chance = fastrand::Rng::with_seed(k.into());
            let (limits, _) = play(4000, 100, |others| {
                let time = BASE * u64::from(others.max(k)) / u64::from(k);
                (time * chance.u64(80..120) / 100, true)
            });
            let settled = &limits[1000..];
            let (mean, most) = (mean(settled), *settled.iter().max().unwrap());
            assert!((0.7 * f64::from(k)..1.0 + 1.8 * f64::from(k)).contains(&mean), "{k}: {mean}");
            assert!(most <= 2 * k + k / 2 + 2, "{k}: {most}");
        }
    }

    #[test]
    fn a_server_that_refuses_more_than_some_refuses_few() {
        for k in [2, 4, 10] {
            let (limits, refused) = play(4000, 100, |others| (BASE, others <= k));
            assert!(limits[200..].iter().all(|limit| *limit <= k + 1), "{k}");
            assert!(mean(&limits[200..]) > 0.5 * f64::from(k));
            // One in the answers of a climb from k/2 to k + 1, of which each step takes a window.
            assert!(refused < 4000 / 8, "{k}: {refused}");
        }
    }

    #[test]
    fn a_server_that_stands_everything_gets_what_is_allowed() {
        for (most, within) in [(1, 1), (6, 100), (50, 2000)] {
            let mut chance = fastrand::Rng::with_seed(3);
            // Pages differ, and one in fifty takes very long.
            let (limits, _) = play(4000, most, |_| {
                let slow = if chance.u8(0..50) == 0 { 20 } else { 1 };
                (BASE * slow * chance.u64(70..130) / 100, true)
            });
            assert!(limits.iter().all(|limit| *limit <= most), "{most}");
            assert!(mean(&limits[within..]) > 0.8 * f64::from(most), "{most}: {}", mean(&limits[within..]));
        }
    }

    #[test]
    fn a_server_that_became_slower_for_good_is_met_anew() {
        let mut asked = 0;
        let (limits, _) = play(6000, 10, |_| {
            asked += 1;
            (if asked > 2000 { 5 * BASE } else { BASE }, true)
        });
        assert_eq!((limits[1999], limits[5999]), (10, 10));
        assert!(limits[2000..].contains(&1));
    }

    fn signal() -> impl Strategy<Value = HostSignal> {
        prop_oneof![
            6 => (0u64..1 << 40).prop_map(|us| HostSignal::Answered(Duration::from_micros(us))),
            1 => Just(HostSignal::Throttled(None)),
            1 => Just(HostSignal::Strained),
            1 => Just(HostSignal::Neutral),
            1 => Just(HostSignal::Healthy),
            1 => Just(HostSignal::Unreachable(ErrorKind::Dns, String::new())),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_stays_within_its_bounds_and_halves_once_a_round_trip(
            most in 0u32..60,
            answers in proptest::collection::vec((signal(), 1u32..100), 1..300),
        ) {
            let mut adaptive = Adaptive::new();
            let mut quiet = 0;
            for (signal, in_flight) in answers {
                let before = adaptive.limit;
                adaptive.landed(&signal, in_flight, most);
                prop_assert!(adaptive.limit >= 1.0 && adaptive.limit() <= most.max(1));
                prop_assert!(adaptive.limit >= before / 2.0 && adaptive.limit <= before + 1.0);
                if adaptive.limit < before {
                    prop_assert_eq!(quiet, 0, "those that were out before told nothing");
                    quiet = in_flight - 1;
                } else {
                    quiet = u32::saturating_sub(quiet, 1);
                }
            }
        }
    }
}
