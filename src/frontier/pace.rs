//! The arithmetic of pace: when the next request may start so that an average holds, and how waits are varied.
//!
//! A rate is kept as the generic cell rate algorithm does (ITU-T I.371): each start moves a *beat* on by the mean
//! distance, whenever it really took place. So a timer that is late costs nothing, as long as it is no later than
//! [`SLACK`]; and who was quiet for long has earned no more than that. The scheduler asks for the run, host queues for
//! their hosts. Time and chance come in as arguments.

use std::time::{Duration, Instant};

/// How late a start may be without slowing a rate, and so how much of it may be made up for at once.
pub(super) const SLACK: Duration = Duration::from_millis(100);

/// When the next may start, where one did `now` that might have at `beat`.
pub(super) fn next_beat(beat: Instant, now: Instant, every: Duration) -> Instant {
    beat.max(now.checked_sub(SLACK).unwrap_or(now)) + every
}

/// A wait made longer or shorter by up to this share of it (0 to 1), evenly, so that the mean stays.
pub(super) fn varied(wait: Duration, share: f64, chance: &mut fastrand::Rng) -> Duration {
    match share > 0.0 && !wait.is_zero() {
        true => wait.mul_f64(1.0 + share.min(1.0) * (2.0 * chance.f64() - 1.0)),
        false => wait,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Starts within a minute, each timer as late as the next of these says.
    fn starts(every: Duration, mut late: impl FnMut() -> Duration) -> Vec<Duration> {
        let born = Instant::now();
        let (mut beat, mut now, mut starts) = (born, born, Vec::new());
        while now < born + MINUTE {
            starts.push(now - born);
            beat = next_beat(beat, now, every);
            if beat > now {
                now = beat + late();
            }
        }
        starts
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn late_timers_cost_nothing_and_earn_no_burst(
            per_second in prop_oneof![Just(1u32), Just(10), Just(100), Just(1000), 1u32..2000],
            seed: u64,
        ) {
            let every = Duration::from_secs(1) / per_second;
            let mut chance = fastrand::Rng::with_seed(seed);
            let starts = starts(every, || SLACK.mul_f64(chance.f64()));
            // The last timer may be late, too.
            let due = 60.0 * f64::from(per_second);
            let short = 1.0 + SLACK.as_secs_f64() * f64::from(per_second);
            prop_assert!((due - short..=due + 1.0).contains(&(starts.len() as f64)), "{} of {due}", starts.len());
            for (nth, at) in starts.iter().enumerate() {
                prop_assert!(*at + SLACK >= every * nth as u32, "{nth} at {at:?}");
            }
        }
    }

    #[test]
    fn who_was_quiet_has_the_credit_of_one_slack() {
        let born = Instant::now();
        let every = SLACK / 5;
        let now = born + MINUTE;
        let mut beat = next_beat(born, now, every);
        let at_once = std::iter::from_fn(|| (beat <= now).then(|| beat = next_beat(beat, now, every)));
        assert_eq!(at_once.count(), 5);
    }

    #[test]
    fn what_is_varied_keeps_its_mean_and_its_bounds() {
        let mut chance = fastrand::Rng::with_seed(7);
        let second = Duration::from_secs(1);
        for share in [0.1, 0.5, 1.0] {
            let waits: Vec<_> =
                (0..20_000).map(|_| varied(second, share, &mut chance).as_secs_f64()).collect();
            let mean = waits.iter().sum::<f64>() / waits.len() as f64;
            assert!((mean - 1.0).abs() < 0.01, "{mean}");
            assert!(waits.iter().all(|wait| (*wait - 1.0).abs() <= share));
            assert!(waits.iter().any(|wait| (*wait - 1.0).abs() > 0.9 * share));
        }
        assert_eq!(varied(second, 0.0, &mut chance), second);
    }
}
