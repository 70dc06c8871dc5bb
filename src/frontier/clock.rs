//! [`WallClock`]: instants as times that mean something after a restart.

use std::time::{Duration, Instant, SystemTime};

/// The wall clock as it stood at one instant. It does not follow when it is set, so it never goes back within a run;
/// between runs it is as good as the system's.
#[derive(Clone, Copy, Debug)]
pub(in crate::frontier) struct WallClock {
    /// The instant.
    pub(in crate::frontier) instant: Instant,
    /// Milliseconds since 1970 at that instant.
    pub(in crate::frontier) unix_ms: u64,
}

impl WallClock {
    /// The clock as it stands.
    pub(in crate::frontier) fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { instant: Instant::now(), unix_ms: since.as_millis() as u64 }
    }

    /// Milliseconds since 1970, rounded down: a host that sleeps must not wait longer for it, and the scheduler knows
    /// within a run until when exactly it rests.
    pub(in crate::frontier) fn to_unix_ms(self, at: Instant) -> u64 {
        let before = self.instant.saturating_duration_since(at).as_micros().div_ceil(1000) as u64;
        let after = at.saturating_duration_since(self.instant).as_millis() as u64;
        (self.unix_ms + after).saturating_sub(before)
    }

    /// The instant of a Unix time; one that no instant can stand for becomes the clock's own.
    pub(in crate::frontier) fn to_instant(self, unix_ms: u64) -> Instant {
        let shifted = match unix_ms.checked_sub(self.unix_ms) {
            Some(after) => self.instant.checked_add(Duration::from_millis(after)),
            None => self.instant.checked_sub(Duration::from_millis(self.unix_ms - unix_ms)),
        };
        shifted.unwrap_or(self.instant)
    }
}
