//! What the scheduler keeps to: [`Politeness`] towards hosts, and [`Limits`] of its own memory.
//!
//! Whoever starts a run chooses them; the scheduler reads them and never changes them.

use std::time::Duration;

use crate::scope::Traps;

/// The limits that hold for every host, and for all together.
#[derive(Clone, Debug)]
pub struct Politeness {
    /// Requests in flight to one host; default 6, what browsers use.
    pub per_host: u32,
    /// Least time between the starts of two requests to one host; default 0.
    pub delay: Duration,
    /// Least time between the starts of any two requests; default 0.
    pub pace: Duration,
    /// Hand out the URLs of a host level by level, so that each has the least depth that it can have on its
    /// host; default false.
    pub by_depth: bool,
    /// Ask for robots.txt first, and obey it; default true.
    pub robots: bool,
    /// How often robots.txt is asked for again when it cannot be had; default 2.
    pub retries: u32,
    /// What a URL that was found may look like.
    pub traps: Traps,
}

impl Default for Politeness {
    fn default() -> Self {
        Self {
            per_host: 6,
            delay: Duration::ZERO,
            pace: Duration::ZERO,
            by_depth: false,
            robots: true,
            retries: 2,
            traps: Traps::default(),
        }
    }
}

impl Politeness {
    /// Whether requests keep a distance in time.
    pub fn is_paced(&self) -> bool {
        !self.delay.is_zero() || !self.pace.is_zero()
    }
}

/// How much the scheduler holds in memory. Neither is exact: a visit more may be under way.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries taken from the store and not handed out, of all hosts together; default 65,536. At least 1.
    pub at_hand: usize,
    /// Hosts with a queue in memory; beyond, those at rest go to sleep; default 16,384.
    pub awake: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { at_hand: 65_536, awake: 16_384 }
    }
}

impl Limits {
    /// What suits a frontier that may take so many bytes of memory; the default from half a GiB on.
    pub fn within(memory: u64) -> Self {
        let Self { at_hand, awake } = Self::default();
        let share = |bytes, most: usize| usize::try_from(memory / bytes).unwrap_or(most).clamp(1024, most);
        Self { at_hand: share(8192, at_hand), awake: share(32_768, awake) }
    }
}
