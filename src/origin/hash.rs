//! The one source of chance in the synthetic web: splitmix64, keyed by the seed.
//!
//! Everything that looks random (where a link leads, which URL is broken, how long an answer takes) is
//! [`hash`] of the seed and the numbers that name the thing. So nothing is stored, two runs agree, and
//! the truth can be computed without a server. This is not a defence against an adversary: the seed is
//! printed. The mixer is Sebastiano Vigna's splitmix64 finaliser (public domain).

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a number is drawn for, so that two draws with the same coordinates are independent.
#[derive(Clone, Copy)]
pub(super) enum Draw {
    Link = 1,
    Form,
    Fault,
    Redirect,
    Latency,
    Filler,
}

/// A uniform 64-bit number, a pure function of its arguments.
pub(super) fn hash(seed: u64, draw: Draw, parts: [u64; 3]) -> u64 {
    let start = mix(seed ^ (draw as u64).wrapping_mul(GOLDEN));
    parts.iter().fold(start, |state, part| mix(state.wrapping_add(GOLDEN) ^ part))
}

/// The splitmix64 finaliser: a bijection on 64 bits in which every input bit moves every output bit.
pub(super) fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(GOLDEN);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Maps a uniform number to `0..n` (Lemire's multiply-shift); 0 when `n` is 0.
pub(super) fn below(uniform: u64, n: u64) -> u64 {
    ((u128::from(uniform) * u128::from(n)) >> 64) as u64
}

/// Maps a uniform number to `[0, 1)`.
pub(super) fn unit(uniform: u64) -> f64 {
    (uniform >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_stable_and_differ() {
        let a = hash(1, Draw::Link, [0, 0, 0]);
        assert_eq!(a, hash(1, Draw::Link, [0, 0, 0]));
        assert_ne!(a, hash(2, Draw::Link, [0, 0, 0]));
        assert_ne!(a, hash(1, Draw::Form, [0, 0, 0]));
        assert_ne!(hash(1, Draw::Link, [0, 1, 0]), hash(1, Draw::Link, [1, 0, 0]));
    }

    #[test]
    fn maps_are_uniform() {
        let draws = (0..10_000).map(|i| hash(7, Draw::Link, [i, 0, 0]));
        let mut buckets = [0u32; 10];
        let mut sum = 0.0;
        for d in draws {
            buckets[below(d, 10) as usize] += 1;
            sum += unit(d);
        }
        assert!(buckets.iter().all(|b| (850..1150).contains(b)), "{buckets:?}");
        assert!((sum / 10_000.0 - 0.5).abs() < 0.02);
        assert_eq!(below(u64::MAX, 0), 0);
    }
}
