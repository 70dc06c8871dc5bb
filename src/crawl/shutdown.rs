//! The two ways of stopping a run, and who may ask for them.
//!
//! *Drain* ends it in order: no new jobs, running fetches get the grace period, records are flushed.
//! *Kill* drops what is running. *Abort* calls off only the exchanges under way, for
//! `--fail-fast`. Kill implies both others; no token is ever a sign that something *has* stopped:
//! that is what joining is for.

use tokio_util::sync::CancellationToken;

/// The tokens of one run.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) kill: CancellationToken,
    pub(super) drain: CancellationToken,
    pub(super) abort: CancellationToken,
}

impl Stop {
    pub(super) fn new() -> Self {
        let kill = CancellationToken::new();
        Self { drain: kill.child_token(), abort: kill.child_token(), kill }
    }

    /// The same tokens for the workers of a lane, who wait for them many times a page and so share a lock.
    pub(super) fn for_lane(&self) -> Self {
        let Self { kill, drain, abort } = self;
        Self { kill: kill.child_token(), drain: drain.child_token(), abort: abort.child_token() }
    }
}

/// Stops a run from outside. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle(pub(super) Stop);

impl Handle {
    /// Asks for an orderly end: no new jobs, running fetches get the grace period.
    pub fn drain(&self) {
        self.0.drain.cancel();
    }

    /// Waits until the run is being killed, by whomever.
    pub async fn killed(&self) {
        self.0.kill.cancelled().await;
    }

    /// Asks for an immediate end: running fetches are dropped and recorded as `cancelled`.
    pub fn kill(&self) {
        self.0.kill.cancel();
    }
}
