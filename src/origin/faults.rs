//! What goes wrong on the synthetic web, and how long its answers take.
//!
//! [`Faults`] says how often a page links to each kind of broken URL; [`Latency`] is the time before an
//! answer. Both are deterministic: the same URL under the same seed is always broken in the same way and
//! takes the same time. Broken URLs are leaves that no other page depends on, so a share of 100 % still
//! leaves every page reachable and the truth never depends on retries. Nothing here does I/O:
//! [`server`](super::server) plays what is decided here.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::hash::unit;

/// How often things break: for each kind the share of pages, `0.0..=1.0`, that link to one such URL.
///
/// All default to 0. A page may carry several kinds, so with 100 pages and `errors: 0.05, stalls: 0.01`
/// expect about 105 good and broken URLs plus one that never answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Answers 404, 410, 500 or, with `Retry-After: 1`, 503; always the same one for a URL.
    pub errors: f64,
    /// Answers 503 with `Retry-After: 1` the first time, then a page.
    pub flaky: f64,
    /// Accepts the request and never answers.
    pub stalls: f64,
    /// Resets the connection (RST), half of them before the head and half in the middle of the body.
    pub resets: f64,
    /// Answers 302 to a page, sometimes on another host.
    pub redirects: f64,
    /// Redirects to a second URL that redirects back.
    pub loops: f64,
    /// Announces a longer body than it sends, then closes.
    pub truncated: f64,
    /// Sends a good page in 16 pieces, 25 ms apart.
    pub drips: f64,
    /// Sends a good page in gzip or deflate, whatever the request accepts, at a path that is not ASCII.
    pub encoded: f64,
}

impl Faults {
    /// Kinds with their share, in a fixed order: the index is part of the draw.
    pub(super) fn shares(&self) -> [(Kind, f64); 9] {
        [
            (Kind::Error, self.errors),
            (Kind::Flaky, self.flaky),
            (Kind::Stall, self.stalls),
            (Kind::Reset, self.resets),
            (Kind::Redirect, self.redirects),
            (Kind::Loop, self.loops),
            (Kind::Truncated, self.truncated),
            (Kind::Drip, self.drips),
            (Kind::Encoded, self.encoded),
        ]
    }
}

/// A row of [`Faults`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Error,
    Flaky,
    Stall,
    Reset,
    Redirect,
    Loop,
    Truncated,
    Drip,
    Encoded,
}

/// Time between a request and its answer, drawn once per URL. Default: none.
///
/// Parsed from `none`, `100ms` (fixed), `10ms-100ms` (uniform) or `exp:50ms` (exponential).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Latency {
    /// Answers at once.
    #[default]
    None,
    /// The same for every URL.
    Fixed(Duration),
    /// Evenly spread between the two, both included.
    Uniform(Duration, Duration),
    /// Exponential with this mean, cut at ten times the mean: most are fast, some are very slow.
    Exponential(Duration),
}

impl Latency {
    /// The latency that belongs to a uniform 64-bit number.
    pub(super) fn sample(self, uniform: u64) -> Duration {
        let u = unit(uniform);
        match self {
            Self::None => Duration::ZERO,
            Self::Fixed(time) => time,
            Self::Uniform(low, high) => low + high.saturating_sub(low).mul_f64(u),
            Self::Exponential(mean) => mean.mul_f64((-(1.0 - u).ln()).min(10.0)),
        }
    }
}

impl FromStr for Latency {
    type Err = LatencyError;

    fn from_str(text: &str) -> Result<Self, LatencyError> {
        let time = |part: &str| {
            humantime::parse_duration(part.trim()).map_err(|why| LatencyError(format!("`{text}`: {why}")))
        };
        if matches!(text.trim(), "none" | "0") {
            return Ok(Self::None);
        }
        if let Some(mean) = text.trim().strip_prefix("exp:") {
            return Ok(Self::Exponential(time(mean)?));
        }
        let Some((low, high)) = text.split_once('-') else {
            return Ok(Self::Fixed(time(text)?));
        };
        let (low, high) = (time(low)?, time(high)?);
        if low > high {
            return Err(LatencyError(format!("`{text}`: the lower end is above the upper")));
        }
        Ok(Self::Uniform(low, high))
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = humantime::format_duration;
        match *self {
            Self::None => f.write_str("none"),
            Self::Fixed(time) => write!(f, "{}", text(time)),
            Self::Uniform(low, high) => write!(f, "{}-{}", text(low), text(high)),
            Self::Exponential(mean) => write!(f, "exp:{}", text(mean)),
        }
    }
}

/// Why a text is no [`Latency`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyError(String);

impl fmt::Display for LatencyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a latency: {} (like `100ms`, `10ms-100ms` or `exp:50ms`)", self.0)
    }
}

impl std::error::Error for LatencyError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::hash::mix;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn latency_is_parsed_and_printed() {
        for (text, latency) in [
            ("none", Latency::None),
            ("100ms", Latency::Fixed(100 * MS)),
            ("10ms-2s", Latency::Uniform(10 * MS, 2000 * MS)),
            ("exp:50ms", Latency::Exponential(50 * MS)),
        ] {
            assert_eq!(text.parse(), Ok(latency));
            assert_eq!(latency.to_string(), text);
        }
        for bad in ["", "fast", "exp:", "2s-1s", "10ms-", "-5ms"] {
            assert!(bad.parse::<Latency>().is_err(), "{bad}");
        }
    }

    #[test]
    fn samples_follow_the_distribution() {
        let mean = |latency: Latency| (0..10_000).map(|i| latency.sample(mix(i))).sum::<Duration>() / 10_000;
        assert_eq!(mean(Latency::None), Duration::ZERO);
        assert_eq!(mean(Latency::Fixed(5 * MS)), 5 * MS);
        assert!((48..=62).contains(&mean(Latency::Uniform(10 * MS, 100 * MS)).as_millis()));
        assert!((47..=53).contains(&mean(Latency::Exponential(50 * MS)).as_millis()));
        assert!((0..10_000).all(|i| Latency::Exponential(MS).sample(mix(i)) <= 10 * MS));
    }
}
