//! Times of many fetches: a histogram that is exact to a thousandth, its percentiles, and the bars of its chart.

use hdrhistogram::Histogram;

/// The steps of the bars in each power of ten: about even on a logarithmic scale, and numbers that people read.
const STEPS: [f64; 6] = [1.0, 1.5, 2.0, 3.0, 5.0, 7.0];

/// Times in microseconds, at most some hundred kilobytes of them.
#[derive(Debug)]
pub(super) struct Times(Histogram<u64>);

/// How many took from one time up to another, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) count: u64,
}

/// Bars at least: one alone would say nothing of where it is.
const LEAST: i32 = 9;

/// A day: no fetch takes longer.
const LONGEST_US: u64 = 86_400_000_000;

/// Microseconds, of what may be any number.
pub(super) fn micros(ms: f64) -> u64 {
    // The conversion saturates, and makes 0 of what is no number.
    ((ms * 1e3).round() as u64).clamp(1, LONGEST_US)
}

impl Default for Times {
    fn default() -> Self {
        // These bounds are valid, as is any without them.
        Self(Histogram::new_with_bounds(1, LONGEST_US, 3).unwrap_or_else(|_| unreachable!("constant bounds")))
    }
}

impl Times {
    pub(super) fn add(&mut self, ms: f64) {
        self.0.saturating_record(micros(ms));
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time that this part of them took at most, in milliseconds.
    pub(super) fn at(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile).min(self.0.max()) as f64 / 1e3
    }

    pub(super) fn max(&self) -> f64 {
        self.0.max() as f64 / 1e3
    }

    pub(super) fn mean(&self) -> f64 {
        self.0.mean() / 1e3
    }

    /// The bars from the least to the greatest time, empty ones between them included, and at their sides if they are few.
    pub(super) fn bars(&self) -> Vec<Bar> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let (mut first, mut last) = (step_below(self.0.min() as f64 / 1e3), step_below(self.max()));
        while last - first < LEAST - 1 {
            (first, last) = (first - 1, last + 1);
        }
        let bar = |n| Bar { from: step(n), to: step(n + 1), count: 0 };
        let mut bars: Vec<_> = (first..=last).map(bar).collect();
        for recorded in self.0.iter_recorded() {
            let ms = recorded.value_iterated_to().min(self.0.max()) as f64 / 1e3;
            let at = (step_below(ms) - first).clamp(0, last - first) as usize;
            bars[at].count += recorded.count_since_last_iteration();
        }
        bars
    }
}

/// The edge of this number, in milliseconds; 0 is 1 ms.
fn step(n: i32) -> f64 {
    let power = n.div_euclid(STEPS.len() as i32);
    STEPS[n.rem_euclid(STEPS.len() as i32) as usize] * 10f64.powi(power)
}

/// The number of the last edge that is not above.
fn step_below(ms: f64) -> i32 {
    let guess = ms.max(1e-3).log10().floor() as i32 * STEPS.len() as i32;
    // The logarithm may be off by the last digit: look from one power below to one above.
    let (low, high) = (guess - STEPS.len() as i32, guess + 2 * STEPS.len() as i32);
    (low..=high).rev().find(|n| step(*n) <= ms).unwrap_or(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let mut times = Times::default();
        let mut random = fastrand::Rng::with_seed(1);
        let mut list: Vec<f64> = (0..10_001).map(|_| 10f64.powf(random.f64() * 6.0 - 2.0)).collect();
        list.iter().for_each(|ms| times.add(*ms));
        list.sort_by(f64::total_cmp);
        for quantile in [0.5, 0.9, 0.95, 0.99, 1.0] {
            let exact = list[((list.len() as f64 * quantile).ceil() as usize - 1).min(list.len() - 1)];
            let found = times.at(quantile);
            assert!((found / exact - 1.0).abs() < 0.002, "{quantile}: {found}, not {exact}");
        }
        let mean = list.iter().sum::<f64>() / list.len() as f64;
        assert!((times.mean() / mean - 1.0).abs() < 0.002);
    }

    #[test]
    fn each_time_is_in_one_bar() {
        let mut times = Times::default();
        let list = [0.0, 0.001, 0.999, 1.0, 1.4, 1.5, 6.9, 7.0, 9.99, 10.0, 99.0, 1e9, f64::NAN];
        list.iter().for_each(|ms| times.add(*ms));
        let bars = times.bars();
        assert_eq!(bars.iter().map(|bar| bar.count).sum::<u64>(), times.count());
        assert_eq!(times.count(), list.len() as u64);
        assert!(bars.len() < 70 && bars.windows(2).all(|pair| pair[0].to == pair[1].from), "{bars:?}");
        let at = |from: f64| bars.iter().find(|bar| (bar.from - from).abs() < 1e-9).unwrap().count;
        assert_eq!([at(0.7), at(1.0), at(1.5), at(5.0), at(7.0), at(10.0)], [1, 2, 1, 1, 2, 1]);
        assert_eq!(Times::default().bars(), []);
        let mut one = Times::default();
        one.add(42.0);
        let bars = one.bars();
        assert_eq!((bars.len(), bars[4]), (9, Bar { from: 30.0, to: 50.0, count: 1 }));
        assert!([one.at(0.5), one.max()].iter().all(|ms| (ms - 42.0).abs() < 0.042));
    }
}
