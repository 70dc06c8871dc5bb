//! From flags of pace to [`Politeness`].

use std::time::Duration;

use gannet::frontier::Politeness;

use crate::args::PacingArgs;

impl PacingArgs {
    /// What these flags make of what is usual.
    pub(super) fn politeness(&self, usual: Politeness) -> Politeness {
        Politeness {
            per_host: self.per_host.unwrap_or(usual.per_host),
            delay: self.delay,
            rate: self.rate_per_host.unwrap_or(Duration::ZERO),
            pace: self.rate.unwrap_or(Duration::ZERO),
            adaptive: self.adaptive,
            jitter: self.jitter,
            max_host_errors: self.max_host_errors,
            ..usual
        }
    }

    /// How long a host is left alone between two requests.
    pub(super) fn distance(&self) -> Duration {
        self.delay.max(self.rate_per_host.unwrap_or(Duration::ZERO))
    }
}
