//! The scale of an axis: where its lines are.

/// From zero up to a round number that is not below `max`, in at most five steps of 1, 2 or 5 of a power of ten, and not
/// smaller than `least`.
pub(super) fn ticks(max: f64, least: f64) -> Vec<f64> {
    let max = if max.is_finite() && max > 0.0 { max } else { 1.0 };
    let power = 10f64.powf((max / 5.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|n| n * power);
    let step =
        steps.into_iter().find(|step| max <= 5.0 * step * (1.0 + 1e-9)).unwrap_or(10.0 * power).max(least);
    let count = (max / step - 1e-9).ceil().max(1.0) as u32;
    (0..=count).map(|n| f64::from(n) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round_and_cover_all() {
        for (max, least, expected) in [
            (5.0, 1.0, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
            (7.0, 1.0, vec![0.0, 2.0, 4.0, 6.0, 8.0]),
            (1.0, 1.0, vec![0.0, 1.0]),
            (430.0, 0.0, vec![0.0, 100.0, 200.0, 300.0, 400.0, 500.0]),
            (1100.0, 0.0, vec![0.0, 500.0, 1000.0, 1500.0]),
            (0.0, 1.0, vec![0.0, 1.0]),
            (f64::NAN, 1.0, vec![0.0, 1.0]),
        ] {
            assert_eq!(ticks(max, least), expected, "{max}");
        }
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..10_000 {
            let max = 10f64.powf(random.f64() * 20.0 - 6.0);
            let ticks = ticks(max, 0.0);
            assert!(
                (2..=6).contains(&ticks.len()) && ticks[ticks.len() - 1] >= max * (1.0 - 1e-6),
                "{max}: {ticks:?}"
            );
        }
    }
}
